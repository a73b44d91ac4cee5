//! What an embedder pays for single operations, in our loader and in Wasmtime.
//!
//! ```text
//! embedding ROUNDS FOLDER                # prints all samples as JSON
//! embedding resident SIDE COUNT FOLDER   # prints what one process needs, in KiB
//! ```
//!
//! Both runtimes are in one process and take turns. FOLDER has the artefacts of
//! `hello` and `sqlite` of both.

mod ours;
mod resident;
mod wasmtime;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

/// Something that both sides can do, and how this side does it.
struct Operation {
    what: &'static str,
    /// How often a sample does it.
    times: u32,
    /// How often `body` does it by itself.
    inner: u32,
    body: Box<dyn FnMut()>,
}

/// How often a WebAssembly function calls the host in one call of its own.
const HOST_CALLS: u32 = 1000;

/// What calls and traps are measured with, as text.
const CALLS: &str = r#"(module
  (import "host" "next" (func $next (param i32) (result i32)))
  (memory 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "hosts") (param $n i32) (result i32) (local $value i32)
    (loop $again
      (local.set $value (call $next (local.get $value)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $value))
  (func (export "traps") unreachable)
  (func (export "faults") (result i32) (i32.load (i32.const -8))))"#;

/// The smallest module that has a memory.
const TINY: &str = r#"(module (memory 1) (func (export "nothing")))"#;

/// One operation and the samples of all sides.
#[derive(Serialize)]
struct Samples {
    what: String,
    unit: &'static str,
    sides: BTreeMap<&'static str, Vec<f64>>,
}

impl Samples {
    /// None yet.
    fn new(what: &str, unit: &'static str) -> Self {
        Self {
            what: what.to_owned(),
            unit,
            sides: BTreeMap::new(),
        }
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["resident", side, count, folder] => {
            println!("{}", resident::of(Path::new(folder), side, count.parse()?)?);
            Ok(())
        }
        [rounds, folder] => {
            let mut samples = measure(rounds.parse()?, Path::new(folder))?;
            samples.extend(resident::samples(Path::new(folder))?);
            println!("{}", serde_json::to_string(&samples)?);
            Ok(())
        }
        _ => anyhow::bail!("usage: embedding ROUNDS FOLDER | resident SIDE COUNT FOLDER"),
    }
}

/// A copy to be opened again and again, as a file that is open already would be shared;
/// none if there is no such file, since a quick run has not made all.
fn copy(file: &Path) -> std::io::Result<Option<PathBuf>> {
    if !file.exists() {
        return Ok(None);
    }
    let copy = file.with_added_extension("copy");
    std::fs::copy(file, &copy)?;
    Ok(Some(copy))
}

/// Samples of all operations, in nanoseconds.
fn measure(rounds: usize, folder: &Path) -> Result<Vec<Samples>> {
    let mut sides = [
        ("wasm-aot", ours::operations(folder).context("wasm-aot")?),
        (
            "wasmtime",
            wasmtime::operations(folder).map_err(|error| anyhow::anyhow!("wasmtime: {error:?}"))?,
        ),
        (
            "wasmtime, pooling",
            wasmtime::pooling(folder).map_err(|error| anyhow::anyhow!("pooling: {error:?}"))?,
        ),
    ];
    let names: Vec<&str> = sides[0].1.iter().map(|operation| operation.what).collect();
    let mut all = Vec::new();
    for what in names {
        let mut samples = Samples::new(what, "ns");
        for round in 0..rounds {
            for turn in 0..sides.len() {
                let side = (round + turn) % sides.len();
                let (name, operations) = &mut sides[side];
                let found = operations
                    .iter_mut()
                    .find(|operation| operation.what == what);
                if let Some(operation) = found {
                    let of_side = samples.sides.entry(name).or_default();
                    of_side.push(operation.sample());
                }
            }
        }
        all.push(samples);
    }
    Ok(all)
}

impl Operation {
    fn new(what: &'static str, times: u32, body: impl FnMut() + 'static) -> Self {
        Self {
            what,
            times,
            inner: 1,
            body: Box::new(body),
        }
    }

    /// Nanoseconds of one.
    fn sample(&mut self) -> f64 {
        let start = Instant::now();
        (0..self.times).for_each(|_| (self.body)());
        start.elapsed().as_nanos() as f64 / f64::from(self.times * self.inner)
    }
}
