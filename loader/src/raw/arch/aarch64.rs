//! AArch64.

use std::arch::naked_asm;
use std::ffi::c_void;

use wasm_aot_abi::{EntryRecord, StoreContext};

use super::super::trap;

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
    }
}

/// [`Builtins::raise`](wasm_aot_abi::Builtins::raise): adds who called it, and
/// goes on in [`trap::raise_from`].
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn raise(store: *mut StoreContext, status: u32) -> ! {
    naked_asm!(
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
        "mov x0, x30",
        "mov x1, x29",
        "bl {missing_exit_from}",
        "udf #0",
        missing_exit_from = sym trap::missing_exit_from,
    )
}

/// Goes on in the handler of an entry, with a status, or in that of a frame that
/// catches an exception, with its address; drops all frames above it.
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
        "br x11",
        sp = const std::mem::offset_of!(EntryRecord, sp),
        fp = const std::mem::offset_of!(EntryRecord, fp),
        handler = const std::mem::offset_of!(EntryRecord, handler),
    )
}

/// Calls `call` with `data` and a stack pointer: above it is everything that callers
/// have in registers.
pub(in super::super) fn with_registers(
    call: unsafe extern "C" fn(data: *mut c_void, sp: usize),
    data: *mut c_void,
) {
    #[unsafe(naked)]
    unsafe extern "C" fn spill(
        call: unsafe extern "C" fn(data: *mut c_void, sp: usize),
        data: *mut c_void,
    ) {
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
    // SAFETY: it does nothing but the call.
    unsafe { spill(call, data) }
}
