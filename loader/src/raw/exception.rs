//! Throwing: from who throws an exception to its handler, by the frames between
//! them and the tables of the artefacts whose code they belong to.

use std::ffi::c_void;

use wasm_aot_abi::{self as abi, EntryRecord, NONE, STATUS_HOST, StoreContext, VmContext};

use super::arch;
use super::artefact::Artefact;
use super::instance::InstanceData;
use super::store::{Inner, Pending};
use super::trap::caller;

/// A handler that an exception has.
struct Catch {
    /// What to go on with: stack pointer, frame pointer and code.
    at: EntryRecord,
    /// Whether the code keeps the reference.
    keeps: bool,
}

/// [`Builtins::exception`](abi::Builtins::exception).
pub(super) unsafe extern "C" fn exception(ctx: *mut VmContext, tag: u32) -> *mut abi::Exception {
    // SAFETY: the instance is alive, and its store ours to use while its code runs.
    unsafe {
        let tag = (*InstanceData::of(ctx)).tag(tag);
        let inner = Inner::of((*ctx).store);
        (*inner).new_exception(tag)
    }
}

/// [`Builtins::throw`](abi::Builtins::throw).
pub(super) unsafe extern "C" fn throw(
    store: *mut StoreContext,
    exception: *mut abi::Exception,
) -> ! {
    let inner = Inner::of(store);
    // SAFETY: compiled code has called us, so an entry is running, and nobody else
    // uses the store. It has left its frame pointer, and the exception is one that
    // we have made.
    unsafe {
        let exit_fp = (*store).exit_fp.addr();
        let (pc, fp) = caller(exit_fp);
        if let Some(catch) = find(inner, (*exception).tag, pc, fp) {
            go(inner, exception, &catch)
        }
        let value = (*inner).take_uncaught(exception);
        (*inner).pending = Some(Pending::Exception(value));
        (*inner).capture.walk(store, pc, exit_fp, false);
        arch::resume((*store).entry, u64::from(STATUS_HOST))
    }
}

/// Throws the exception that a host function has ended with, if it has, and there
/// is a handler for it in the innermost entry. `pc` and `fp` are those of the frame
/// that asks.
///
/// # Safety
///
/// An entry of the store is running, nobody else uses the store, and the frames
/// above the handler need nothing to be run.
pub(super) unsafe fn throw_pending(inner: *mut Inner, pc: usize, fp: usize) {
    // SAFETY: the caller says so.
    unsafe {
        let Some(Pending::Exception(pending)) = &(*inner).pending else {
            return;
        };
        let tag = (*inner).tag_address(pending.tag());
        let Some(catch) = find(inner, tag, pc, fp) else {
            return;
        };
        let exception = (*inner).materialise(pending);
        (*inner).pending = None;
        (*inner).capture.forget();
        go(inner, exception, &catch)
    }
}

/// The innermost handler for a tag in the innermost entry, from a frame on.
///
/// # Safety
///
/// An entry of the store is running; `pc` and `fp` are of one of its frames, or of
/// the trampoline that it has left through.
unsafe fn find(inner: *const Inner, tag: *const c_void, pc: usize, fp: usize) -> Option<Catch> {
    let (mut pc, mut fp) = (pc, fp);
    // SAFETY: compiled code keeps frame pointers, and the stack of an entry ends
    // with the frame of its trampoline.
    unsafe {
        let entry = &*(*inner).context().entry;
        while fp != entry.fp.addr() {
            let mut modules = (*inner).modules().iter();
            let catch = modules.find_map(|module| {
                let artefact = module.artefact();
                let code = artefact.text_offset(pc)?;
                Some(handler(artefact, code, fp, tag))
            });
            if let Some(Some(catch)) = catch {
                return Some(catch);
            }
            let frame = fp;
            (pc, fp) = caller(frame);
            if fp <= frame {
                // The stack is damaged; rather an error than a crash.
                return None;
            }
        }
    }
    None
}

/// The handler that a frame has for a tag, if the call that it is in has one.
///
/// # Safety
///
/// The frame is one of a function of the artefact, and in a call that returns to
/// `code`.
unsafe fn handler(artefact: &Artefact, code: u32, fp: usize, tag: *const c_void) -> Option<Catch> {
    let call = artefact.guarded_call(code)?;
    let sp = fp - call.frame as usize;
    // SAFETY: the artefact says where in the frame its context is, and where in that
    // its tags are.
    let is = |index: u32| unsafe {
        let ctx = std::ptr::with_exposed_provenance::<*const u8>(sp + call.ctx as usize).read();
        ctx.add(artefact.tag_slot(index) as usize)
            .cast::<*const c_void>()
            .read()
            == tag
    };
    let handlers = artefact.metadata().handlers();
    let mut handlers = (call.first..call.first + call.count).map(|index| handlers.at(index));
    let handler = handlers.find(|handler| handler.tag == NONE || is(handler.tag))?;
    Some(Catch {
        at: EntryRecord {
            previous: std::ptr::null_mut(),
            exit_fp: std::ptr::null(),
            sp: std::ptr::with_exposed_provenance(sp),
            fp: std::ptr::with_exposed_provenance(fp),
            handler: artefact.code(handler.code).cast(),
        },
        keeps: handler.keeps != 0,
    })
}

/// Goes on in a handler.
///
/// # Safety
///
/// It is one for the exception; see [`arch::resume`].
unsafe fn go(inner: *mut Inner, exception: *mut abi::Exception, catch: &Catch) -> ! {
    // SAFETY: the caller says so.
    unsafe {
        (*inner).catch(exception, catch.keeps);
        arch::resume(&catch.at, exception.expose_provenance() as u64)
    }
}
