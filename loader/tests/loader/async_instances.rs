//! Opening and instantiating without blocking.

use std::mem;

use futures_lite::future::{block_on, poll_once};
use wasm_aot_loader::{
    Global, GlobalType, Imports, Instance, InstancePre, Module, OpenError, Store, Val, ValType,
};

use crate::support::{artefact, module, waiting};

#[test]
fn artefacts_are_opened_in_other_threads() {
    let dir = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..20)
        .map(|n| dir.path().join(format!("{n}.so")))
        .collect();
    for (n, path) in paths.iter().enumerate() {
        std::fs::write(path, artefact(&format!("(module $m{n})"))).unwrap();
    }
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    tokio.block_on(async {
        let opening: Vec<_> = paths.iter().map(Module::open_async).collect();
        for (n, module) in opening.into_iter().enumerate() {
            assert_eq!(module.await.unwrap().name(), format!("m{n}"));
        }
    });
    // One that is dropped is opened for nobody.
    for path in &paths {
        drop(Module::open_async(path));
    }
}

#[test]
fn what_cannot_be_opened_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("absent.so");
    let error = block_on(Module::open_async(&path)).unwrap_err();
    assert!(matches!(error, OpenError::Read { path: found, .. } if found == path));
    std::fs::write(&path, "not an artefact").unwrap();
    let error = block_on(Module::open_async(&path)).unwrap_err();
    assert!(matches!(error, OpenError::NotElf), "{error:?}");
}

const START: &str = r#"(module
  (import "h" "wait" (func $wait (param i32) (result i32)))
  (import "h" "global" (global $done (mut i32)))
  (func (export "done") (result i32) (global.get $done))
  (func $start
    (global.set $done (i32.const 1))
    (global.set $done (call $wait (i32.const 7))))
  (start $start))"#;

fn with_global(store: &mut Store) -> (Imports, Global) {
    let ty = GlobalType::new(ValType::I32, true);
    let global = Global::new(store, ty, Val::I32(0)).unwrap();
    let mut imports = waiting();
    imports.define("h", "global", global);
    (imports, global)
}

#[test]
fn a_start_function_can_wait() {
    let mut store = Store::new();
    let (imports, _) = with_global(&mut store);
    let module = module(START);
    let instance = block_on(Instance::new_async(&mut store, &module, &imports)).unwrap();
    let done = instance.get_typed_func::<(), i32>(&store, "done").unwrap();
    assert_eq!(done.call(&mut store, ()).unwrap(), 7);
}

#[test]
fn instantiation_can_be_dropped_while_the_start_function_waits() {
    let mut store = Store::new();
    let (imports, global) = with_global(&mut store);
    let module = module(START);
    let instance = Instance::new_async(&mut store, &module, &imports);
    assert!(block_on(poll_once(instance)).is_none());
    assert_eq!(global.get(&store), Val::I32(1));
    block_on(Instance::new_async(&mut store, &module, &imports)).unwrap();
    assert_eq!(global.get(&store), Val::I32(7));
}

#[test]
fn an_instantiation_that_is_forgotten_leaves_the_store_usable() {
    let mut store = Store::new();
    let (imports, global) = with_global(&mut store);
    let module = module(START);
    let mut instance = Box::pin(Instance::new_async(&mut store, &module, &imports));
    assert!(block_on(poll_once(&mut instance)).is_none());
    mem::forget(instance);
    assert_eq!(global.get(&store), Val::I32(1));
    block_on(Instance::new_async(&mut store, &module, &imports)).unwrap();
    assert_eq!(global.get(&store), Val::I32(7));
}

#[test]
fn resolved_imports_can_have_a_start_function_that_waits() {
    let wat = r#"(module (import "h" "wait" (func $wait (param i32) (result i32)))
      (global $done (export "done") (mut i32) (i32.const 0))
      (func $start (global.set $done (call $wait (i32.const 7))))
      (start $start))"#;
    let pre = InstancePre::new(&module(wat), &waiting()).unwrap();
    for _ in 0..3 {
        let mut store = Store::new();
        let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
        let done = instance.get_global(&store, "done").unwrap();
        assert_eq!(done.get(&store), Val::I32(7));
    }
}

#[test]
fn initialising_can_wait() {
    let wat = r#"(module (import "h" "wait" (func $wait (param i32) (result i32)))
      (global $done (export "done") (mut i32) (i32.const 0))
      (func (export "_initialize") (global.set $done (call $wait (i32.const 7)))))"#;
    let mut store = Store::new();
    let instance = block_on(Instance::new_async(&mut store, &module(wat), &waiting())).unwrap();
    assert!(block_on(instance.initialize_async(&mut store)).unwrap());
    let done = instance.get_global(&store, "done").unwrap();
    assert_eq!(done.get(&store), Val::I32(7));
    let other = module("(module)");
    let other = block_on(Instance::new_async(&mut store, &other, &Imports::new())).unwrap();
    assert!(!block_on(other.initialize_async(&mut store)).unwrap());
}
