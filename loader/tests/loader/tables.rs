//! Tables, element segments and references as code uses them.

use wasm_aot_loader::{Func, Imports, Store, Val};

use crate::support::{add, instance};

#[test]
fn segments_of_every_kind_are_initialised() {
    let mut store = Store::new();
    let mut imports = Imports::new();
    imports.func("h", "three", || 3);
    let global = wasm_aot_loader::Global::new(
        &mut store,
        wasm_aot_loader::GlobalType::new(wasm_aot_loader::ValType::I32, false),
        Val::I32(4),
    )
    .unwrap();
    imports.define("h", "offset", global);
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "three" (func $three (result i32)))
          (import "h" "offset" (global $offset i32))
          (global $ref funcref (ref.func $two))
          (table $t (export "t") 10 funcref)
          (elem (table $t) (i32.const 0) func $one $two $three)
          (elem (table $t) (global.get $offset) funcref
            (ref.func $one) (ref.null func) (ref.func $three))
          (elem $passive func $two $two)
          (elem declare func $four)
          (func $one (result i32) (i32.const 1))
          (func $two (result i32) (i32.const 2))
          (func $four (result i32) (i32.const 4))
          (func (export "init")
            (table.init $t $passive (i32.const 8) (i32.const 0) (i32.const 2)))
          (func (export "four") (result funcref) (ref.func $four))
          (func (export "call") (param i32) (result i32)
            (call_indirect $t (result i32) (local.get 0))))"#,
        &imports,
    );
    let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
    let init = instance.get_typed_func::<(), ()>(&store, "init").unwrap();
    init.call(&mut store, ()).unwrap();
    let results = |store: &mut Store| -> Vec<Option<i32>> {
        (0..10).map(|index| call.call(store, index).ok()).collect()
    };
    let expected = [1, 2, 3, 0, 1, 0, 3, 0, 2, 2].map(|n| (n > 0).then_some(n));
    assert_eq!(results(&mut store), expected);
    let four = instance
        .get_typed_func::<(), Option<Func>>(&store, "four")
        .unwrap();
    let four = four.call(&mut store, ()).unwrap().unwrap();
    let table = instance.get_table(&store, "t").unwrap();
    table.set(&mut store, 3, four.into()).unwrap();
    assert_eq!(results(&mut store)[3], Some(4));
}

#[test]
fn a_constant_table_can_be_called_through() {
    let (mut store, instance) = instance(
        r#"(module
          (table 3 3 funcref)
          (elem (i32.const 0) $one $two)
          (func $one (result i32) (i32.const 1))
          (func $two (result i32) (i32.const 2))
          (func (export "call") (param i32) (result i32)
            (call_indirect (result i32) (local.get 0))))"#,
    );
    let call = instance.get_typed_func::<i32, i32>(&store, "call").unwrap();
    assert_eq!(call.call(&mut store, 0).unwrap(), 1);
    assert_eq!(call.call(&mut store, 1).unwrap(), 2);
    call.call(&mut store, 2).unwrap_err();
}

#[test]
fn tables_grow_from_the_inside() {
    let (mut store, instance) = instance(
        r#"(module
          (table $t (export "t") 0 20 externref)
          (func (export "grow") (param i32 externref) (result i32)
            (table.grow $t (local.get 1) (local.get 0)))
          (func (export "get") (param i32) (result externref) (table.get $t (local.get 0))))"#,
    );
    type Ref = Option<wasm_aot_loader::ExternRef>;
    let grow = instance
        .get_typed_func::<(i32, Ref), i32>(&store, "grow")
        .unwrap();
    let get = instance.get_typed_func::<i32, Ref>(&store, "get").unwrap();
    let objects: Vec<_> = (0..20)
        .map(|n| wasm_aot_loader::ExternRef::new(&mut store, n))
        .collect();
    for (index, &object) in objects.iter().enumerate() {
        assert_eq!(
            grow.call(&mut store, (1, Some(object))).unwrap(),
            index as i32
        );
    }
    assert_eq!(grow.call(&mut store, (1, None)).unwrap(), -1);
    assert_eq!(grow.call(&mut store, (-1, None)).unwrap(), -1);
    for (index, &object) in objects.iter().enumerate() {
        assert_eq!(get.call(&mut store, index as i32).unwrap(), Some(object));
    }
}

#[test]
fn equal_types_of_different_modules_are_equal() {
    let mut store = Store::new();
    let one = add(
        &mut store,
        r#"(module (type (func (param f64))) (type $x (func (param i32) (result i64)))
          (table (export "t") 1 funcref) (elem (i32.const 0) $f)
          (func $f (type $x) (i64.extend_i32_s (local.get 0))))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("one", &store, one);
    let two = add(
        &mut store,
        r#"(module (import "one" "t" (table 1 funcref))
          (func (export "right") (result i64)
            (call_indirect (param i32) (result i64) (i32.const -3) (i32.const 0)))
          (func (export "wrong") (result i32)
            (call_indirect (param i64) (result i32) (i64.const -3) (i32.const 0))))"#,
        &imports,
    );
    let right = two.get_typed_func::<(), i64>(&store, "right").unwrap();
    assert_eq!(right.call(&mut store, ()).unwrap(), -3);
    let wrong = two.get_typed_func::<(), i32>(&store, "wrong").unwrap();
    let code = crate::support::trap_code(wrong.call(&mut store, ()));
    assert_eq!(code, wasm_aot_loader::TrapCode::IndirectCallTypeMismatch);
}
