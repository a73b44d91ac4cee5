//! What C code wants to be asked before something grows.

use std::ffi::c_void;

use wasm_aot_loader::{Growable, Growth};

use super::HostInfo;

/// `wasm_aot_growth_t`.
#[repr(C)]
pub(crate) struct CGrowth {
    kind: u8,
    current: u64,
    desired: u64,
    maximum: u64,
}

pub(crate) type Ask = unsafe extern "C" fn(env: *mut c_void, growth: *const CGrowth) -> bool;

/// A limiter.
pub(crate) struct Limiter {
    code: Ask,
    env: HostInfo,
}

impl Limiter {
    pub(crate) fn new(code: Ask, env: HostInfo) -> Limiter {
        Limiter { code, env }
    }

    /// Asks it.
    pub(crate) fn allows(&self, growth: Growth) -> bool {
        let growth = CGrowth {
            // As `wasm_externkind_t` has them.
            kind: match growth.what {
                Growable::Table => 2,
                Growable::Memory => 3,
                // What there may be one day is nothing that C code knows.
                _ => return true,
            },
            current: growth.current,
            desired: growth.desired,
            maximum: growth.maximum.unwrap_or(u64::MAX),
        };
        // SAFETY: C code has given us a function of this type, which lives as long as
        // the store has it; the argument lives until it returns.
        unsafe { (self.code)(self.env.get(), &growth) }
    }
}
