//! Memories, tables, globals and functions between the host and two artefacts.

use wasm_aot_loader::{
    Func, Global, GlobalError, GlobalType, Imports, Instance, Memory, MemoryType, Store, Table,
    TableError, TableType, Val, ValType,
};

use crate::support::{add, trap_code};
use wasm_aot_loader::TrapCode;

/// Imports everything that the tests share, and exports ways to use it.
const USER: &str = r#"(module
  (import "e" "m" (memory 1))
  (import "e" "t" (table 2 funcref))
  (import "e" "x" (table 1 externref))
  (import "e" "g" (global $g (mut i64)))
  (import "e" "v" (global $v (mut v128)))
  (import "e" "c" (global $c i32))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "tget") (param i32) (result funcref) (table.get 0 (local.get 0)))
  (func (export "tset") (param i32 funcref) (table.set 0 (local.get 0) (local.get 1)))
  (func (export "tsize") (result i32) (table.size 0))
  (func (export "tgrow") (param i32 funcref) (result i32)
    (table.grow 0 (local.get 1) (local.get 0)))
  (func (export "call") (param i32) (result i32) (call_indirect 0 (result i32) (local.get 0)))
  (func (export "xgrow") (param i32 externref) (result i32)
    (table.grow 1 (local.get 1) (local.get 0)))
  (func (export "xget") (param i32) (result externref) (table.get 1 (local.get 0)))
  (func (export "gget") (result i64) (global.get $g))
  (func (export "gset") (param i64) (global.set $g (local.get 0)))
  (func (export "vset") (param v128) (global.set $v (local.get 0)))
  (func (export "vget") (result v128) (global.get $v))
  (func (export "c") (result i32) (global.get $c))
  (func (export "seven") (result i32) (i32.const 7)))"#;

/// Defines what [`USER`] imports.
const DEFINER: &str = r#"(module
  (memory (export "m") 1 3)
  (table (export "t") 2 5 funcref)
  (table (export "x") 1 externref)
  (global (export "g") (mut i64) (i64.const -5))
  (global (export "v") (mut v128) (v128.const i64x2 1 2))
  (global (export "c") i32 (i32.const 99))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "tgrow") (param i32 funcref) (result i32)
    (table.grow 0 (local.get 1) (local.get 0)))
  (func (export "gget") (result i64) (global.get 0))
  (func (export "gset") (param i64) (global.set 0 (local.get 0)))
  (func (export "vget") (result v128) (global.get 1)))"#;

/// What is shared, by the host's handles.
struct Shared {
    memory: Memory,
    table: Table,
    objects: Table,
    global: Global,
    vector: Global,
}

/// Everything that is shared can be seen and changed by the host and by `user`.
fn check(store: &mut Store, shared: &Shared, user: Instance) {
    macro_rules! call {
        ($name:literal, $params:expr) => {{
            let func = user.get_typed_func(store, $name).unwrap();
            func.call(store, $params).unwrap()
        }};
    }
    // The memory.
    let at = 0xfffc;
    let () = call!("store", (at, 11));
    let mut word = [0; 4];
    shared.memory.read(store, at as u64, &mut word).unwrap();
    assert_eq!(word, 11u32.to_le_bytes());
    shared
        .memory
        .write(store, at as u64, &22u32.to_le_bytes())
        .unwrap();
    let found: i32 = call!("load", at);
    assert_eq!(found, 22);
    assert_eq!(shared.memory.grow(store, 1).unwrap(), 1);
    let size: i32 = call!("size", ());
    assert_eq!(size, 2);
    let () = call!("store", (0x1fffc, 33));
    let old: i32 = call!("grow", 1);
    assert_eq!(old, 2);
    assert_eq!(shared.memory.size(store), 3);
    let old: i32 = call!("grow", 1);
    assert_eq!(old, -1, "its maximum is 3 whoever asks");
    assert!(shared.memory.grow(store, 1).is_err());
    assert_eq!(shared.memory.data(store)[0x1fffc], 33);

    // The table of functions.
    let seven = user.get_func(store, "seven").unwrap();
    shared
        .table
        .set(store, 1, Val::FuncRef(Some(seven)))
        .unwrap();
    let found: Option<Func> = call!("tget", 1);
    assert_eq!(found, Some(seven));
    let result: i32 = call!("call", 1);
    assert_eq!(result, 7);
    let () = call!("tset", (0, Some(seven)));
    assert_eq!(shared.table.get(store, 0), Some(Val::FuncRef(Some(seven))));
    let seven = Val::FuncRef(Some(seven));
    assert_eq!(shared.table.grow(store, 2, seven).unwrap(), 2);
    let size: i32 = call!("tsize", ());
    assert_eq!(size, 4);
    let result: i32 = call!("call", 3);
    assert_eq!(result, 7);
    let old: i32 = call!("tgrow", (1, None::<Func>));
    assert_eq!(old, 4);
    let old: i32 = call!("tgrow", (1, None::<Func>));
    assert_eq!(old, -1);
    assert_eq!(shared.table.size(store), 5);
    assert_eq!(shared.table.get(store, 4), Some(Val::FuncRef(None)));
    assert_eq!(shared.table.get(store, 5), None);

    // The table of objects.
    let object = wasm_aot_loader::ExternRef::new(store, 'x');
    let old: i32 = call!("xgrow", (100, Some(object)));
    assert_eq!(old, 1);
    assert_eq!(
        shared.objects.get(store, 100),
        Some(Val::ExternRef(Some(object)))
    );
    shared
        .objects
        .fill(store, 50, Val::ExternRef(None), 51)
        .unwrap();
    let found: Option<wasm_aot_loader::ExternRef> = call!("xget", 49);
    assert_eq!(found.unwrap().get::<char>(store), Some(&'x'));
    let found: Option<wasm_aot_loader::ExternRef> = call!("xget", 50);
    assert_eq!(found, None);

    // Globals.
    let value: i64 = call!("gget", ());
    assert_eq!(value, -5);
    shared.global.set(store, Val::I64(6)).unwrap();
    let value: i64 = call!("gget", ());
    assert_eq!(value, 6);
    let () = call!("gset", i64::MIN);
    assert_eq!(shared.global.get(store), Val::I64(i64::MIN));
    let () = call!("vset", u128::MAX - 7);
    assert_eq!(shared.vector.get(store), Val::V128(u128::MAX - 7));
    shared.vector.set(store, Val::V128(3 << 70)).unwrap();
    let value: u128 = call!("vget", ());
    assert_eq!(value, 3 << 70);
    let constant: i32 = call!("c", ());
    assert_eq!(constant, 99);
}

#[test]
fn what_the_host_makes_is_shared_with_an_instance() {
    let mut store = Store::new();
    let null = Val::FuncRef(None);
    let shared = Shared {
        memory: Memory::new(&mut store, MemoryType::new(1, Some(3))).unwrap(),
        table: Table::new(
            &mut store,
            TableType::new(ValType::FUNCREF, 2, Some(5)),
            null,
        )
        .unwrap(),
        objects: Table::new(
            &mut store,
            TableType::new(ValType::EXTERNREF, 1, None),
            Val::ExternRef(None),
        )
        .unwrap(),
        global: Global::new(
            &mut store,
            GlobalType::new(ValType::I64, true),
            Val::I64(-5),
        )
        .unwrap(),
        vector: Global::new(
            &mut store,
            GlobalType::new(ValType::V128, true),
            Val::V128(0),
        )
        .unwrap(),
    };
    let constant = GlobalType::new(ValType::I32, false);
    let constant = Global::new(&mut store, constant, Val::I32(99)).unwrap();
    let mut imports = Imports::new();
    imports
        .define("e", "m", shared.memory)
        .define("e", "t", shared.table)
        .define("e", "x", shared.objects)
        .define("e", "g", shared.global)
        .define("e", "v", shared.vector)
        .define("e", "c", constant);
    let user = add(&mut store, USER, &imports);
    check(&mut store, &shared, user);
}

#[test]
fn what_an_artefact_defines_is_shared_with_another_and_the_host() {
    let mut store = Store::new();
    let definer = add(&mut store, DEFINER, &Imports::new());
    let shared = Shared {
        memory: definer.get_memory(&store, "m").unwrap(),
        table: definer.get_table(&store, "t").unwrap(),
        objects: definer.get_table(&store, "x").unwrap(),
        global: definer.get_global(&store, "g").unwrap(),
        vector: definer.get_global(&store, "v").unwrap(),
    };
    assert_eq!(shared.vector.get(&store), Val::V128(2 << 64 | 1));
    let mut imports = Imports::new();
    imports.instance("e", &store, definer);
    let user = add(&mut store, USER, &imports);
    check(&mut store, &shared, user);
    // The definer sees it too.
    macro_rules! call {
        ($name:literal, $params:expr) => {{
            let func = definer.get_typed_func(&store, $name).unwrap();
            func.call(&mut store, $params).unwrap()
        }};
    }
    let found: i32 = call!("load", 0xfffc);
    assert_eq!(found, 22);
    let old: i32 = call!("grow", 1);
    assert_eq!(old, -1);
    let old: i32 = call!("tgrow", (0, None::<Func>));
    assert_eq!(old, 5);
    let value: i64 = call!("gget", ());
    assert_eq!(value, i64::MIN);
    let value: u128 = call!("vget", ());
    assert_eq!(value, 3 << 70);
}

#[test]
fn an_artefact_calls_functions_of_another() {
    let mut store = Store::new();
    let library = add(
        &mut store,
        r#"(module
          (global $calls (export "calls") (mut i32) (i32.const 0))
          (func (export "sum") (param i32 i64 f32 f64) (result f64)
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (f64.add
              (f64.add (f64.convert_i32_s (local.get 0)) (f64.convert_i64_s (local.get 1)))
              (f64.add (f64.promote_f32 (local.get 2)) (local.get 3))))
          (func (export "many") (param i64) (result
              i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64)
            (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
            (local.get 0) (local.get 0) (local.get 0) (local.get 0) (i64.const 10)
            (f64.const 1) (f64.const 2) (f64.const 3) (f64.const 4) (f64.const 5)
            (f64.const 6) (f64.const 7) (f64.const 8) (f64.const 9) (f64.const 10)))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("lib", &store, library);
    let user = add(
        &mut store,
        r#"(module
          (import "lib" "sum" (func $sum (param i32 i64 f32 f64) (result f64)))
          (import "lib" "many" (func $many (param i64) (result
              i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 f64 f64 f64 f64 f64 f64 f64 f64 f64 f64)))
          (func (export "run") (result f64)
            (f64.mul (f64.const 2)
              (call $sum (i32.const -1) (i64.const 20) (f32.const 0.5) (f64.const 0.25))))
          (func (export "last") (result f64) (local f64)
            (call $many (i64.const 3))
            (f64.mul (f64.const 1000)) (local.set 0)
            drop drop drop drop drop drop drop drop drop
            (f64.convert_i64_s) (local.get 0) f64.add (local.set 0)
            drop drop drop drop drop drop drop drop drop
            (local.get 0)))"#,
        &imports,
    );
    let run = user.get_typed_func::<(), f64>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 39.5);
    let last = user.get_typed_func::<(), f64>(&store, "last").unwrap();
    assert_eq!(last.call(&mut store, ()).unwrap(), 10_010.0);
    let calls = library.get_global(&store, "calls").unwrap();
    assert_eq!(calls.get(&store), Val::I32(1));
}

#[test]
fn state_of_two_instances_never_mixes() {
    let mut store = Store::new();
    let wat = r#"(module
      (memory (export "memory") 1)
      (data (i32.const 0) "image")
      (global (export "g") (mut i32) (i32.const 1))
      (table (export "t") 1 funcref)
      (func $f (export "set") (param i32)
        (table.set (i32.const 0) (ref.func $f))
        (i32.store8 (i32.const 0) (local.get 0))
        (global.set 0 (local.get 0))))"#;
    let module = crate::support::module(wat);
    let imports = Imports::new();
    let instances: Vec<_> = (0..3)
        .map(|_| Instance::new(&mut store, &module, &imports).unwrap())
        .collect();
    let set = instances[1]
        .get_typed_func::<i32, ()>(&store, "set")
        .unwrap();
    set.call(&mut store, 88).unwrap();
    let state = |instance: &Instance| {
        let memory = instance.get_memory(&store, "memory").unwrap();
        let global = instance.get_global(&store, "g").unwrap();
        let table = instance.get_table(&store, "t").unwrap();
        let bytes = memory.data(&store)[..5].to_vec();
        (bytes, global.get(&store), table.get(&store, 0).unwrap())
    };
    let untouched = (b"image".to_vec(), Val::I32(1), Val::FuncRef(None));
    let set = Val::FuncRef(Some(set.func()));
    assert_eq!(state(&instances[0]), untouched);
    assert_eq!(state(&instances[1]), (b"Xmage".to_vec(), Val::I32(88), set));
    assert_eq!(state(&instances[2]), untouched);
}

#[test]
fn the_host_is_held_to_bounds_types_and_mutability() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let code = |result: Result<(), wasm_aot_loader::Trap>| result.unwrap_err().code();
    assert_eq!(
        code(memory.read(&store, 65533, &mut [0; 4])),
        TrapCode::MemoryOutOfBounds
    );
    assert_eq!(
        code(memory.write(&mut store, u64::MAX, &[0])),
        TrapCode::MemoryOutOfBounds
    );
    memory.write(&mut store, 65536, &[]).unwrap();
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let table = Table::new(&mut store, ty, Val::FuncRef(None)).unwrap();
    let null = Val::FuncRef(None);
    let code = |result| match result {
        Err(TableError::Trap(trap)) => trap.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        code(table.set(&mut store, 1, null)),
        TrapCode::TableOutOfBounds
    );
    assert_eq!(
        code(table.fill(&mut store, 1, null, 1)),
        TrapCode::TableOutOfBounds
    );
    assert_eq!(
        code(table.copy(&mut store, 0, table, 1, 1)),
        TrapCode::TableOutOfBounds
    );
    table.copy(&mut store, 1, table, 1, 0).unwrap();

    let mistyped = table.set(&mut store, 0, Val::ExternRef(None));
    assert!(matches!(mistyped, Err(TableError::Type(_))), "{mistyped:?}");
    let constant = GlobalType::new(ValType::I32, false);
    let constant = Global::new(&mut store, constant, Val::I32(1)).unwrap();
    let refused = constant.set(&mut store, Val::I32(2));
    assert_eq!(refused, Err(GlobalError::Immutable));
    let variable = GlobalType::new(ValType::I32, true);
    let variable = Global::new(&mut store, variable, Val::I32(1)).unwrap();
    let refused = variable.set(&mut store, Val::I64(2)).unwrap_err();
    assert_eq!(refused.to_string(), "expected i32, got i64");
    assert_eq!(variable.get(&store), Val::I32(1));
}

#[test]
fn traps_in_shared_memory_are_found_from_every_instance() {
    let mut store = Store::new();
    let definer = add(&mut store, DEFINER, &Imports::new());
    let mut imports = Imports::new();
    imports.instance("e", &store, definer);
    let user = add(&mut store, USER, &imports);
    for instance in [definer, user] {
        let load = instance.get_typed_func::<i32, i32>(&store, "load").unwrap();
        for at in [65533, 65536, -1, i32::MIN] {
            let code = trap_code(load.call(&mut store, at));
            assert_eq!(code, TrapCode::MemoryOutOfBounds, "{at}");
        }
        assert_eq!(load.call(&mut store, 65532).unwrap(), 0);
    }
}
