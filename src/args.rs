//! The command line, and the arguments that commands share.

use std::sync::LazyLock;

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use wasm_aot_compiler::{Codegen, Cpu, Features, Level, Target};
use wasm_aot_loader::{OpenOptions, Verify};

use crate::keys::KeysArg;
use crate::{
    compile, completions, explore, inspect, keygen, man, reproduce, run, seal, sign, validate,
    verify, wast,
};

/// What `--version` prints: with the code generators that are built in.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let codegens: Vec<String> = Codegen::all().map(Codegen::name).collect();
    format!(
        "{}\ncode generators: {}",
        env!("CARGO_PKG_VERSION"),
        codegens.join(", ")
    )
});

/// Compiles WebAssembly to native shared objects, and runs them.
#[derive(Debug, Parser)]
#[command(
    name = "wasm-aot",
    version,
    long_version = VERSION.as_str(),
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Exit status: 0 for success, 1 for failure, 2 for wrong usage; `run` passes on the \
                  status of the program, and exits with 134 if it traps.",
    after_long_help = "\
Exit status:
  0 for success, 1 for failure, 2 for wrong usage; `run` passes on the status of the program,
  and exits with 134 if it traps.

Examples:
  wasm-aot compile app.wasm            compile to app.so
  wasm-aot run app.so --dir . in.txt   run it: one argument, and access to this directory
  wasm-aot run add.wat --invoke add 1 2

Environment:
  WASM_AOT_LOG    say on standard error what the compiler and the loader do, and how long it takes:
                  info, debug (with stages, instances and traps) or trace (with functions)"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Compile(compile::Args),
    Run(run::Args),
    Inspect(inspect::Args),
    Explore(explore::Args),
    Verify(verify::Args),
    Keygen(keygen::Args),
    Sign(sign::Args),
    Seal(seal::Args),
    Reproduce(reproduce::Args),
    Validate(validate::Args),
    Wast(wast::Args),
    Completions(completions::Args),
    #[command(hide = true)]
    Man(man::Args),
}

/// How hard to optimise.
#[derive(Debug, Args)]
pub(crate) struct LevelArg {
    /// How hard to optimise: 0 (compile fast), 1 (allocate registers well), 2 (for speed), 3 (for
    /// speed, whatever it takes) or s (for speed, then size)
    #[arg(short = 'O', value_name = "LEVEL", default_value = Level::default().as_str(), hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["0", "1", "2", "3", "s"]).try_map(|level| level.parse::<Level>()))]
    pub(crate) level: Level,

    /// What generates the code: cranelift, or llvm, which makes faster code and takes many times as
    /// long [default: cranelift; with -O3 llvm, if it is built in]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["cranelift", "llvm"]).try_map(|name| name.parse::<Codegen>()))]
    pub(crate) codegen: Option<Codegen>,
}

/// What a module may use.
#[derive(Debug, Args)]
pub(crate) struct FeaturesArg {
    /// The language features that modules may use
    ///
    /// A comma-separated list, read from left to right: 1.0, 2.0 or 3.0 for those of a version of
    /// WebAssembly, then +NAME and -NAME to switch single ones on and off. The default is all
    /// that is supported.
    #[arg(long, value_name = "SET", allow_hyphen_values = true)]
    pub(crate) features: Option<Features>,
}

impl FeaturesArg {
    pub(crate) fn get(&self) -> Features {
        self.features.unwrap_or_default()
    }
}

/// Whether what is compiled has debug information.
#[derive(Clone, Debug, Args)]
pub(crate) struct DebugArg {
    /// Translate the module's debug information (DWARF), for debuggers and for lines of the source
    /// in backtraces. The code is the same as without, but with -O0 it keeps the variables that
    /// debuggers print
    #[arg(short = 'g', long)]
    pub(crate) debug: bool,
}

/// The machine that code is for.
#[derive(Debug, Args)]
pub(crate) struct CpuArg {
    /// The machine to compile for: x86_64, aarch64 or riscv64, or a triple of one [default: this
    /// machine's]
    ///
    /// Without a system, Linux is meant; the C library may be any. For macOS
    /// (x86_64-apple-darwin, aarch64-apple-darwin) and Windows (x86_64-pc-windows-gnu, or -msvc)
    /// there are object files and static libraries only: --emit obj or staticlib.
    #[arg(long, value_name = "TRIPLE", value_parser = wasm_aot_compiler::target)]
    pub(crate) target: Option<Target>,

    /// The processor to compile for; the result runs on it and later ones
    ///
    /// A comma-separated list, read from left to right: the name of a processor, then
    /// +FEATURE and -FEATURE to add and to take away single ones. `native` is all that
    /// this machine has.
    ///
    /// x86_64: x86-64 (SSE2, no vectors), x86-64-v2 (the default), x86-64-v3, x86-64-v4.
    /// aarch64: armv8-a (the default), armv8.1-a, armv8.4-a (the default for macOS), armv8.6-a.
    /// riscv64: rv64g, rv64gc (the default), rva22u64, rva23u64; vectors need +v.
    #[arg(
        long,
        value_name = "NAME",
        allow_hyphen_values = true,
        verbatim_doc_comment
    )]
    pub(crate) cpu: Option<String>,
}

impl CpuArg {
    /// Ends the process if there is no such processor, as for other wrong usage.
    pub(crate) fn get(&self) -> Cpu {
        let target = self.target.unwrap_or(Cpu::default().target());
        let Some(text) = &self.cpu else {
            return Cpu::portable(target);
        };
        Cpu::new(target, text).unwrap_or_else(|error| {
            let message = format!("invalid value '{text}' for '--cpu <NAME>': {error}");
            Cli::command()
                .error(ErrorKind::InvalidValue, message)
                .exit()
        })
    }
}

/// What is checked of compiled modules before they run.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrustArg {
    /// What to check of compiled modules: full (the digest; what runs is a copy in memory),
    /// cached (the digest, once; what runs is the file) or trusted (no digest)
    ///
    /// Their structure is always checked. A profiler that comes to the process later (perf -p)
    /// finds names with cached and trusted, where what runs is the file.
    #[arg(
        long,
        value_name = "HOW",
        default_value = "full",
        hide_possible_values = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(["full", "cached", "trusted"]).map(|how| match &*how {
        "cached" => Verify::Cached,
        "trusted" => Verify::TrustedPath,
        _ => Verify::Full,
    }))]
    verify: Verify,

    #[command(flatten)]
    keys: KeysArg,
}

impl TrustArg {
    /// Whether what is not compiled, and so not signed, is refused.
    pub(crate) fn wants_signatures(&self) -> bool {
        !self.keys.keys.is_empty()
    }

    /// How to open compiled modules.
    pub(crate) fn options(&self) -> anyhow::Result<OpenOptions> {
        let options = OpenOptions::new().verify(self.verify);
        Ok(match self.keys.read()? {
            Some(keys) => options.trusted_keys(keys),
            None => options,
        })
    }
}

/// How many threads compile.
#[derive(Debug, Args)]
pub(crate) struct JobsArg {
    /// Number of threads to compile with [default: one per processor]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

impl JobsArg {
    /// Starts the threads. To be called at most once.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let Some(jobs) = self.jobs else {
            return Ok(()); // one per processor, when first needed
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(jobs.into())
            .build_global()
            .context("cannot start the threads to compile with")
    }
}

/// A number of bytes.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let units = [("K", 10), ("M", 20), ("G", 30)];
    let (number, shift) = (units.iter())
        .find_map(|&(unit, shift)| Some((text.strip_suffix(unit)?, shift)))
        .unwrap_or((text, 0));
    let bytes = number
        .parse()
        .ok()
        .and_then(|number: u64| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "expected a number of bytes, as 65536, 64K, 16M or 1G".to_owned())
}

/// A directory and its name in the guest.
pub(crate) fn parse_dir(text: &str) -> Result<(String, String), String> {
    let (host, guest) = text.split_once("::").unwrap_or((text, text));
    if host.is_empty() || guest.is_empty() {
        return Err("expected HOST or HOST::GUEST".to_owned());
    }
    Ok((host.to_owned(), guest.to_owned()))
}
