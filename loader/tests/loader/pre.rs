//! Instances of imports that were resolved before.

use wasm_aot_loader::{
    Func, Imports, InstancePre, InstantiationError, Memory, MemoryType, Store, Val, imports,
};

use crate::support::{add, call, module, run, trap};

const COUNTER: &str = r#"(module
  (import "h" "step" (func $step (result i32)))
  (global $n (mut i32) (i32.const 0))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (call $step)))
    (global.get $n))
  (func (export "trap") unreachable))"#;

#[test]
fn resolved_once_instantiated_in_any_number_of_stores() {
    let imports = imports! { "h" => { "step" => || 3 } };
    let pre = InstancePre::new(&module(COUNTER), &imports).unwrap();
    drop(imports);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut store = Store::new();
                let one = pre.instantiate(&mut store).unwrap();
                let two = pre.instantiate(&mut store).unwrap();
                for expected in [3, 6, 9] {
                    let results = call(&mut store, one, "next", &[]).unwrap();
                    assert_eq!(results, [Val::I32(expected)]);
                }
                let results = call(&mut store, two, "next", &[]).unwrap();
                assert_eq!(results, [Val::I32(3)]);
                trap(run(&mut store, two, "trap"));
            });
        }
    });
}

#[test]
fn a_later_definition_does_not_reach_what_is_resolved() {
    let mut imports = imports! { "h" => { "step" => || 1 } };
    let pre = InstancePre::new(&module(COUNTER), &imports).unwrap();
    imports.func("h", "step", || 100);
    let mut store = Store::new();
    let instance = pre.instantiate(&mut store).unwrap();
    let results = call(&mut store, instance, "next", &[]).unwrap();
    assert_eq!(results, [Val::I32(1)]);
}

#[test]
fn resolving_names_every_import_that_does_not_match() {
    let mut store = Store::new();
    let func = Func::wrap(&mut store, || ());
    let imports = imports! { "h" => { "mine" => func, "wrong" => |_: i64| () } };
    let wat = r#"(module (import "h" "mine" (func)) (import "h" "wrong" (func))
      (import "h" "missing" (func)))"#;
    let module = module(wat);
    let error = InstancePre::new(&module, &imports).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"unknown import: "h" "mine": expected (func) (what is defined belongs to a store)
incompatible import type: "h" "wrong": expected (func), found (func (param i64))
unknown import: "h" "missing": expected (func)"#
    );
    let error = InstancePre::in_store(&store, &module, &imports).unwrap_err();
    assert_eq!(error.problems().len(), 2);
}

#[test]
fn resolved_with_something_of_a_store_it_serves_that_store_only() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let imports = imports! { "h" => { "m" => memory, "f" => || () } };
    let module = module(
        r#"(module (import "h" "f" (func $f)) (import "h" "m" (memory 1)) (start $f)
          (func (export "set") (i32.store8 (i32.const 0)
            (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))))"#,
    );
    let pre = InstancePre::in_store(&store, &module, &imports).unwrap();
    // It has grown, and still matches.
    memory.grow(&mut store, 1).unwrap();
    for expected in [1, 2] {
        let instance = pre.instantiate(&mut store).unwrap();
        run(&mut store, instance, "set").unwrap();
        assert_eq!(memory.data(&store)[0], expected);
    }
    let error = pre.instantiate(&mut Store::new()).unwrap_err();
    let InstantiationError::Link(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        error.to_string(),
        r#"unknown import: "h" "m": expected (memory 1) (what is defined belongs to another store)"#
    );
}

#[test]
fn functions_of_another_instance_can_be_resolved() {
    let mut store = Store::new();
    let library = add(
        &mut store,
        r#"(module (func (export "step") (result i32) (i32.const 5)))"#,
        &Imports::new(),
    );
    let imports = imports! { "h" => (&store, library) };
    let pre = InstancePre::in_store(&store, &module(COUNTER), &imports).unwrap();
    let instance = pre.instantiate(&mut store).unwrap();
    let results = call(&mut store, instance, "next", &[]).unwrap();
    assert_eq!(results, [Val::I32(5)]);
}

#[test]
fn a_start_function_that_traps_fails_each_instantiation() {
    let module = module("(module (func $start unreachable) (start $start))");
    let pre = InstancePre::new(&module, &Imports::new()).unwrap();
    let mut store = Store::new();
    for _ in 0..3 {
        let error = pre.instantiate(&mut store).unwrap_err();
        assert!(matches!(error, InstantiationError::Trap(_)), "{error}");
    }
}
