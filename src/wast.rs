//! `wasm-aot wast`.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use wasm_aot_compiler::Options;
use wasm_aot_wast::Summary;

use crate::FAILURE;
use crate::args::{FeaturesArg, LevelArg};
use crate::print;

/// Run scripts of the WebAssembly specification's test suite
///
/// Prints each command that fails, with what was expected and what was found, then for each file
/// and in total how many passed and failed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot wast i32.wast
  wasm-aot wast --features 2.0 core/*.wast   the suite of version 2.0 refuses what 3.0 has")]
pub(crate) struct Args {
    /// The scripts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    features: FeaturesArg,
    #[command(flatten)]
    level: LevelArg,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let options = Options {
        features: args.features.get(),
        level: args.level.level,
        codegen: args.level.codegen,
        ..Options::default()
    };
    let mut total = Summary::default();
    for file in &args.files {
        let path = file.display();
        let source = fs::read_to_string(file).with_context(|| format!("cannot read {path}"))?;
        let summary = wasm_aot_wast::run(&source, &options, |failure| {
            print::stderr(format_args!("{path}:{failure}"));
        });
        print::stdout(format!("{path}: {summary}\n").as_bytes())?;
        total += summary;
    }
    print::stdout(format!("{total}\n").as_bytes())?;
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILURE)
    })
}
