//! Limits of memories, of tables and of the system.

use wasm_aot_loader::{
    GrowError, Imports, Instance, InstantiationError, Memory, MemoryType, Store, Table, TableError,
    TableType, Val, ValType,
};

use crate::support::{add, call, isolated_ok, module};

#[test]
fn memory_grow_returns_minus_one_at_the_limit() {
    let wat = r#"(module (memory (export "memory") 1 3)
        (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let mut store = Store::new();
    let instance = add(&mut store, wat, &Imports::new());
    let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(grow.call(&mut store, 3).unwrap(), -1);
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 1).unwrap(), 1);
    assert!(memory.grow(&mut store, 2).is_err());
    assert!(memory.grow(&mut store, u64::MAX).is_err());
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 2);
    assert_eq!(grow.call(&mut store, 0).unwrap(), 3);
    assert_eq!(memory.ty(&store), MemoryType::new(3, Some(3)));
}

#[test]
fn table_grow_returns_minus_one_at_the_limit() {
    let wat = r#"(module (table (export "bounded") 1 3 funcref) (table 0 externref)
        (func (export "bounded-grow") (param i32) (result i32)
            (table.grow 0 (ref.null func) (local.get 0)))
        (func (export "grow") (param i32) (result i32)
            (table.grow 1 (ref.null extern) (local.get 0))))"#;
    let mut store = Store::new();
    let instance = add(&mut store, wat, &Imports::new());
    let bounded = instance
        .get_typed_func::<i32, i32>(&store, "bounded-grow")
        .unwrap();
    let grow = instance.get_typed_func::<i32, i32>(&store, "grow").unwrap();
    assert_eq!(bounded.call(&mut store, 3).unwrap(), -1);
    assert_eq!(bounded.call(&mut store, 1).unwrap(), 1);
    let table = instance.get_table(&store, "bounded").unwrap();
    assert!(table.grow(&mut store, 2, Val::FuncRef(None)).is_err());
    assert_eq!(table.grow(&mut store, 1, Val::FuncRef(None)).unwrap(), 2);
    assert_eq!(grow.call(&mut store, -1).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 10_000_001).unwrap(), -1);
    assert_eq!(grow.call(&mut store, 10_000).unwrap(), 0);
}

#[test]
fn impossible_limits_are_errors() {
    let mut store = Store::new();
    assert!(Memory::new(&mut store, MemoryType::new(2, Some(1))).is_err());
    assert!(Memory::new(&mut store, MemoryType::new(65537, None)).is_err());
    let ty = TableType::new(ValType::FUNCREF, u64::MAX, None);
    assert!(Table::new(&mut store, ty, Val::FuncRef(None)).is_err());
    let huge = module("(module (table (export \"t\") 0xffffffff funcref))");
    let error = Instance::new(&mut store, &huge, &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::Resource(_)), "{error}");
}

/// With little address space left, everything that needs it fails, and the rest
/// goes on.
fn under_pressure() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let wat = r#"(module (memory 1) (func (export "f") (result i32) (i32.const 5)))"#;
    let with_memory = module(wat);
    let without = module(
        r#"(module (table (export "t") 1 externref)
        (func (export "f") (result i32) (i32.const 6)))"#,
    );
    let mut store = Store::new();
    let before = Instance::new(&mut store, &with_memory, &Imports::new()).unwrap();
    // 64 MiB more than there is now.
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().next().unwrap().parse().unwrap();
    let limit = pages * 4096 + (64 << 20);
    let limit = Rlimit {
        current: Some(limit),
        maximum: Some(limit),
    };
    setrlimit(Resource::As, limit).unwrap();
    for _ in 0..10 {
        let error = Instance::new(&mut store, &with_memory, &Imports::new()).unwrap_err();
        assert!(matches!(error, InstantiationError::Resource(_)), "{error}");
        assert_eq!(error.to_string(), "cannot allocate a linear memory");
        assert!(Memory::new(&mut store, MemoryType::new(1, None)).is_err());
    }
    let after = Instance::new(&mut store, &without, &Imports::new()).unwrap();
    let table = after.get_table(&store, "t").unwrap();
    // 80 MB.
    let grown = table.grow(&mut store, 9_999_999, Val::ExternRef(None));
    assert!(
        matches!(grown, Err(TableError::Grow(GrowError::Memory { .. }))),
        "{grown:?}"
    );
    assert_eq!(table.size(&store), 1);
    assert_eq!(call(&mut store, before, "f", &[]).unwrap(), [Val::I32(5)]);
    assert_eq!(call(&mut store, after, "f", &[]).unwrap(), [Val::I32(6)]);
}

#[test]
fn without_address_space_there_are_errors_and_no_abort() {
    isolated_ok(
        "resources::without_address_space_there_are_errors_and_no_abort",
        under_pressure,
    );
}
