//! Compiled modules calling the functions through their imports.

use wasm_aot_loader::{CallError, Imports, Instance, Module, Store};
use wasm_aot_wasi::{
    Capture, Exit, NoContext, Output, SeededRandom, VirtualClocks, WasiCtx, add_to_imports,
};

fn instantiate(store: &mut Store, wat: &str) -> Instance {
    let artefact = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default()).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    let mut imports = Imports::new();
    add_to_imports(&mut imports);
    Instance::new(store, &module, &imports).unwrap()
}

fn start(store: &mut Store, wat: &str) -> Result<(), CallError> {
    let instance = instantiate(store, wat);
    let start = instance.get_typed_func::<(), ()>(store, "_start").unwrap();
    start.call(store, ())
}

const HELLO: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\05\00\00\00")
    (data (i32.const 16) "hello")
    (func (export "_start")
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (unreachable)))))"#;

#[test]
fn a_function_works_on_the_memory_of_its_caller() {
    let stdout = Capture::new();
    let mut store = Store::new();
    store.insert(
        WasiCtx::builder()
            .stdout(Output::capture(&stdout))
            .build()
            .unwrap(),
    );
    start(&mut store, HELLO).unwrap();
    assert_eq!(stdout.contents(), b"hello");
}

#[test]
fn proc_exit_ends_the_call_with_the_status() {
    let mut store = Store::new();
    store.insert(WasiCtx::builder().build().unwrap());
    let error = start(
        &mut store,
        r#"(module
            (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
            (func (export "_start")
                (call $proc_exit (i32.const 300))
                (unreachable)))"#,
    )
    .unwrap_err();
    let CallError::Host(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.downcast_ref(), Some(&Exit(300)));
}

#[test]
fn a_caller_without_a_memory_gets_a_fault() {
    let mut store = Store::new();
    store.insert(WasiCtx::builder().build().unwrap());
    let instance = instantiate(
        &mut store,
        r#"(module
            (import "wasi_snapshot_preview1" "random_get"
                (func $random_get (param i32 i32) (result i32)))
            (func (export "get") (result i32) (call $random_get (i32.const 0) (i32.const 1))))"#,
    );
    let get = instance.get_typed_func::<(), i32>(&store, "get").unwrap();
    let fault = wasm_aot_wasi::Errno::Fault.raw();
    assert_eq!(get.call(&mut store, ()).unwrap(), i32::from(fault));
}

#[test]
fn a_store_without_a_context_is_an_error() {
    let error = start(&mut Store::new(), HELLO).unwrap_err();
    let CallError::Host(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.downcast_ref(), Some(&NoContext));
}

/// Prints both clocks, sleeps, and prints them again, with random bytes.
const ASKS_THE_WORLD: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
        (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
        (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get"
        (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    ;; One subscription: the monotonic clock, in an hour.
    (data (i32.const 216) "\01\00\00\00\00\00\00\00\00\a0\b8\30\46\03\00\00")
    (data (i32.const 0) "\10\00\00\00\40\00\00\00") ;; one iovec: 64 bytes at 16
    (func $ok (param i32) (if (local.get 0) (then (unreachable))))
    (func (export "_start")
        (call $ok (call $clock (i32.const 0) (i64.const 0) (i32.const 16)))
        (call $ok (call $clock (i32.const 1) (i64.const 0) (i32.const 24)))
        (call $ok (call $poll (i32.const 200) (i32.const 400) (i32.const 1) (i32.const 500)))
        (call $ok (call $clock (i32.const 0) (i64.const 0) (i32.const 32)))
        (call $ok (call $clock (i32.const 1) (i64.const 0) (i32.const 40)))
        (call $ok (call $random (i32.const 48) (i32.const 32)))
        (call $ok (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn two_runs_with_supplied_clocks_and_randomness_are_the_same() {
    let run = |seed| {
        let stdout = Capture::new();
        let ctx = WasiCtx::builder()
            .clocks(VirtualClocks::new(1_000_000, 7))
            .random(SeededRandom::new(seed))
            .stdout(Output::capture(&stdout));
        let mut store = Store::new();
        store.insert(ctx.build().unwrap());
        start(&mut store, ASKS_THE_WORLD).unwrap();
        stdout.contents()
    };
    let first = run(1);
    assert_eq!(first.len(), 64);
    assert_eq!(first, run(1));
    // The clocks do not depend on the seed, and the sleep took its hour.
    let other = run(2);
    assert_eq!(first[..32], other[..32]);
    assert_ne!(first[32..], other[32..]);
    let time = |at: usize| u64::from_le_bytes(first[at..at + 8].try_into().unwrap());
    assert!(time(24) - time(8) >= 3_600_000_000_000);
}
