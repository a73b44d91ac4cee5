//! Compiles WebAssembly modules to native shared objects, object files and
//! static libraries.
//!
//! ```
//! # fn main() -> Result<(), wasm_aot_compiler::Error> {
//! let wat = r#"(module (func (export "answer") (result i32) i32.const 42))"#;
//! let shared_object = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default())?;
//! assert!(shared_object.starts_with(b"\x7fELF"));
//! # Ok(()) }
//! ```
//!
//! [`compile()`] reads as the pipeline: each stage borrows the finished value of
//! the stage before. The files that implement the stages are named after them.
#![forbid(unsafe_code)]

mod abi;
mod backend;
pub mod bindings;
mod cache;
mod compile;
mod cpu;
mod debug;
pub mod elf;
mod emit;
mod error;
mod features;
mod functions;
mod image;
pub mod layout;
#[cfg(feature = "llvm")]
mod llvm;
mod metadata;
mod module;
pub mod names;
pub mod object;
mod options;
mod passes;
mod stream;
mod text;
mod trampoline;
mod translate;
mod writer;

pub use cache::Cache;
pub use compile::{Observer, Stage, clif, compile, compile_to, validate};
pub use cpu::{Cpu, target};
pub use emit::Emit;
pub use error::{Error, Result};
pub use features::{Feature, Features};
pub use options::{Codegen, Level, Options, RelaxedSimd};
#[cfg(feature = "async")]
pub use stream::compile_async;
pub use stream::{StreamCompiler, compile_from};
pub use wasm_aot_abi::Target;
