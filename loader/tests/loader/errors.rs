//! Errors by blame: compile time, link time, run time.

use std::error::Error;

use wasm_aot_compiler::{Error as CompileError, compile};
use wasm_aot_loader::{CallError, Imports, Instance, InstantiationError, Store, TrapCode, imports};

use crate::support::{add, module, names, run};

#[test]
fn compile_link_and_run_time_errors_are_types_of_their_own() {
    // A CompileError, with the offset in the module.
    let wasm = wat::parse_str("(module (func (result i32) (i64.const 0)))").unwrap();
    match compile(&wasm, &Default::default()) {
        Err(CompileError::Invalid { offset, message }) => {
            assert!(offset > 8 && (offset as usize) < wasm.len(), "{offset}");
            assert!(message.contains("type mismatch"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    // A LinkError, with the import.
    let wat = r#"(module (import "h" "f" (func $f)) (func $inner (call $f))
      (func (export "run") (call $inner)) (func (export "trap") unreachable))"#;
    let mut store = Store::new();
    match Instance::new(&mut store, &module(wat), &Imports::new()) {
        Err(InstantiationError::Link(error)) => assert_eq!(error.problems()[0].field, "f"),
        other => panic!("{other:?}"),
    }
    // RuntimeErrors: a trap, and an error of the host, both with a backtrace.
    let imports = imports! { "h" => { "f" => || Err::<(), _>("refused") } };
    let instance = add(&mut store, wat, &imports);
    match run(&mut store, instance, "trap") {
        Err(CallError::Trap(trap)) => {
            assert_eq!(trap.code(), TrapCode::Unreachable);
            assert!(trap.backtrace().frames()[0].offset().is_some());
        }
        other => panic!("{other:?}"),
    }
    match run(&mut store, instance, "run") {
        Err(CallError::Host(error)) => {
            assert_eq!(error.to_string(), "refused");
            assert_eq!(names(error.backtrace()), ["inner", "run"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn errors_have_their_causes_behind_them() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot fetch")]
    struct Fetch(#[source] std::num::ParseIntError);
    let fail = || "x".parse::<i32>().map_err(Fetch);
    let imports = imports! { "h" => { "f" => fail } };
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module (import "h" "f" (func $f (result i32)))
          (func (export "run") (drop (call $f))))"#,
        &imports,
    );
    let error = run(&mut store, instance, "run").unwrap_err();
    assert_eq!(error.to_string(), "cannot fetch");
    let cause = error.source().unwrap();
    assert!(cause.is::<std::num::ParseIntError>(), "{cause}");
    // An instantiation fails with the same.
    let starter = module(
        r#"(module (import "h" "f" (func $f (result i32)))
          (func $start (drop (call $f))) (start $start))"#,
    );
    let error = Instance::new(&mut store, &starter, &imports).unwrap_err();
    let InstantiationError::Host(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.downcast_ref::<Fetch>().is_some());
}
