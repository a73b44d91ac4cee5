//! `wasm-aot compile`.

use std::io::{Cursor, Seek, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ed25519_dalek::SigningKey;
use wasm_aot_compiler::{
    Cache, Codegen, Emit, Level, Observer, Options, RelaxedSimd, Stage, bindings, compile_from,
    compile_to,
};

use crate::args::{self, CpuArg, DebugArg, FeaturesArg, JobsArg, LevelArg};
use crate::input::{self, Source};
use crate::link::{LinkArgs, Object};
use crate::output::{self, Output};
use crate::print;
use crate::progress::Progress;
use crate::timings::Timings;
use crate::{keys, sealing};

/// Compile a module to native code: a shared object, an object file to link with, or a program
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
  wasm-aot compile app.wasm -g                    with lines and names of the source
  wasm-aot compile app.wasm --sign release.key    for `run --key release.key.pub`
  wasm-aot compile app.wasm --emit exe --dir .    to app, which runs by itself
  wasm-aot compile app.wasm --cache ~/.cache/wasm-aot    only what has changed since the last time
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

    /// What to write: so (a shared object, to be loaded), obj (an object file, to be linked),
    /// staticlib (a static library with it) or exe (a WASI program that needs no other file, linked
    /// by a C compiler)
    #[arg(long, value_name = "KIND", default_value = Emit::default().as_str(), hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["so", "obj", "staticlib", "exe"]).try_map(|kind| kind.parse::<Kind>()))]
    emit: Kind,

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

    /// Let the code be stopped from other threads, at the cost of a load from memory in every loop
    #[arg(long)]
    interruptible: bool,

    /// Let the code count the operators that it executes, and stop when it has executed as many as
    /// the host allows: the same number on all machines and levels
    #[arg(long)]
    fuel: bool,

    /// Let processors that run ahead access what is out of bounds, where code compares with bounds.
    /// For code that is trusted not to spy
    #[arg(long)]
    no_spectre_guards: bool,

    /// Leave out what processors check indirect branches by (BTI), which is in code for Linux on
    /// AArch64: it is smaller then by 2 to 7 %
    #[arg(long)]
    no_landing_pads: bool,

    /// Check before all that could fault, and trap by a call: slower code, for hosts that want no
    /// handlers of signals
    #[arg(long)]
    no_signals: bool,

    #[command(flatten)]
    debug: DebugArg,

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

    /// Keep compiled functions in this folder, and compile only those that are not in it. Whoever
    /// can write to it decides what is in the output
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Keep at most so many bytes in the cache, a number with K, M or G (of 1024) behind it or not
    /// [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = args::parse_size, requires = "cache")]
    cache_limit: Option<u64>,

    /// Print how long each stage took
    #[arg(long)]
    timings: bool,

    #[command(flatten)]
    jobs: JobsArg,

    #[command(flatten)]
    link: LinkArgs,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Module(Emit),
    /// An object file that is made a program.
    Executable,
}

impl FromStr for Kind {
    type Err = wasm_aot_compiler::Error;

    fn from_str(text: &str) -> Result<Kind, Self::Err> {
        match text {
            "exe" => Ok(Kind::Executable),
            other => other.parse().map(Kind::Module),
        }
    }
}

impl Kind {
    /// What the compiler writes.
    fn emit(self) -> Emit {
        match self {
            Kind::Module(emit) => emit,
            Kind::Executable => Emit::Object,
        }
    }

    fn file_name(self, stem: &str) -> String {
        match self {
            Kind::Module(emit) => emit.file_name(stem),
            Kind::Executable => stem.to_owned(),
        }
    }
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
    if args.rust.is_some() && args.emit == Kind::Module(Emit::SharedObject) {
        bail!("--rust is for what is linked: it needs --emit obj or staticlib");
    }
    if args.sign.is_some() && args.emit != Kind::Module(Emit::SharedObject) {
        bail!("only shared objects are signed: --sign needs --emit so");
    }
    let key = args.sign.as_deref().map(keys::read_secret).transpose()?;
    if !args.link.is_empty() && args.emit != Kind::Executable {
        bail!("--cc, --runtime, --link-arg and --dir need --emit exe");
    }
    let options = args.options(input::stem(namesake));
    if options.level == Level::O3 && options.codegen.is_none() && !Codegen::HAS_LLVM {
        print::warning("-O3 is -O2 here: LLVM would make faster code, but is not built in");
    }

    let monitor = Arc::new(Monitor {
        progress: Progress::new(),
        timings: args.timings.then(Timings::start),
    });
    let source = Source::open(&args.input)?;
    let name = source.name();
    let mut destination = match (args.emit, key) {
        (Kind::Executable, _) => {
            let (output, path) = Output::create_named(&target, &source)?;
            Destination::Program(output, path, Object::new()?)
        }
        (_, Some(key)) => Destination::Signed(
            Output::create(&target, &source)?,
            Box::new(key),
            Cursor::default(),
        ),
        (_, None) => Destination::File(Output::create(&target, &source)?),
    };
    let declarations = declarations(args, &source, &options, destination.output())?;
    let compiled = match &mut destination {
        Destination::File(output) => compile_source(source, &options, &monitor, output.writer()),
        Destination::Signed(_, _, bytes) => compile_source(source, &options, &monitor, bytes),
        Destination::Program(_, _, object) => {
            compile_source(source, &options, &monitor, object.writer())
        }
    };
    monitor.progress.finish();
    compiled.context(name)?;
    match &mut destination {
        Destination::File(_) => {}
        Destination::Signed(output, key, bytes) => {
            sealing::sign(bytes.get_mut(), key)?;
            (output.writer().write_all(bytes.get_ref()))
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
        Destination::Program(_, path, object) => args.link.link(object, &options.name, path)?,
    }
    let mut outputs = vec![destination.into_output()];
    outputs.extend(declarations);
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
            codegen: self.level.codegen,
            cpu: self.cpu.get(),
            emit: self.emit.emit(),
            features: self.features.get(),
            relaxed_simd: self.relaxed_simd,
            interruptible: self.interruptible,
            fuel: self.fuel,
            spectre_guards: !self.no_spectre_guards,
            landing_pads: !self.no_landing_pads,
            signals: !self.no_signals,
            debug: self.debug.debug,
            name: self.name.clone().unwrap_or(namesake),
            keep_custom: self.keep_custom.clone(),
            cache: self.cache.clone().map(|folder| Cache {
                folder,
                limit: self.cache_limit.unwrap_or(Cache::DEFAULT_LIMIT),
            }),
        }
    }
}

/// Where the code goes.
enum Destination {
    File(Output),
    /// To be signed before it is written.
    Signed(Output, Box<SigningKey>, Cursor<Vec<u8>>),
    /// What another program is to write under this temporary name, from an object file.
    Program(Output, PathBuf, Object),
}

impl Destination {
    fn output(&self) -> &Output {
        match self {
            Destination::File(output)
            | Destination::Signed(output, ..)
            | Destination::Program(output, ..) => output,
        }
    }

    fn into_output(self) -> Output {
        match self {
            Destination::File(output)
            | Destination::Signed(output, ..)
            | Destination::Program(output, ..) => output,
        }
    }
}

fn compile_source(
    source: Source,
    options: &Options,
    monitor: &Arc<Monitor>,
    out: impl Write + Seek,
) -> wasm_aot_compiler::Result<()> {
    match source {
        Source::Whole(input) => compile_to(&input.wasm, options, monitor, out),
        Source::Stream(stream) => compile_from(stream, options, monitor.clone(), out),
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

    fn cached(&self, functions: usize, total: usize) {
        if let Some(timings) = &self.timings {
            timings.cached(functions, total);
        }
    }

    fn warning(&self, message: &str) {
        print::warning(message);
    }
}
