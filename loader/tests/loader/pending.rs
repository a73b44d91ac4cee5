//! Host functions as values before any artefact can call functions of their
//! type.

use wasm_aot_abi::{Descriptor, MAGIC, Trampoline, TrampolineKind, Wire};
use wasm_aot_loader::{CallError, Func, Imports, Instance, Store, Table, TableType, Val, ValType};

use crate::support::{add, artefact, names, open_changed};

/// Can call `[i32] -> [i32]` through the table `e.t`.
const CALLER: &str = r#"(module
  (import "e" "t" (table 2 funcref))
  (func (export "call") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (local.get 0) (local.get 0))))"#;

#[test]
fn a_host_function_in_a_table_becomes_callable_when_a_caller_comes() {
    let mut store = Store::new();
    let ty = TableType::new(ValType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let func = Func::wrap(&mut store, |x: i32| x + 41);
    table.set(&mut store, 1, func.into()).unwrap();
    assert_eq!(table.get(&store, 1), Some(func.into()));
    // A module that has nothing to do with the type changes nothing.
    let other = add(
        &mut store,
        r#"(module (table (export "t") 2 funcref) (global (export "g") (mut funcref) (ref.null func)))"#,
        &Imports::new(),
    );
    let inner = other.get_table(&store, "t").unwrap();
    inner.copy(&mut store, 0, table, 0, 2).unwrap();
    let global = other.get_global(&store, "g").unwrap();
    global.set(&mut store, func.into()).unwrap();

    let mut imports = Imports::new();
    imports.define("e", "t", table);
    let caller = add(&mut store, CALLER, &imports);
    let call = caller.get_typed_func::<i32, i32>(&store, "call").unwrap();
    assert_eq!(call.call(&mut store, 1).unwrap(), 42);
    // The copy in the other instance's table was made callable too.
    let mut imports = Imports::new();
    imports.define("e", "t", inner);
    let caller = add(&mut store, CALLER, &imports);
    let call = caller.get_typed_func::<i32, i32>(&store, "call").unwrap();
    assert_eq!(call.call(&mut store, 1).unwrap(), 42);
    assert_eq!(global.get(&store), Val::FuncRef(Some(func)));
    // One that comes after its callers is callable at once.
    let late = Func::wrap(&mut store, |x: i32| x + 100);
    inner.set(&mut store, 1, late.into()).unwrap();
    assert_eq!(call.call(&mut store, 1).unwrap(), 101);
}

#[test]
fn a_host_function_passed_as_an_argument_can_be_called() {
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (table $t 1 funcref)
          (func (export "apply") (param funcref i32) (result i32)
            (table.set $t (i32.const 0) (local.get 0))
            (call_indirect $t (param i32) (result i32) (local.get 1) (i32.const 0))))"#,
        &Imports::new(),
    );
    let apply = instance
        .get_typed_func::<(Option<Func>, i32), i32>(&store, "apply")
        .unwrap();
    let func = Func::wrap(&mut store, |x: i32| x * 3);
    assert_eq!(apply.call(&mut store, (Some(func), 14)).unwrap(), 42);
}

/// An artefact without its exit trampolines.
fn without_exits(wat: &str) -> Vec<u8> {
    let mut artefact = artefact(wat);
    let start = artefact
        .windows(8)
        .position(|window| window == MAGIC)
        .unwrap();
    let trampolines = Descriptor::decode(&artefact[start..]).trampolines;
    for index in 0..trampolines.count as usize {
        let at = start + trampolines.offset as usize + index * Trampoline::SIZE;
        let record = &mut artefact[at..at + Trampoline::SIZE];
        let mut trampoline = Trampoline::decode(record);
        if trampoline.kind == TrampolineKind::Exit as u32 {
            trampoline.kind = TrampolineKind::Typed as u32;
            trampoline.encode(record);
        }
    }
    artefact
}

#[test]
fn calling_a_host_function_that_nobody_can_call_is_an_error() {
    let mut store = Store::new();
    let ty = TableType::new(ValType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let func = Func::wrap(&mut store, |x: i32| x + 41);
    table.set(&mut store, 1, func.into()).unwrap();
    let mut imports = Imports::new();
    imports.define("e", "t", table);
    let wat = r#"(module
      (import "e" "t" (table 2 funcref))
      (func $inner (param i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 0) (local.get 0)))
      (func $outer (export "call") (param i32) (result i32)
        (i32.add (i32.const 1) (call $inner (local.get 0)))))"#;
    let module = open_changed(&without_exits(wat)).unwrap();
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
    for _ in 0..3 {
        match call.call(&mut store, 1) {
            Err(CallError::Host(error)) => {
                assert!(
                    error.to_string().contains("no artefact in the store"),
                    "{error}"
                );
                assert_eq!(names(error.backtrace()), ["inner", "outer"]);
            }
            other => panic!("{other:?}"),
        }
    }
    // Then somebody comes who can.
    add(&mut store, CALLER, &imports);
    assert_eq!(call.call(&mut store, 1).unwrap(), 43);
}
