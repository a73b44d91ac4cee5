//! Artefacts linked with each other: what is shared, what matches, what is the
//! same.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{assert_traps, call, instance, instance_with, module};
use wasm_aot_loader::{
    Extern, Func, FuncType, Global, GlobalType, Imports, Instance, InstantiationError, LinkError,
    Memory, MemoryType, Store, Table, TableType, TrapCode, Val, ValType,
};

const LIBRARY: &str = r#"(module $library
    (memory (export "memory") 1 3)
    (table (export "table") 2 4 funcref)
    (global $g (export "global") (mut i32) (i32.const 10))
    (global (export "constant") i64 (i64.const -7))
    (func (export "next") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "grow") (result i32) (memory.grow (i32.const 1)))
    (func (export "dispatch") (param i32) (result i32)
        (call_indirect (result i32) (local.get 0))))"#;

const USER: &str = r#"(module $user
    (import "lib" "memory" (memory 1))
    (import "lib" "table" (table 2 funcref))
    (import "lib" "global" (global $g (mut i32)))
    (import "lib" "constant" (global $c i64))
    (import "lib" "next" (func $next (result i32)))
    (global (export "copy") i64 (global.get $c))
    (elem (i32.const 1) $answer)
    (func $answer (result i32) i32.const 42)
    (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
    (func (export "size") (result i32) memory.size)
    (func (export "set") (param i32) (global.set $g (local.get 0)))
    (func (export "next") (result i32) (call $next))
    (export "again" (func $next))
    (export "memory" (memory 0))
    (export "table" (table 0))
    (export "global" (global $g)))"#;

fn linked() -> (Store, Instance, Instance) {
    let mut store = Store::new();
    let library = instance(&mut store, LIBRARY);
    let mut imports = Imports::new();
    imports.instance("lib", &store, library);
    let user = instance_with(&mut store, USER, &imports);
    (store, library, user)
}

fn link(store: &mut Store, wat: &str, imports: &Imports) -> LinkError {
    match Instance::new(store, &module(wat), imports) {
        Err(InstantiationError::Link(error)) => error,
        other => panic!("expected a link error, got {other:?}"),
    }
}

#[test]
fn memories_tables_globals_and_functions_are_shared_by_reference() {
    let (mut store, library, user) = linked();
    let i32 = |value| [Val::I32(value)];
    call(&mut store, user, "store", &[Val::I32(100), Val::I32(77)]).unwrap();
    assert_eq!(
        call(&mut store, library, "load", &i32(100)).unwrap(),
        i32(77)
    );
    assert_eq!(call(&mut store, library, "grow", &[]).unwrap(), i32(1));
    assert_eq!(call(&mut store, user, "size", &[]).unwrap(), i32(2));
    call(&mut store, user, "set", &i32(50)).unwrap();
    assert_eq!(call(&mut store, library, "next", &[]).unwrap(), i32(51));
    assert_eq!(call(&mut store, user, "next", &[]).unwrap(), i32(52));
    assert_eq!(
        call(&mut store, library, "dispatch", &i32(1)).unwrap(),
        i32(42)
    );
    assert_traps(
        call(&mut store, library, "dispatch", &i32(0)),
        TrapCode::UninitializedElement,
    );
    let copy = user.get_global(&store, "copy").unwrap();
    assert_eq!(copy.get(&store), Val::I64(-7));
}

#[test]
fn what_is_exported_again_is_the_same() {
    let (store, library, user) = linked();
    for (own, again) in [
        ("next", "again"),
        ("memory", "memory"),
        ("table", "table"),
        ("global", "global"),
    ] {
        let own = library.get_export(&store, own);
        assert!(own.is_some());
        assert_eq!(own, user.get_export(&store, again));
    }
    assert_ne!(
        library.get_export(&store, "next"),
        user.get_export(&store, "next")
    );
}

#[test]
fn limits_are_matched_against_the_present_size() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
    let mut imports = Imports::new();
    imports.define("e", "m", memory);
    let wants = |limits: &str| format!(r#"(module (import "e" "m" (memory {limits})))"#);
    link(&mut store, &wants("2"), &imports);
    link(&mut store, &wants("1 3"), &imports);
    memory.grow(&mut store, 1).unwrap();
    instance_with(&mut store, &wants("2"), &imports);
    instance_with(&mut store, &wants("2 4"), &imports);
    instance_with(&mut store, &wants("0 5"), &imports);
}

#[test]
fn a_link_error_lists_every_problem_and_nothing_has_happened() {
    let (mut store, library, _) = linked();
    let mut imports = Imports::new();
    imports.instance("lib", &store, library);
    imports.func("host", "f", |_: i32| {});
    let mut other = Store::new();
    imports.define(
        "other",
        "g",
        Global::new(
            &mut other,
            GlobalType::new(ValType::I32, false),
            Val::I32(0),
        ),
    );
    let error = link(
        &mut store,
        r#"(module
            (import "lib" "missing" (func))
            (import "lib" "next" (func (param i32)))
            (import "lib" "global" (global i32))
            (import "lib" "memory" (memory 9))
            (import "lib" "table" (table 1 externref))
            (import "lib" "next" (func (result i32)))
            (import "lib" "load" (table 1 funcref))
            (import "host" "f" (func (param i64)))
            (import "other" "g" (global i32))
            (start $boom) (func $boom unreachable))"#,
        &imports,
    );
    let text = error.to_string();
    let expected = [
        r#"unknown import: "lib" "missing": expected (func)"#,
        r#"incompatible import type: "lib" "next": expected (func (param i32)), found (func (result i32))"#,
        r#"incompatible import type: "lib" "global": expected (global i32), found (global (mut i32))"#,
        r#"incompatible import type: "lib" "memory": expected (memory 9), found (memory 1 3)"#,
        r#"incompatible import type: "lib" "table": expected (table 1 externref), found (table 2 4 funcref)"#,
        r#"incompatible import type: "lib" "load": expected (table 1 funcref), found (func (param i32) (result i32))"#,
        r#"incompatible import type: "host" "f": expected (func (param i64)), found (func (param i32))"#,
        r#"unknown import: "other" "g": expected (global i32) (what is defined belongs to another store)"#,
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert_eq!(error.problems().len(), expected.len());
}

const FUNCTIONS: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (table (export "table") 3 funcref)
    (elem (i32.const 0) $f $own)
    (global (export "ref") funcref (ref.func $f))
    (func $own (export "own") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (export "get") (result funcref) (ref.func $f))
    (func (export "call") (param i32 i32) (result i32)
        (call_indirect (param i32) (result i32) (local.get 1) (local.get 0)))
    (export "f" (func $f)))"#;

#[test]
fn a_function_is_equal_to_itself_however_it_was_obtained() {
    let mut imports = Imports::new();
    imports.func("e", "f", |value: i32| value * 10);
    let mut store = Store::new();
    let first = instance_with(&mut store, FUNCTIONS, &imports);
    let second = instance_with(&mut store, FUNCTIONS, &imports);
    let f = first.get_func(&store, "f").unwrap();
    assert_eq!(second.get_func(&store, "f").unwrap(), f);
    for instance in [first, second] {
        let table = instance.get_table(&store, "table").unwrap();
        assert_eq!(table.get(&store, 0), Some(Val::from(f)));
        let own = instance.get_func(&store, "own").unwrap();
        assert_eq!(table.get(&store, 1), Some(Val::from(own)));
        let global = instance.get_global(&store, "ref").unwrap();
        assert_eq!(global.get(&store), Val::from(f));
        assert_eq!(
            call(&mut store, instance, "get", &[]).unwrap(),
            [Val::from(f)]
        );
    }
    assert_ne!(
        first.get_func(&store, "own").unwrap(),
        second.get_func(&store, "own").unwrap()
    );

    // Import a function of the first in place of the host's: still itself.
    let own = first.get_func(&store, "own").unwrap();
    let mut imports = Imports::new();
    imports.define("e", "f", own);
    let third = instance_with(&mut store, FUNCTIONS, &imports);
    assert_eq!(third.get_func(&store, "f").unwrap(), own);
    assert_eq!(
        call(&mut store, third, "get", &[]).unwrap(),
        [Val::from(own)]
    );
    let table = third.get_table(&store, "table").unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::from(own)));
    let arguments = [Val::I32(0), Val::I32(5)];
    assert_eq!(
        call(&mut store, third, "call", &arguments).unwrap(),
        [Val::I32(6)]
    );
}

#[test]
fn a_host_function_keeps_its_identity_through_import_and_export() {
    let mut store = Store::new();
    let f = Func::wrap(&mut store, |value: i32| value * 3);
    let mut imports = Imports::new();
    imports.define("e", "f", f);
    let instance = instance_with(&mut store, FUNCTIONS, &imports);
    assert_eq!(instance.get_func(&store, "f").unwrap(), f);
    let arguments = [Val::I32(0), Val::I32(5)];
    assert_eq!(
        call(&mut store, instance, "call", &arguments).unwrap(),
        [Val::I32(15)]
    );
    let table = instance.get_table(&store, "table").unwrap();
    table.set(&mut store, 2, Val::from(f)).unwrap();
    let arguments = [Val::I32(2), Val::I32(7)];
    assert_eq!(
        call(&mut store, instance, "call", &arguments).unwrap(),
        [Val::I32(21)]
    );
}

#[test]
fn a_host_function_in_tables_is_callable_once_an_artefact_can_call_its_type() {
    let caller = r#"(module
        (import "e" "table" (table 4 funcref))
        (func (export "call") (param i32 i64) (result i64)
            (call_indirect (param i64) (result i64) (local.get 1) (local.get 0))))"#;
    // When these get the function, nothing in the store knows its type.
    let mut store = Store::new();
    let other = instance(&mut store, r#"(module (table (export "t") 2 funcref))"#);
    let other = other.get_table(&store, "t").unwrap();
    let f = Func::wrap(&mut store, |value: i64| value + 1);
    let ty = TableType::new(ValType::FuncRef, 4, None);
    let table = Table::new(&mut store, ty, Val::from(f)).unwrap();
    other.copy(&mut store, 1, table, 0, 1).unwrap();
    let mut imports = Imports::new();
    imports.define("e", "table", table);
    let caller = instance_with(&mut store, caller, &imports);
    let arguments = [Val::I32(1), Val::I64(4)];
    assert_eq!(
        call(&mut store, caller, "call", &arguments).unwrap(),
        [Val::I64(5)]
    );
    table.copy(&mut store, 3, other, 1, 1).unwrap();
    let arguments = [Val::I32(3), Val::I64(9)];
    assert_eq!(
        call(&mut store, caller, "call", &arguments).unwrap(),
        [Val::I64(10)]
    );
    assert_eq!(table.get(&store, 3), Some(Val::from(f)));
}

#[test]
fn what_a_failed_instantiation_wrote_stays() {
    let (mut store, library, _) = linked();
    let mut imports = Imports::new();
    imports.instance("lib", &store, library);
    let wat = r#"(module $failing
        (import "lib" "memory" (memory 1))
        (import "lib" "table" (table 1 funcref))
        (elem (i32.const 0) $f)
        (data (i32.const 200) "\2a\00\00\00")
        (func $f (result i32) (i32.const 13))
        (start $start) (func $start unreachable))"#;
    let error = Instance::new(&mut store, &module(wat), &imports).unwrap_err();
    assert!(
        matches!(&error, InstantiationError::Trap(trap) if trap.code() == TrapCode::Unreachable)
    );
    let i32 = |value| [Val::I32(value)];
    assert_eq!(
        call(&mut store, library, "load", &i32(200)).unwrap(),
        i32(42)
    );
    assert_eq!(
        call(&mut store, library, "dispatch", &i32(0)).unwrap(),
        i32(13)
    );
}

#[test]
fn handles_of_another_store_panic() {
    let (store, library, _) = linked();
    let other = Store::new();
    let exports: Vec<Extern> = library.exports(&store).map(|(_, item)| item).collect();
    assert_eq!(exports.len(), 8);
    for item in exports {
        let outcome = catch_unwind(AssertUnwindSafe(|| item.ty(&other)));
        let payload = outcome.expect_err("it panics");
        let message = payload.downcast_ref::<&str>().unwrap();
        assert_eq!(*message, "the handle belongs to another store");
    }
}

#[test]
fn types_of_imports_and_exports_are_known_before_instantiation() {
    let module = module(USER);
    let next = FuncType::new([], [ValType::I32]);
    let import = module.imports().nth(4).unwrap();
    assert_eq!((import.module, import.field), ("lib", "next"));
    assert_eq!(import.ty, next.clone().into());
    assert_eq!(module.get_export("again"), Some(next.into()));
    assert_eq!(
        module.get_export("memory"),
        Some(MemoryType::new(1, None).into())
    );
    assert_eq!(module.get_export("nothing"), None);
}
