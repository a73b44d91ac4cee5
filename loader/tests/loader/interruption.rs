//! Stopping code from another thread.

use std::thread;
use std::time::{Duration, Instant};

use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{
    Caller, Config, Imports, Instance, InstantiationError, InterruptHandle, Memory, MemoryType,
    Module, SharedMemory, Store, TrapCode,
};

use crate::support::module;
use crate::support::options;

const ENDLESS: &str = r#"(module
    (import "host" "nothing" (func $nothing))
    (table funcref (elem $even $odd))
    (type $step (func (param i64)))
    (func (export "loop") (loop (br 0)))
    (func (export "inner") (local i32)
      (loop $outer
        (local.set 0 (i32.const 10))
        (loop $inner
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br_if $inner (local.get 0)))
        (br $outer)))
    (func $fib (param i64) (result i64)
      (if (result i64) (i64.lt_u (local.get 0) (i64.const 2)) (then (local.get 0))
        (else (i64.add
          (call $fib (i64.sub (local.get 0) (i64.const 1)))
          (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
    (func (export "recursion") (drop (call $fib (i64.const 90))))
    (func $ping (export "tail calls") (return_call $pong))
    (func $pong (return_call $ping))
    (func $even (type $step)
      (return_call_indirect (type $step) (local.get 0) (i32.const 1)))
    (func $odd (type $step)
      (return_call_indirect (type $step) (local.get 0) (i32.const 0)))
    (func (export "indirect") (call $even (i64.const 0)))
    (func (export "host") (loop (call $nothing) (br 0)))
    (func (export "short") (result i32) (i32.const 7))
    (func (export "count") (result i32) (local i32)
      (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 9))))
      (local.get 0)))"#;

fn interruptible(wat: &str) -> Module {
    let options = Options {
        interruptible: true,
        ..options()
    };
    Module::from_bytes(&compile(wat.as_bytes(), &options).unwrap()).unwrap()
}

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("host", "nothing", |_: Caller<'_>| ());
    imports
}

fn soon(handle: &InterruptHandle) -> thread::JoinHandle<()> {
    let handle = handle.clone();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        handle.interrupt();
    })
}

#[test]
fn code_that_never_ends_is_stopped_wherever_it_is() {
    let module = interruptible(ENDLESS);
    for name in [
        "loop",
        "inner",
        "recursion",
        "tail calls",
        "indirect",
        "host",
    ] {
        let mut store = Store::with_config(&Config::new().interruptible(true));
        let instance = Instance::new(&mut store, &module, &imports()).unwrap();
        let func = instance.get_typed_func::<(), ()>(&store, name).unwrap();
        let other = soon(&store.interrupt_handle());
        let start = Instant::now();
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{name}");
        assert!(start.elapsed() > Duration::from_millis(10), "{name}");
        other.join().unwrap();
    }
}

#[test]
fn code_is_stopped_with_whatever_memory_it_has() {
    for memory in [
        "",
        "(memory 1)",
        "(memory i64 1)",
        "(memory 1 2 (pagesize 1))",
        "(memory 1 2 shared)",
        "(import \"host\" \"memory\" (memory 1))",
        "(import \"host\" \"shared\" (memory 1 2 shared))",
    ] {
        let module = interruptible(&format!(
            "(module {memory} (func (export \"loop\") (loop (br 0)))
               (func (export \"short\") (loop (br_if 0 (i32.const 0)))))"
        ));
        let shared = SharedMemory::new(MemoryType::shared(1, 2)).unwrap();
        // The second time, what the first one had is used again.
        for _ in 0..2 {
            let mut store = Store::new();
            let mut imports = Imports::new();
            let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
            imports.define("host", "memory", memory);
            imports.define("host", "shared", shared.clone());
            let handle = store.interrupt_handle();
            let first = Instance::new(&mut store, &module, &imports).unwrap();
            let second = Instance::new(&mut store, &module, &imports).unwrap();
            let other = soon(&handle);
            let func = first.get_typed_func::<(), ()>(&store, "loop").unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{module:?}");
            other.join().unwrap();
            // It holds for all of the store, and for what is made meanwhile.
            let third = Instance::new(&mut store, &module, &imports).unwrap();
            for instance in [second, third] {
                let short = instance.get_typed_func::<(), ()>(&store, "short").unwrap();
                let error = short.call(&mut store, ()).unwrap_err();
                assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{module:?}");
            }
            // But for no other.
            let mut other = Store::new();
            let mut imports = Imports::new();
            let memory = Memory::new(&mut other, MemoryType::new(1, None)).unwrap();
            imports.define("host", "memory", memory);
            imports.define("host", "shared", shared.clone());
            let instance = Instance::new(&mut other, &module, &imports).unwrap();
            let short = instance.get_typed_func::<(), ()>(&other, "short").unwrap();
            short.call(&mut other, ()).unwrap();
            handle.take_back();
            for instance in [first, second, third] {
                let short = instance.get_typed_func::<(), ()>(&store, "short").unwrap();
                short.call(&mut store, ()).unwrap();
            }
            handle.interrupt();
        }
    }
}

#[test]
fn a_function_with_more_loops_than_places_to_look_at_is_stopped_in_each() {
    let loops = 1100;
    let body: String = (0..loops)
        .map(|n| format!("(loop (br_if 0 (i32.eq (local.get 0) (i32.const {n}))) (nop))"))
        .collect();
    let module = interruptible(&format!(
        "(module (memory 1) (func (export \"run\") (param i32) {body}))"
    ));
    for stuck in [0, 1021, 1022, 1023, 1024, loops - 1] {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let run = instance.get_typed_func::<i32, ()>(&store, "run").unwrap();
        run.call(&mut store, -1).unwrap();
        let other = soon(&store.interrupt_handle());
        let error = run.call(&mut store, stuck).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted), "{stuck}");
        other.join().unwrap();
    }
}

#[test]
fn a_start_function_is_stopped() {
    let module = interruptible("(module (func $start (loop (br 0))) (start $start))");
    let mut store = Store::new();
    let other = soon(&store.interrupt_handle());
    match Instance::new(&mut store, &module, &Imports::new()) {
        Err(InstantiationError::Trap(trap)) => assert_eq!(trap.code(), TrapCode::Interrupted),
        other => panic!("{other:?}"),
    }
    other.join().unwrap();
}

#[test]
fn an_interruption_lasts_until_it_is_taken_back() {
    let module = interruptible(ENDLESS);
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &imports()).unwrap();
    let handle = store.interrupt_handle();
    handle.interrupt();
    assert!(handle.is_interrupted());
    let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
    for _ in 0..2 {
        let error = count.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    }
    // Ends anyway, so nobody looks.
    let short = instance.get_typed_func::<(), i32>(&store, "short").unwrap();
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    handle.take_back();
    assert!(!handle.is_interrupted());
    assert_eq!(count.call(&mut store, ()).unwrap(), 9);
}

#[test]
fn the_stores_of_other_handles_go_on() {
    let module = interruptible(ENDLESS);
    let (mut store, other) = (Store::new(), Store::new());
    other.interrupt_handle().interrupt();
    let instance = Instance::new(&mut store, &module, &imports()).unwrap();
    let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
    assert_eq!(count.call(&mut store, ()).unwrap(), 9);
}

#[test]
fn a_store_that_must_be_stoppable_takes_no_other_code() {
    let module = module(ENDLESS);
    let mut store = Store::with_config(&Config::new().interruptible(true));
    let error = Instance::new(&mut store, &module, &imports()).unwrap_err();
    assert!(matches!(error, InstantiationError::Uninterruptible));
    assert_eq!(
        error.to_string(),
        "the code cannot be interrupted, as the store demands"
    );
    Instance::new(&mut Store::new(), &module, &imports()).unwrap();
}

#[test]
fn a_handle_outlives_its_store() {
    let module = interruptible(ENDLESS);
    let mut store = Store::new();
    Instance::new(&mut store, &module, &imports()).unwrap();
    let handle = store.interrupt_handle();
    drop(store);
    handle.interrupt();
    assert!(handle.is_interrupted());
}

/// Of a compiler that had code compare a word, when it was made of
/// `(module $word (memory 1) (func (export "spin") (loop (br 0))) (func (export "short")
/// (result i32) (loop (br_if 0 (i32.const 0))) (i32.const 7)))`.
#[cfg(target_arch = "x86_64")]
#[test]
fn artefacts_that_compare_a_word_are_stopped_as_ever() {
    use wasm_aot_loader::{AtDeadline, Epoch};
    let module = Module::from_bytes(include_bytes!("../golden/interruption-word.so")).unwrap();
    let mut store = Store::with_config(&Config::new().interruptible(true));
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let spin = instance.get_typed_func::<(), ()>(&store, "spin").unwrap();
    let short = instance.get_typed_func::<(), i32>(&store, "short").unwrap();
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    let other = soon(&store.interrupt_handle());
    let error = spin.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    other.join().unwrap();
    store.interrupt_handle().take_back();
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    // Nobody can be asked in the middle of a comparison.
    store.at_deadline(|_| Ok(AtDeadline::Extend(1)));
    let epoch = Epoch::ticking(Duration::from_millis(1)).unwrap();
    store.set_deadline(&epoch, 1);
    let error = spin.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
}
