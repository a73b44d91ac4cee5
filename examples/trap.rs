//! Traps: an error with a backtrace of WebAssembly functions, after which the
//! instance and the process live on.
//!
//! `cargo run --example trap`
use std::error::Error;

use wasm_aot_loader::{CallError, Imports, Instance, Module, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let wat = br#"
        (module $shares
          (memory 1)
          (func $divide (param i32 i32) (result i32)
            (i32.div_s (local.get 0) (local.get 1)))
          (func $share (export "share") (param $total i32) (param $people i32) (result i32)
            (call $divide (local.get $total) (local.get $people)))
          (func (export "peek") (param i32) (result i32)
            (i32.load (local.get 0)))
          (func $forever (export "forever") (call $forever)))
    "#;
    let module = Module::from_bytes(&wasm_aot_compiler::compile(wat, &Default::default())?)?;
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new())?;
    let share = instance.get_typed_func::<(i32, i32), i32>(&store, "share")?;

    match share.call(&mut store, (12, 0)) {
        Err(CallError::Trap(trap)) => {
            println!("{trap}");
            for frame in trap.backtrace().frames() {
                println!("  frame: {frame:?}");
            }
        }
        other => println!("unexpected: {other:?}"),
    }

    let peek = instance.get_typed_func::<i32, i32>(&store, "peek")?;
    let outside = peek.call(&mut store, -4).expect_err("beyond one page");
    println!("peek(-4): {:?}", outside.trap_code());
    let forever = instance.get_typed_func::<(), ()>(&store, "forever")?;
    let exhausted = forever.call(&mut store, ()).expect_err("no end");
    println!("forever(): {:?}", exhausted.trap_code());

    println!("share(12, 4) = {}", share.call(&mut store, (12, 4))?);
    Ok(())
}
