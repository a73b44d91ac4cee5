//! Functions of C that are asked about deadlines.

use std::ffi::c_void;

use super::HostInfo;

pub(crate) type AskTicks = unsafe extern "C" fn(env: *mut c_void) -> u64;

/// Such a function.
pub(crate) struct Deadline {
    code: AskTicks,
    env: HostInfo,
}

impl Deadline {
    pub(crate) fn new(code: AskTicks, env: HostInfo) -> Deadline {
        Deadline { code, env }
    }

    /// Asks it.
    pub(crate) fn ticks(&self) -> u64 {
        // SAFETY: C code has given us a function of this type, which lives as long as
        // the store has it.
        unsafe { (self.code)(self.env.get()) }
    }
}
