//! Many threads at once.

mod common;

use std::time::{Duration, Instant};

use common::{artefact, assert_traps, module};
use wasm_aot_loader::{BoxError, Imports, Instance, Module, Store, TrapCode};

const WORK: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\07")
    (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
    (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "host") (param i32) (result i32) (call $f (local.get 0)))
    (func $deep (export "deep") (call $deep) (call $deep)))"#;

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("e", "f", |value: i32| -> Result<i32, BoxError> {
        if value < 0 {
            Err("negative".into())
        } else {
            Ok(value + 1)
        }
    });
    imports
}

/// A new store in which everything that can happen does.
fn exercise(module: &Module, imports: &Imports, seed: i32) -> Store {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, module, imports).unwrap();
    use_instance(&mut store, instance, seed);
    store
}

fn use_instance(store: &mut Store, instance: Instance, seed: i32) {
    let div = instance
        .get_typed_func::<(i32, i32), i32>(store, "div")
        .unwrap();
    let load = instance.get_typed_func::<i32, i32>(store, "load").unwrap();
    let host = instance.get_typed_func::<i32, i32>(store, "host").unwrap();
    let deep = instance.get_typed_func::<(), ()>(store, "deep").unwrap();
    for value in 1..20 {
        assert_eq!(div.call(store, (seed * value, value)).unwrap(), seed);
        assert_traps(div.call(store, (value, 0)), TrapCode::IntegerDivisionByZero);
        assert_traps(div.call(store, (i32::MIN, -1)), TrapCode::IntegerOverflow);
        assert_eq!(load.call(store, 0).unwrap(), 7);
        assert_traps(load.call(store, -value), TrapCode::MemoryOutOfBounds);
        assert_eq!(host.call(store, seed).unwrap(), seed + 1);
        assert_eq!(host.call(store, -1).unwrap_err().to_string(), "negative");
    }
    assert_traps(deep.call(store, ()), TrapCode::StackOverflow);
}

#[test]
fn one_module_serves_many_threads_that_call_and_trap() {
    let (module, imports) = (module(WORK), imports());
    let end = Instant::now() + Duration::from_secs(1);
    std::thread::scope(|scope| {
        for seed in 1..=8 {
            let (module, imports) = (&module, &imports);
            scope.spawn(move || {
                while Instant::now() < end {
                    exercise(module, imports, seed);
                }
            });
        }
    });
}

#[test]
fn a_store_works_on_whatever_thread_it_is_moved_to() {
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module(WORK), &imports()).unwrap();
    for seed in 0..20 {
        let thread = std::thread::spawn(move || {
            use_instance(&mut store, instance, seed);
            store
        });
        store = thread.join().unwrap();
        use_instance(&mut store, instance, seed);
    }
}

#[test]
fn a_module_can_be_opened_and_dropped_by_many_threads_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (path, bytes) = (folder.path().join("work.so"), artefact(WORK));
    std::fs::write(&path, &bytes).unwrap();
    let imports = imports();
    std::thread::scope(|scope| {
        for seed in 1..=6 {
            let (path, bytes, imports) = (&path, &bytes, &imports);
            scope.spawn(move || {
                for round in 0..30 {
                    let module = if (round + seed) % 3 == 0 {
                        Module::from_bytes(bytes)
                    } else {
                        Module::open(path)
                    };
                    let store = exercise(&module.unwrap(), imports, seed);
                    drop(store);
                }
            });
        }
    });
}
