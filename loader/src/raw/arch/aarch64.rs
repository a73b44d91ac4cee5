//! AArch64.

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};

use wasm_aot_abi::{EntryRecord, StoreContext};

use super::super::{deadline, trap};
use super::WithStack;

/// The registers of interrupted code, in what the kernel hands to a signal
/// handler.
pub(in super::super) struct Registers<'a>(&'a mut libc::ucontext_t);

impl<'a> Registers<'a> {
    /// # Safety
    ///
    /// `context` is the third argument of a signal handler, which is still
    /// running.
    pub(in super::super) unsafe fn new(context: *mut libc::c_void) -> Registers<'a> {
        // SAFETY: the caller says so.
        Registers(unsafe { &mut *context.cast() })
    }

    pub(in super::super) fn pc(&self) -> usize {
        self.0.uc_mcontext.pc as usize
    }

    pub(in super::super) fn fp(&self) -> usize {
        self.0.uc_mcontext.regs[29] as usize
    }

    /// Lets the code go on in the handler of an entry.
    pub(in super::super) fn resume(&mut self, entry: &EntryRecord, status: u32) {
        let registers = &mut self.0.uc_mcontext;
        registers.pc = entry.handler.addr() as u64;
        registers.sp = entry.sp.addr() as u64;
        registers.regs[29] = entry.fp.addr() as u64;
        registers.regs[0] = u64::from(status);
        // What is gone back to is no landing pad, should the code have been about to
        // arrive at one.
        registers.pstate &= !BTYPE;
    }

    /// Lets the code go on as if its next instruction were a call of `function`, which
    /// comes back to that; whether that is possible.
    ///
    /// # Safety
    ///
    /// It is in a function of compiled code, whose frame is set up, so that the link
    /// register is free; and `function` preserves all others.
    pub(in super::super) unsafe fn call(&mut self, function: unsafe extern "C" fn()) -> bool {
        let registers = &mut self.0.uc_mcontext;
        registers.regs[30] = registers.pc;
        registers.pc = (function as *const ()).addr() as u64;
        true
    }
}

/// In the state of a processor: by what kind of branch the next instruction is reached.
const BTYPE: u64 = 0b11 << 10;

/// What to protect pages with, besides that they can be read and executed, so that the
/// processor lets indirect branches from anywhere lead to no other instruction there than
/// `bti`; 0 if this processor or system does not know how.
pub(in super::super) fn landing_pad_protection() -> c_int {
    /// In what the kernel tells of a processor: it has `bti`.
    const HWCAP2_BTI: u64 = 1 << 17;
    const PROT_BTI: c_int = 0x10;
    // SAFETY: it looks up a number.
    let features = unsafe { libc::getauxval(libc::AT_HWCAP2) };
    match features & HWCAP2_BTI {
        0 => 0,
        _ => PROT_BTI,
    }
}

/// Calls [`deadline::pause`] and preserves all registers but the link register.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn pause() {
    naked_asm!(
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "sub sp, sp, #672",
        "stp x0, x1, [sp, #0]",
        "stp x2, x3, [sp, #16]",
        "stp x4, x5, [sp, #32]",
        "stp x6, x7, [sp, #48]",
        "stp x8, x9, [sp, #64]",
        "stp x10, x11, [sp, #80]",
        "stp x12, x13, [sp, #96]",
        "stp x14, x15, [sp, #112]",
        "stp x16, x17, [sp, #128]",
        "mrs x9, nzcv",
        "stp x18, x9, [sp, #144]",
        "stp q0, q1, [sp, #160]",
        "stp q2, q3, [sp, #192]",
        "stp q4, q5, [sp, #224]",
        "stp q6, q7, [sp, #256]",
        "stp q8, q9, [sp, #288]",
        "stp q10, q11, [sp, #320]",
        "stp q12, q13, [sp, #352]",
        "stp q14, q15, [sp, #384]",
        "stp q16, q17, [sp, #416]",
        "stp q18, q19, [sp, #448]",
        "stp q20, q21, [sp, #480]",
        "stp q22, q23, [sp, #512]",
        "stp q24, q25, [sp, #544]",
        "stp q26, q27, [sp, #576]",
        "stp q28, q29, [sp, #608]",
        "stp q30, q31, [sp, #640]",
        "mov x0, x29",
        "bl {pause}",
        "ldp q0, q1, [sp, #160]",
        "ldp q2, q3, [sp, #192]",
        "ldp q4, q5, [sp, #224]",
        "ldp q6, q7, [sp, #256]",
        "ldp q8, q9, [sp, #288]",
        "ldp q10, q11, [sp, #320]",
        "ldp q12, q13, [sp, #352]",
        "ldp q14, q15, [sp, #384]",
        "ldp q16, q17, [sp, #416]",
        "ldp q18, q19, [sp, #448]",
        "ldp q20, q21, [sp, #480]",
        "ldp q22, q23, [sp, #512]",
        "ldp q24, q25, [sp, #544]",
        "ldp q26, q27, [sp, #576]",
        "ldp q28, q29, [sp, #608]",
        "ldp q30, q31, [sp, #640]",
        "ldp x18, x9, [sp, #144]",
        "msr nzcv, x9",
        "ldp x0, x1, [sp, #0]",
        "ldp x2, x3, [sp, #16]",
        "ldp x4, x5, [sp, #32]",
        "ldp x6, x7, [sp, #48]",
        "ldp x8, x9, [sp, #64]",
        "ldp x10, x11, [sp, #80]",
        "ldp x12, x13, [sp, #96]",
        "ldp x14, x15, [sp, #112]",
        "ldp x16, x17, [sp, #128]",
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "ret",
        pause = sym deadline::pause,
    )
}

/// Finds out what [`pause`] has to know.
pub(in super::super) fn prepare() {}

/// [`Builtins::raise`](wasm_aot_abi::Builtins::raise): adds who called it, and
/// goes on in [`trap::raise_from`].
///
/// As everything that artefacts call it has a landing pad (`bti c`, by its number, as old
/// assemblers have no name for it), for a loader whose own code is guarded. Rust's usually
/// is not.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn raise(store: *mut StoreContext, status: u32) -> ! {
    naked_asm!(
        "hint #34",
        "mov x2, x30",
        "mov x3, x29",
        "b {raise_from}",
        raise_from = sym trap::raise_from,
    )
}

/// What stands for an exit trampoline that no artefact has brought yet. Called
/// in the wasm convention, with arguments that it cannot know.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn missing_exit() -> ! {
    naked_asm!(
        "hint #38", // `bti jc`: tail calls lead here, too
        "mov x0, x30",
        "mov x1, x29",
        "bl {missing_exit_from}",
        "udf #0",
        missing_exit_from = sym trap::missing_exit_from,
    )
}

/// Goes on in the handler of an entry, with a status, or in that of a frame that
/// catches an exception, with its address; drops all frames above it. It gets there by
/// `ret`, for which handlers need no landing pads: so no other branch leads to them.
///
/// # Safety
///
/// The entry or frame has not returned, and above it there are only frames that need
/// nothing to be run: of WebAssembly, of trampolines, and of the loader's own
/// functions with nothing left to drop.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn resume(entry: *const EntryRecord, value: u64) -> ! {
    naked_asm!(
        "mov x9, x0",
        "mov x0, x1",
        "ldr x10, [x9, #{sp}]",
        "ldr x29, [x9, #{fp}]",
        "ldr x11, [x9, #{handler}]",
        "mov sp, x10",
        "ret x11",
        sp = const std::mem::offset_of!(EntryRecord, sp),
        fp = const std::mem::offset_of!(EntryRecord, fp),
        handler = const std::mem::offset_of!(EntryRecord, handler),
    )
}

/// See [`with_registers`](super::with_registers): puts what callers have in registers on
/// the stack, and calls.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn spill(call: WithStack, data: *mut c_void) {
    naked_asm!(
        "stp x29, x30, [sp, #-96]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "mov x9, x0",
        "mov x0, x1",
        "mov x1, sp",
        "blr x9",
        "ldp x29, x30, [sp], #96",
        "ret",
    )
}
