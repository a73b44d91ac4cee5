//! Ending an entry early: what is remembered of the stack, and the way back to
//! the host.

use std::ffi::c_void;

use wasm_aot_abi::{NONE, STATUS_HOST, StoreContext, TrapCode};

use super::arch;
use super::direct;
use super::exception;
use super::store::{Inner, Pending};
use super::thread;
use crate::{Backtrace, Frame, Module};

/// How many of the youngest frames are kept.
const YOUNG: usize = 40;
/// How many of the oldest ones, behind those.
const OLD: usize = 16;

/// The program counters of a stack of WebAssembly frames, youngest first.
/// Filled without allocating, so that a signal handler can do it.
#[derive(Debug)]
pub(super) struct Capture {
    young: [usize; YOUNG],
    /// A ring: what comes after `young`, until it is overwritten.
    old: [usize; OLD],
    /// How many frames there were.
    count: usize,
    /// Whether the first one is where a fault happened. All others, and
    /// otherwise the first too, are return addresses.
    fault: bool,
}

impl Capture {
    pub(super) const EMPTY: Capture = Capture {
        young: [0; YOUNG],
        old: [0; OLD],
        count: 0,
        fault: false,
    };

    fn push(&mut self, pc: usize) {
        match self.young.get_mut(self.count) {
            Some(place) => *place = pc,
            None => self.old[(self.count - YOUNG) % OLD] = pc,
        }
        self.count += 1;
    }

    /// Walks the frames of all entries of a store.
    ///
    /// # Safety
    ///
    /// An entry of the store is running; `pc` and `fp` are of its youngest
    /// frame, whose frame pointer is set up. Fit for a signal handler.
    pub(super) unsafe fn walk(
        &mut self,
        store: *const StoreContext,
        pc: usize,
        fp: usize,
        fault: bool,
    ) {
        self.count = 0;
        self.fault = fault;
        // SAFETY: an entry is running, so the record is on the stack.
        let (mut entry, exit_fp) = unsafe { ((*store).entry, (*store).exit_fp) };
        let (mut pc, mut fp) = (pc, fp);
        if !fault && fp == exit_fp.addr() {
            // SAFETY: `fp` is the frame of an exit trampoline that runs.
            (pc, fp) = unsafe { caller(fp) };
        }
        while !entry.is_null() {
            // SAFETY: as above; the records are linked from young to old.
            let record = unsafe { &*entry };
            while fp != record.fp.addr() {
                self.push(pc);
                let frame = fp;
                // SAFETY: compiled code keeps frame pointers, and the stack of an
                // entry ends with the frame of its trampoline.
                (pc, fp) = unsafe { caller(frame) };
                if fp <= frame {
                    // The stack is damaged; rather less than a crash.
                    return;
                }
            }
            entry = record.previous;
            if record.exit_fp.is_null() {
                return;
            }
            // SAFETY: the host was called through an exit trampoline, and has
            // entered again; so its frame is there.
            (pc, fp) = unsafe { caller(record.exit_fp.addr()) };
        }
    }

    /// Forgets what was captured.
    pub(super) fn forget(&mut self) {
        self.count = 0;
        self.fault = false;
    }

    /// What was captured, with its modules and with the functions that were inlined; and
    /// forgets it.
    pub(super) fn take(&mut self, modules: &[Module]) -> Backtrace {
        let count = std::mem::take(&mut self.count);
        let mut fault = std::mem::take(&mut self.fault);
        let mut frames = Vec::new();
        let mut young = 0;
        let first_old = count.saturating_sub(OLD).max(YOUNG);
        for position in (0..count.min(YOUNG)).chain(first_old..count) {
            let pc = match self.young.get(position) {
                Some(pc) => *pc,
                None => self.old[(position - YOUNG) % OLD],
            };
            // A call may be the last instruction of its function.
            let inside = pc.wrapping_sub(usize::from(!fault));
            let found = modules.iter().find_map(|module| {
                let code = module.artefact().text_offset(inside)?;
                Some((module, module.artefact().function_at(code)?, code))
            });
            if let Some((module, function, mut inside)) = found {
                loop {
                    let caller = module.artefact().inlined_at(inside);
                    if caller > 0 {
                        let code = inside + u32::from(!fault);
                        frames.push(Frame::new(module.clone(), function, code, fault));
                    }
                    if caller == 0 || caller == NONE {
                        break;
                    }
                    (inside, fault) = (caller - 1, false);
                }
            }
            fault = false;
            if position < YOUNG {
                young = frames.len();
            }
        }
        // As many as there would be if nothing were inlined.
        let mut omitted = first_old.saturating_sub(YOUNG).min(count);
        if frames.len() > YOUNG + OLD {
            let end = frames.len() - OLD;
            omitted += frames.drain(YOUNG..end).len();
            young = YOUNG;
        }
        Backtrace::new(frames, young, omitted)
    }
}

/// Return address and frame pointer of the caller of a frame.
///
/// # Safety
///
/// `fp` is the frame pointer of a function that runs.
pub(super) unsafe fn caller(fp: usize) -> (usize, usize) {
    let frame: *const usize = std::ptr::with_exposed_provenance(fp);
    // SAFETY: both machines keep the caller's frame pointer there, and the return
    // address above it.
    unsafe { (frame.add(1).read(), frame.read()) }
}

/// Ends the innermost entry of a store. `pc` and `fp` are those of the frame
/// that has asked for it.
///
/// # Safety
///
/// See [`arch::resume`].
pub(super) unsafe extern "C" fn raise_from(
    store: *mut StoreContext,
    status: u32,
    pc: *const c_void,
    fp: *const c_void,
) -> ! {
    let inner = Inner::of(store);
    // SAFETY: compiled code has called us, so an entry is running, and nobody
    // else uses the store.
    unsafe {
        let (pc, fp) = (pc.expose_provenance(), fp.expose_provenance());
        if status == STATUS_HOST {
            exception::throw_pending(inner, pc, fp);
        }
        (*inner).capture.walk(store, pc, fp, false);
        arch::resume((*store).entry, u64::from(status))
    }
}

/// [`Builtins::trap`](wasm_aot_abi::Builtins::trap).
pub(super) unsafe extern "C" fn trap(store: *mut StoreContext) -> ! {
    let inner = Inner::of(store);
    // SAFETY: compiled code has called us, so an entry is running, and nobody else uses the
    // store. It has left its frame pointer.
    unsafe {
        let (pc, fp) = caller((*store).exit_fp.addr());
        // An artefact that calls this elsewhere is damaged.
        let code = trap_at(inner, pc).unwrap_or(TrapCode::Unreachable);
        (*inner).capture.walk(store, pc, fp, true);
        arch::resume((*store).entry, code as u64)
    }
}

/// Why an instruction of code of a store traps, if it can. Fit for a signal handler.
///
/// # Safety
///
/// The store is alive, and nobody changes its modules.
pub(super) unsafe fn trap_at(inner: *const Inner, pc: usize) -> Option<TrapCode> {
    // SAFETY: the caller says so.
    let mut modules = unsafe { (*inner).modules() }.iter();
    modules.find_map(|module| {
        let artefact = module.artefact();
        artefact.trap_at(artefact.text_offset(pc)?)
    })
}

/// Ends the innermost entry with an error that says that an exit trampoline is
/// missing.
pub(super) unsafe extern "C" fn missing_exit_from(pc: *const c_void, fp: *const c_void) -> ! {
    let (pc_address, fp_address) = (pc.expose_provenance(), fp.expose_provenance());
    let direct = direct::running(pc_address, fp_address);
    let active = thread::current().active.get();
    // SAFETY: compiled code has called us, which runs in a store that C has
    // entered, or in the innermost activation of this thread, in an entry of its
    // store.
    unsafe {
        let inner = direct.unwrap_or_else(|| (*active).store);
        (*inner).pending = Some(Pending::Error(
            "a host function was called indirectly, but no artefact in the store can call host \
             functions of its type"
                .into(),
        ));
        raise_from(inner.cast(), STATUS_HOST, pc, fp)
    }
}
