//! Instances on many threads.

use std::panic::AssertUnwindSafe;
use std::sync::Barrier;

use wasm_aot_loader::{Imports, Instance, Module, Store, TrapCode};

use crate::support::{artefact, isolated_ok, run, trap_code};

const WORK: &str = r#"(module
  (import "h" "add" (func $add (param i32 i32) (result i32)))
  (memory 1)
  (func (export "sum") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (call $add (local.get $sum) (local.get $n)))
      (i32.store (i32.const 64) (local.get $sum))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.load (i32.const 64)))
  (func (export "fault") (result i32) (i32.load (i32.const 65536)))
  (func $deep (export "overflow") (call $deep) (drop (memory.grow (i32.const 0))))
  (func (export "stop") unreachable))"#;

#[test]
fn calls_and_traps_on_many_threads_do_not_disturb_each_other() {
    let module = Module::from_bytes(&artefact(WORK)).unwrap();
    let mut imports = Imports::new();
    imports.func("h", "add", |a: i32, b: i32| a.wrapping_add(b));
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (module, imports, barrier) = (&module, &imports, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..30 {
                    let mut store = Store::new();
                    let instance = Instance::new(&mut store, module, imports).unwrap();
                    let sum = instance.get_typed_func::<i32, i32>(&store, "sum").unwrap();
                    let n = 100 + seed * 10 + round;
                    assert_eq!(sum.call(&mut store, n).unwrap(), n * (n + 1) / 2);
                    let fault = instance.get_typed_func::<(), i32>(&store, "fault").unwrap();
                    let code = trap_code(fault.call(&mut store, ()));
                    assert_eq!(code, TrapCode::MemoryOutOfBounds);
                    let stop = instance.get_typed_func::<(), ()>(&store, "stop").unwrap();
                    assert_eq!(trap_code(stop.call(&mut store, ())), TrapCode::Unreachable);
                    let deep = instance
                        .get_typed_func::<(), ()>(&store, "overflow")
                        .unwrap();
                    assert_eq!(
                        trap_code(deep.call(&mut store, ())),
                        TrapCode::StackOverflow
                    );
                }
            });
        }
    });
}

#[test]
fn a_store_can_visit_many_threads() {
    let mut imports = Imports::new();
    imports.func("h", "add", |a: i32, b: i32| a.wrapping_add(b));
    let mut store = Store::new();
    let module = Module::from_bytes(&artefact(WORK)).unwrap();
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    for _ in 0..10 {
        let visit = std::thread::spawn(move || {
            let deep = instance
                .get_typed_func::<(), ()>(&store, "overflow")
                .unwrap();
            assert_eq!(
                trap_code(deep.call(&mut store, ())),
                TrapCode::StackOverflow
            );
            let fault = instance.get_typed_func::<(), i32>(&store, "fault").unwrap();
            assert_eq!(
                trap_code(fault.call(&mut store, ())),
                TrapCode::MemoryOutOfBounds
            );
            store
        });
        store = visit.join().unwrap();
    }
}

#[test]
fn modules_can_be_opened_and_dropped_on_many_threads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("module.so");
    std::fs::write(&path, artefact(WORK)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let module = Module::open(&path).unwrap();
                    assert_eq!(module.exports().len(), 4);
                }
            });
        }
    });
}

/// A process that has modules and instances is copied: both go on with what they have, and
/// neither sees what the other does.
#[test]
fn both_processes_go_on_after_a_fork() {
    isolated_ok("threads::both_processes_go_on_after_a_fork", || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("module.so");
        // Threads that compile are not copied.
        let bytes = artefact(WORK);
        std::fs::write(&path, &bytes).unwrap();
        let module = Module::open(&path).unwrap();
        let mut imports = Imports::new();
        imports.func("h", "add", |a: i32, b: i32| a.wrapping_add(b));
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        let work = |store: &mut Store, instance: Instance, n: i32| {
            let sum = instance.get_typed_func::<i32, i32>(store, "sum").unwrap();
            assert_eq!(sum.call(store, n).unwrap(), n * (n + 1) / 2);
            for (name, code) in [
                ("stop", TrapCode::Unreachable),
                ("overflow", TrapCode::StackOverflow),
            ] {
                assert_eq!(trap_code(run(store, instance, name)), code);
            }
            let fault = instance.get_typed_func::<(), i32>(store, "fault").unwrap();
            let code = trap_code(fault.call(store, ()));
            assert_eq!(code, TrapCode::MemoryOutOfBounds);
        };
        let everything = |store: &mut Store| {
            for n in 1..50 {
                work(store, instance, n);
                // The same artefact, and one that is new to this process.
                for module in [
                    module.clone(),
                    Module::open(&path).unwrap(),
                    Module::from_bytes(&bytes).unwrap(),
                ] {
                    let instance = Instance::new(store, &module, &imports).unwrap();
                    work(store, instance, n);
                }
            }
        };
        work(&mut store, instance, 3);
        // SAFETY: no other thread does anything that the child could wait for.
        match unsafe { libc::fork() } {
            -1 => panic!("{}", std::io::Error::last_os_error()),
            0 => {
                let result = std::panic::catch_unwind(AssertUnwindSafe(|| everything(&mut store)));
                // SAFETY: ends the child, and nothing of the test with it.
                unsafe { libc::_exit(i32::from(result.is_err())) };
            }
            child => {
                everything(&mut store);
                let mut status = 1;
                // SAFETY: waits for the child.
                assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
                assert_eq!(status, 0, "the child");
            }
        }
    });
}

#[test]
fn types_can_cross_threads() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Module>();
    sync::<Module>();
    send::<Imports>();
    sync::<Imports>();
    send::<Store>();
    send::<wasm_aot_loader::CallError>();
    sync::<wasm_aot_loader::CallError>();
    send::<wasm_aot_loader::TypedFunc<(i32,), ()>>();
    sync::<wasm_aot_loader::TypedFunc<(i32,), ()>>();
    send::<wasm_aot_loader::Val>();
}
