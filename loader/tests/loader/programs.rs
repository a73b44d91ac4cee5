//! Commands and reactors.

use wasm_aot_loader::{CallError, Imports, InstantiationError, Store, Val};

use crate::support::{add, call, module, run, trap};

/// Counts, from what it was initialised with.
const REACTOR: &str = r#"(module
  (global $n (export "n") (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 10))))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1)))
    (global.get $n)))"#;

/// The same, as a command.
const COMMAND: &str = r#"(module
  (import "env" "note" (func $note (param i32)))
  (memory (export "memory") 1)
  (global $n (mut i32) (i32.const 0))
  (func $next (export "next") (param i32) (result i32)
    (global.set $n (i32.add (global.get $n) (local.get 0)))
    (global.get $n))
  (func (export "_start") (call $note (call $next (i32.const 1))))
  (func (export "trap") unreachable))"#;

const USER: &str = r#"(module
  (import "lib" "next" (func $next (result i32)))
  (func (export "twice") (result i32 i32) (call $next) (call $next)))"#;

#[test]
fn a_reactor_is_initialised_once_and_keeps_its_state() {
    let mut store = Store::new();
    let mut imports = Imports::new();
    imports.module("lib", &mut store, &module(REACTOR)).unwrap();
    for expected in [[11, 12], [13, 14]] {
        let user = add(&mut store, USER, &imports);
        let results = call(&mut store, user, "twice", &[]).unwrap();
        assert_eq!(results, expected.map(Val::I32));
    }
    let reactor = imports.get_instance("lib").unwrap();
    let n = reactor.get_global(&store, "n").unwrap();
    assert_eq!(n.get(&store), Val::I32(14));
}

#[test]
fn a_command_is_a_fresh_instance_for_each_call() {
    let mut store = Store::new();
    store.insert(Vec::<i32>::new());
    let mut imports = Imports::new();
    imports.func(
        "env",
        "note",
        |mut caller: wasm_aot_loader::Caller<'_>, n: i32| {
            caller.get_mut::<Vec<i32>>().unwrap().push(n);
        },
    );
    let command = module(COMMAND);
    assert!(command.is_command());
    imports.module("cmd", &mut store, &command).unwrap();
    assert_eq!(imports.get_instance("cmd"), None);
    assert!(!imports.contains("cmd", "memory"), "of which instance?");
    let user = add(
        &mut store,
        r#"(module
          (import "cmd" "_start" (func $start))
          (import "cmd" "next" (func $next (param i32) (result i32)))
          (import "cmd" "trap" (func $trap))
          (func (export "run") (result i32 i32)
            (call $start) (call $start) (call $next (i32.const 5)) (call $next (i32.const 7)))
          (func (export "trap") (call $trap)))"#,
        &imports,
    );
    let results = call(&mut store, user, "run", &[]).unwrap();
    assert_eq!(results, [Val::I32(5), Val::I32(7)]);
    assert_eq!(store.get::<Vec<i32>>().unwrap()[..], [1, 1]);
    // A trap in it is a trap of the caller, through both.
    let trap = trap(run(&mut store, user, "trap"));
    assert_eq!(trap.backtrace().frames().len(), 2, "{trap}");
}

#[test]
fn a_command_whose_imports_are_missing_is_refused_at_once() {
    let mut store = Store::new();
    let error = Imports::new()
        .module("cmd", &mut store, &module(COMMAND))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"unknown import: "env" "note": expected (func (param i32))"#
    );
}

#[test]
fn a_reactor_that_fails_to_initialise_is_not_defined() {
    let mut store = Store::new();
    let mut imports = Imports::new();
    let reactor = module(r#"(module (func (export "_initialize") unreachable))"#);
    let error = imports.module("lib", &mut store, &reactor).unwrap_err();
    assert!(matches!(error, InstantiationError::Trap(_)), "{error}");
    assert!(!imports.contains("lib", "_initialize"));
}

#[test]
fn what_initialize_does_depends_on_the_exports() {
    let mut store = Store::new();
    let mut initialize = |wat: &str| -> Result<bool, CallError> {
        let instance = add(&mut store, wat, &Imports::new());
        instance.initialize(&mut store)
    };
    assert!(initialize(REACTOR).unwrap());
    assert!(!initialize("(module)").unwrap());
    // Of another type it is a function like others.
    assert!(
        !initialize(r#"(module (func (export "_initialize") (param i32) unreachable))"#).unwrap()
    );
    // A command is not initialised.
    let both = r#"(module (func (export "_start")) (func (export "_initialize") unreachable))"#;
    assert!(!initialize(both).unwrap());
    assert!(!module(r#"(module (func (export "_start") (result i32) i32.const 0))"#).is_command());
    assert!(!module(r#"(module (memory (export "_start") 1))"#).is_command());
}
