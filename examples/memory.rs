//! Linear memory: the host writes text into it, WebAssembly changes it, the
//! host reads it back. No copies but those that are visible here.
//!
//! `cargo run --example memory`
use std::error::Error;

use wasm_aot_loader::{Imports, Instance, Module, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let wat = br#"
        (module
          (memory (export "memory") 1 4)
          (func (export "rot13") (param $at i32) (param $len i32)
            (local $end i32) (local $c i32)
            (local.set $end (i32.add (local.get $at) (local.get $len)))
            (block $done
              (loop $next
                (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
                (local.set $c (i32.load8_u (local.get $at)))
                (if (i32.lt_u
                      (i32.sub (i32.or (local.get $c) (i32.const 0x20)) (i32.const 0x61))
                      (i32.const 26))
                  (then
                    (i32.store8 (local.get $at)
                      (i32.add (local.get $c)
                        (select (i32.const 13) (i32.const -13)
                          (i32.lt_u
                            (i32.or (local.get $c) (i32.const 0x20))
                            (i32.const 0x6e)))))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br $next)))))
    "#;
    let module = Module::from_bytes(&wasm_aot_compiler::compile(wat, &Default::default())?)?;
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new())?;
    let memory = instance.get_memory(&store, "memory")?;
    let rot13 = instance.get_typed_func::<(i32, i32), ()>(&store, "rot13")?;

    let text = "Uryyb, Jbeyq!";
    memory.write(&mut store, 0, text.as_bytes())?;
    rot13.call(&mut store, (0, text.len() as i32))?;
    // A view of the memory borrows the store: nothing can run while it lives.
    let view = &memory.data(&store)[..text.len()];
    println!("{}", std::str::from_utf8(view)?);

    let before = memory.grow(&mut store, 3)?;
    println!("grown from {before} to {} pages", memory.size(&store));
    if let Err(error) = memory.grow(&mut store, 1) {
        println!("{error}");
    }
    Ok(())
}
