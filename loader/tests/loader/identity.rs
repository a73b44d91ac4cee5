//! The same thing is equal however it was obtained.

use wasm_aot_loader::{
    BoxError, Caller, Extern, Func, Global, GlobalType, Imports, Store, Table, TableType, Val,
    ValType, imports,
};

use crate::support::{add, call, instance};

#[test]
fn a_function_is_itself_through_exports_tables_globals_and_results() {
    let (mut store, instance) = instance(
        r#"(module
          (table (export "t") 3 funcref)
          (global (export "g") funcref (ref.func $a))
          (elem (i32.const 0) $a $b)
          (func $a (export "a") (export "also a") (result i32) (i32.const 1))
          (func $b (export "b") (result i32) (i32.const 2))
          (func (export "ref") (result funcref) (ref.func $a)))"#,
    );
    let a = instance.get_func(&store, "a").unwrap();
    let b = instance.get_func(&store, "b").unwrap();
    assert_ne!(a, b);
    assert_eq!(instance.get_func(&store, "also a").unwrap(), a);
    let table = instance.get_table(&store, "t").unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::FuncRef(Some(a))));
    assert_eq!(table.get(&store, 1), Some(Val::FuncRef(Some(b))));
    assert_eq!(table.get(&store, 2), Some(Val::FuncRef(None)));
    let global = instance.get_global(&store, "g").unwrap();
    assert_eq!(global.get(&store), Val::FuncRef(Some(a)));
    let returned = instance
        .get_typed_func::<(), Option<Func>>(&store, "ref")
        .unwrap();
    assert_eq!(returned.call(&mut store, ()).unwrap(), Some(a));
}

#[test]
fn an_imported_function_is_the_exporters() {
    let mut store = Store::new();
    let one = add(
        &mut store,
        r#"(module (func (export "f") (result i32) (i32.const 1)))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("one", &store, one);
    let two = add(
        &mut store,
        r#"(module
          (import "one" "f" (func $f (result i32)))
          (export "again" (func $f))
          (table (export "t") 1 funcref)
          (elem (i32.const 0) $f)
          (func (export "call") (result i32) (call_indirect (result i32) (i32.const 0))))"#,
        &imports,
    );
    let f = one.get_func(&store, "f").unwrap();
    assert_eq!(two.get_func(&store, "again").unwrap(), f);
    let table = two.get_table(&store, "t").unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::FuncRef(Some(f))));
    let call = two.get_typed_func::<(), i32>(&store, "call").unwrap();
    assert_eq!(call.call(&mut store, ()).unwrap(), 1);
    // And it can be called by the handle that came back from the table.
    let again = two.get_typed_func::<(), i32>(&store, "again").unwrap();
    assert_eq!(again.call(&mut store, ()).unwrap(), 1);
}

/// Imports `h.f`, and hands it out again in every way there is.
const FORWARDER: &str = r#"(module
  (import "h" "f" (func $f (param i32) (result i32)))
  (export "f" (func $f))
  (table (export "t") 1 funcref)
  (elem (i32.const 0) $f)
  (func (export "ref") (result funcref) (ref.func $f)))"#;

/// Every handle to the function that two [`FORWARDER`]s import.
fn handles(store: &mut Store, imports: &Imports) -> Vec<Func> {
    let mut all = Vec::new();
    for _ in 0..2 {
        let instance = add(store, FORWARDER, imports);
        all.push(instance.get_func(store, "f").unwrap());
        let table = instance.get_table(store, "t").unwrap();
        match table.get(store, 0) {
            Some(Val::FuncRef(Some(func))) => all.push(func),
            other => panic!("{other:?}"),
        }
        let func = instance
            .get_typed_func::<(), Option<Func>>(store, "ref")
            .unwrap();
        all.push(func.call(store, ()).unwrap().unwrap());
    }
    for func in &all {
        let func = func.typed::<i32, i32>(store).unwrap();
        assert_eq!(func.call(store, 20).unwrap(), 21);
    }
    all
}

#[test]
fn a_host_function_of_a_store_comes_back_as_itself() {
    let mut store = Store::new();
    let func = Func::wrap(&mut store, |x: i32| x + 1);
    let other = Func::wrap(&mut store, |x: i32| x + 1);
    assert_ne!(func, other);
    let mut imports = Imports::new();
    imports.define("h", "f", func);
    for handle in handles(&mut store, &imports) {
        assert_eq!(handle, func);
    }
}

#[test]
fn a_host_function_of_imports_is_one_function_in_a_store() {
    let mut imports = Imports::new();
    imports.func("h", "f", |x: i32| x + 1);
    let mut store = Store::new();
    let handles = handles(&mut store, &imports);
    assert!(handles.iter().all(|&handle| handle == handles[0]));
}

#[test]
fn memories_tables_and_globals_are_themselves_through_imports() {
    let mut store = Store::new();
    let one = add(
        &mut store,
        r#"(module
          (memory (export "m") 1) (table (export "t") 1 funcref)
          (global (export "g") (mut i32) (i32.const 0)) (global (export "h") i32 (i32.const 0)))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("one", &store, one);
    let two = add(
        &mut store,
        r#"(module
          (import "one" "h" (global $h i32))
          (import "one" "m" (memory 1)) (import "one" "t" (table 1 funcref))
          (import "one" "g" (global $g (mut i32)))
          (global $own (export "own") (mut i32) (i32.const 0))
          (export "m" (memory 0)) (export "t" (table 0))
          (export "g" (global $g)) (export "h" (global $h)))"#,
        &imports,
    );
    let exports = |instance: wasm_aot_loader::Instance| -> Vec<(String, Extern)> {
        let exports = instance.exports(&store);
        exports
            .map(|(name, item)| (name.to_owned(), item))
            .collect()
    };
    let (one, two) = (exports(one), exports(two));
    let names: Vec<_> = two.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["own", "m", "t", "g", "h"]);
    assert_eq!(one[..], two[1..]);
    assert!(one.iter().all(|(_, item)| *item != two[0].1));
}

#[test]
fn null_is_not_a_function() {
    let mut store = Store::new();
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::FuncRef(None)));
    let func = Func::wrap(&mut store, || ());
    table.set(&mut store, 0, func.into()).unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::FuncRef(Some(func))));
}

/// Calls what it is given, in every way that code can.
const CALLER: &str = r#"(module
  (type $t (func (param i32) (result i32)))
  (import "h" "f" (func $f (type $t)))
  (import "h" "table" (table $shared 1 funcref))
  (import "h" "global" (global $global funcref))
  (table $own 1 funcref)
  (elem declare func $f)
  (func (export "import") (type $t) (call $f (local.get 0)))
  (func (export "shared table") (type $t) (call_indirect $shared (type $t) (local.get 0) (i32.const 0)))
  (func (export "own table") (type $t)
    (table.set $own (i32.const 0) (ref.func $f))
    (call_indirect $own (type $t) (local.get 0) (i32.const 0)))
  (func (export "global") (type $t)
    (table.set $own (i32.const 0) (global.get $global))
    (call_indirect $own (type $t) (local.get 0) (i32.const 0)))
  (func (export "argument") (param funcref i32) (result i32)
    (table.set $own (i32.const 0) (local.get 0))
    (call_indirect $own (type $t) (local.get 1) (i32.const 0))))"#;

#[test]
fn a_function_can_be_called_from_every_place_that_the_types_allow() {
    let mut store = Store::new();
    let exporter = add(
        &mut store,
        r#"(module (global $bias i32 (i32.const 1))
          (func (export "f") (param i32) (result i32)
            (i32.add (local.get 0) (global.get $bias))))"#,
        &Imports::new(),
    );
    let forwarder = |store: &mut Store, f: Func| {
        let instance = add(store, FORWARDER, &imports! { "h" => { "f" => f } });
        instance.get_func(store, "f").unwrap()
    };
    let exported = exporter.get_func(&store, "f").unwrap();
    let host = Func::wrap(&mut store, |x: i32| x + 1);
    let inner = exported;
    let through = Func::wrap(
        &mut store,
        move |mut caller: Caller<'_>, x: i32| -> Result<i32, BoxError> {
            Ok(inner.typed::<i32, i32>(&caller)?.call(&mut caller, x)?)
        },
    );
    let again = [exported, host].map(|func| forwarder(&mut store, func));
    for func in [exported, host, through, again[0], again[1]] {
        // The host calls it.
        let typed = func.typed::<i32, i32>(&store).unwrap();
        assert_eq!(typed.call(&mut store, 41).unwrap(), 42);
        let mut results = [Val::I32(0)];
        func.call(&mut store, &[41.into()], &mut results).unwrap();
        assert_eq!(results, [Val::I32(42)]);
        // Code does, of another artefact.
        let ty = TableType::new(ValType::FUNCREF, 1, None);
        let table = Table::new(&mut store, ty, func.into()).unwrap();
        let ty = GlobalType::new(ValType::FUNCREF, false);
        let global = Global::new(&mut store, ty, func.into()).unwrap();
        let imports = imports! { "h" => { "f" => func, "table" => table, "global" => global } };
        let caller = add(&mut store, CALLER, &imports);
        for way in ["import", "shared table", "own table", "global"] {
            let results = call(&mut store, caller, way, &[41.into()]).unwrap();
            assert_eq!(results, [Val::I32(42)], "{way}");
        }
        let results = call(&mut store, caller, "argument", &[func.into(), 41.into()]).unwrap();
        assert_eq!(results, [Val::I32(42)]);
    }
}
