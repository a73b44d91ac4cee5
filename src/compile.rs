//! `wasm-aot compile`.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use wasm_aot_compiler::{
    Emit, Observer, Options, RelaxedSimd, Stage, bindings, compile_from, compile_to,
};

use crate::args::{CpuArg, FeaturesArg, JobsArg, LevelArg};
use crate::input::{self, Source};
use crate::output::{self, Output};
use crate::progress::Progress;
use crate::timings::Timings;
use crate::{keys, sealing};

/// Compile a module to native code: a shared object, or an object file to link with
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
  wasm-aot compile app.wasm --emit obj            to app.o, for `cc main.c app.o ...`
  wasm-aot compile app.wasm --emit staticlib --header app.h
  wasm-aot compile app.wasm --sign release.key    for `run --key release.key.pub`
  wasm-aot compile app.wasm --timings             say where the time goes
  curl URL | wasm-aot compile - -o app.so         while the module is still coming")]
pub(crate) struct Args {
    /// The module, in binary or text format; - for standard input, or a pipe: then functions are
    /// compiled while others are still coming, and an error ends it at once
    #[arg(value_name = "IN.{wasm,wat}")]
    input: PathBuf,

    /// The file to write [default: IN as IN.so, IN.o or libIN.a; needed for standard input]
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

    /// What relaxed vector instructions do where they may differ: native (what the processor does
    /// fastest) or deterministic (the same on all processors)
    #[arg(long, value_name = "HOW", default_value = RelaxedSimd::default().as_str(), hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["native", "deterministic"]).try_map(|how| how.parse::<RelaxedSimd>()))]
    relaxed_simd: RelaxedSimd,

    /// Let the code be stopped from other threads, at the cost of a look at memory in every loop
    #[arg(long)]
    interruptible: bool,

    /// Keep the custom sections of this name in the output (repeatable)
    #[arg(long, value_name = "NAME")]
    keep_custom: Vec<String>,

    /// Prefix of the C symbols, made a C identifier [default: the name of IN, or of OUT for
    /// standard input]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Write a C header too, for linking with the output or opening it with dlopen
    #[arg(long, value_name = "OUT.h")]
    header: Option<PathBuf>,

    /// Write a Rust module too, for linking with the output
    #[arg(long, value_name = "OUT.rs")]
    rust: Option<PathBuf>,

    /// Sign the output with this secret key; see `wasm-aot keygen`
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,

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
            bail!("a module from standard input needs a name for the output: -o OUT")
        }
        None => (args.input).with_file_name(args.emit.file_name(&input::stem(&args.input))),
    };
    let namesake = if input::is_stdin(&args.input) {
        &target
    } else {
        &args.input
    };
    if args.rust.is_some() && args.emit == Emit::SharedObject {
        bail!("--rust is for what is linked: it needs --emit obj or staticlib");
    }
    if args.sign.is_some() && args.emit != Emit::SharedObject {
        bail!("only shared objects are signed: --sign needs --emit so");
    }
    let key = args.sign.as_deref().map(keys::read_secret).transpose()?;
    let options = args.options(input::stem(namesake));

    let monitor = Arc::new(Monitor {
        progress: Progress::new(),
        timings: args.timings.then(Timings::start),
    });
    let source = Source::open(&args.input)?;
    let name = source.name();
    let mut outputs = vec![Output::create(&target, &source)?];
    outputs.extend(declarations(args, &source, &options, &outputs[0])?);
    let mut signed = Cursor::new(Vec::new());
    let out = outputs[0].writer();
    let result = match (source, &key) {
        (Source::Whole(input), None) => compile_to(&input.wasm, &options, &monitor, out),
        (Source::Whole(input), Some(_)) => compile_to(&input.wasm, &options, &monitor, &mut signed),
        (Source::Stream(stream), None) => compile_from(stream, &options, monitor.clone(), out),
        (Source::Stream(stream), Some(_)) => {
            compile_from(stream, &options, monitor.clone(), &mut signed)
        }
    };
    monitor.progress.finish();
    result.context(name)?;
    if let Some(key) = key {
        let mut artefact = signed.into_inner();
        sealing::sign(&mut artefact, &key)?;
        (outputs[0].writer().write_all(&artefact))
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    output::commit(outputs)?;
    if let Some(timings) = &monitor.timings {
        timings.print();
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// What is chosen, for a module from a file of that name.
    pub(crate) fn options(&self, namesake: String) -> Options {
        Options {
            level: self.level.level,
            cpu: self.cpu.get(),
            emit: self.emit,
            features: self.features.get(),
            relaxed_simd: self.relaxed_simd,
            interruptible: self.interruptible,
            name: self.name.clone().unwrap_or(namesake),
            keep_custom: self.keep_custom.clone(),
        }
    }
}

/// Makes declarations of a module.
type Declare = fn(&[u8], &Options) -> wasm_aot_compiler::Result<String>;

/// The declarations that are asked for, beside the `main` output.
fn declarations(
    args: &Args,
    source: &Source,
    options: &Options,
    main: &Output,
) -> anyhow::Result<Vec<Output>> {
    let kinds: [(_, Declare); 2] = [
        (&args.header, bindings::c_header),
        (&args.rust, bindings::rust_module),
    ];
    let mut outputs: Vec<Output> = Vec::new();
    for (path, declare) in kinds {
        let Some(path) = path else { continue };
        let Source::Whole(input) = source else {
            bail!("--header and --rust need a module in a file");
        };
        if main.is(path) || outputs.iter().any(|output| output.is(path)) {
            bail!("{} would be written twice", path.display());
        }
        let text = declare(&input.wasm, options).with_context(|| source.name())?;
        let mut output = Output::create(path, source)?;
        (output.writer().write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        outputs.push(output);
    }
    Ok(outputs)
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
