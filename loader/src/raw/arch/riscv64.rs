//! RISC-V, 64 bits.

use std::arch::naked_asm;
use std::ffi::c_void;

use wasm_aot_abi::{CpuFeatures, EntryRecord, StoreContext};

use super::super::{deadline, trap};
use super::WithStack;

/// Positions in what the kernel saves: there, the program counter has the place
/// of x0.
const PC: usize = 0;
const RA: usize = 1;
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

    /// Lets the code go on as if its next instruction were a call of `function`, which
    /// comes back to that; whether that is possible. Where there are vectors, whose
    /// length we do not know, it is not.
    ///
    /// # Safety
    ///
    /// It is in a function of compiled code, whose frame is set up, so that the register
    /// of the return address is free; and `function` preserves all others but vectors.
    pub(in super::super) unsafe fn call(&mut self, function: unsafe extern "C" fn()) -> bool {
        if super::cpu_features().contains(CpuFeatures::V) {
            return false;
        }
        let registers = &mut self.0.uc_mcontext.__gregs;
        registers[RA] = registers[PC];
        registers[PC] = (function as *const ()).addr() as u64;
        true
    }
}

/// Calls [`deadline::pause`] and preserves all registers but that of the return address,
/// and vectors.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn pause() {
    naked_asm!(
        // A function without a body is assembled for a machine without floats.
        ".option push",
        ".option arch, +d",
        "addi sp, sp, -304",
        "sd ra, 296(sp)",
        "sd s0, 288(sp)",
        "addi s0, sp, 288",
        "sd t0, 0(sp)",
        "sd t1, 8(sp)",
        "sd t2, 16(sp)",
        "sd t3, 24(sp)",
        "sd t4, 32(sp)",
        "sd t5, 40(sp)",
        "sd t6, 48(sp)",
        "sd a0, 56(sp)",
        "sd a1, 64(sp)",
        "sd a2, 72(sp)",
        "sd a3, 80(sp)",
        "sd a4, 88(sp)",
        "sd a5, 96(sp)",
        "sd a6, 104(sp)",
        "sd a7, 112(sp)",
        "fsd ft0, 120(sp)",
        "fsd ft1, 128(sp)",
        "fsd ft2, 136(sp)",
        "fsd ft3, 144(sp)",
        "fsd ft4, 152(sp)",
        "fsd ft5, 160(sp)",
        "fsd ft6, 168(sp)",
        "fsd ft7, 176(sp)",
        "fsd ft8, 184(sp)",
        "fsd ft9, 192(sp)",
        "fsd ft10, 200(sp)",
        "fsd ft11, 208(sp)",
        "fsd fa0, 216(sp)",
        "fsd fa1, 224(sp)",
        "fsd fa2, 232(sp)",
        "fsd fa3, 240(sp)",
        "fsd fa4, 248(sp)",
        "fsd fa5, 256(sp)",
        "fsd fa6, 264(sp)",
        "fsd fa7, 272(sp)",
        "mv a0, s0",
        "call {pause}",
        "ld t0, 0(sp)",
        "ld t1, 8(sp)",
        "ld t2, 16(sp)",
        "ld t3, 24(sp)",
        "ld t4, 32(sp)",
        "ld t5, 40(sp)",
        "ld t6, 48(sp)",
        "ld a0, 56(sp)",
        "ld a1, 64(sp)",
        "ld a2, 72(sp)",
        "ld a3, 80(sp)",
        "ld a4, 88(sp)",
        "ld a5, 96(sp)",
        "ld a6, 104(sp)",
        "ld a7, 112(sp)",
        "fld ft0, 120(sp)",
        "fld ft1, 128(sp)",
        "fld ft2, 136(sp)",
        "fld ft3, 144(sp)",
        "fld ft4, 152(sp)",
        "fld ft5, 160(sp)",
        "fld ft6, 168(sp)",
        "fld ft7, 176(sp)",
        "fld ft8, 184(sp)",
        "fld ft9, 192(sp)",
        "fld ft10, 200(sp)",
        "fld ft11, 208(sp)",
        "fld fa0, 216(sp)",
        "fld fa1, 224(sp)",
        "fld fa2, 232(sp)",
        "fld fa3, 240(sp)",
        "fld fa4, 248(sp)",
        "fld fa5, 256(sp)",
        "fld fa6, 264(sp)",
        "fld fa7, 272(sp)",
        "ld ra, 296(sp)",
        "ld s0, 288(sp)",
        "addi sp, sp, 304",
        "ret",
        ".option pop",
        pause = sym deadline::pause,
    )
}

/// Finds out what [`pause`] has to know.
pub(in super::super) fn prepare() {}

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

/// See [`with_registers`](super::with_registers): puts what callers have in registers on
/// the stack, and calls.
#[unsafe(naked)]
pub(in super::super) unsafe extern "C" fn spill(call: WithStack, data: *mut c_void) {
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
