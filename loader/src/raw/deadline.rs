//! What happens when compiled code has come to a page that was taken away, or asks because
//! it has read a word.
//!
//! Mostly it traps. But if somebody is to be asked first, the fault handler has the
//! thread go on, with all registers as they were, in a function of [`arch`] that saves
//! them, calls [`pause`], restores them, and goes back to the instruction. For compiled
//! code it is as if nothing had happened; for the rest, as if that had called a host
//! function there.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_aot_abi::{STATUS_HOST, StoreContext, TrapCode};

use super::host::abort;
use super::store::{Inner, Pending};
use super::trap::caller;
use super::{arch, direct, thread};
use crate::interrupt::Reason;
use crate::{AtDeadline, BoxError, Store};

/// What is done about code that has noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The code ends.
    Trap,
    /// The code goes on: others have taken it back meanwhile.
    Retry,
    /// Somebody is asked.
    Ask,
}

/// What is done about code of a store that has noticed. Fit for a signal handler.
///
/// # Safety
///
/// The store's code runs on this thread.
pub(super) unsafe fn verdict(inner: *const Inner) -> Verdict {
    // SAFETY: so nobody changes these parts of it.
    let (interrupt, deadline) = unsafe { ((*inner).interrupt(), (*inner).deadline.as_ref()) };
    if interrupt.has(Reason::Handle) {
        Verdict::Trap
    } else if !interrupt.has(Reason::Deadline) {
        Verdict::Retry
    } else if deadline.is_some_and(|deadline| deadline.callback.is_some()) {
        Verdict::Ask
    } else {
        Verdict::Trap
    }
}

/// Asks, for the code that is at the return address of the frame `fp`, in the middle of
/// its function. Returns if that is to go on.
///
/// # Safety
///
/// The fault handler has decided to. Above the frame are those of compiled code.
pub(super) unsafe extern "C" fn pause(fp: *mut c_void) {
    // SAFETY: the frame is that of our caller.
    let (pc, code_fp) = unsafe { caller(fp.expose_provenance()) };
    // SAFETY: as the fault handler has found.
    unsafe {
        let inner = store_of(pc, code_fp);
        (*Inner::context_of(inner)).exit_fp = fp;
        let status = ask(inner);
        if status != 0 {
            (*inner).capture.walk(inner.cast(), pc, code_fp, true);
            arch::resume((*inner).context().entry, status.into());
        }
    }
}

/// [`Builtins::interrupted`](wasm_aot_abi::Builtins::interrupted): what the fault handler
/// and [`pause`] do, for code that asks.
pub(super) unsafe extern "C" fn interrupted(store: *mut StoreContext) {
    let inner = Inner::of(store);
    // SAFETY: compiled code has called us, so an entry is running, and nobody else uses the
    // store. It has left its frame pointer.
    unsafe {
        let (pc, fp) = caller((*store).exit_fp.addr());
        let status = match verdict(inner) {
            Verdict::Retry => 0,
            Verdict::Ask => ask(inner),
            Verdict::Trap => TrapCode::Interrupted as u32,
        };
        if status != 0 {
            (*inner).capture.walk(store, pc, fp, false);
            arch::resume((*store).entry, status.into());
        }
    }
}

/// The store that runs at a place in compiled code.
///
/// # Safety
///
/// One does.
#[inline(never)]
unsafe fn store_of(pc: usize, fp: usize) -> *mut Inner {
    let active = thread::current().active.get();
    // SAFETY: if none is attached, it is that of the innermost call of this thread.
    direct::running(pc, fp).unwrap_or_else(|| unsafe { (*active).store })
}

/// Asks; 0 if the code goes on, else a status that it ends with.
///
/// # Safety
///
/// The store's code waits for us.
#[inline(never)]
unsafe fn ask(inner: *mut Inner) -> u32 {
    // SAFETY: the store is ours to use. No reference to it lives while the callback or
    // other tasks run.
    unsafe {
        let interrupt = (*inner).interrupt().clone();
        let handle = (*inner).handle();
        let deadline = (*inner).deadline.as_mut();
        let Some(mut callback) = deadline.and_then(|deadline| deadline.callback.take()) else {
            return TrapCode::Interrupted as u32;
        };
        // While it is asked, no deadline holds.
        interrupt.take_back(Reason::Deadline);
        let outcome = consult(inner, handle, &mut callback);
        if let Some(deadline) = (*inner).deadline.as_mut() {
            deadline.callback.get_or_insert(callback);
        }
        let ticks = match outcome {
            Ok(Ok(AtDeadline::Extend(ticks))) => ticks,
            #[cfg(feature = "async")]
            Ok(Ok(AtDeadline::Yield(ticks))) => match super::fiber::yield_now(handle) {
                Ok(()) => ticks,
                Err(error) => return fail(inner, Pending::Error(error)),
            },
            #[cfg(not(feature = "async"))]
            Ok(Ok(AtDeadline::Yield(ticks))) => ticks,
            Ok(Ok(AtDeadline::Trap)) => {
                // It stays so.
                interrupt.interrupt(Reason::Deadline);
                return TrapCode::Interrupted as u32;
            }
            Ok(Err(error)) => return fail(inner, Pending::Error(error)),
            Err(payload) => return fail(inner, Pending::Panic(payload)),
        };
        if let Some(deadline) = (*inner).deadline.as_mut() {
            deadline.extend(ticks, &interrupt);
        }
        match interrupt.has(Reason::Handle) {
            true => TrapCode::Interrupted as u32,
            false => 0,
        }
    }
}

type Outcome = std::thread::Result<Result<AtDeadline, BoxError>>;

/// # Safety
///
/// `handle` is that of a call into the store, whose code waits for us.
#[inline(never)]
unsafe fn consult(
    inner: *mut Inner,
    handle: *mut Store,
    callback: &mut crate::epoch::Callback,
) -> Outcome {
    if handle.is_null() {
        abort("a deadline was reached by compiled code that the host did not enter");
    }
    // SAFETY: the call has it borrowed, and waits for us.
    let outcome = catch_unwind(AssertUnwindSafe(|| callback(unsafe { &mut *handle })));
    // SAFETY: as above.
    if !unsafe { (*handle).boxed().is(inner) } {
        abort("who was asked about a deadline has replaced the store");
    }
    outcome
}

/// # Safety
///
/// The store is ours to use.
unsafe fn fail(inner: *mut Inner, pending: Pending) -> u32 {
    // SAFETY: the caller says so.
    unsafe { (*inner).pending = Some(pending) };
    STATUS_HOST
}
