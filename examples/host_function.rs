//! Host functions: closures that WebAssembly imports. They have a state of
//! their own or one in the store, and can fail.
//!
//! `cargo run --example host_function`
use std::error::Error;

use wasm_aot_loader::{CallError, Caller, Instance, Module, Store, imports};

/// What the host keeps for one store.
#[derive(Default)]
struct Log(Vec<i32>);

fn main() -> Result<(), Box<dyn Error>> {
    let wat = br#"
        (module
          (import "host" "log" (func $log (param i32)))
          (import "host" "checked_sqrt" (func $sqrt (param f64) (result f64)))
          (func (export "count_down") (param $n i32)
            (loop $again
              (call $log (local.get $n))
              (local.set $n (i32.sub (local.get $n) (i32.const 1)))
              (br_if $again (i32.ge_s (local.get $n) (i32.const 0)))))
          (func (export "hypot") (param $x f64) (param $y f64) (result f64)
            (call $sqrt
              (f64.add
                (f64.mul (local.get $x) (local.get $x))
                (f64.mul (local.get $y) (local.get $y)))))
          (func (export "root") (param $x f64) (result f64)
            (call $sqrt (local.get $x))))
    "#;
    let module = Module::from_bytes(&wasm_aot_compiler::compile(wat, &Default::default())?)?;

    let imports = imports! {
        "host" => {
            "log" => |mut caller: Caller<'_>, value: i32| {
                caller.get_mut::<Log>().expect("a log").0.push(value);
            },
            "checked_sqrt" => |x: f64| {
                if x < 0.0 {
                    return Err(format!("no real root of {x}"));
                }
                Ok(x.sqrt())
            },
        },
    };

    let mut store = Store::new();
    store.insert(Log::default());
    let instance = Instance::new(&mut store, &module, &imports)?;

    let count_down = instance.get_typed_func::<i32, ()>(&store, "count_down")?;
    count_down.call(&mut store, 3)?;
    println!("logged {:?}", store.get::<Log>().expect("a log").0);

    let hypot = instance.get_typed_func::<(f64, f64), f64>(&store, "hypot")?;
    println!("hypot(3, 4) = {}", hypot.call(&mut store, (3.0, 4.0))?);

    let root = instance.get_typed_func::<f64, f64>(&store, "root")?;
    match root.call(&mut store, -1.0) {
        Err(CallError::Host(error)) => println!("root(-1): {error}"),
        other => println!("unexpected: {other:?}"),
    }
    Ok(())
}
