//! The smallest use: compile a module, load it, call its export.
//!
//! `cargo run --example smallest`
use std::error::Error;

use wasm_aot_loader::{Imports, Instance, Module, Store};

fn main() -> Result<(), Box<dyn Error>> {
    // At build time: `wasm-aot compile smallest.wat -o smallest.so`.
    let wat = br#"
        (module
          (func (export "gcd") (param $a i32) (param $b i32) (result i32)
            (loop $again (result i32)
              (if (result i32) (i32.eqz (local.get $b))
                (then (local.get $a))
                (else
                  (local.get $b)
                  (local.set $b (i32.rem_u (local.get $a) (local.get $b)))
                  (local.set $a)
                  (br $again))))))
    "#;
    let shared_object = wasm_aot_compiler::compile(wat, &Default::default())?;

    // At run time: `Module::open("smallest.so")`, and no compiler.
    let module = Module::from_bytes(&shared_object)?;
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new())?;
    let gcd = instance.get_typed_func::<(i32, i32), i32>(&store, "gcd")?;
    println!("gcd(1071, 462) = {}", gcd.call(&mut store, (1071, 462))?);
    Ok(())
}
