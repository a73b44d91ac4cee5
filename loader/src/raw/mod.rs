//! The fence: everything that touches machine code, mapped memory, signals and
//! pointers of compiled code. All unsafe code of the crate is in here; what it
//! offers to the rest of the crate is safe.
//!
//! | file | subject |
//! |---|---|
//! | `elf`, `verify` | from a file's bytes to evidence that it is an artefact (no unsafe code) |
//! | `metadata` | reading checked records in place (no unsafe code) |
//! | `checked` | files whose digest is known to be right (no unsafe code) |
//! | `map` | loading a checked file, or a copy that nobody can change |
//! | `profile` | telling profilers which file the code of a copy is from |
//! | `linked` | finding what is in memory already |
//! | `artefact` | a loaded artefact |
//! | `store` | what a store owns |
//! | `instance` | what an instance owns, and how it is made |
//! | `vmctx`, `memory`, `shared`, `reservation`, `table`, `stable` | memory that compiled code knows the address of |
//! | `pages` | what is asked of the system about address space |
//! | `values` | values as compiled code sees them |
//! | `enter`, `host` | calls from the host into compiled code, and the other way |
//! | `direct` | calls from C into compiled code, without us |
//! | `fiber` | calls that wait on a stack of their own |
//! | `builtins`, `waiting` | what compiled code asks of the host |
//! | `gate`, `deadline` | pages that are taken away from code to stop it, and what happens then |
//! | `thread`, `signal`, `trap`, `arch` | faults, and the way out of compiled code |
#![allow(unsafe_code)]

mod arch;
mod artefact;
mod builtins;
mod checked;
mod deadline;
mod description;
mod direct;
mod elf;
mod enter;
mod exception;
#[cfg(feature = "async")]
mod fiber;
mod gate;
mod host;
mod instance;
mod linked;
mod map;
mod memory;
mod metadata;
mod pages;
mod profile;
mod reservation;
mod shared;
mod signal;
mod stable;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod trap;
mod values;
mod verify;
mod vmctx;
mod waiting;

pub(crate) use artefact::Artefact;
pub use description::Description;
pub use direct::{CFunction, DirectStore};
pub(crate) use elf::Elf;
pub(crate) use enter::{Callable, call_dynamic};
#[cfg(feature = "async")]
pub(crate) use fiber::call_dynamic_async;
pub(crate) use gate::Gate;
pub(crate) use host::HostFunction;
pub(crate) use memory::LinearMemory;
pub(crate) use store::{Demands, Inner, Origin, StoreBox};
pub use values::{WasmType, WasmValues};
