//! What instances of a WASI program cost: `cargo bench --bench instantiate`.
//!
//! The program imports twenty functions and has a memory of 17 pages with some
//! data, as a small program of C has. Each line is the best of many rounds, in
//! nanoseconds for a store, an instance in it, and dropping both.

use std::error::Error;
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

use wasm_aot_compiler::compile;
use wasm_aot_loader::{Imports, Instance, InstancePre, Module, Store};
use wasm_aot_wasi::{FUNCTIONS, MODULE, ValType};

const ROUNDS: u32 = 200;
const PER_ROUND: u32 = 500;

fn main() -> Result<(), Box<dyn Error>> {
    let module = Module::from_bytes(&compile(program()?.as_bytes(), &Default::default())?)?;
    let mut imports = Imports::new();
    wasm_aot_wasi::add_to_imports(&mut imports);
    let pre = InstancePre::new(&module, &imports)?;

    let looked_up = || {
        let mut store = Store::new();
        black_box(Instance::new(&mut store, &module, &imports).unwrap());
    };
    let resolved = || {
        let mut store = Store::new();
        black_box(pre.instantiate(&mut store).unwrap());
    };
    let nothing = || {
        black_box(Store::new());
    };
    // Taking turns: a slow moment slows all.
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (best, body) in best
            .iter_mut()
            .zip([&looked_up as &dyn Fn(), &resolved, &nothing])
        {
            let start = Instant::now();
            (0..PER_ROUND).for_each(|_| body());
            *best = start.elapsed().min(*best);
        }
    }
    for (name, best) in ["Instance::new", "InstancePre", "the store alone"]
        .iter()
        .zip(best)
    {
        println!(
            "{name:16} {:6.0} ns",
            best.as_nanos() as f64 / f64::from(PER_ROUND)
        );
    }
    Ok(())
}

/// A command that imports twenty functions.
fn program() -> Result<String, std::fmt::Error> {
    let mut wat = String::from("(module\n");
    for function in &FUNCTIONS[..20] {
        write!(wat, "(import {MODULE:?} {:?} (func", function.name)?;
        for (keyword, types) in [("param", function.params), ("result", function.results)] {
            for ty in types {
                let ty = match ty {
                    ValType::I32 => "i32",
                    ValType::I64 => "i64",
                };
                write!(wat, " ({keyword} {ty})")?;
            }
        }
        wat.push_str("))\n");
    }
    wat.push_str(
        r#"(memory (export "memory") 17) (data (i32.const 1024) "some constants")
        (global $sp (mut i32) (i32.const 66560))
        (func (export "_start")))"#,
    );
    Ok(wat)
}
