//! `wasm-aot run`.

use std::ffi::OsString;
use std::io::Cursor;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use wasm_aot_compiler::{Observer, Options, compile_to};
use wasm_aot_loader::{
    CallError, Config, ExternType, Imports, Instance, InstantiationError, MissingImport, Module,
    OpenOptions, Store, Val, Verify,
};
use wasm_aot_wasi::{DirAccess, Exit, GroupError, ThreadGroup, WasiCtx};

use crate::args::{self, DebugArg, TrustArg};
use crate::input::{self, Input};
use crate::invoke;
use crate::print;

/// Run a module
///
/// Runs a WASI command: the function `_start`, with the arguments after FILE, the standard
/// streams, and the directories and environment variables that are given to it. Or any exported
/// function, with --invoke. A module that is not compiled yet is compiled first, and the result
/// forgotten.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = "\
The exit status is that of the program, 134 if it traps, or 1 if it cannot be run.

Examples:
  wasm-aot run app.so in.txt                       with one argument
  wasm-aot run app.so -- --verbose                 with an argument that begins with a dash
  wasm-aot run app.so --dir . --dir /srv/data::/data
  wasm-aot run add.wat --invoke add 1 2
  wasm-aot run app.wasm --timeout 2.5              for so many seconds
  wasm-aot run app.wasm --fuel 1000000 --fuel-used
  wasm-aot run app.so --preload math=libmath.so    with another module to import from
  wasm-aot run --key release.key.pub app.so        if it is signed by that key
  perf record wasm-aot run app.so                  perf report has its functions' names")]
pub(crate) struct Args {
    /// The module: compiled, or in binary or text format
    #[arg(value_name = "FILE.{so,wasm,wat}")]
    file: PathBuf,

    /// Call this exported function, with ARGS as its arguments, and print its results, one a line
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,

    /// Let the program into a directory, under its own name or another (repeatable)
    #[arg(long, value_name = "HOST[::GUEST]", value_parser = args::parse_dir)]
    dir: Vec<(String, String)>,

    /// Set an environment variable; the program sees no others (repeatable)
    #[arg(long, value_name = "K=V", value_parser = parse_pair)]
    env: Vec<(String, String)>,

    /// Let modules import from another one under NAME: a reactor or library is instantiated first,
    /// a command anew for each call (repeatable)
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_pair)]
    preload: Vec<(String, String)>,

    /// Let no linear memory grow beyond BYTES, a number with K, M or G (of 1024) behind it or not;
    /// one that is larger from the start is refused
    #[arg(long, value_name = "BYTES", value_parser = args::parse_size)]
    max_memory: Option<u64>,

    /// Let functions trap that are imported but provided by nobody
    #[arg(long)]
    stub_imports: bool,

    #[command(flatten)]
    trust: TrustArg,

    /// Stop the program with a trap after so many seconds. What is compiled already must be
    /// interruptible
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,

    /// Stop the program with a trap when it has executed so many operators of WebAssembly (each of
    /// its threads for itself). What is compiled already must be compiled with --fuel
    #[arg(long, value_name = "N")]
    fuel: Option<u64>,

    /// Say at the end how many operators were executed
    #[arg(long)]
    fuel_used: bool,

    /// Install no handlers of signals. What is compiled already must be compiled with --no-signals
    #[arg(long)]
    no_signals: bool,

    #[command(flatten)]
    debug: DebugArg,

    /// Arguments of the program, or of the function to invoke
    #[arg(trailing_var_arg = true, allow_negative_numbers = true)]
    args: Vec<OsString>,
}

/// What a shell reports for a process that `SIGABRT` ended.
const TRAPPED: u8 = 134;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match execute(args) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => end(error),
    }
}

/// Runs the program to its end, which may come as an error.
fn execute(args: &Args) -> anyhow::Result<()> {
    let module = load(&args.file, args)?;
    let mut imports = Imports::new();
    wasm_aot_wasi::add_to_imports(&mut imports);

    if args.stub_imports {
        imports.stub_missing();
    }
    if has_threads(&module) {
        if args.fuel_used {
            bail!("--fuel-used does not go with threads, each of which has its own");
        }
        return execute_threads(args, module, imports);
    }

    let mut store = Store::with_config(&config(args));
    let result = execute_in(args, &mut store, &module, imports);
    if let Some(units) = args.fuel()
        && args.fuel_used
    {
        print::stderr(format_args!("fuel: {}", units - store.fuel()));
    }
    result
}

/// As [`execute`], in a store.
fn execute_in(
    args: &Args,
    store: &mut Store,
    module: &Module,
    mut imports: Imports,
) -> anyhow::Result<()> {
    store.insert(wasi(args)?);
    if let Some(timeout) = args.timeout {
        let handle = store.interrupt_handle();
        thread::spawn(move || {
            thread::sleep(timeout);
            handle.interrupt();
        });
    }

    for (name, file) in &args.preload {
        let file = Path::new(file);
        let module = load(file, args)?;
        let defined = imports.module(name, store, &module);
        defined.map_err(|error| not_instantiated(file, error))?;
    }

    let instance = Instance::new(store, module, &imports)
        .map_err(|error| not_instantiated(&args.file, error))?;
    start(args, store, instance)
}

/// Calls what is to be run of an instance.
fn start(args: &Args, store: &mut Store, instance: Instance) -> anyhow::Result<()> {
    match &args.invoke {
        Some(name) => {
            if name != "_initialize" {
                instance.initialize(store)?;
            }
            invoke(store, instance, name, &args.args)
        }
        None if instance.module(store).is_command() => {
            let start = instance.get_typed_func::<(), ()>(store, "_start")?;
            Ok(start.call(store, ())?)
        }
        None if instance.initialize(store)? => Ok(()),
        None => bail!(
            "{} exports neither _start nor _initialize; {}",
            args.file.display(),
            functions(instance.module(store))
        ),
    }
}

/// Whether a module is made to start threads: it imports a shared memory.
fn has_threads(module: &Module) -> bool {
    let mut imports = module.imports();
    imports.any(|import| matches!(import.ty, ExternType::Memory(ty) if ty.is_shared()))
}

/// As [`execute`], of a program that may start threads. Those that are left at its
/// end are gone with the process.
fn execute_threads(args: &Args, module: Module, imports: Imports) -> anyhow::Result<()> {
    if !args.preload.is_empty() {
        bail!("--preload does not go with threads, which share no instances");
    }
    let not_instantiated = |error| not_instantiated(&args.file, error);
    let group = ThreadGroup::with_config(&config(args), &module, imports, wasi(args)?)
        .map_err(not_instantiated)?;
    if let Some(timeout) = args.timeout {
        let group = group.clone();
        thread::spawn(move || {
            thread::sleep(timeout);
            group.stop();
        });
    }
    let (sender, result) = mpsc::channel();
    let owned = args.clone();
    let ended = group.run(move |store, instance| {
        // Whoever receives it knows what kind of error it is.
        let _ = sender.send(start(&owned, store, instance));
        Ok(())
    });
    match ended {
        Ok(()) => result.recv().context("the first thread is gone")?,
        Err(GroupError::Call(error)) => Err(error.into()),
        Err(GroupError::Instantiation(error)) => Err(not_instantiated(error)),
        Err(error) => Err(error.into()),
    }
}

/// Opens a compiled module, or compiles one.
fn load(path: &Path, args: &Args) -> anyhow::Result<Module> {
    let context = || path.display().to_string();
    if input::is_artefact(path)? {
        return input::open(path, &args.trust.options()?);
    }
    if args.trust.wants_signatures() {
        bail!(
            "{} is not compiled, so it is not signed: --key is for what is",
            path.display()
        );
    }
    let input = Input::read(path)?;
    let options = Options {
        name: input::stem(path),
        interruptible: args.timeout.is_some(),
        fuel: args.fuel().is_some(),
        signals: !args.no_signals,
        debug: args.debug.debug,
        ..Options::default()
    };
    let mut artefact = Cursor::new(Vec::new());
    compile_to(&input.wasm, &options, &Warnings, &mut artefact).with_context(context)?;
    // It has just been made.
    let trust = OpenOptions::new().verify(Verify::TrustedPath);
    trust.from_bytes(artefact.get_ref()).with_context(context)
}

/// Prints them.
struct Warnings;

impl Observer for Warnings {
    fn warning(&self, message: &str) {
        print::warning(message);
    }
}

/// What is chosen about stores.
fn config(args: &Args) -> Config {
    let config = Config::new()
        .interruptible(args.timeout.is_some())
        .signals(!args.no_signals);
    let config = match args.max_memory {
        Some(bytes) => config.max_memory_bytes(bytes),
        None => config,
    };
    match args.fuel() {
        Some(units) => config.fuel(units),
        None => config,
    }
}

impl Args {
    /// How much fuel there is at first, if it is counted.
    fn fuel(&self) -> Option<u64> {
        self.fuel.or(self.fuel_used.then_some(u64::MAX))
    }
}

/// What the program sees of the world.
fn wasi(args: &Args) -> anyhow::Result<WasiCtx> {
    let name = args.file.file_name().unwrap_or_default().to_owned();
    let mut builder = WasiCtx::builder().inherit_stdio().arg(name.into_vec());
    if args.invoke.is_none() {
        builder = builder.args(args.args.iter().map(|arg| arg.clone().into_vec()));
    }
    for (name, value) in &args.env {
        builder = builder.env(name.as_str(), value.as_str());
    }
    for (host, guest) in &args.dir {
        builder = builder
            .preopen_dir(host, guest, DirAccess::ReadWrite)
            .with_context(|| format!("cannot open the directory {host}"))?;
    }
    Ok(builder.build()?)
}

/// Says which module could not be instantiated, and lists what was missing.
fn not_instantiated(path: &Path, error: InstantiationError) -> anyhow::Error {
    let context = format!("cannot instantiate {}", path.display());
    match error {
        InstantiationError::Link(error) if error.problems().len() > 1 => {
            let problems = error.problems().iter();
            let lines: String = problems.map(|problem| format!("\n  {problem}")).collect();
            anyhow!("{context}:{lines}")
        }
        error => anyhow::Error::new(error).context(context),
    }
}

/// Calls an export with arguments in text form and prints the results.
fn invoke(
    store: &mut Store,
    instance: Instance,
    name: &str,
    arguments: &[OsString],
) -> anyhow::Result<()> {
    let function = instance
        .get_func(store, name)
        .map_err(|error| anyhow!("{error}; {}", functions(instance.module(store))))?;
    let ty = function.ty(store);
    let arguments: Vec<_> = (arguments.iter())
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments = invoke::parse_arguments(&ty, &arguments)
        .with_context(|| format!("cannot invoke {name}"))?;
    let mut results: Vec<_> = ty
        .results()
        .iter()
        .map(|&ty| Val::default_for(ty))
        .collect();
    function.call(store, &arguments, &mut results)?;
    let lines: String = (results.iter())
        .map(|value| invoke::format(value) + "\n")
        .collect();
    print::stdout(lines.as_bytes())
}

/// What --invoke can call, for a message.
fn functions(module: &Module) -> String {
    let names: Vec<_> = (module.exports())
        .filter(|export| matches!(export.ty, ExternType::Func(_)))
        .map(|export| export.name)
        .collect();
    match names.len() {
        0 => "it exports no functions".to_owned(),
        _ => format!("--invoke calls one of {}", names.join(", ")),
    }
}

/// What the process ends with after an error: a program that called
/// `proc_exit`, trapped or threw is not one that could not be run.
fn end(error: anyhow::Error) -> anyhow::Result<ExitCode> {
    for cause in error.chain() {
        if let (Some(CallError::Exception(exception)), _)
        | (_, Some(InstantiationError::Exception(exception))) =
            (cause.downcast_ref(), cause.downcast_ref())
        {
            print::stderr(format_args!("{exception}"));
            return Ok(ExitCode::from(TRAPPED));
        }
        let (trap, host) = match (cause.downcast_ref(), cause.downcast_ref()) {
            (Some(CallError::Trap(trap)), _) | (_, Some(InstantiationError::Trap(trap))) => {
                (Some(trap), None)
            }
            (Some(CallError::Host(host)), _) | (_, Some(InstantiationError::Host(host))) => {
                (None, Some(host))
            }
            _ => continue,
        };
        if let Some(trap) = trap {
            print::stderr(format_args!("trap: {trap}"));
            return Ok(ExitCode::from(TRAPPED));
        }
        if let Some(host) = host {
            if let Some(Exit(status)) = host.downcast_ref() {
                std::process::exit(*status as i32);
            }
            if let Some(stub) = host.downcast_ref::<MissingImport>() {
                print::stderr(format_args!("trap: {stub}\n{}", host.backtrace()));
                return Ok(ExitCode::from(TRAPPED));
            }
        }
    }
    Err(error)
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected a name before `=`".to_owned()),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "expected a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
