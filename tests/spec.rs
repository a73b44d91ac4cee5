//! The specification's test suite: every command of every file has to pass, but for
//! those in `skips.toml`, which have to fail.

#[path = "common/suite.rs"]
mod suite;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Trial};
use wasm_aot_compiler::{Cpu, Options, RelaxedSimd, Target};
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
        for (how, options) in ways(&script) {
            let (total, script) = (total.clone(), script.clone());
            trials.push(Trial::test(script.name() + how, move || {
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

/// How a file is compiled: for the portable processor, and where there is other
/// code for another one or with other options, for that too.
fn ways(script: &suite::Script) -> Vec<(&'static str, Options)> {
    let portable = Options {
        features: script.features,
        codegen: suite::codegen(),
        signals: suite::signals(),
        ..Options::default()
    };
    let on = |cpu| Options {
        cpu,
        ..portable.clone()
    };
    let target = portable.cpu.target();
    let has_vectors = portable.cpu.has_vectors();
    let mut ways = Vec::new();
    if has_vectors || !script.needs_vectors() {
        ways.push(("", portable.clone()));
    }
    let interruptible = Options {
        interruptible: true,
        ..portable.clone()
    };
    let fuel = Options {
        fuel: true,
        ..portable.clone()
    };
    let unguarded = Options {
        spectre_guards: false,
        ..portable.clone()
    };
    let no_signals = Options {
        signals: false,
        ..portable.clone()
    };
    if matches!(script.folder(), "wasm-v3" | "threads") {
        ways.push((" no signals", no_signals));
        ways.push((" interruptible", interruptible));
        ways.push((" fuel", fuel));
        ways.push((" unguarded", unguarded));
    }
    // The least processor rounds floats by adding.
    if target == Target::X86_64Linux && script.file_name().starts_with('f') {
        let least = Cpu::new(target, "x86-64").expect("a processor");
        ways.push((" x86-64", on(least)));
    }
    if has_vectors && script.folder() == "relaxed-simd" {
        let deterministic = Options {
            relaxed_simd: RelaxedSimd::Deterministic,
            ..portable.clone()
        };
        let native = Cpu::new(target, "native").expect("a processor");
        ways.push((" deterministic", deterministic));
        ways.push((" native", on(native)));
    }
    ways
}
