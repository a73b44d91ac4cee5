//! The peer: compiles with Wasmtime to a `.cwasm`, and runs such a file.
//!
//! ```text
//! wasmtime-peer compile IN.wasm -o OUT --cpu native|x86-64-v3
//! wasmtime-peer run FILE [--dir HOST::GUEST]... [--] [ARGS...]
//! wasmtime-peer --version
//! ```
//!
//! It takes the command lines of `wasm-aot compile` and `wasm-aot run`, so that
//! either side can be started as a child process and charged the same way. The
//! engine keeps every default of `wasmtime::Config` (Cranelift at `speed`, the
//! host's CPU features, 4 GiB reservations with guard pages).

use std::process::ExitCode;

use wasmtime::{Config, Engine, Error, Linker, Module, Result, Store, Trap, bail};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// What `wasm-aot run` ends with after a trap.
const TRAP_STATUS: u8 = 134;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--version"] => {
            println!("wasmtime 48.0.8");
            Ok(ExitCode::SUCCESS)
        }
        ["compile", input, "-o", output, "--cpu", cpu] => compile(input, output, cpu),
        ["run", file, ref rest @ ..] => run(file, rest),
        _ => {
            eprintln!(
                "usage: wasmtime-peer compile IN -o OUT --cpu CPU | run FILE [--dir HOST::GUEST] [ARGS]"
            );
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            eprintln!("wasmtime-peer: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn compile(input: &str, output: &str, cpu: &str) -> Result<ExitCode> {
    let mut config = Config::new();
    match cpu {
        "native" => {}
        "x86-64-v3" => x86_64_v3(&mut config)?,
        _ => bail!("{cpu} is neither native nor x86-64-v3"),
    }
    let engine = Engine::new(&config)?;
    let code = engine.precompile_module(&std::fs::read(input)?)?;
    std::fs::write(output, code)?;
    Ok(ExitCode::SUCCESS)
}

/// Sets the processor that instructions are counted on.
#[expect(
    unsafe_code,
    reason = "Wasmtime offers no safe way to choose single features"
)]
fn x86_64_v3(config: &mut Config) -> Result<()> {
    // With a target that is given, nothing is taken from the host.
    config.target("x86_64-unknown-linux-gnu")?;
    for feature in [
        "sse3", "ssse3", "sse41", "sse42", "popcnt", "avx", "avx2", "bmi1", "bmi2", "fma", "lzcnt",
    ] {
        // SAFETY: these say which instructions code may have, and a processor without
        // them refuses the artefact.
        unsafe { config.cranelift_flag_enable(&format!("has_{feature}")) };
    }
    Ok(())
}

fn run(file: &str, mut args: &[&str]) -> Result<ExitCode> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.inherit_stdio().allow_blocking_current_thread(true);
    while let ["--dir", mapping, rest @ ..] = args {
        let (host, guest) = mapping.split_once("::").unwrap_or((mapping, mapping));
        wasi.preopened_dir(host, guest, FsPerms::ReadWrite)?;
        args = rest;
    }
    if let ["--", rest @ ..] = args {
        args = rest;
    }
    wasi.arg(file).args(args);

    let engine = Engine::new(&Config::new())?;
    let module = load(&engine, file)?;
    let mut linker: Linker<WasiP1Ctx> = Linker::new(&engine);
    p1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let mut store = Store::new(&engine, wasi.build_p1());
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    match start.call(&mut store, ()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => exit_status(error),
    }
}

/// Maps the artefact into this process.
#[expect(
    unsafe_code,
    reason = "Wasmtime offers no safe way to load native code"
)]
fn load(engine: &Engine, file: &str) -> Result<Module> {
    // SAFETY: the file was written by `compile` of this same program, and
    // nothing changes it while the harness runs.
    unsafe { Module::deserialize_file(engine, file) }
}

/// Separates `proc_exit` and traps, which are results, from real failures.
fn exit_status(error: Error) -> Result<ExitCode> {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Ok(ExitCode::from(u8::try_from(exit.0)?));
    }
    if error.is::<Trap>() {
        eprintln!("wasmtime-peer: {error:?}");
        return Ok(ExitCode::from(TRAP_STATUS));
    }
    Err(error)
}
