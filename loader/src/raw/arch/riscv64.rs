//! RISC-V, 64 bits.

use std::arch::naked_asm;
use std::ffi::c_void;

use wasm_aot_abi::{EntryRecord, StoreContext};

use super::super::trap;

/// Positions in what the kernel saves: there, the program counter has the place
/// of x0.
const PC: usize = 0;
const SP: usize = 2;
const FP: usize = 8;
const A0: usize = 10;

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
        self.0.uc_mcontext.__gregs[PC] as usize
    }

    pub(in super::super) fn fp(&self) -> usize {
        self.0.uc_mcontext.__gregs[FP] as usize
    }

    /// Lets the code go on in the handler of an entry.
    pub(in super::super) fn resume(&mut self, entry: &EntryRecord, status: u32) {
        let registers = &mut self.0.uc_mcontext.__gregs;
        registers[PC] = entry.handler.addr() as u64;
        registers[SP] = entry.sp.addr() as u64;
        registers[FP] = entry.fp.addr() as u64;
        registers[A0] = u64::from(status);
    }
}

/// [`Builtins::raise`](wasm_aot_abi::Builtins::raise): adds who called it, and
/// goes on in [`trap::raise_from`].
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn raise(store: *mut StoreContext, status: u32) -> ! {
    naked_asm!(
        "mv a2, ra",
        "mv a3, s0",
        "tail {raise_from}",
        raise_from = sym trap::raise_from,
    )
}

/// What stands for an exit trampoline that no artefact has brought yet. Called
/// in the wasm convention, with arguments that it cannot know.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn missing_exit() -> ! {
    naked_asm!(
        "mv a0, ra",
        "mv a1, s0",
        "call {missing_exit_from}",
        "unimp",
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
        "mv t0, a0",
        "mv a0, a1",
        "ld t1, {handler}(t0)",
        "ld s0, {fp}(t0)",
        "ld sp, {sp}(t0)",
        "jr t1",
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
            "addi sp, sp, -112",
            "sd ra, 0(sp)",
            "sd s0, 8(sp)",
            "sd s1, 16(sp)",
            "sd s2, 24(sp)",
            "sd s3, 32(sp)",
            "sd s4, 40(sp)",
            "sd s5, 48(sp)",
            "sd s6, 56(sp)",
            "sd s7, 64(sp)",
            "sd s8, 72(sp)",
            "sd s9, 80(sp)",
            "sd s10, 88(sp)",
            "sd s11, 96(sp)",
            "mv t0, a0",
            "mv a0, a1",
            "mv a1, sp",
            "jalr t0",
            "ld ra, 0(sp)",
            "addi sp, sp, 112",
            "ret",
        )
    }
    // SAFETY: it does nothing but the call.
    unsafe { spill(call, data) }
}
