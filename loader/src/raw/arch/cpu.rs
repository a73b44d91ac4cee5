//! What this CPU has beyond the least that its target stands for.

use wasm_aot_abi::CpuFeatures;

/// What this CPU has, as far as the system tells.
#[cfg(target_arch = "x86_64")]
pub(in super::super) fn cpu_features() -> CpuFeatures {
    macro_rules! detect {
        ($($bit:ident $name:tt,)*) => {
            &[$((CpuFeatures::$bit, std::is_x86_feature_detected!($name)),)*]
        };
    }
    present(detect![
        SSE3 "sse3", SSSE3 "ssse3", SSE41 "sse4.1", SSE42 "sse4.2", POPCNT "popcnt",
        AVX "avx", AVX2 "avx2", FMA "fma", BMI1 "bmi1", BMI2 "bmi2", LZCNT "lzcnt",
        AVX512F "avx512f", AVX512VL "avx512vl", AVX512DQ "avx512dq",
        AVX512BITALG "avx512bitalg", AVX512VBMI "avx512vbmi", CMPXCHG16B "cmpxchg16b",
    ])
}

/// What this CPU has, as far as the system tells.
#[cfg(target_arch = "aarch64")]
pub(in super::super) fn cpu_features() -> CpuFeatures {
    use std::arch::is_aarch64_feature_detected as has;
    present(&[
        (CpuFeatures::LSE, has!("lse")),
        (CpuFeatures::FP16, has!("fp16")),
        (CpuFeatures::DOTPROD, has!("dotprod")),
        (CpuFeatures::I8MM, has!("i8mm")),
    ])
}

/// What this CPU has, as far as the system tells: single letters in the
/// auxiliary vector, and all others by a system call (Linux 6.4).
#[cfg(target_arch = "riscv64")]
pub(in super::super) fn cpu_features() -> CpuFeatures {
    /// `struct riscv_hwprobe`.
    #[repr(C)]
    struct Pair {
        key: i64,
        value: u64,
    }
    const SYS_RISCV_HWPROBE: libc::c_long = 258;
    const IMA_EXT_0: i64 = 4;

    // SAFETY: reads a constant of the process.
    let letters = unsafe { libc::getauxval(libc::AT_HWCAP) };
    let letter = |letter: u8| letters & (1 << (letter - b'A')) != 0;
    let mut pair = Pair {
        key: IMA_EXT_0,
        value: 0,
    };
    // SAFETY: the kernel writes one pair, which is there. No set of CPUs: what
    // all of them have.
    let result = unsafe {
        libc::syscall(
            SYS_RISCV_HWPROBE,
            &raw mut pair,
            1,
            0,
            std::ptr::null::<u8>(),
            0,
        )
    };
    let words = if result == 0 && pair.key == IMA_EXT_0 {
        pair.value
    } else {
        0
    };
    let bit = |number: u32| words & (1 << number) != 0;
    present(&[
        (CpuFeatures::C, letter(b'C') || bit(1)),
        (CpuFeatures::V, letter(b'V') || bit(2)),
        (CpuFeatures::ZBA, bit(3)),
        (CpuFeatures::ZBB, bit(4)),
        (CpuFeatures::ZBS, bit(5)),
        (CpuFeatures::ZBC, bit(7)),
        (CpuFeatures::ZBKB, bit(8)),
        (CpuFeatures::ZVBB, bit(17)),
        (CpuFeatures::ZFH, bit(27)),
        (CpuFeatures::ZFHMIN, bit(28)),
        (CpuFeatures::ZFA, bit(32)),
        (CpuFeatures::ZICOND, bit(35)),
        (CpuFeatures::ZCB, bit(44)),
    ])
}

fn present(features: &[(CpuFeatures, bool)]) -> CpuFeatures {
    let here = features.iter().filter(|(_, present)| *present);
    here.fold(CpuFeatures(0), |set, (bit, _)| set.with(*bit))
}
