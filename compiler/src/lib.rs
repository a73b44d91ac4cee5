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
//!
//! # Tracing
//!
//! With the feature `tracing`, which is off by default and costs nothing then, there are
//! spans of [`tracing`](https://docs.rs/tracing), with the target `wasm_aot_compiler`:
//!
//! | span | level | fields | around |
//! |---|---|---|---|
//! | `compile` | info | `bytes`, `emit` | compiling a module; of one that comes as a stream, without `bytes`, what is left to do when it is complete |
//! | `stage` | debug | `name`, see [`Stage::as_str`] | a stage of that |
//! | `function` | trace | `index` | compiling a function, on the thread that does |
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
mod explore;
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
mod traced;
mod trampoline;
mod translate;
mod writer;

pub use cache::Cache;
pub use compile::{Observer, Stage, clif, clif_of, compile, compile_to, validate};
pub use cpu::{Cpu, target};
pub use emit::Emit;
pub use error::{Error, Result};
pub use explore::{Exploration, ExploredFunction, explore};
pub use features::{Feature, Features};
pub use options::{Codegen, Level, Options, RelaxedSimd};
#[cfg(feature = "async")]
pub use stream::compile_async;
pub use stream::{StreamCompiler, compile_from};
pub use wasm_aot_abi::Target;
