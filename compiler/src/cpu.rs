//! Which instruction set extensions code may use.

use wasm_aot_abi::CpuFeatures;

use crate::{Cpu, Error};

/// The features that `cpu` allows on x86-64.
///
/// # Errors
///
/// If `cpu` is the machine at hand, which lacks what every other choice has.
pub(crate) fn x86_64_features(cpu: Cpu) -> Result<CpuFeatures, Error> {
    let features = match cpu {
        Cpu::V2 => V2,
        Cpu::V3 => V3,
        Cpu::V4 => V4,
        Cpu::Native => native(),
    };
    if features.contains(V2) {
        Ok(features)
    } else {
        Err(Error::Options(format!(
            "this machine lacks {}, which code needs at least",
            V2.without(features)
        )))
    }
}

/// Cranelift's name for the setting behind one feature.
pub(crate) fn x86_64_setting(feature: CpuFeatures) -> &'static str {
    match feature {
        CpuFeatures::SSE3 => "has_sse3",
        CpuFeatures::SSSE3 => "has_ssse3",
        CpuFeatures::SSE41 => "has_sse41",
        CpuFeatures::SSE42 => "has_sse42",
        CpuFeatures::POPCNT => "has_popcnt",
        CpuFeatures::AVX => "has_avx",
        CpuFeatures::AVX2 => "has_avx2",
        CpuFeatures::FMA => "has_fma",
        CpuFeatures::BMI1 => "has_bmi1",
        CpuFeatures::BMI2 => "has_bmi2",
        CpuFeatures::LZCNT => "has_lzcnt",
        CpuFeatures::AVX512F => "has_avx512f",
        CpuFeatures::AVX512VL => "has_avx512vl",
        CpuFeatures::AVX512DQ => "has_avx512dq",
        CpuFeatures::AVX512BITALG => "has_avx512bitalg",
        CpuFeatures::AVX512VBMI => "has_avx512vbmi",
        CpuFeatures::CMPXCHG16B => "has_cmpxchg16b",
        other => unreachable!("{other} is no single feature"),
    }
}

const V2: CpuFeatures = CpuFeatures::SSE3
    .with(CpuFeatures::SSSE3)
    .with(CpuFeatures::SSE41)
    .with(CpuFeatures::SSE42)
    .with(CpuFeatures::POPCNT)
    .with(CpuFeatures::CMPXCHG16B);
const V3: CpuFeatures = V2
    .with(CpuFeatures::AVX)
    .with(CpuFeatures::AVX2)
    .with(CpuFeatures::FMA)
    .with(CpuFeatures::BMI1)
    .with(CpuFeatures::BMI2)
    .with(CpuFeatures::LZCNT);
const V4: CpuFeatures = V3
    .with(CpuFeatures::AVX512F)
    .with(CpuFeatures::AVX512VL)
    .with(CpuFeatures::AVX512DQ);

#[cfg(target_arch = "x86_64")]
fn native() -> CpuFeatures {
    macro_rules! detect {
        ($($name:tt $feature:ident)*) => {
            [$((is_x86_feature_detected!($name), CpuFeatures::$feature)),*]
        };
    }
    detect! {
        "sse3" SSE3  "ssse3" SSSE3  "sse4.1" SSE41  "sse4.2" SSE42  "popcnt" POPCNT
        "avx" AVX  "avx2" AVX2  "fma" FMA  "bmi1" BMI1  "bmi2" BMI2  "lzcnt" LZCNT
        "avx512f" AVX512F  "avx512vl" AVX512VL  "avx512dq" AVX512DQ
        "avx512bitalg" AVX512BITALG  "avx512vbmi" AVX512VBMI  "cmpxchg16b" CMPXCHG16B
    }
    .into_iter()
    .filter(|(present, _)| *present)
    .fold(CpuFeatures::default(), |all, (_, feature)| {
        all.with(feature)
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn native() -> CpuFeatures {
    CpuFeatures::default()
}
