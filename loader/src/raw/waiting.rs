//! Waiting and notifying, as compiled code asks for it. See
//! [`Builtins`](wasm_aot_abi::Builtins) for each function's duties; what
//! `builtins` says holds here, too.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use wasm_aot_abi::VmContext;

use super::store::Inner;
use crate::parking::{self, WaitResult};

pub(super) unsafe extern "C" fn memory_atomic_wait32(
    ctx: *mut VmContext,
    address: *mut u8,
    expected: u32,
    timeout: i64,
) -> u32 {
    // SAFETY: compiled code has checked the address, and memory stays accessible.
    let value = unsafe { AtomicU32::from_ptr(address.cast()) };
    let matches = || value.load(Ordering::SeqCst) == expected.to_le();
    // SAFETY: the caller passes on what it was given.
    unsafe { wait(ctx, address, matches, timeout) }
}

pub(super) unsafe extern "C" fn memory_atomic_wait64(
    ctx: *mut VmContext,
    address: *mut u8,
    expected: u64,
    timeout: i64,
) -> u32 {
    // SAFETY: as above.
    let value = unsafe { AtomicU64::from_ptr(address.cast()) };
    let matches = || value.load(Ordering::SeqCst) == expected.to_le();
    // SAFETY: as above.
    unsafe { wait(ctx, address, matches, timeout) }
}

pub(super) unsafe extern "C" fn memory_atomic_notify(
    _: *mut VmContext,
    address: *mut u8,
    count: u32,
) -> u32 {
    parking::notify(address.addr(), count)
}

/// # Safety
///
/// `ctx` is of an instance whose code runs.
unsafe fn wait(
    ctx: *mut VmContext,
    address: *mut u8,
    matches: impl FnOnce() -> bool,
    timeout: i64,
) -> u32 {
    // SAFETY: the store is alive as long as its code runs; others change this part
    // of it only in ways that a shared reference allows.
    let interrupt = unsafe { (*Inner::of((*ctx).store)).interrupt() };
    let timeout = u64::try_from(timeout).ok().map(Duration::from_nanos);
    match parking::wait(address.addr(), matches, timeout, Some(interrupt)) {
        Some(WaitResult::Notified) => 0,
        Some(WaitResult::Mismatch) => 1,
        Some(WaitResult::TimedOut) => 2,
        None => 3,
    }
}
