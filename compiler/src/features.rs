//! The language features after WebAssembly 1.0: which of them are on, and the
//! name of the one that a refused module needs.

use std::fmt;
use std::str::FromStr;

use wasm_aot_abi as abi;
use wasmparser::WasmFeatures;

use crate::Error;

/// A set of language features; by default all that this compiler supports.
///
/// ```
/// use wasm_aot_compiler::{Features, validate};
///
/// let module = b"(module (func (export \"f\") (result i32 i32) i32.const 1 i32.const 2))";
/// assert!(validate(module, Features::v2()).is_ok());
/// assert!(validate(module, Features::v1()).is_err()); // one result at most
/// let without: Features = "2.0,-simd".parse()?;
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    enabled: WasmFeatures,
    /// Set if vectors are off because the processor has none: what brings them.
    vectorless: Option<&'static str>,
}

/// One language feature, usually a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: &'static str,
    flags: WasmFeatures,
    /// The bit that records it in an artefact, if this compiler supports it.
    bit: Option<abi::WasmFeatures>,
    /// The first version of the specification that contains it.
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Version {
    V2,
    V3,
    Proposal,
}

const fn supported(
    name: &'static str,
    flags: WasmFeatures,
    version: Version,
    bit: abi::WasmFeatures,
) -> Row {
    Row {
        name,
        flags,
        bit: Some(bit),
        version,
    }
}

const fn unsupported(name: &'static str, flags: WasmFeatures, version: Version) -> Row {
    Row {
        name,
        flags,
        bit: None,
        version,
    }
}

/// Every feature that a module can be told to need, oldest first.
const FEATURES: &[Row] = &[
    supported(
        "mutable-global",
        WasmFeatures::MUTABLE_GLOBAL,
        Version::V2,
        abi::WasmFeatures::MUTABLE_GLOBAL,
    ),
    supported(
        "saturating-float-to-int",
        WasmFeatures::SATURATING_FLOAT_TO_INT,
        Version::V2,
        abi::WasmFeatures::SATURATING_FLOAT_TO_INT,
    ),
    supported(
        "sign-extension",
        WasmFeatures::SIGN_EXTENSION,
        Version::V2,
        abi::WasmFeatures::SIGN_EXTENSION,
    ),
    supported(
        "multi-value",
        WasmFeatures::MULTI_VALUE,
        Version::V2,
        abi::WasmFeatures::MULTI_VALUE,
    ),
    supported(
        "bulk-memory",
        WasmFeatures::BULK_MEMORY,
        Version::V2,
        abi::WasmFeatures::BULK_MEMORY,
    ),
    supported(
        "reference-types",
        WasmFeatures::REFERENCE_TYPES.union(WasmFeatures::GC_TYPES),
        Version::V2,
        abi::WasmFeatures::REFERENCE_TYPES,
    ),
    supported(
        "simd",
        WasmFeatures::SIMD,
        Version::V2,
        abi::WasmFeatures::SIMD,
    ),
    supported(
        "tail-call",
        WasmFeatures::TAIL_CALL,
        Version::V3,
        abi::WasmFeatures::TAIL_CALL,
    ),
    supported(
        "extended-const",
        WasmFeatures::EXTENDED_CONST,
        Version::V3,
        abi::WasmFeatures::EXTENDED_CONST,
    ),
    supported(
        "multi-memory",
        WasmFeatures::MULTI_MEMORY,
        Version::V3,
        abi::WasmFeatures::MULTI_MEMORY,
    ),
    supported(
        "memory64",
        WasmFeatures::MEMORY64,
        Version::V3,
        abi::WasmFeatures::MEMORY64,
    ),
    supported(
        "relaxed-simd",
        WasmFeatures::RELAXED_SIMD,
        Version::V3,
        abi::WasmFeatures::RELAXED_SIMD,
    ),
    supported(
        "exceptions",
        WasmFeatures::EXCEPTIONS,
        Version::V3,
        abi::WasmFeatures::EXCEPTIONS,
    ),
    supported(
        "function-references",
        WasmFeatures::FUNCTION_REFERENCES,
        Version::V3,
        abi::WasmFeatures::FUNCTION_REFERENCES,
    ),
    unsupported(
        "gc",
        WasmFeatures::GC.union(WasmFeatures::FUNCTION_REFERENCES),
        Version::V3,
    ),
    supported(
        "threads",
        WasmFeatures::THREADS,
        Version::Proposal,
        abi::WasmFeatures::THREADS,
    ),
    supported(
        "custom-page-sizes",
        WasmFeatures::CUSTOM_PAGE_SIZES,
        Version::Proposal,
        abi::WasmFeatures::CUSTOM_PAGE_SIZES,
    ),
    supported(
        "wide-arithmetic",
        WasmFeatures::WIDE_ARITHMETIC,
        Version::Proposal,
        abi::WasmFeatures::WIDE_ARITHMETIC,
    ),
    unsupported(
        "legacy-exceptions",
        WasmFeatures::LEGACY_EXCEPTIONS,
        Version::Proposal,
    ),
    unsupported(
        "stack-switching",
        WasmFeatures::STACK_SWITCHING,
        Version::Proposal,
    ),
    unsupported(
        "memory-control",
        WasmFeatures::MEMORY_CONTROL,
        Version::Proposal,
    ),
    unsupported(
        "compact-imports",
        WasmFeatures::COMPACT_IMPORTS,
        Version::Proposal,
    ),
    unsupported(
        "shared-everything-threads",
        WasmFeatures::SHARED_EVERYTHING_THREADS.union(WasmFeatures::THREADS),
        Version::Proposal,
    ),
    unsupported(
        "custom-descriptors",
        WasmFeatures::CUSTOM_DESCRIPTORS
            .union(WasmFeatures::GC)
            .union(WasmFeatures::FUNCTION_REFERENCES),
        Version::Proposal,
    ),
];

impl Features {
    /// WebAssembly 1.0.
    pub fn v1() -> Features {
        Features {
            enabled: WasmFeatures::FLOATS.union(WasmFeatures::MUTABLE_GLOBAL),
            vectorless: None,
        }
    }

    /// WebAssembly 2.0.
    pub fn v2() -> Features {
        Features::v1().with(|row| row.version == Version::V2)
    }

    /// WebAssembly 3.0, as far as it is supported: without the garbage-collected
    /// types.
    pub fn v3() -> Features {
        Features::v2().with(|row| row.version == Version::V3)
    }

    /// Also the supported features of which `which` is true.
    fn with(mut self, which: impl Fn(&Row) -> bool) -> Features {
        for row in FEATURES.iter().filter(|row| row.bit.is_some()) {
            if which(row) {
                self.enabled |= row.flags;
            }
        }
        self
    }

    /// The set for a processor without 128-bit vectors.
    /// `feature` would bring them.
    pub(crate) fn without_vectors(self, feature: &'static str) -> Features {
        let had = self.enabled.contains(WasmFeatures::SIMD);
        Features {
            enabled: self.enabled.difference(WasmFeatures::SIMD),
            vectorless: had.then_some(feature),
        }
    }

    /// The error that a module needs a feature that is not in the set.
    pub(crate) fn refusal(self, feature: Feature, offset: u64) -> Error {
        match self.vectorless {
            Some(missing) if feature.0.flags == WasmFeatures::SIMD => Error::NoVectors {
                offset,
                feature: missing,
            },
            _ => Error::Unsupported { feature, offset },
        }
    }

    /// The bits that record the set in an artefact.
    pub(crate) fn bits(self) -> abi::WasmFeatures {
        FEATURES
            .iter()
            .filter(|row| self.enabled.contains(row.flags))
            .filter_map(|row| row.bit)
            .fold(abi::WasmFeatures::default(), abi::WasmFeatures::with)
    }

    /// The set that was on when an artefact was compiled, which it records.
    pub fn from_recorded(bits: abi::WasmFeatures) -> Features {
        let none = Features {
            enabled: WasmFeatures::FLOATS,
            vectorless: None,
        };
        none.with(|row| row.bit.is_some_and(|bit| bits.contains(bit)))
    }

    /// The set in the validator's terms.
    pub(crate) fn flags(self) -> WasmFeatures {
        self.enabled
    }

    /// The first feature that makes `passes` true when it is switched on as well.
    pub(crate) fn missing(self, passes: impl Fn(WasmFeatures) -> bool) -> Option<Feature> {
        FEATURES
            .iter()
            .find(|row| {
                let wider = self.enabled | row.flags;
                wider != self.enabled && passes(wider)
            })
            .map(Feature)
    }
}

impl Default for Features {
    fn default() -> Features {
        Features::v2().with(|_| true)
    }
}

/// Reads a comma-separated list, applied from left to right to the default:
/// `1.0`, `2.0` or `3.0` starts from that version, `+NAME` and `-NAME` switch.
impl FromStr for Features {
    type Err = Error;

    fn from_str(list: &str) -> Result<Features, Error> {
        let mut features = Features::default();
        for item in list.split(',').map(str::trim) {
            match item.split_at_checked(1) {
                _ if item == "1.0" => features = Features::v1(),
                _ if item == "2.0" => features = Features::v2(),
                _ if item == "3.0" => features = Features::v3(),
                Some(("+", name)) => {
                    let row = find(name)?;
                    if row.bit.is_none() {
                        return Err(Error::Options(format!("{name} is not supported yet")));
                    }
                    features.enabled |= row.flags;
                }
                Some(("-", name)) => {
                    let row = find(name)?;
                    // What is never on takes nothing away with it.
                    if row.bit.is_some() {
                        features.enabled -= row.flags;
                    }
                }
                _ => {
                    return Err(Error::Options(format!(
                        "unknown feature set `{item}`: expected 1.0, 2.0, 3.0, +NAME or -NAME"
                    )));
                }
            }
        }
        Ok(features)
    }
}

fn find(name: &str) -> Result<&'static Row, Error> {
    FEATURES.iter().find(|row| row.name == name).ok_or_else(|| {
        let known: Vec<_> = FEATURES
            .iter()
            .filter(|row| row.bit.is_some())
            .map(|row| row.name)
            .collect();
        Error::Options(format!(
            "unknown feature `{name}`; known are {}",
            known.join(", ")
        ))
    })
}

impl Feature {
    /// Garbage-collected types.
    pub(crate) fn gc() -> Feature {
        let mut rows = FEATURES.iter();
        Feature(rows.find(|row| row.name == "gc").expect("a row"))
    }

    /// Its name, as in `--features`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What is the matter with a feature that is not there, and what helps.
    pub(crate) fn absence(self) -> &'static str {
        if self.is_supported() {
            "enabled"
        } else if self.0.flags == WasmFeatures::LEGACY_EXCEPTIONS {
            "supported; `wasm-opt --translate-to-exnref` (of Binaryen 118 or newer) makes \
             exceptions of it"
        } else {
            "supported yet"
        }
    }

    /// Whether this compiler can compile it.
    pub fn is_supported(self) -> bool {
        self.0.bit.is_some()
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
