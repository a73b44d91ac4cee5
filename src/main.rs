//! `wasm-aot`: compiles WebAssembly ahead of time, and runs what it compiled.
//!
//! One file per command, named after it: each declares its arguments, calls a
//! crate of the workspace and prints. What several commands share has a file of
//! its own.
#![forbid(unsafe_code)]

mod args;
mod compile;
mod completions;
mod explore;
mod input;
mod inspect;
mod invoke;
mod keygen;
mod keys;
mod link;
mod log;
mod man;
mod output;
mod print;
mod progress;
mod reproduce;
mod run;
mod seal;
mod sealing;
mod sign;
mod timings;
mod validate;
mod verify;
mod wast;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};

/// Exit status for what went wrong outside the WebAssembly code. Usage errors
/// exit with 2, as clap has it.
const FAILURE: u8 = 1;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    let result = log::start().and_then(|()| match command {
        Command::Compile(args) => compile::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Keygen(args) => keygen::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Seal(args) => seal::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Wast(args) => wast::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    });
    result.unwrap_or_else(|error| {
        print::error(&error);
        ExitCode::from(FAILURE)
    })
}
