//! Compiled modules calling the functions through their imports.

use wasm_aot_loader::{CallError, Imports, Instance, Module, Store};
use wasm_aot_wasi::{Capture, Exit, NoContext, Output, WasiCtx, add_to_imports};

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
