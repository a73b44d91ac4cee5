//! `wasm-aot compile`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use wasm_aot_compiler::{Observer, Options, Stage, compile_from, compile_to};

use crate::args::{CpuArg, FeaturesArg, JobsArg, LevelArg};
use crate::input::{self, Source};
use crate::output::Output;
use crate::progress::Progress;
use crate::timings::Timings;

/// Compile a module to a native shared object
///
/// The output appears under its name only when it is complete: an older file of that name stays
/// as it is until then, whatever happens. The same input, options and compiler give the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot compile app.wasm                       to app.so
  wasm-aot compile app.wat -o /usr/lib/app.so
  wasm-aot compile app.wasm --cpu native -O 2     for this very machine
  wasm-aot compile app.wasm --target aarch64 --cpu +lse
  wasm-aot compile app.wasm --features 2.0,-simd  refuse modules with vectors
  wasm-aot compile app.wasm --timings             say where the time goes
  curl URL | wasm-aot compile - -o app.so         while the module is still coming")]
pub(crate) struct Args {
    /// The module, in binary or text format; - for standard input, or a pipe: then functions are
    /// compiled while others are still coming, and an error ends it at once
    #[arg(value_name = "IN.{wasm,wat}")]
    input: PathBuf,

    /// The file to write [default: IN with the extension so; needed for standard input]
    #[arg(short, long, value_name = "OUT.so")]
    output: Option<PathBuf>,

    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    cpu: CpuArg,
    #[command(flatten)]
    features: FeaturesArg,

    /// Keep the custom sections of this name in the output (repeatable)
    #[arg(long, value_name = "NAME")]
    keep_custom: Vec<String>,

    /// Prefix of the C symbols of exports [default: the name of IN, or of OUT for standard input]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Print how long each stage took
    #[arg(long)]
    timings: bool,

    #[command(flatten)]
    jobs: JobsArg,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    args.jobs.start()?;
    let target = match &args.output {
        Some(output) => output.clone(),
        None if input::is_stdin(&args.input) => {
            bail!("a module from standard input needs a name for the output: -o OUT.so")
        }
        None => args.input.with_extension("so"),
    };
    let namesake = if input::is_stdin(&args.input) {
        &target
    } else {
        &args.input
    };
    let options = Options {
        level: args.level.level,
        cpu: args.cpu.get(),
        features: args.features.get(),
        name: args.name.clone().unwrap_or_else(|| input::stem(namesake)),
        keep_custom: args.keep_custom.clone(),
    };

    let monitor = Arc::new(Monitor {
        progress: Progress::new(),
        timings: args.timings.then(Timings::start),
    });
    let source = Source::open(&args.input)?;
    let mut output = Output::create(&target, &source)?;
    let name = source.name();
    let result = match source {
        Source::Whole(input) => compile_to(&input.wasm, &options, &monitor, output.writer()),
        Source::Stream(stream) => compile_from(stream, &options, monitor.clone(), output.writer()),
    };
    monitor.progress.finish();
    result.context(name)?;
    output.commit()?;
    if let Some(timings) = &monitor.timings {
        timings.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells both of those who want to know.
struct Monitor {
    progress: Progress,
    timings: Option<Timings>,
}

impl Observer for Monitor {
    fn stage(&self, stage: Stage) {
        if let Some(timings) = &self.timings {
            timings.begin(stage);
        }
        self.progress.stage(stage);
    }

    fn functions(&self, done: usize, total: usize) {
        self.progress.functions(done, total);
    }
}
