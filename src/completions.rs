//! `wasm-aot completions`.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::print;

/// Print a script that completes commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot completions bash > ~/.local/share/bash-completion/completions/wasm-aot
  wasm-aot completions zsh > \"${fpath[1]}/_wasm-aot\"
  wasm-aot completions fish > ~/.config/fish/completions/wasm-aot.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "wasm-aot", &mut script);
    print::stdout(&script)?;
    Ok(ExitCode::SUCCESS)
}
