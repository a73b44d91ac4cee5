//! `proc_raise` and `sched_yield`. `proc_exit` has no method: it returns
//! nothing to the guest, so the function table makes its outcome.

use crate::{Errno, WasiCtx};

impl WasiCtx {
    /// Refuses to raise a signal: a guest has no handlers, and the host's
    /// process is not its own.
    ///
    /// # Errors
    /// [`Errno::Notsup`] always
    pub fn proc_raise(&mut self, _signal: u32) -> Result<(), Errno> {
        Err(Errno::Notsup)
    }

    /// Lets other threads of the host run, or other tasks of its executor.
    ///
    /// # Errors
    /// None
    pub fn sched_yield(&mut self) -> Result<(), Errno> {
        self.waiting.for_others()
    }
}
