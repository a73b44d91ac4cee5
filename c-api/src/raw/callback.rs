//! What C code wants to be called.

use std::ffi::c_void;
use std::mem::ManuallyDrop;

use super::{Value, Vector};
use crate::reference::Ref;

pub(crate) type Plain = unsafe extern "C" fn(
    args: *const Vector<Value>,
    results: *mut Vector<Value>,
) -> Option<Box<Ref>>;

pub(crate) type WithEnv = unsafe extern "C" fn(
    env: *mut c_void,
    args: *const Vector<Value>,
    results: *mut Vector<Value>,
) -> Option<Box<Ref>>;

pub(crate) type Finalizer = unsafe extern "C" fn(*mut c_void);

/// A function of the host.
pub(crate) struct Callback {
    code: Code,
    /// The environment.
    env: HostInfo,
}

enum Code {
    Plain(Plain),
    WithEnv(WithEnv),
}

impl Callback {
    pub(crate) fn plain(code: Plain) -> Callback {
        Callback {
            code: Code::Plain(code),
            env: HostInfo::NONE,
        }
    }

    pub(crate) fn with_env(code: WithEnv, env: HostInfo) -> Callback {
        Callback {
            code: Code::WithEnv(code),
            env,
        }
    }

    /// Calls it. `results` are values already; it may replace them. Returns the
    /// trap that it returns.
    pub(crate) fn call(&self, args: &mut [Value], results: &mut [Value]) -> Option<Box<Ref>> {
        let args = ManuallyDrop::new(Vector::over(args));
        let mut results = ManuallyDrop::new(Vector::over(results));
        // SAFETY: C code has given us a function of this type, which lives as long
        // as the store that it was given to; the vectors live until it returns.
        unsafe {
            match self.code {
                Code::Plain(code) => code(&*args, &mut *results),
                Code::WithEnv(code) => code(self.env.info, &*args, &mut *results),
            }
        }
    }
}

/// A pointer of the embedder's, and what is to be done with it in the end.
pub(crate) struct HostInfo {
    info: *mut c_void,
    finalizer: Option<Finalizer>,
}

// SAFETY: we only hand the pointer back. The header says that a store, with all
// that is in it, is used by one thread at a time, but by any.
unsafe impl Send for HostInfo {}
// SAFETY: as above.
unsafe impl Sync for HostInfo {}

impl HostInfo {
    pub(crate) const NONE: HostInfo = HostInfo {
        info: std::ptr::null_mut(),
        finalizer: None,
    };

    pub(crate) fn new(info: *mut c_void, finalizer: Option<Finalizer>) -> HostInfo {
        HostInfo { info, finalizer }
    }

    pub(crate) fn get(&self) -> *mut c_void {
        self.info
    }
}

impl Drop for HostInfo {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: C code wants it called, with this pointer, once.
            unsafe { finalizer(self.info) };
        }
    }
}
