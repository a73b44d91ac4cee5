//! Import objects: namespaces, then names.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasm_aot_loader::{
    CallError, Caller, Definition, ExternRef, ExternType, Func, Global, GlobalType, ImportType,
    Imports, Instance, InstantiationError, LinkError, Memory, MemoryType, MissingImport, Store,
    Table, TableType, Val, ValType, imports,
};

use crate::support::{add, call, module, names, run};

/// Calls `f` in `h` when it is run.
const CALLER: &str = r#"(module
  (import "h" "f" (func $f (result i32)))
  (func $run (export "run") (result i32) (call $f)))"#;

fn link_error(imports: &Imports, wat: &str) -> LinkError {
    match Instance::new(&mut Store::new(), &module(wat), imports) {
        Err(InstantiationError::Link(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_literal_has_namespaces_then_names_with_items_of_every_kind() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let ty = GlobalType::new(ValType::I32, true);
    let global = Global::new(&mut store, ty, Val::I32(5)).unwrap();
    let func = Func::wrap(&mut store, || 6);
    let library = add(
        &mut store,
        r#"(module (func (export "seven") (result i32) (i32.const 7)))"#,
        &imports! {},
    );
    let exported = library.get_export(&store, "seven").unwrap();
    let offset = 100;
    let namespace = format!("name{}", "space");
    let imports = imports! {
        "host" => {
            "closure" => move |x: i32| x + offset,
            "caller" => |mut caller: Caller<'_>, x: i32, object: Option<ExternRef>| {
                let memory = caller.memory().ok_or("no memory")?;
                memory.write(&mut caller, 0, &x.to_le_bytes())?;
                let object = object.map(|object| object.get::<char>(&caller).is_some());
                Ok::<_, wasm_aot_loader::BoxError>((i64::from(x), i32::from(object == Some(true))))
            },
            "definition" => Definition::func(|| 8),
            "memory" => memory,
        },
        &namespace => { "table" => table, "global" => global, "func" => func, "extern" => exported },
        "library" => (&store, library),
        "empty" => {}
    };
    let instance = add(
        &mut store,
        r#"(module
          (import "host" "closure" (func $closure (param i32) (result i32)))
          (import "host" "caller" (func $caller (param i32 externref) (result i64 i32)))
          (import "host" "definition" (func $definition (result i32)))
          (import "host" "memory" (memory 1))
          (import "namespace" "table" (table 1 funcref))
          (import "namespace" "global" (global $global (mut i32)))
          (import "namespace" "func" (func $func (result i32)))
          (import "namespace" "extern" (func $extern (result i32)))
          (import "library" "seven" (func $seven (result i32)))
          (export "memory" (memory 0))
          (func (export "run") (param externref) (result i32 i64 i32 i32 i32 i32 i32 i32)
            (call $closure (i32.const 1))
            (call $caller (i32.const 2) (local.get 0))
            (call $definition) (global.get $global) (call $func) (call $extern) (call $seven)))"#,
        &imports,
    );
    let object = ExternRef::new(&mut store, 'x');
    let results = call(&mut store, instance, "run", &[object.into()]).unwrap();
    let expected: [Val; 8] = [
        101.into(),
        2i64.into(),
        1.into(),
        8.into(),
        5.into(),
        6.into(),
        7.into(),
        7.into(),
    ];
    assert_eq!(results, expected);
    assert_eq!(memory.data(&store)[0], 2);
    assert_eq!(imports.get_instance("library"), Some(library));
    assert_eq!(imports.get_instance("host"), None);
}

#[test]
fn a_whole_instance_is_a_namespace_and_has_a_name() {
    let mut store = Store::new();
    let library = add(
        &mut store,
        r#"(module (memory (export "memory") 3) (func (export "f") (result i32) (i32.const 9)))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("h", &store, library);
    assert_eq!(imports.get_instance("h"), Some(library));
    let user = add(&mut store, CALLER, &imports);
    assert_eq!(call(&mut store, user, "run", &[]).unwrap(), [Val::I32(9)]);
    // Another one of the name replaces what both have.
    imports.instance("h", &store, user);
    assert_eq!(imports.get_instance("h"), Some(user));
    assert!(imports.contains("h", "memory") && imports.contains("h", "run"));
    let mut merged = Imports::new();
    merged.merge(&imports);
    assert_eq!(merged.get_instance("h"), Some(user));
}

#[test]
fn a_fallback_is_asked_for_what_has_no_definition() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut imports = Imports::new();
    imports.func("h", "defined", || ());
    let log = asked.clone();
    imports.fallback(move |import: &ImportType<'_>| {
        log.lock()
            .unwrap()
            .push(format!("{}.{}: {}", import.module, import.field, import.ty));
        let number = import.field.parse::<i32>().ok()?;
        Some(Definition::func(move || number))
    });
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "defined" (func))
          (import "env" "42" (func $a (result i32)))
          (import "env" "-1" (func $b (result i32)))
          (func (export "run") (result i32 i32) (call $a) (call $b)))"#,
        &imports,
    );
    assert_eq!(
        *asked.lock().unwrap(),
        ["env.42: (func (result i32))", "env.-1: (func (result i32))"]
    );
    assert_eq!(
        call(&mut store, instance, "run", &[]).unwrap(),
        [Val::I32(42), Val::I32(-1)]
    );
}

#[test]
fn what_a_fallback_gives_or_does_not_is_in_the_link_error() {
    let mut imports = Imports::new();
    imports.fallback(|import| (import.field == "wrong").then(|| Definition::func(|_: f32| ())));
    let error = link_error(
        &imports,
        r#"(module (import "h" "missing" (memory 1)) (import "h" "wrong" (func (param i64))))"#,
    );
    assert_eq!(
        error.to_string(),
        r#"unknown import: "h" "missing": expected (memory 1)
incompatible import type: "h" "wrong": expected (func (param i64)), found (func (param f32))"#
    );
}

#[test]
fn a_fallback_can_give_something_of_a_store() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let mut imports = Imports::new();
    imports
        .fallback(move |import| matches!(import.ty, ExternType::Memory(_)).then(|| memory.into()));
    let wat = r#"(module (import "env" "memory" (memory 1)) (export "m" (memory 0)))"#;
    let instance = add(&mut store, wat, &imports);
    assert_eq!(instance.get_memory(&store, "m").unwrap(), memory);
    let error = link_error(&imports, wat).to_string();
    assert!(error.contains("another store"), "{error}");
}

#[test]
fn a_fallback_is_replaced_and_merged() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let mut first = Imports::new();
    first.fallback(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Some(Definition::func(|| 1))
    });
    let mut both = Imports::new();
    both.fallback(|_| None).merge(&first).merge(&Imports::new());
    let mut store = Store::new();
    let instance = add(&mut store, CALLER, &both);
    assert_eq!(
        call(&mut store, instance, "run", &[]).unwrap(),
        [Val::I32(1)]
    );
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    both.stub_missing();
    let instance = add(&mut store, CALLER, &both);
    call(&mut store, instance, "run", &[]).unwrap_err();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stub_fails_when_it_is_called_and_names_the_import() {
    let mut imports = Imports::new();
    imports.stub_missing();
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "__wbindgen_placeholder__" "__wbindgen_throw" (func $throw (param i32 i32)))
          (import "env" "log" (func $log (param externref f64) (result v128)))
          (func $run (export "run") (call $throw (i32.const 1) (i32.const 2)))
          (func (export "fine")))"#,
        &imports,
    );
    run(&mut store, instance, "fine").unwrap();
    let error = run(&mut store, instance, "run").unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"call of the missing import "__wbindgen_placeholder__" "__wbindgen_throw""#
    );
    let CallError::Host(error) = error else {
        panic!("{error:?}");
    };
    let missing: &MissingImport = error.downcast_ref().unwrap();
    assert_eq!(missing.field, "__wbindgen_throw");
    assert_eq!(names(error.backtrace()), ["run"]);
}

#[test]
fn a_stub_stands_for_functions_only() {
    let mut imports = Imports::new();
    imports.stub_missing();
    let wat = r#"(module (import "env" "f" (func)) (import "env" "m" (memory 1))
      (import "env" "t" (table 1 funcref)) (import "env" "g" (global i32)))"#;
    let error = link_error(&imports, wat);
    let fields: Vec<_> = error.problems().iter().map(|p| p.field.as_str()).collect();
    assert_eq!(fields, ["m", "t", "g"]);
}
