//! Sets of bits with names, so that a refusal can say which one is meant.

use core::fmt;

use crate::{Architecture, Target};

/// Declares a set of named bits.
macro_rules! bits {
    ($(
        $(#[$meta:meta])*
        pub struct $set:ident {
            $($(#[$bit_meta:meta])* $bit:ident = $number:literal, $name:literal;)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $set(pub u64);

        impl $set {
            $($(#[$bit_meta])* pub const $bit: $set = $set(1 << $number);)*

            /// The bits as this file calls them, for a look at what has changed.
            #[cfg(test)]
            pub(crate) const NUMBERS: &[(&str, u32)] = &[$((stringify!($bit), $number),)*];

            /// Every bit of this version with its name, lowest first.
            pub const NAMES: &[($set, &str)] = &[$(($set::$bit, $name),)*];

            /// Whether every bit of `other` is in `self`.
            pub const fn contains(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits of either.
            #[must_use]
            pub const fn with(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// The bits of `self` that are not in `other`.
            #[must_use]
            pub const fn without(self, other: $set) -> $set {
                $set(self.0 & !other.0)
            }

            /// Whether no bit is set.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The bits that this version has no name for.
            pub const fn unknown(self) -> $set {
                $set(self.0 $(& !$set::$bit.0)*)
            }
        }
    )*};
}

bits! {
    /// What a loader must know beyond the base of the ABI.
    pub struct Required {
        /// Traps of this artefact are hardware faults: the host must have
        /// handlers for them.
        FAULTS = 0, "hardware faults as traps";
        /// Types of references other than `funcref` and `externref`, recursion
        /// groups and subtypes of function types, calls through references.
        TYPED_REFERENCES = 1, "typed references";
        /// Tags, exceptions as values, and calls with handlers for them.
        EXCEPTIONS = 2, "exceptions";
        /// A memory or table, imported or defined, has addresses of 64 bits.
        ADDRESS64 = 3, "64-bit memories or tables";
        /// A memory, imported or defined, has pages of another size than 64 KiB.
        PAGE_SIZES = 4, "memories with pages of other sizes";
        /// Memories that several threads use, and waiting in them.
        SHARED_MEMORIES = 5, "shared memories";
        /// Constant expressions with arithmetic.
        EXTENDED_CONST = 7, "extended constant expressions";
        /// Code reads [`VmContext::interrupt`](crate::VmContext::interrupt).
        INTERRUPTION = 8, "interruption";
        /// Code reads from a page that the host can take away; see "Interruption" in the
        /// documentation of the crate.
        INTERRUPTION_PAGE = 9, "interruption by a page";
        /// Code counts in [`StoreContext::fuel`](crate::StoreContext::fuel).
        FUEL = 10, "fuel";
        /// Traps of this artefact are calls of [`Builtins::trap`](crate::Builtins::trap);
        /// it does not require [`FAULTS`](Required::FAULTS).
        TRAP_CALLS = 11, "traps as calls";
    }

    /// Language features after WebAssembly 1.0.
    pub struct WasmFeatures {
        /// Import and export of mutable globals.
        MUTABLE_GLOBAL = 0, "mutable-global";
        /// Float-to-int conversions that do not trap.
        SATURATING_FLOAT_TO_INT = 1, "saturating-float-to-int";
        /// Sign extension operators.
        SIGN_EXTENSION = 2, "sign-extension";
        /// Several results of functions and blocks.
        MULTI_VALUE = 3, "multi-value";
        /// Bulk operations on memories and tables.
        BULK_MEMORY = 4, "bulk-memory";
        /// Reference types.
        REFERENCE_TYPES = 5, "reference-types";
        /// 128-bit vectors.
        SIMD = 6, "simd";
        /// Calls in tail position.
        TAIL_CALL = 7, "tail-call";
        /// Arithmetic in constant expressions.
        EXTENDED_CONST = 8, "extended-const";
        /// Several memories.
        MULTI_MEMORY = 9, "multi-memory";
        /// Memories and tables with 64-bit addresses.
        MEMORY64 = 10, "memory64";
        /// Vector instructions whose results depend on the machine.
        RELAXED_SIMD = 11, "relaxed-simd";
        /// Exceptions that are references.
        EXCEPTIONS = 12, "exceptions";
        /// References to functions of a type.
        FUNCTION_REFERENCES = 13, "function-references";
        /// Garbage-collected types. Reserved: no artefact has it.
        GC = 14, "gc";
        /// Memories that threads share, and atomic instructions.
        THREADS = 15, "threads";
        /// Memories with pages of one byte.
        CUSTOM_PAGE_SIZES = 16, "custom-page-sizes";
        /// Integer arithmetic of 128 bits.
        WIDE_ARITHMETIC = 17, "wide-arithmetic";
    }

    /// Extensions of the target's base instruction set: what x86-64 has beyond
    /// SSE2 (bits 0 to 23), AArch64 beyond ARMv8.0-A (24 to 39) and RISC-V
    /// beyond RV64G (40 to 63).
    pub struct CpuFeatures {
        /// SSE3.
        SSE3 = 0, "sse3";
        /// SSSE3.
        SSSE3 = 1, "ssse3";
        /// SSE4.1.
        SSE41 = 2, "sse4.1";
        /// SSE4.2.
        SSE42 = 3, "sse4.2";
        /// `popcnt`.
        POPCNT = 4, "popcnt";
        /// AVX.
        AVX = 5, "avx";
        /// AVX2.
        AVX2 = 6, "avx2";
        /// Fused multiply-add.
        FMA = 7, "fma";
        /// BMI1.
        BMI1 = 8, "bmi1";
        /// BMI2.
        BMI2 = 9, "bmi2";
        /// `lzcnt`.
        LZCNT = 10, "lzcnt";
        /// AVX-512 F.
        AVX512F = 11, "avx512f";
        /// AVX-512 VL.
        AVX512VL = 12, "avx512vl";
        /// AVX-512 DQ.
        AVX512DQ = 13, "avx512dq";
        /// AVX-512 BITALG.
        AVX512BITALG = 14, "avx512bitalg";
        /// AVX-512 VBMI.
        AVX512VBMI = 15, "avx512vbmi";
        /// `cmpxchg16b`.
        CMPXCHG16B = 16, "cmpxchg16b";

        /// Atomic read-modify-write instructions (FEAT_LSE).
        LSE = 24, "lse";
        /// Arithmetic on half-precision floats (FEAT_FP16).
        FP16 = 25, "fp16";
        /// Dot products of bytes (FEAT_DotProd).
        DOTPROD = 26, "dotprod";
        /// Matrix multiplication of bytes (FEAT_I8MM).
        I8MM = 27, "i8mm";

        /// Compressed instructions (Zca and Zcd).
        C = 40, "c";
        /// Vectors of at least 128 bits.
        V = 41, "v";
        /// Address generation.
        ZBA = 42, "zba";
        /// Basic bit manipulation.
        ZBB = 43, "zbb";
        /// Carry-less multiplication.
        ZBC = 44, "zbc";
        /// Single-bit instructions.
        ZBS = 45, "zbs";
        /// Bit manipulation for cryptography.
        ZBKB = 46, "zbkb";
        /// More compressed instructions.
        ZCB = 47, "zcb";
        /// More floating-point instructions.
        ZFA = 48, "zfa";
        /// Conversions of half-precision floats.
        ZFHMIN = 49, "zfhmin";
        /// Half-precision floats.
        ZFH = 50, "zfh";
        /// Conditional moves.
        ZICOND = 51, "zicond";
        /// Bit manipulation of vectors.
        ZVBB = 52, "zvbb";
    }
}

impl CpuFeatures {
    /// Every extension of a target with its name.
    pub fn of(target: Target) -> impl Iterator<Item = (CpuFeatures, &'static str)> {
        let bits = match target.architecture() {
            Architecture::X86_64 => 0..24,
            Architecture::Aarch64 => 24..40,
            Architecture::Riscv64 => 40..64,
        };
        CpuFeatures::NAMES
            .iter()
            .copied()
            .filter(move |(feature, _)| bits.contains(&feature.0.trailing_zeros()))
    }
}

macro_rules! display {
    ($($set:ident)*) => {$(
        /// The names, separated by commas; a bit without one as `bit N`.
        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut first = true;
                for bit in (0..64).map(|n| $set(1 << n)).filter(|bit| self.contains(*bit)) {
                    if !core::mem::take(&mut first) {
                        f.write_str(", ")?;
                    }
                    match $set::NAMES.iter().find(|(known, _)| *known == bit) {
                        Some((_, name)) => f.write_str(name)?,
                        None => write!(f, "bit {}", bit.0.trailing_zeros())?,
                    }
                }
                if first { f.write_str("none") } else { Ok(()) }
            }
        }
    )*};
}

display!(Required WasmFeatures CpuFeatures);

/// The usual triple of the target.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}
