//! The wasm-aot compiler: WebAssembly in, native shared object out.
#![forbid(unsafe_code)]

pub mod elf;
pub mod layout;
