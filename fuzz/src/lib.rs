//! Modules made at random, and whether others do the same with them.

mod compare;
mod generate;
mod observe;
mod ours;
mod peer;
mod plan;
mod wasmi;

use observe::Failure;

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
}

/// Runs a module on all sides, with arguments and options that follow from `seed`.
///
/// # Errors
///
/// If the module cannot be read.
pub fn run(wasm: &[u8], seed: u64) -> anyhow::Result<Verdict> {
    let plan = plan::read(wasm, seed)?;
    let ours = ours::run(wasm, &plan, seed);
    let mut verdict = compare::compare(&ours, &peer::run(wasm, &plan));
    if let Verdict::Same { interpreted, .. } = &mut verdict {
        let interpreter = wasmi::run(wasm, &plan);
        if matches!(interpreter, Err(Failure::Refused(_))) {
            return Ok(verdict);
        }
        *interpreted = true;
        if let Verdict::Different(what) = compare::compare(&ours, &interpreter) {
            return Ok(Verdict::Different(format!("wasmi: {what}")));
        }
    }
    Ok(verdict)
}
