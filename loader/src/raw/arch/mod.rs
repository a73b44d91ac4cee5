//! What depends on the machine: a few instructions, the layout of what the
//! kernel saves when a signal arrives, and what the CPU has.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod cpu;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64::spill;
#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{
    Registers, landing_pad_protection, missing_exit, pause, prepare, raise, resume,
};
pub(super) use cpu::cpu_features;
#[cfg(target_arch = "riscv64")]
use riscv64::spill;
#[cfg(target_arch = "riscv64")]
pub(super) use riscv64::{Registers, missing_exit, pause, prepare, raise, resume};
#[cfg(target_arch = "x86_64")]
use x86_64::spill;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{Registers, missing_exit, pause, prepare, raise, resume};

#[cfg(not(target_arch = "aarch64"))]
use std::ffi::c_int;
use std::ffi::c_void;

use wasm_aot_abi::Target;

#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    target_pointer_width = "64",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
)))]
compile_error!("the loader is for Linux on x86-64, little-endian AArch64 and 64-bit RISC-V");

/// What this loader was compiled for.
pub(super) const HOST: Target = Target::HOST.expect("there is a target for each such machine");

/// See that of AArch64: others have nothing like it, or no code for it.
#[cfg(not(target_arch = "aarch64"))]
pub(super) fn landing_pad_protection() -> c_int {
    0
}

/// Takes data and a stack pointer.
pub(super) type WithStack = unsafe extern "C" fn(data: *mut c_void, sp: usize);

/// Calls `call` with `data` and a stack pointer: above it is everything that callers
/// have in registers.
pub(super) fn with_registers(call: WithStack, data: *mut c_void) {
    // SAFETY: it does nothing but the call.
    unsafe { spill(call, data) }
}
