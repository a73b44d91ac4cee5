//! Maps, links and runs WebAssembly modules that were compiled ahead of time
//! into shared objects of the [wasm-aot ABI](wasm_aot_abi).
//!
//! A [`Module`] is a verified, mapped artefact. A [`Store`] owns everything
//! that exists at run time; an [`Instance`] is made in it from a module and
//! [`Imports`]. Functions, memories, tables, globals and instances are named by
//! small `Copy` handles ([`Func`], [`Memory`], [`Table`], [`Global`],
//! [`Instance`]), which mean something only together with their store.
//!
//! ```
//! use wasm_aot_loader::{Imports, Instance, Module, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let wat = br#"(module (import "host" "next" (func $next (param i32) (result i32)))
//! #   (func (export "run") (result i32) (call $next (i32.const 41))))"#;
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("app.so");
//! # std::fs::write(&path, wasm_aot_compiler::compile(wat, &Default::default())?)?;
//! let module = Module::open(path)?;
//! let mut imports = Imports::new();
//! imports.func("host", "next", |n: i32| n + 1);
//! let mut store = Store::new();
//! let instance = Instance::new(&mut store, &module, &imports)?;
//! let run = instance.get_typed_func::<(), i32>(&store, "run")?;
//! assert_eq!(run.call(&mut store, ())?, 42);
//! # Ok(()) }
//! ```
//!
//! # From the JavaScript API
//!
//! | JavaScript | here |
//! |---|---|
//! | `WebAssembly.Module`, `Module.imports()` ... | [`Module`] and its methods |
//! | `new WebAssembly.Instance(module, imports)` | [`Instance::new`], or [`InstancePre`] for many |
//! | `{ env: { log: x => ... } }` | [`imports!`] |
//! | `instance.exports.run(1)` | [`Instance::get_typed_func`] and [`TypedFunc::call`] |
//! | `WebAssembly.Memory`, `Table`, `Global`, `Tag` | [`Memory`], [`Table`], [`Global`], [`Tag`] |
//! | `WebAssembly.Exception` | [`Exception`] |
//! | `LinkError`, `RuntimeError` | [`LinkError`]; [`Trap`] and [`HostError`] |
//! | `CompileError` | the compiler's: a module is compiled before |
//!
//! # Errors by blame
//!
//! | type | whose fault |
//! |---|---|
//! | [`OpenError`] | the artefact is damaged, foreign, or made for another host |
//! | [`LinkError`] | the imports that were supplied do not match |
//! | [`MissingImport`] | a stub for an import was called |
//! | [`ResourceError`], [`GrowError`] | limits of a type, of the store or of the system are reached |
//! | [`Trap`] | the WebAssembly code did what it must not |
//! | [`HostError`] | a host function failed |
//! | [`Exception`] | nobody has caught it |
//! | [`ArgumentError`], [`ExportError`] | the embedder asked for something of another type |
//!
//! # Asynchronous use
//!
//! With the feature `async`, which is on by default,
//! [`Module::open_async`], [`Instance::new_async`] and
//! [`call_async`](TypedFunc::call_async) are futures that never block a thread
//! but to run code, for any executor. Host functions can be asynchronous
//! ([`Imports::func_async`]): WebAssembly waits for them on a stack of its own
//! while other tasks run. All of these futures are `Send` and can be dropped at
//! any time. Synchronous calls stay possible whenever no call is running or
//! waiting; they cannot reach a host function that waits.
//!
//! # Backtraces
//!
//! A [`Trap`] has the frames of WebAssembly. With the feature `lines`, they have places
//! in the source ([`Frame::symbols`]), of artefacts that have debug information.
//!
//! # Tracing
//!
//! With the feature `tracing`, which is off by default and costs nothing then, there are
//! spans of [`tracing`](https://docs.rs/tracing), with the target `wasm_aot_loader`:
//!
//! | span | level | fields | around |
//! |---|---|---|---|
//! | `open` | info | `path` or `bytes`, `verify` | opening an artefact |
//! | `instantiate` | debug | `module` | making an instance, with its start function if that is not asynchronous |
//! | `trap` | debug | `code`; `module`, `function`, `offset` of the youngest frame | an event, whose message is the trap with its backtrace |
//!
//! Calls have none: one takes less time than a disabled span.
//!
//! # Handles and stores
//!
//! Every method that takes a handle and a store **panics** if the handle
//! belongs to another store. [`Imports`] are checked instead: a foreign extern
//! among them is a [`LinkError`].
//!
//! # Where the unsafe code is
//!
//! In the private module `raw`, which is the fence around everything that
//! touches machine code, mapped memory and signals. The rest of the crate is
//! safe code.
#![deny(unsafe_code)]

#[cfg(feature = "async")]
mod asynchronous;
mod caller;
mod definition;
mod description;
mod epoch;
mod error;
mod exception;
mod export;
mod func;
mod func_type;
mod global;
mod host;
mod imports;
mod instance;
mod intern;
mod interrupt;
mod key;
mod limits;
#[cfg(feature = "lines")]
mod lines;
mod link;
mod memory;
mod module;
mod open;
mod parking;
mod pre;
mod program;
mod raw;
mod ref_type;
mod seal;
mod shared_memory;
mod store;
mod symbol;
mod table;
mod tag;
mod traced;
mod trap;
mod typed;
mod types;
mod value;

#[cfg(feature = "async")]
pub use asynchronous::{HostFuture, SynchronousCall};
pub use caller::Caller;
pub use definition::{Definition, IntoDefinition};
pub use description::{CustomSection, Description, ExportType, ImportType};
pub use epoch::{AtDeadline, Epoch};
pub use error::{
    ArgumentError, BoxError, CallError, ExportError, FuncTypeError, GlobalError, GrowError,
    HostError, InstantiationError, LinkError, LinkProblem, MissingImport, OpenError, ResourceError,
    TableError, ValTypeError,
};
pub use exception::{Exception, ExnRef};
pub use export::Extern;
pub use func::Func;
pub use global::Global;
pub use host::{HostReturn, IntoHostFunc};
pub use imports::Imports;
pub use instance::Instance;
pub use interrupt::InterruptHandle;
pub use key::{KeyError, PublicKey};
pub use limits::{Growable, Growth};
pub use memory::Memory;
pub use module::Module;
pub use open::{OpenOptions, Verify};
pub use parking::WaitResult;
pub use pre::InstancePre;
pub use raw::{CFunction, DirectStore};
pub use seal::Seal;
pub use shared_memory::SharedMemory;
pub use store::{Config, Store};
pub use symbol::FrameSymbol;
pub use table::Table;
pub use tag::Tag;
pub use trap::{Backtrace, Frame, Trap};
pub use typed::{TypedFunc, WasmType, WasmValues};
pub use types::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, RefType, TableType, TagType, ValType,
};
pub use value::{AnyRef, ExternRef, Val};

pub use wasm_aot_abi::{self as abi, TrapCode};
