//! Two artefacts linked: one exports a memory, a table and an allocator, the
//! other imports them. Calls between them go directly, without the host.
//!
//! `cargo run --example linked`
use std::error::Error;

use wasm_aot_loader::{Imports, Instance, Module, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let library = br#"
        (module $library
          (memory (export "memory") 1)
          (table (export "handlers") 4 funcref)
          (global $next (mut i32) (i32.const 16))
          (func (export "allocate") (param $size i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get $size))))
          (func (export "dispatch") (param $handler i32) (param $value i32) (result i32)
            (call_indirect (param i32) (result i32) (local.get $value) (local.get $handler))))
    "#;
    let application = br#"
        (module $application
          (import "library" "memory" (memory 1))
          (import "library" "handlers" (table 4 funcref))
          (import "library" "allocate" (func $allocate (param i32) (result i32)))
          (elem (i32.const 1) $square)
          (func $square (param i32) (result i32)
            (i32.mul (local.get 0) (local.get 0)))
          (func (export "remember") (param $value i32) (result i32)
            (local $at i32)
            (i32.store (local.tee $at (call $allocate (i32.const 4))) (local.get $value))
            (local.get $at)))
    "#;
    let compile = |wat: &[u8]| -> Result<Module, Box<dyn Error>> {
        Ok(Module::from_bytes(&wasm_aot_compiler::compile(
            wat,
            &Default::default(),
        )?)?)
    };
    let mut store = Store::new();
    let library = Instance::new(&mut store, &compile(library)?, &Imports::new())?;
    let mut imports = Imports::new();
    imports.instance("library", &store, library);
    let application = Instance::new(&mut store, &compile(application)?, &imports)?;

    let remember = application.get_typed_func::<i32, i32>(&store, "remember")?;
    let first = remember.call(&mut store, 2026)?;
    let second = remember.call(&mut store, 11)?;
    let memory = library.get_memory(&store, "memory")?;
    for at in [first, second] {
        let mut word = [0; 4];
        memory.read(&store, at as u64, &mut word)?;
        println!("at {at}: {}", i32::from_le_bytes(word));
    }

    // The library calls what the application put into its table.
    let dispatch = library.get_typed_func::<(i32, i32), i32>(&store, "dispatch")?;
    println!("handler 1 of 12: {}", dispatch.call(&mut store, (1, 12))?);
    Ok(())
}
