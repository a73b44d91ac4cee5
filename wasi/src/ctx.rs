//! The state behind one instance's WASI imports.

use crate::environ::Strings;
use crate::table::Table;
use crate::wait::Waiting;
use crate::{Clocks, Random, WasiCtxBuilder};
use std::fmt;

/// What one instance may see of the world, and the functions that let it.
///
/// A context belongs to one instance: its descriptors are the guest's. It can
/// move between threads and holds no locks. Dropping it closes every
/// descriptor except the process's own standard streams.
///
/// Each function is a method named as in the specification. Its parameters
/// are those of the wasm function, with pointers and lengths as `u32`;
/// results are written to the guest's memory. A call that fails has written
/// nothing, except that a transfer may have filled a part of its buffers.
///
/// ```
/// use wasm_aot_wasi::WasiCtx;
///
/// let ctx = WasiCtx::builder().arg("app").env("LANG", "C").inherit_stdio().build()?;
/// let mut store = wasm_aot_loader::Store::new();
/// store.insert(ctx); // where `add_to_imports` looks for it
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
pub struct WasiCtx {
    pub(crate) args: Strings,
    pub(crate) env: Strings,
    pub(crate) table: Table,
    pub(crate) clocks: Box<dyn Clocks>,
    pub(crate) random: Box<dyn Random>,
    /// What the call that runs does when it would have to wait.
    pub(crate) waiting: Waiting,
}

impl WasiCtx {
    /// A builder for a context that has no arguments, no environment, null
    /// standard streams and no directories, but the system's clocks and
    /// randomness.
    #[must_use]
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::new()
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx").finish_non_exhaustive()
    }
}

/// A context follows its instance to whichever thread runs it.
const _: fn() = || {
    fn assert_send<T: Send>() {}
    assert_send::<WasiCtx>();
    assert_send::<WasiCtxBuilder>();
};
