//! `wasm-aot seal`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::sealing;

/// Write the digest of compiled modules anew
///
/// For files that were changed on purpose since they were compiled, as by strip: they have the
/// digest of what they were, and would be refused. A signature is taken away, since it was over
/// that.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strip app.so && wasm-aot seal app.so")]
pub(crate) struct Args {
    /// The compiled modules
    #[arg(value_name = "FILE.so", required = true)]
    files: Vec<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    for file in &args.files {
        sealing::change(file, sealing::reseal)?;
    }
    Ok(ExitCode::SUCCESS)
}
