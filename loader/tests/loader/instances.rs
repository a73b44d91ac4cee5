//! Many instances, and what they may use up.

use wasm_aot_loader::{Imports, Instance, InstantiationError, Memory, MemoryType, Store, Val};

use crate::support::{add, instance, isolated_ok, module};

const COUNTER: &str = r#"(module
  (memory 1) (data (i32.const 100) "\05")
  (global $n (mut i32) (i32.const 0))
  (func (export "next") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.load8_u (i32.const 100))))
    (i32.store8 (i32.const 100) (i32.const 1))
    (global.get $n)))"#;

#[test]
fn thousands_of_instances_in_one_store_are_separate() {
    let module = module(COUNTER);
    let imports = Imports::new();
    let mut store = Store::new();
    let instances: Vec<_> = (0..2000)
        .map(|_| Instance::new(&mut store, &module, &imports).unwrap())
        .collect();
    for (index, instance) in instances.iter().enumerate() {
        let next = instance.get_typed_func::<(), i32>(&store, "next").unwrap();
        for call in 0..=(index % 3) as i32 {
            assert_eq!(next.call(&mut store, ()).unwrap(), 5 + call);
        }
    }
}

#[test]
fn thousands_of_stores_come_and_go() {
    let module = module(COUNTER);
    let imports = Imports::new();
    for _ in 0..5000 {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        let next = instance.get_typed_func::<(), i32>(&store, "next").unwrap();
        assert_eq!(next.call(&mut store, ()).unwrap(), 5);
    }
}

#[test]
fn running_out_of_address_space_is_an_error() {
    isolated_ok(
        "instances::running_out_of_address_space_is_an_error",
        || {
            let module = module(COUNTER);
            let mut store = Store::new();
            let first = Instance::new(&mut store, &module, &Imports::new()).unwrap();
            // There are 128 TiB, and an instance takes at least 4 GiB.
            let error = (0..40_000).find_map(|_| {
                let result = Instance::new(&mut store, &module, &Imports::new());
                result.err()
            });
            match error.expect("address space ends") {
                InstantiationError::Resource(error) => {
                    assert_eq!(error.to_string(), "cannot allocate a linear memory");
                }
                other => panic!("{other:?}"),
            }
            assert!(Memory::new(&mut store, MemoryType::new(1, None)).is_err());
            // What was made before still works.
            let next = first.get_typed_func::<(), i32>(&store, "next").unwrap();
            assert_eq!(next.call(&mut store, ()).unwrap(), 5);
        },
    );
}

#[test]
fn memory_grow_fails_beyond_the_maximum_and_the_address_space() {
    let (mut store, instance) = instance(
        r#"(module
          (memory (export "memory") 1)
          (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
          (func (export "touch") (param i32) (i32.store (local.get 0) (local.get 0))))"#,
    );
    let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 65536).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 65535).unwrap(), 1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 0).unwrap(), 65536u32 as i32);
    let touch = instance.get_typed_func::<i32, ()>(&store, "touch").unwrap();
    touch.call(&mut store, -4).unwrap();
    crate::support::trap(touch.call(&mut store, -3));
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.data(&store)[0xffff_fffc..], (-4i32).to_le_bytes());
}

#[test]
fn an_image_and_segments_make_up_a_memory() {
    let mut store = Store::new();
    let memory = {
        let instance = add(
            &mut store,
            r#"(module (memory (export "m") 20)
              (data (i32.const 10) "first")
              (data (i32.const 70000) "second")
              (data (i32.const 12) "R")
              (data (i32.const 1300000) "far away"))"#,
            &Imports::new(),
        );
        instance.get_memory(&store, "m").unwrap()
    };
    let data = memory.data(&store);
    assert_eq!(&data[10..15], b"fiRst");
    assert_eq!(&data[70000..70006], b"second");
    assert_eq!(&data[1_300_000..1_300_008], b"far away");
    assert_eq!(data.iter().filter(|&&byte| byte != 0).count(), 5 + 6 + 8);
}

#[test]
fn imports_are_checked_before_anything_is_allocated() {
    // The memory cannot be had, but what is missing is told first.
    let wat = r#"(module (import "h" "missing" (func)) (table (export "t") 0xffffffff funcref))"#;
    let error = Instance::new(&mut Store::new(), &module(wat), &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::Link(_)), "{error}");
}

#[test]
fn a_start_function_finds_everything_initialised() {
    let mut store = Store::new();
    let instance = Instance::new(
        &mut store,
        &module(
            r#"(module
              (memory 1) (data (i32.const 4) "\07")
              (global $g i32 (i32.const 5))
              (table (export "t") 2 funcref) (elem (i32.const 1) $two)
              (global $seen (export "seen") (mut i32) (i32.const 0))
              (func $two (result i32) (i32.const 2))
              (func $start
                (global.set $seen (i32.mul (i32.load (i32.const 4))
                  (i32.mul (global.get $g) (call_indirect (result i32) (i32.const 1))))))
              (start $start))"#,
        ),
        &Imports::new(),
    )
    .unwrap();
    let seen = instance.get_global(&store, "seen").unwrap();
    assert_eq!(seen.get(&store), Val::I32(70));
}

#[test]
fn exports_are_named_in_the_order_of_declaration_and_nothing_else_is_there() {
    let mut store = Store::new();
    let wat = r#"(module
      (func $hidden) (memory $m 1) (global $hidden i32 (i32.const 0))
      (func (export "zebra")) (export "memory" (memory $m)) (func (export "ape"))
      (export "" (func $hidden)) (export "zebra " (func $hidden)))"#;
    let module = module(wat);
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let names: Vec<_> = instance.exports(&store).map(|(name, _)| name).collect();
    assert_eq!(names, ["zebra", "memory", "ape", "", "zebra "]);
    let declared: Vec<_> = module.exports().map(|export| export.name).collect();
    assert_eq!(names, declared);
    assert_eq!(instance.get_export(&store, "hidden"), None);
    assert_ne!(
        instance.get_export(&store, "zebra"),
        instance.get_export(&store, "zebra ")
    );
}
