//! The specification's test suite: every command of every file has to pass, but for
//! those in `skips.toml`, which have to fail.

#[path = "common/suite.rs"]
mod suite;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Trial};
use wasm_aot_compiler::{Cpu, Options, Target};
use wasm_aot_loader::Module;
use wasm_aot_wast::Summary;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let total = Arc::new(Mutex::new(Summary::default()));
    let scripts = suite::scripts();
    // Deep recursion is among the tests: not on the main thread, whose stack
    // has another size.
    arguments.test_threads.get_or_insert_with(|| {
        std::thread::available_parallelism()
            .map_or(2, usize::from)
            .max(2)
    });
    let stale = suite::stale_skips(&scripts);
    let mut trials = vec![Trial::test("skips.toml", move || match stale.is_empty() {
        true => Ok(()),
        false => Err(format!("no such file: {}", stale.join(", ")).into()),
    })];
    for script in scripts.into_iter().map(Arc::new) {
        for cpu in cpus(&script) {
            let (total, script) = (total.clone(), script.clone());
            let name = match cpu == Cpu::default() {
                true => script.name(),
                false => format!("{} {cpu}", script.name()),
            };
            trials.push(Trial::test(name, move || {
                let options = Options {
                    cpu,
                    features: script.features,
                    ..Options::default()
                };
                let (summary, result) =
                    script.run(&options, &|artefact| Ok(Module::from_bytes(artefact)?));
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
fn cpus(script: &suite::Script) -> Vec<Cpu> {
    let portable = Cpu::default();
    if script.needs_vectors() && !portable.has_vectors() {
        return Vec::new();
    }
    let mut cpus = vec![portable.clone()];
    if portable.target() == Target::X86_64Linux && script.file_name().starts_with('f') {
        cpus.push(Cpu::new(portable.target(), "x86-64").expect("a processor"));
    }
    cpus
}
