//! What depends on the machine: a few instructions, and the layout of what the
//! kernel saves when a signal arrives.

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{Registers, missing_exit, raise, resume};
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{Registers, missing_exit, raise, resume};

#[cfg(not(all(
    target_os = "linux",
    target_endian = "little",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("the loader is for Linux on x86-64 and little-endian AArch64");
