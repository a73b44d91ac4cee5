//! `wasm-aot validate`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::args::FeaturesArg;
use crate::input::Input;

/// Check that a module is valid
///
/// Prints nothing if it is; else one line with the offset and the reason.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot validate app.wasm
  wasm-aot validate app.wat --features 1.0   is it WebAssembly 1.0?")]
pub(crate) struct Args {
    /// The module, in binary or text format
    file: PathBuf,

    #[command(flatten)]
    features: FeaturesArg,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let input = Input::read(&args.file)?;
    wasm_aot_compiler::validate(&input.wasm, args.features.get())
        .with_context(|| args.file.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
