//! `wasm-aot compile`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use wasm_aot_compiler::{Emit, Observer, Options, Stage, bindings, compile_to};

use crate::args::{CpuArg, FeaturesArg, JobsArg, LevelArg};
use crate::input::{self, Input};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::timings::Timings;

/// Compile a module to a native shared object, or to an object file to link with
///
/// The output appears under its name only when it is complete: an older file of that name stays
/// as it is until then, whatever happens. The same input, options and compiler give the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  wasm-aot compile app.wasm                       to app.so
  wasm-aot compile app.wat -o /usr/lib/app.so
  wasm-aot compile app.wasm --cpu native -O 2     for this very machine
  wasm-aot compile app.wasm --features 2.0,-simd  refuse modules with vectors
  wasm-aot compile app.wasm --emit obj            to app.o, for `cc main.c app.o ...`
  wasm-aot compile app.wasm --emit staticlib --header app.h
  wasm-aot compile app.wasm --timings             say where the time goes")]
pub(crate) struct Args {
    /// The module, in binary or text format
    #[arg(value_name = "IN.{wasm,wat}")]
    input: PathBuf,

    /// The file to write [default: IN as IN.so, IN.o or libIN.a]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// What to write: so (a shared object, to be loaded), obj (an object file, to be linked) or
    /// staticlib (a static library with it)
    #[arg(long, value_name = "KIND", default_value = Emit::default().as_str(), hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["so", "obj", "staticlib"]).try_map(|kind| kind.parse::<Emit>()))]
    emit: Emit,

    #[command(flatten)]
    level: LevelArg,
    #[command(flatten)]
    cpu: CpuArg,
    #[command(flatten)]
    features: FeaturesArg,

    /// Keep the custom sections of this name in the output (repeatable)
    #[arg(long, value_name = "NAME")]
    keep_custom: Vec<String>,

    /// Prefix of the C symbols, made a C identifier [default: the name of IN]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Write a C header too, for linking with the output or opening it with dlopen
    #[arg(long, value_name = "OUT.h")]
    header: Option<PathBuf>,

    /// Write a Rust module too, for linking with the output
    #[arg(long, value_name = "OUT.rs")]
    rust: Option<PathBuf>,

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
        None => (args.input).with_file_name(args.emit.file_name(&input::stem(&args.input))),
    };
    let options = Options {
        level: args.level.level,
        cpu: args.cpu.cpu,
        emit: args.emit,
        features: args.features.get(),
        name: args
            .name
            .clone()
            .unwrap_or_else(|| input::stem(&args.input)),
        keep_custom: args.keep_custom.clone(),
    };

    let monitor = Monitor {
        progress: Progress::new(),
        timings: args.timings.then(Timings::start),
    };
    let input = Input::read(&args.input)?;
    let failed = || args.input.display().to_string();
    if args.rust.is_some() && options.emit == Emit::SharedObject {
        bail!("--rust is for what is linked: it needs --emit obj or staticlib");
    }
    let declarations: [(_, Declare); 2] = [
        (&args.header, bindings::c_header),
        (&args.rust, bindings::rust_module),
    ];
    let mut outputs = vec![Output::create(&target, &input)?];
    for (path, declare) in declarations {
        if let Some(path) = path {
            if outputs.iter().any(|output| output.is(path)) {
                bail!("{} would be written twice", path.display());
            }
            let text = declare(&input.wasm, &options).with_context(failed)?;
            let mut output = Output::create(path, &input)?;
            (output.writer().write_all(text.as_bytes()))
                .with_context(|| format!("cannot write {}", path.display()))?;
            outputs.push(output);
        }
    }
    let result = compile_to(&input.wasm, &options, &monitor, outputs[0].writer());
    monitor.progress.finish();
    result.with_context(failed)?;
    output::commit(outputs)?;
    if let Some(timings) = monitor.timings {
        timings.print();
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes declarations for what a module is compiled to.
type Declare = fn(&[u8], &Options) -> wasm_aot_compiler::Result<String>;

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
