//! Hardware faults: telling ours from others, and passing others on.
//!
//! A fault is ours only if this thread is in a call of ours, or C has called
//! compiled code, the program
//! counter is at a recorded instruction of an artefact of the very store, and,
//! for an access to memory, the address belongs to a memory of that store, is one where
//! its code looks whether to go on, or stands for what a null reference would refer to.
//! Everything else is handled as if we were not there.
//!
//! `SIGBUS` is not among our signals: Linux reports guard pages as `SIGSEGV`, so
//! a `SIGBUS` in compiled code means that somebody has truncated the file of a
//! mapped artefact, which is no fault of the code.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use wasm_aot_abi::FuncRef;

use super::arch::{self, Registers};
use super::deadline::{self, Verdict};
use super::trap::trap_at;
use super::{direct, thread};
use crate::TrapCode;

const SIGNALS: [c_int; 3] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE];

/// What was there before us, for each of [`SIGNALS`].
static PREVIOUS: [Previous; SIGNALS.len()] = [const { Previous::new() }; SIGNALS.len()];

struct Previous {
    /// Written before our handler is installed.
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
    /// Set when it has asked to be called once only, and was.
    spent: AtomicBool,
}

impl Previous {
    const fn new() -> Previous {
        Previous {
            action: UnsafeCell::new(MaybeUninit::uninit()),
            spent: AtomicBool::new(false),
        }
    }
}

// SAFETY: `action` is written by `install` only, which runs once, before anybody
// reads it.
unsafe impl Sync for Previous {}

/// Whether our handlers are, or are being, installed.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Whether faults of this process may be ours: since there was an instance of an artefact
/// whose traps are faults.
pub(super) fn are_ours() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// Installs our handlers, once in a process, and gives this thread a stack for them.
/// Other threads get one with their first call; a thread that has had that before does with
/// its own, of which enough is left at a trap.
///
/// A handler that is installed later takes precedence. It has to call the one
/// that it finds (ours) for faults that are not its own, as is good custom;
/// otherwise traps of WebAssembly code go to it.
pub(super) fn install() {
    if cfg!(miri) {
        return; // which has no faults
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        INSTALLED.store(true, Ordering::Relaxed);
        arch::prepare();
        for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
            // SAFETY: the present action is saved, as a whole, before ours, which
            // is valid, takes its place.
            unsafe {
                let saved = (*previous.action.get()).as_mut_ptr();
                let result = libc::sigaction(signal, ptr::null(), saved);
                assert_eq!(result, 0, "the signal exists");
                let mut ours: libc::sigaction = std::mem::zeroed();
                ours.sa_sigaction = handler as *const () as usize;
                ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&mut ours.sa_mask);
                let result = libc::sigaction(signal, &ours, ptr::null_mut());
                assert_eq!(result, 0, "the signal can be caught");
            }
        }
    });
    thread::current().take_signal_stack();
}

/// Our handler of all [`SIGNALS`].
unsafe extern "C" fn handler(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel calls us with valid arguments.
    unsafe {
        if resume_if_trap(signal, info, context).is_none() {
            pass_on(signal, info, context);
        }
    }
}

/// If the fault is a trap of compiled code, arranges for the handler of the
/// innermost entry to be resumed.
///
/// Allocates nothing and takes no locks. What it reads of the store does not
/// change while compiled code runs.
unsafe fn resume_if_trap(
    signal: c_int,
    info: *const libc::siginfo_t,
    context: *mut c_void,
) -> Option<()> {
    // SAFETY: the kernel gives us both. Signals that were sent, by `kill` or the
    // like, are no faults: their codes are not positive.
    let mut registers = unsafe {
        if (*info).si_code <= 0 {
            return None;
        }
        Registers::new(context)
    };
    let active = thread::current().active.get();
    let inner = match direct::running(registers.pc(), registers.fp()) {
        Some(inner) => inner,
        // SAFETY: it is null, or on the stack of a call of this thread, whose
        // store nobody else uses.
        None => unsafe { active.as_ref()?.store },
    };
    // SAFETY: as above. The program counter is in compiled code, so nothing is
    // in the middle of changing the store.
    unsafe {
        let pc = registers.pc();
        let trap = trap_at(inner, pc)?;
        if signal == libc::SIGSEGV {
            let address = (*info).si_addr().addr();
            let ours = match trap {
                TrapCode::MemoryOutOfBounds => (*inner).reserves(address),
                TrapCode::Interrupted => (*inner).looks_at(address),
                TrapCode::NullFunctionReference => address < size_of::<FuncRef>(),
                _ => false,
            };
            if !ours {
                return None;
            }
            if trap == TrapCode::Interrupted {
                match deadline::verdict(inner) {
                    Verdict::Retry => return Some(()),
                    Verdict::Ask if registers.call(arch::pause) => return Some(()),
                    Verdict::Ask | Verdict::Trap => {}
                }
            }
        }
        let store = inner.cast();
        let entry = (*inner).context().entry.as_ref()?;
        (*inner).capture.walk(store, pc, registers.fp(), true);
        registers.resume(entry, trap as u32);
    }
    Some(())
}

/// Does what would have been done if we were not there.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let position = SIGNALS.iter().position(|&own| own == signal);
    let Some(previous) = position.map(|position| &PREVIOUS[position]) else {
        return;
    };
    // SAFETY: the action was saved before our handler was installed. Its handler
    // is called as the kernel would call it: with the signals blocked that it
    // asks for, and the arguments that it expects. The kernel restores the mask
    // when we return.
    unsafe {
        let action = &*(*previous.action.get()).as_ptr();
        let once = action.sa_flags & libc::SA_RESETHAND != 0;
        let sent = (*info).si_code <= 0;
        let handler = if once && previous.spent.swap(true, Ordering::Relaxed) {
            libc::SIG_DFL
        } else {
            action.sa_sigaction
        };
        match handler {
            // A fault cannot be ignored: the kernel kills instead.
            libc::SIG_IGN if sent => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, ptr::null_mut());
                // A fault happens again as soon as we return. What was sent has
                // to be sent again; it waits until then.
                if sent {
                    libc::raise(signal);
                }
            }
            handler => {
                libc::pthread_sigmask(libc::SIG_BLOCK, &action.sa_mask, ptr::null_mut());
                if action.sa_flags & libc::SA_NODEFER != 0 {
                    let mut own: libc::sigset_t = std::mem::zeroed();
                    libc::sigaddset(&mut own, signal);
                    libc::pthread_sigmask(libc::SIG_UNBLOCK, &own, ptr::null_mut());
                }
                if action.sa_flags & libc::SA_SIGINFO != 0 {
                    type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
                    let handler: Handler = std::mem::transmute(handler);
                    handler(signal, info, context);
                } else {
                    let handler: unsafe extern "C" fn(c_int) = std::mem::transmute(handler);
                    handler(signal);
                }
            }
        }
    }
}
