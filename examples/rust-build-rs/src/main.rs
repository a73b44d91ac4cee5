//! A WebAssembly module as a part of a Rust program: no file to load, no compiler.

use std::error::Error;

use wasm_aot_loader::Store;

wasm_aot_loader::include_module!(mod fib);

fn main() -> Result<(), Box<dyn Error>> {
    let mut store = Store::new();
    let imports = fib::Imports {
        host_log: |_caller, value| {
            println!("  {value}");
            Ok(())
        },
    };
    let fib = fib::Fib::new(&mut store, imports)?;
    println!("fib(5) = {}", fib.run(&mut store, 5)?);

    // A trap ends the call and nothing else.
    let trap = fib.run(&mut store, -1).unwrap_err();
    println!("fib(-1): {trap}");

    let name = &fib.memory().data(&store)[16..25];
    println!(
        "{}: {:?} calls",
        str::from_utf8(name)?,
        fib.calls().get(&store)
    );
    Ok(())
}
