//! Modules made at random, and whether others do the same with them.

mod compare;
mod generate;
mod observe;
mod ours;
mod peer;
mod plan;
mod wasmi;

use std::path::PathBuf;
use std::{env, fs};

use observe::Failure;
use wasm_aot_compiler::{Codegen, Options, compile};

pub use generate::{generated, generated_from};

/// What came out of it.
#[derive(Debug)]
pub enum Verdict {
    /// All sides did the same.
    Same {
        /// Calls that were compared.
        calls: u64,
        /// Those among them that trapped or threw.
        failed: u64,
        /// Whether wasmi has run it too.
        interpreted: bool,
    },
    /// There is nothing to compare.
    Skipped,
    /// What is different.
    Different(String),
    /// What is different in wasmi, and not in Wasmtime: a defect of the interpreter most
    /// likely, but one that both compilers have from Cranelift would look so, too.
    Alone(String),
}

/// Writes what fuzzing can start with to the folder that the environment names as
/// `FUZZ_SEEDS`: small modules for the target `compile`, and their artefacts for `artefact`.
///
/// # Panics
///
/// If it cannot.
pub fn write_seeds() {
    let Some(dir) = env::var_os("FUZZ_SEEDS").map(PathBuf::from) else {
        return;
    };
    let (modules, artefacts) = (dir.join("compile"), dir.join("artefact"));
    fs::create_dir_all(&modules).expect("a folder");
    fs::create_dir_all(&artefacts).expect("a folder");
    for seed in 0..40 {
        let Ok(Some(wasm)) = generated(seed) else {
            continue;
        };
        if wasm.len() > 8 << 10 {
            continue;
        }
        // The first byte is the options.
        let input = [&[2], &wasm[..]].concat();
        fs::write(modules.join(seed.to_string()), input).expect("room for it");
        if let Ok(artefact) = compile(&wasm, &Options::default())
            && artefact.len() < 64 << 10
        {
            fs::write(artefacts.join(seed.to_string()), artefact).expect("room for it");
        }
    }
}

/// Runs a module on all sides, with arguments and options that follow from `seed`.
///
/// # Errors
///
/// If the module cannot be read.
pub fn run(wasm: &[u8], seed: u64, codegen: Codegen) -> anyhow::Result<Verdict> {
    let plan = plan::read(wasm, seed)?;
    let ours = ours::run(wasm, &plan, seed, codegen);
    let mut verdict = compare::compare(&ours, &peer::run(wasm, &plan));
    if let Verdict::Same { interpreted, .. } = &mut verdict {
        let interpreter = wasmi::run(wasm, &plan);
        let refused = match &interpreter {
            Ok(observed) => observed.refuses(),
            Err(failure) => matches!(failure, Failure::Refused(_)),
        };
        if refused {
            return Ok(verdict);
        }
        *interpreted = true;
        if let Verdict::Different(what) = compare::compare(&ours, &interpreter) {
            return Ok(Verdict::Alone(format!("wasmi: {what}")));
        }
    }
    Ok(verdict)
}
