//! `wasm-aot man`, for packagers.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use crate::args::Cli;

/// Write manual pages, one for each command
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory to write them to
    directory: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(Cli::command(), &args.directory)
        .with_context(|| format!("cannot write manual pages to {}", args.directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
