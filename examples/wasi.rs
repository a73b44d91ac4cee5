//! A WASI program: what it may see of the world is chosen by the host. Here it
//! gets an argument and standard input, and its output is captured.
//!
//! `cargo run --example wasi`
use std::error::Error;

use wasm_aot_loader::{CallError, Imports, Instance, Module, Store};
use wasm_aot_wasi::{Capture, Exit, Input, Output, WasiCtx};

fn main() -> Result<(), Box<dyn Error>> {
    // A Forth interpreter, written in C and compiled by clang for WASI.
    let wasm = include_bytes!("forth/forth.wasm");
    let module = Module::from_bytes(&wasm_aot_compiler::compile(wasm, &Default::default())?)?;

    let mut imports = Imports::new();
    wasm_aot_wasi::add_to_imports(&mut imports);

    let stdout = Capture::new();
    let ctx = WasiCtx::builder()
        .arg("forth")
        .stdin(Input::bytes("6 7 * . cr"))
        .stdout(Output::capture(&stdout))
        .build()?;
    let mut store = Store::new();
    store.insert(ctx);

    let instance = Instance::new(&mut store, &module, &imports)?;
    let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
    let status = match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(CallError::Host(error)) => match error.downcast_ref::<Exit>() {
            Some(&Exit(status)) => status,
            None => return Err(error.into()),
        },
        Err(error) => return Err(error.into()),
    };
    print!(
        "the program printed: {}",
        String::from_utf8(stdout.contents())?
    );
    println!("and exited with status {status}");
    Ok(())
}
