//! Every module of the specification's test suite, through the whole compiler:
//! valid ones compile for every processor at every level, the others are
//! refused. What the code does when it runs is tested elsewhere.

mod suite;

use std::collections::BTreeSet;

use rayon::prelude::*;
use wasm_aot_compiler::{Cpu, Emit, Error, Level, Options, Target, compile, validate};
use wasmparser::{Operator, Parser, Payload};

use suite::{Expected, cases};

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
                        features: case.features,
                        // Which there are of all targets.
                        emit: Emit::Object,
                        ..Options::default()
                    };
                    match compile(&case.module, &options) {
                        Ok(_) => None,
                        // Named, and only where there are none.
                        Err(Error::NoVectors { .. }) if !cpu.has_vectors() => None,
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
            let options = Options {
                features: case.features,
                ..Options::default()
            };
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
    // Those of version 2.0, and the relaxed ones.
    assert_eq!(names.len(), 236 + 20);
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
