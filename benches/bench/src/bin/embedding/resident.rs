//! Resident memory of instances: each count in a process of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use wasm_aot_compiler::compile;
use wasm_aot_loader::{Imports, InstancePre, Module, Store};

use crate::Samples;

/// A module as a small C program is: some data, a stack, a heap; it writes one page.
const PROGRAM: &str = r#"(module
  (memory (export "memory") 17)
  (global $sp (mut i32) (i32.const 66560))
  (table 8 funcref)
  (data (i32.const 1024) "some constants")
  (func (export "work") (i32.store (i32.const 70000) (global.get $sp))))"#;

const SIDES: [&str; 3] = ["wasm-aot", "wasmtime", "wasmtime, pooling"];

/// What the sides need, each measured by a process of its own that opens artefacts
/// in `folder`.
pub(crate) fn samples(folder: &Path) -> Result<Vec<Samples>> {
    let code = compile(PROGRAM.as_bytes(), &Default::default())?;
    std::fs::write(folder.join("program.so"), code)?;
    let code = wasmtime::Engine::default().precompile_module(&wat::parse_str(PROGRAM)?);
    let code = code.map_err(|error| anyhow!("{error:?}"))?;
    std::fs::write(folder.join("program.cwasm"), code)?;

    let mut one = Samples::new("resident: a process with one instance", "KiB");
    let mut thousand = Samples::new("resident: a process with 1,000 instances", "KiB");
    for side in SIDES {
        one.sides.insert(side, vec![child(folder, side, 1)?]);
        thousand
            .sides
            .insert(side, vec![child(folder, side, 1000)?]);
    }
    Ok(vec![one, thousand])
}

/// What `of` finds in a process that does nothing else, in KiB.
fn child(folder: &Path, side: &str, count: usize) -> Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["resident", side, &count.to_string()]);
    let output = command.arg(folder).output()?;
    let text = String::from_utf8(output.stdout)?;
    let number = text.trim().parse();
    number.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The resident set of this process with `count` instances that have worked, in KiB.
pub(crate) fn of(folder: &Path, side: &str, count: usize) -> Result<usize> {
    let theirs = |engine: wasmtime::Result<wasmtime::Engine>| {
        let artefact = folder.join("program.cwasm");
        let stores = engine.and_then(|engine| theirs(&engine, &artefact, count));
        stores.map_err(|error| anyhow!("{error:?}"))
    };
    match side {
        "wasm-aot" => {
            let stores = ours(&folder.join("program.so"), count)?;
            resident(stores)
        }
        "wasmtime" => resident(theirs(Ok(wasmtime::Engine::default()))?),
        "wasmtime, pooling" => resident(theirs(crate::wasmtime::pooling_engine())?),
        _ => Err(anyhow!("no side is called {side}")),
    }
}

fn ours(artefact: &Path, count: usize) -> Result<Vec<Store>> {
    let module = Module::open(artefact)?;
    let pre = InstancePre::new(&module, &Imports::new())?;
    let mut stores = Vec::new();
    for _ in 0..count {
        let mut store = Store::new();
        let instance = pre.instantiate(&mut store)?;
        let work = instance.get_typed_func::<(), ()>(&store, "work")?;
        work.call(&mut store, ())?;
        stores.push(store);
    }
    Ok(stores)
}

fn theirs(
    engine: &wasmtime::Engine,
    artefact: &Path,
    count: usize,
) -> wasmtime::Result<Vec<wasmtime::Store<()>>> {
    let module = crate::wasmtime::open(engine, artefact)?;
    let pre = wasmtime::Linker::new(engine).instantiate_pre(&module)?;
    let mut stores = Vec::new();
    for _ in 0..count {
        let mut store = wasmtime::Store::new(engine, ());
        let instance = pre.instantiate(&mut store)?;
        let work = instance.get_typed_func::<(), ()>(&mut store, "work")?;
        work.call(&mut store, ())?;
        stores.push(store);
    }
    Ok(stores)
}

/// Memory of this process while it has `stores`, in KiB.
fn resident<T>(stores: Vec<T>) -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    drop(stores);
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
