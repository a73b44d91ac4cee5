//! Matching imports, and the order of instantiation.

use wasm_aot_loader::{
    ExternType, Func, FuncType, Global, GlobalType, Imports, Instance, InstantiationError,
    LinkError, Memory, MemoryType, Store, Table, TableType, Val, ValType,
};

use crate::support::{add, module};

fn link_error(store: &mut Store, wat: &str, imports: &Imports) -> LinkError {
    match Instance::new(store, &module(wat), imports) {
        Err(InstantiationError::Link(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_error_names_every_import_that_does_not_match() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(5))).unwrap();
    let mut imports = Imports::new();
    imports
        .func("h", "wrong type", |_: i32| ())
        .func("h", "right", || ())
        .define("h", "memory", memory)
        .define("h", "wrong kind", memory);
    let wat = r#"(module
      (import "h" "missing" (func (param i32) (result f32)))
      (import "h" "wrong type" (func (param i64)))
      (import "h" "right" (func))
      (import "nowhere" "x" (global (mut i64)))
      (import "h" "wrong kind" (table 1 funcref))
      (import "h" "memory" (memory 2 4)))"#;
    let error = link_error(&mut store, wat, &imports);
    let fields: Vec<_> = error.problems().iter().map(|p| p.field.as_str()).collect();
    assert_eq!(
        fields,
        ["missing", "wrong type", "x", "wrong kind", "memory"]
    );
    let expected = r#"unknown import: "h" "missing": expected (func (param i32) (result f32))
incompatible import type: "h" "wrong type": expected (func (param i64)), found (func (param i32))
unknown import: "nowhere" "x": expected (global (mut i64))
incompatible import type: "h" "wrong kind": expected (table 1 funcref), found (memory 1 5)
incompatible import type: "h" "memory": expected (memory 2 4), found (memory 1 5)"#;
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.problems()[0].found, None);
    assert_eq!(error.problems()[4].module, "h");
    assert_eq!(
        error.problems()[4].found,
        Some(ExternType::Memory(MemoryType::new(1, Some(5))))
    );
}

#[test]
fn the_present_size_of_a_memory_or_table_counts() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
    let ty = TableType::new(ValType::FUNCREF, 1, Some(4));
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let mut imports = Imports::new();
    imports.define("h", "m", memory).define("h", "t", table);
    let wat = r#"(module (import "h" "m" (memory 3 4)) (import "h" "t" (table 3 4 funcref)))"#;
    link_error(&mut store, wat, &imports);
    memory.grow(&mut store, 2).unwrap();
    table.grow(&mut store, 2, Val::FuncRef(None)).unwrap();
    add(&mut store, wat, &imports);
}

#[test]
fn globals_must_match_in_type_and_mutability() {
    let mut store = Store::new();
    let ty = GlobalType::new(ValType::I32, true);
    let global = Global::new(&mut store, ty, Val::I32(0)).unwrap();
    let mut imports = Imports::new();
    imports.define("h", "g", global);
    add(
        &mut store,
        r#"(module (import "h" "g" (global (mut i32))))"#,
        &imports,
    );
    link_error(
        &mut store,
        r#"(module (import "h" "g" (global i32)))"#,
        &imports,
    );
    link_error(
        &mut store,
        r#"(module (import "h" "g" (global (mut i64))))"#,
        &imports,
    );
}

#[test]
fn an_extern_of_another_store_does_not_match() {
    let mut other = Store::new();
    let foreign = Func::wrap(&mut other, || ());
    let mut imports = Imports::new();
    imports.define("h", "f", foreign);
    let mut store = Store::new();
    let wat = r#"(module (import "h" "f" (func)))"#;
    let error = link_error(&mut store, wat, &imports).to_string();
    assert!(
        error.starts_with("unknown import") && error.contains("another store"),
        "{error}"
    );
    add(&mut other, wat, &imports);
}

#[test]
fn definitions_can_be_replaced_and_merged() {
    let mut defaults = Imports::new();
    defaults.func("h", "f", || 1).func("h", "g", || 2);
    let mut imports = Imports::new();
    imports.func("h", "f", || 0).func("k", "f", || 3);
    imports.merge(&defaults);
    assert!(imports.contains("h", "g") && imports.contains("k", "f"));
    assert!(!imports.contains("h", "x") && !imports.contains("x", "f"));
    imports.func("h", "g", || 20);
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "f" (func $f (result i32)))
          (import "h" "g" (func $g (result i32)))
          (import "k" "f" (func $k (result i32)))
          (func (export "all") (result i32 i32 i32) call $f call $g call $k))"#,
        &imports,
    );
    let all = instance
        .get_typed_func::<(), (i32, i32, i32)>(&store, "all")
        .unwrap();
    assert_eq!(all.call(&mut store, ()).unwrap(), (1, 20, 3));
}

#[test]
fn nothing_happens_if_imports_do_not_match() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let mut imports = Imports::new();
    imports
        .define("h", "m", memory)
        .func("h", "start", || -> () { panic!("started") });
    let wat = r#"(module (import "h" "m" (memory 1)) (import "h" "start" (func $start))
      (import "h" "missing" (func))
      (data (i32.const 0) "written") (start $start))"#;
    link_error(&mut store, wat, &imports);
    assert_eq!(memory.data(&store)[0], 0);
}

#[test]
fn what_came_before_a_trap_in_an_instantiation_stays() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let ty = TableType::new(ValType::FUNCREF, 2, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let mut imports = Imports::new();
    imports.define("h", "m", memory).define("h", "t", table);
    let wat = r#"(module
      (import "h" "m" (memory 1)) (import "h" "t" (table 2 funcref))
      (func $f (result i32) (i32.const 42))
      (elem (i32.const 0) $f)
      (data (i32.const 0) "first")
      (data (i32.const 65536) "second")
      (data (i32.const 8) "third"))"#;
    let result = Instance::new(&mut store, &module(wat), &imports);
    assert!(matches!(result, Err(InstantiationError::Trap(_))));
    assert_eq!(memory.data(&store)[..5], *b"first");
    assert_eq!(memory.data(&store)[8], 0);
    // The function that it left in the table can be called.
    match table.get(&store, 0) {
        Some(Val::FuncRef(Some(func))) => {
            let func = func.typed::<(), i32>(&store).unwrap();
            assert_eq!(func.call(&mut store, ()).unwrap(), 42);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn globals_are_initialised_from_imported_ones() {
    let mut store = Store::new();
    let ty = |content| GlobalType::new(content, false);
    let number = Global::new(&mut store, ty(ValType::I64), Val::I64(-9)).unwrap();
    let vector = Global::new(&mut store, ty(ValType::V128), Val::V128(1 << 127)).unwrap();
    let func = Func::wrap(&mut store, || 5);
    let reference = Global::new(&mut store, ty(ValType::FUNCREF), func.into()).unwrap();
    let mut imports = Imports::new();
    imports
        .define("h", "n", number)
        .define("h", "v", vector)
        .define("h", "r", reference);
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "n" (global $n i64))
          (import "h" "v" (global $v v128))
          (import "h" "r" (global $r funcref))
          (global (export "n") (mut i64) (global.get $n))
          (global (export "v") v128 (global.get $v))
          (global (export "r") funcref (global.get $r))
          (table (export "t") 1 funcref)
          (elem (i32.const 0) funcref (global.get $r)))"#,
        &imports,
    );
    let get = |name: &str| instance.get_global(&store, name).unwrap().get(&store);
    assert_eq!(get("n"), Val::I64(-9));
    assert_eq!(get("v"), Val::V128(1 << 127));
    assert_eq!(get("r"), Val::FuncRef(Some(func)));
    let table = instance.get_table(&store, "t").unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::FuncRef(Some(func))));
}

#[test]
fn the_types_of_externs_are_exact() {
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module (memory (export "m") 1 9) (table (export "t") 2 externref)
          (global (export "g") (mut f32) (f32.const 0)) (func (export "f") (param v128)))"#,
        &Imports::new(),
    );
    let types: Vec<_> = instance
        .exports(&store)
        .map(|(name, item)| (name, item.ty(&store)))
        .collect();
    let expected: [(&str, ExternType); 4] = [
        ("m", MemoryType::new(1, Some(9)).into()),
        ("t", TableType::new(ValType::EXTERNREF, 2, None).into()),
        ("g", GlobalType::new(ValType::F32, true).into()),
        ("f", FuncType::new([ValType::V128], []).into()),
    ];
    assert_eq!(types, expected);
}
