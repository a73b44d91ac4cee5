//! The runtime as a C library.
//!
//! `include/wasm.h` is the interface that embedders of WebAssembly share
//! (wasm-c-api), `include/wasm_aot.h` what only this library has. The headers say
//! what each function does and who owns what; here a function is in the file of
//! its subject.
//!
//! # Handles and stores
//!
//! A C handle is a [`Box`] of one of our types; a `const T *` of the header is a
//! `&T` here, an `own T *` a `Box<T>`, and one that can be NULL an `Option` of
//! those, all of which have the ABI of a pointer. So what a C program may do is
//! said by the types, and the functions are safe code.
//!
//! The interface has no store argument where a handle is given, so every handle
//! keeps its store alive, and finds the one `&mut Store` that can be used right
//! now through it: see `raw::StoreCell`.
//!
//! # Unsafe code
//!
//! Is in `raw` only, but for the attribute that exports a symbol.
//!
//! # Panics
//!
//! A panic that would cross into C aborts the process, with its message: so the
//! language has it for `extern "C"`. Calls into WebAssembly catch panics and make
//! them traps.

mod compiler;
mod engine;
mod error;
mod externs;
mod func;
mod imports;
mod instance;
mod interrupt;
mod limits;
mod module;
mod program;
mod raw;
mod reference;
mod store;
mod trap;
mod trust;
mod types;
mod value;
mod version;
mod wasi;
