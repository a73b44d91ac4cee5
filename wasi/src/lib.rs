//! WASI preview 1: all 46 functions of `wasi_snapshot_preview1`, for Linux.
//!
//! A [`WasiCtx`] is what one instance may see of the world: its arguments,
//! environment, descriptors, clocks and randomness. Nothing is inherited from
//! the process unless the [`WasiCtxBuilder`] was told so. The functions are
//! methods of the context that take the guest's linear memory as a
//! [`GuestMemory`]; [`FUNCTIONS`] lists them with their wasm types, so that a
//! runtime binds all of them in one loop:
//!
//! ```
//! use wasm_aot_wasi::{Capture, FUNCTIONS, GuestMemory, Outcome, Output, WasiCtx};
//!
//! let stdout = Capture::new();
//! let mut ctx = WasiCtx::builder().stdout(Output::capture(&stdout)).build()?;
//!
//! // What a runtime does when the guest calls its import `fd_write`.
//! let mut memory = vec![0; 65536];
//! memory[..8].copy_from_slice(&[16, 0, 0, 0, 5, 0, 0, 0]); // one iovec: 5 bytes at 16
//! memory[16..21].copy_from_slice(b"hello");
//! let fd_write = FUNCTIONS.iter().find(|f| f.name == "fd_write").unwrap();
//! let outcome = (fd_write.call)(&mut ctx, &mut GuestMemory::new(&mut memory), &[1, 0, 1, 8]);
//!
//! assert_eq!(outcome, Outcome::Errno(0));
//! assert_eq!(stdout.contents(), b"hello");
//! # Ok::<(), wasm_aot_wasi::BuildError>(())
//! ```
//!
//! # What a guest can reach
//!
//! Files only through preopened directories. A path is resolved by the kernel
//! with `openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)` (by cap-std's
//! component walk where that system call is missing), never by a check that
//! a later rename could invalidate; `path` says how. A path that leads
//! outside, absolute or through `..` or a symbolic link, fails with
//! [`Errno::Perm`].
//!
//! # Rights
//!
//! Preview 1's rights are reported, because libraries read them, but are not
//! a mechanism of their own: a descriptor can be read or written as it was
//! opened, and a read-only preopen refuses every change beneath it with
//! [`Errno::Rofs`]. `fd_fdstat_set_rights` fails with [`Errno::Notsup`].
//!
//! # Process-wide state
//!
//! Writing to a closed pipe fails with [`Errno::Pipe`] because Rust programs
//! start with `SIGPIPE` ignored. A host with another runtime must ignore that
//! signal itself; on sockets it is never raised.

#![forbid(unsafe_code)]

mod builder;
mod clock;
mod ctx;
mod descriptor;
mod dir;
mod environ;
mod errno;
mod fd;
mod file;
mod functions;
mod iovec;
mod link;
mod memory;
mod path;
mod poll;
mod proc;
mod random;
mod reader;
mod resolve;
mod sock;
mod stdio;
mod table;
#[cfg(feature = "async")]
mod threads;
mod types;
mod wait;

pub use builder::{BuildError, DirAccess, WasiCtxBuilder};
pub use clock::{ClockId, Clocks, SystemClocks, VirtualClocks};
pub use ctx::WasiCtx;
pub use errno::Errno;
pub use functions::{FUNCTIONS, Function, MODULE, Outcome, ValType};
#[cfg(feature = "async")]
pub use link::add_to_imports_async;
pub use link::{Exit, NoContext, add_to_imports};
pub use memory::{GuestMemory, SharedBytes};
pub use random::{Random, SeededRandom, SystemRandom};
pub use stdio::{Capture, Input, Output};
#[cfg(feature = "async")]
pub use threads::{GroupError, ThreadGroup};
#[cfg(feature = "async")]
pub use wait::{Repeat, Wait};

/// Runs the programs of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
