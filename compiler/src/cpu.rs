//! The machine that code is for: a target, and which of its instruction set
//! extensions code may use.

use std::fmt;

use wasm_aot_abi::{Architecture, CpuFeatures, System, Target};

use crate::Error;

/// A processor of a target. An artefact records what it needs, and a loader
/// refuses to run it on less.
///
/// ```
/// use wasm_aot_compiler::{Cpu, target};
///
/// let cpu = Cpu::new(target("aarch64")?, "armv8-a,+lse")?;
/// assert!(Cpu::new(cpu.target(), "x86-64-v3").is_err());
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpu {
    target: Target,
    features: CpuFeatures,
    /// What was asked for.
    text: String,
}

/// A processor by its name.
struct Model {
    name: &'static str,
    features: CpuFeatures,
}

const fn model(name: &'static str, features: CpuFeatures) -> Model {
    Model { name, features }
}

/// All that the machine has that runs the compiler.
const NATIVE: &str = "native";

/// The processors of x86-64 with names of their own: its psABI's levels.
const X86_64: &[Model] = {
    let v2 = CpuFeatures::SSE3
        .with(CpuFeatures::SSSE3)
        .with(CpuFeatures::SSE41)
        .with(CpuFeatures::SSE42)
        .with(CpuFeatures::POPCNT)
        .with(CpuFeatures::CMPXCHG16B);
    let v3 = v2
        .with(CpuFeatures::AVX)
        .with(CpuFeatures::AVX2)
        .with(CpuFeatures::FMA)
        .with(CpuFeatures::BMI1)
        .with(CpuFeatures::BMI2)
        .with(CpuFeatures::LZCNT);
    let v4 = v3
        .with(CpuFeatures::AVX512F)
        .with(CpuFeatures::AVX512VL)
        .with(CpuFeatures::AVX512DQ);
    &[
        model("x86-64", CpuFeatures(0)),
        model("x86-64-v2", v2),
        model("x86-64-v3", v3),
        model("x86-64-v4", v4),
    ]
};

const AARCH64: &[Model] = {
    let v81 = CpuFeatures::LSE;
    let v84 = v81.with(CpuFeatures::DOTPROD);
    let v86 = v84.with(CpuFeatures::I8MM);
    &[
        model("armv8-a", CpuFeatures(0)),
        model("armv8.1-a", v81),
        model("armv8.4-a", v84),
        model("armv8.6-a", v86),
    ]
};

const RISCV64: &[Model] = {
    let rv64gc = CpuFeatures::C;
    let rva22 = rv64gc
        .with(CpuFeatures::ZBA)
        .with(CpuFeatures::ZBB)
        .with(CpuFeatures::ZBS)
        .with(CpuFeatures::ZFHMIN);
    let rva23 = rva22
        .with(CpuFeatures::V)
        .with(CpuFeatures::ZCB)
        .with(CpuFeatures::ZFA)
        .with(CpuFeatures::ZICOND)
        .with(CpuFeatures::ZVBB);
    &[
        model("rv64g", CpuFeatures(0)),
        model("rv64gc", rv64gc),
        model("rva22u64", rva22),
        model("rva23u64", rva23),
    ]
};

/// The named processors of a target, from small to large.
fn models(target: Target) -> &'static [Model] {
    match target.architecture() {
        Architecture::X86_64 => X86_64,
        Architecture::Aarch64 => AARCH64,
        Architecture::Riscv64 => RISCV64,
    }
}

/// The processor that is meant when none is named: portable, but not older than
/// what systems still support. Macs have had no AArch64 before that of the M1.
fn default_model(target: Target) -> &'static str {
    match (target.architecture(), target.system()) {
        (Architecture::X86_64, _) => "x86-64-v2",
        (Architecture::Aarch64, System::MacOs) => "armv8.4-a",
        (Architecture::Aarch64, _) => "armv8-a",
        (Architecture::Riscv64, _) => "rv64gc",
    }
}

/// The features that `feature` cannot be without.
fn implied(feature: CpuFeatures) -> CpuFeatures {
    match feature {
        CpuFeatures::SSSE3 => CpuFeatures::SSE3,
        CpuFeatures::SSE41 => CpuFeatures::SSSE3,
        CpuFeatures::SSE42 => CpuFeatures::SSE41,
        CpuFeatures::AVX => CpuFeatures::SSE42,
        CpuFeatures::AVX2 | CpuFeatures::FMA => CpuFeatures::AVX,
        CpuFeatures::AVX512F => CpuFeatures::AVX2.with(CpuFeatures::FMA),
        CpuFeatures::AVX512VL
        | CpuFeatures::AVX512DQ
        | CpuFeatures::AVX512BITALG
        | CpuFeatures::AVX512VBMI => CpuFeatures::AVX512F,
        CpuFeatures::ZCB => CpuFeatures::C,
        CpuFeatures::ZFH => CpuFeatures::ZFHMIN,
        CpuFeatures::ZVBB => CpuFeatures::V,
        _ => CpuFeatures(0),
    }
}

impl Default for Cpu {
    /// The portable processor of the target that the compiler runs on.
    fn default() -> Cpu {
        Cpu::portable(Target::HOST.unwrap_or(Target::X86_64Linux))
    }
}

impl Cpu {
    /// The processor that is meant when none is named: x86-64-v2, armv8-a (of
    /// Macs, armv8.4-a) or rv64gc.
    pub fn portable(target: Target) -> Cpu {
        Cpu::new(target, default_model(target)).expect("the name is known")
    }

    /// Reads a list as in `--cpu`, from left to right: the name of a processor,
    /// without which the portable one is meant, then `+FEATURE` and `-FEATURE`.
    /// A feature brings along those that it cannot be without, and takes away
    /// those that cannot be without it.
    ///
    /// # Errors
    ///
    /// [`Error::Options`] if the target does not have what is named, or if the
    /// machine at hand is asked for and is none of the target's.
    pub fn new(target: Target, text: &str) -> Result<Cpu, Error> {
        let mut items = text.split(',').peekable();
        let is_change = |item: &&str| item.starts_with(['+', '-']);
        let name = items
            .next_if(|item| !is_change(item))
            .unwrap_or(default_model(target));
        let mut features = base(target, name)?;
        for item in items {
            let (add, name) = match (item.strip_prefix('+'), item.strip_prefix('-')) {
                (Some(name), _) => (true, name),
                (_, Some(name)) => (false, name),
                _ => return Err(unknown("cpu feature", item, target, feature_forms(target))),
            };
            let found = CpuFeatures::of(target).find(|(_, known)| *known == name);
            let Some((feature, _)) = found else {
                return Err(unknown("cpu feature", item, target, feature_forms(target)));
            };
            features = match add {
                true => with(features, feature),
                false => without(features, feature, target),
            };
        }
        Ok(Cpu {
            target,
            features,
            text: text.to_owned(),
        })
    }

    /// The target that it is a processor of.
    pub fn target(&self) -> Target {
        self.target
    }

    /// What it has.
    pub fn features(&self) -> CpuFeatures {
        self.features
    }

    /// Whether there is code for vectors: RISC-V has them as an extension, and
    /// with SSE2 alone, shuffles and some conversions have none.
    pub fn has_vectors(&self) -> bool {
        match self.target.architecture() {
            Architecture::X86_64 => self.features.contains(CpuFeatures::SSE41),
            Architecture::Aarch64 => true,
            Architecture::Riscv64 => self.features.contains(CpuFeatures::V),
        }
    }

    /// The names of a target's processors, the smallest first, and `native`.
    pub fn names(target: Target) -> impl Iterator<Item = &'static str> {
        models(target)
            .iter()
            .map(|model| model.name)
            .chain([NATIVE])
    }
}

/// As it was asked for.
impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads a target as in `--target`: a triple, or as much of it as says which one
/// is meant; without a system, Linux. Artefacts need no C library, so that of the
/// triple may be any.
///
/// # Errors
///
/// [`Error::Options`] with the targets that there are.
pub fn target(text: &str) -> Result<Target, Error> {
    // "x86-64" has the separator in it.
    let spelled = text.replacen("x86-64", "x86_64", 1);
    let mut parts = spelled.split('-');
    let architecture = match parts.next() {
        Some("x86_64" | "amd64") => Some(Architecture::X86_64),
        Some("aarch64" | "arm64") => Some(Architecture::Aarch64),
        Some("riscv64" | "riscv64gc") => Some(Architecture::Riscv64),
        _ => None,
    };
    let rest: Vec<&str> = parts.collect();
    let system = match rest[..] {
        [] | ["linux"] | [_, "linux"] => Some(System::Linux),
        ["linux", "gnu" | "musl"] | [_, "linux", "gnu" | "musl"] => Some(System::Linux),
        ["macos" | "darwin"] | ["apple", "macos" | "darwin"] => Some(System::MacOs),
        ["windows"] | [_, "windows"] => Some(System::Windows),
        ["windows", "gnu" | "gnullvm" | "msvc"] | [_, "windows", "gnu" | "gnullvm" | "msvc"] => {
            Some(System::Windows)
        }
        _ => None,
    };
    let is_meant = |target: &Target| {
        Some(target.architecture()) == architecture && Some(target.system()) == system
    };
    match Target::ALL.into_iter().find(is_meant) {
        Some(target) => Ok(target),
        None => {
            let why = match text.split('-').next() {
                Some("s390x" | "powerpc64" | "aarch64_be") => {
                    " (big-endian machines are not supported yet)"
                }
                _ => "",
            };
            let known: Vec<_> = Target::ALL.iter().map(|target| target.triple()).collect();
            Err(Error::Options(format!(
                "unknown target `{text}`{why}: expected {}",
                known.join(", ")
            )))
        }
    }
}

/// The features of a processor by its name.
fn base(target: Target, name: &str) -> Result<CpuFeatures, Error> {
    if name == NATIVE {
        if Target::HOST != Some(target) {
            return Err(Error::Options(format!(
                "this machine is no {target}, so `native` does not say what that one has"
            )));
        }
        return Ok(native());
    }
    let model = models(target).iter().find(|model| model.name == name);
    model.map(|model| model.features).ok_or_else(|| {
        let forms = Cpu::names(target).map(str::to_owned).collect();
        unknown("cpu", name, target, forms)
    })
}

fn unknown(what: &str, name: &str, target: Target, forms: Vec<String>) -> Error {
    Error::Options(format!(
        "unknown {what} `{name}` of {target}: expected {}",
        forms.join(", ")
    ))
}

fn feature_forms(target: Target) -> Vec<String> {
    let names = CpuFeatures::of(target).map(|(_, name)| name);
    vec![format!(
        "`+` or `-` and one of {}",
        names.collect::<Vec<_>>().join(", ")
    )]
}

/// `features` with `feature` and what that one cannot be without.
fn with(features: CpuFeatures, feature: CpuFeatures) -> CpuFeatures {
    let mut all = features.with(feature);
    let bits = (0..64).map(|bit| CpuFeatures(1 << bit));
    for needed in bits.filter(|bit| implied(feature).contains(*bit)) {
        all = with(all, needed);
    }
    all
}

/// `features` without `feature` and what cannot be without that one.
fn without(features: CpuFeatures, feature: CpuFeatures, target: Target) -> CpuFeatures {
    CpuFeatures::of(target)
        .filter(|(other, _)| with(CpuFeatures(0), *other).contains(feature))
        .fold(features, |rest, (other, _)| rest.without(other))
}

/// Cranelift's names for the settings behind one feature.
pub(crate) fn settings(feature: CpuFeatures) -> &'static [&'static str] {
    match feature {
        CpuFeatures::SSE3 => &["has_sse3"],
        CpuFeatures::SSSE3 => &["has_ssse3"],
        CpuFeatures::SSE41 => &["has_sse41"],
        CpuFeatures::SSE42 => &["has_sse42"],
        CpuFeatures::POPCNT => &["has_popcnt"],
        CpuFeatures::AVX => &["has_avx"],
        CpuFeatures::AVX2 => &["has_avx2"],
        CpuFeatures::FMA => &["has_fma"],
        CpuFeatures::BMI1 => &["has_bmi1"],
        CpuFeatures::BMI2 => &["has_bmi2"],
        CpuFeatures::LZCNT => &["has_lzcnt"],
        CpuFeatures::AVX512F => &["has_avx512f"],
        CpuFeatures::AVX512VL => &["has_avx512vl"],
        CpuFeatures::AVX512DQ => &["has_avx512dq"],
        CpuFeatures::AVX512BITALG => &["has_avx512bitalg"],
        CpuFeatures::AVX512VBMI => &["has_avx512vbmi"],
        CpuFeatures::CMPXCHG16B => &["has_cmpxchg16b"],
        CpuFeatures::LSE => &["has_lse"],
        CpuFeatures::FP16 => &["has_fp16"],
        CpuFeatures::DOTPROD => &["has_dotprod"],
        CpuFeatures::I8MM => &["has_i8mm"],
        CpuFeatures::C => &["has_zca", "has_zcd"],
        // The extension says so: registers have at least 128 bits.
        CpuFeatures::V => &["has_v", "has_zvl32b", "has_zvl64b", "has_zvl128b"],
        CpuFeatures::ZBA => &["has_zba"],
        CpuFeatures::ZBB => &["has_zbb"],
        CpuFeatures::ZBC => &["has_zbc"],
        CpuFeatures::ZBS => &["has_zbs"],
        CpuFeatures::ZBKB => &["has_zbkb"],
        CpuFeatures::ZCB => &["has_zcb"],
        CpuFeatures::ZFA => &["has_zfa"],
        CpuFeatures::ZFHMIN => &["has_zfhmin"],
        CpuFeatures::ZFH => &["has_zfh"],
        CpuFeatures::ZICOND => &["has_zicond"],
        CpuFeatures::ZVBB => &["has_zvbb"],
        other => unreachable!("{other} is no single feature"),
    }
}

/// What the machine has that runs the compiler.
#[cfg(target_arch = "x86_64")]
fn native() -> CpuFeatures {
    macro_rules! detect {
        ($($name:tt $feature:ident)*) => {
            [$((is_x86_feature_detected!($name), CpuFeatures::$feature)),*]
        };
    }
    detected(&detect! {
        "sse3" SSE3  "ssse3" SSSE3  "sse4.1" SSE41  "sse4.2" SSE42  "popcnt" POPCNT
        "avx" AVX  "avx2" AVX2  "fma" FMA  "bmi1" BMI1  "bmi2" BMI2  "lzcnt" LZCNT
        "avx512f" AVX512F  "avx512vl" AVX512VL  "avx512dq" AVX512DQ
        "avx512bitalg" AVX512BITALG  "avx512vbmi" AVX512VBMI  "cmpxchg16b" CMPXCHG16B
    })
}

/// What the machine has that runs the compiler.
#[cfg(target_arch = "aarch64")]
fn native() -> CpuFeatures {
    use std::arch::is_aarch64_feature_detected as has;
    detected(&[
        (has!("lse"), CpuFeatures::LSE),
        (has!("fp16"), CpuFeatures::FP16),
        (has!("dotprod"), CpuFeatures::DOTPROD),
        (has!("i8mm"), CpuFeatures::I8MM),
    ])
}

/// What the machine has that runs the compiler: nothing tells, so what every
/// Linux has.
#[cfg(target_arch = "riscv64")]
fn native() -> CpuFeatures {
    detected(&[(true, CpuFeatures::C)])
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
fn native() -> CpuFeatures {
    unreachable!("the host is none of the targets")
}

#[allow(dead_code, reason = "not every machine is asked")]
fn detected(features: &[(bool, CpuFeatures)]) -> CpuFeatures {
    let present = features.iter().filter(|(present, _)| *present);
    present.fold(CpuFeatures(0), |all, (_, feature)| all.with(*feature))
}
