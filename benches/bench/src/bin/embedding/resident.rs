//! Resident memory of instances: each count in a process of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use wasm_aot_compiler::compile;
use wasm_aot_loader::{Imports, Instance, InstancePre, Module, Store};

use crate::Samples;

/// A module as a small C program is: some data, a stack, a heap; it writes one page.
const PROGRAM: &str = r#"(module
  (memory (export "memory") 17)
  (global $sp (mut i32) (i32.const 66560))
  (table 8 funcref)
  (data (i32.const 1024) "some constants")
  (func (export "work") (i32.store (i32.const 70000) (global.get $sp))))"#;

const MANY: usize = 1000;
const WAITING: usize = 10_000;

const WAITS: &str = r#"(module
  (import "host" "wait" (func $wait)) (func (export "wait") (call $wait)))"#;

/// What the sides need, each measured by a process of its own that opens artefacts
/// in `folder`.
pub(crate) fn samples(folder: &Path) -> Result<Vec<Samples>> {
    for (name, text) in [("program.so", PROGRAM), ("waits.so", WAITS)] {
        std::fs::write(folder.join(name), compile(text.as_bytes(), &Default::default())?)?;
    }
    let cwasm = wasmtime::Engine::default().precompile_module(PROGRAM.as_bytes());
    let cwasm = cwasm.map_err(|error| anyhow!("{error:?}"))?;
    std::fs::write(folder.join("program.cwasm"), cwasm)?;

    let child = |side: &str, count: usize| child(folder, side, count);
    let sides = ["wasm-aot", "wasmtime", "wasmtime, pooling"];
    let row = |what: &str, sides: &[&'static str], of: &dyn Fn(&str) -> Result<f64>| {
        let measured = sides.iter().map(|side| Ok((*side, vec![of(side)?])));
        Ok(Samples {
            what: what.to_owned(),
            unit: "KiB",
            sides: measured.collect::<Result<BTreeMap<_, _>>>()?,
        })
    };
    let each = |side: &str, count: usize| -> Result<f64> {
        Ok((child(side, count)? - child(side, 0)?) / count as f64)
    };
    Ok(vec![
        row("resident: a process with one instance", &sides, &|side| {
            child(side, 1)
        })?,
        row("resident: each of 1,000 instances", &sides, &|side| {
            each(side, MANY)
        })?,
        row("resident: each of 10,000 calls that wait", &["wasm-aot"], &|_| {
            each("waiting", WAITING)
        })?,
    ])
}

/// What `of` finds in a new process.
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
        let resident = engine.and_then(|engine| theirs(&engine, &folder.join("program.cwasm"), count));
        resident.map_err(|error| anyhow!("{error:?}"))
    };
    match side {
        "wasm-aot" => ours(&folder.join("program.so"), count),
        "wasmtime" => theirs(Ok(wasmtime::Engine::default())),
        "wasmtime, pooling" => theirs(crate::wasmtime::pooling_engine()),
        "waiting" => waiting(&folder.join("waits.so"), count),
        _ => Err(anyhow!("no side is called {side}")),
    }
}

fn ours(artefact: &Path, count: usize) -> Result<usize> {
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
    resident()
}

fn theirs(engine: &wasmtime::Engine, artefact: &Path, count: usize) -> wasmtime::Result<usize> {
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
    resident().map_err(wasmtime::Error::from_anyhow)
}

/// Calls that wait in a host function, with a store and an instance each.
fn waiting(artefact: &Path, count: usize) -> Result<usize> {
    let module = Module::open(artefact)?;
    let mut imports = Imports::new();
    imports.func_async("host", "wait", |_, ()| Box::pin(std::future::pending()));
    let mut calls = Vec::new();
    for _ in 0..count {
        let (module, imports) = (module.clone(), imports.clone());
        let mut call = Box::pin(async move {
            let mut store = Store::new();
            let instance = Instance::new_async(&mut store, &module, &imports).await?;
            let wait = instance.get_typed_func::<(), ()>(&store, "wait")?;
            wait.call_async(&mut store, ()).await?;
            Ok::<(), anyhow::Error>(())
        });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        ensure!(call.as_mut().poll(&mut context).is_pending(), "it waits");
        calls.push(call);
    }
    resident()
}

/// Memory of this process, in KiB.
fn resident() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
