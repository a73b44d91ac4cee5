//! Memories, tables and globals, as the host uses them.

use wasm_aot_loader::{
    Func, Global, GlobalType, GrowError, Memory, MemoryType, Store, Table, TableError, TableType,
    Trap, TrapCode, Val, ValType,
};

use crate::support::instance;

fn memory(store: &mut Store, max: Option<u64>) -> Memory {
    Memory::new(store, MemoryType::new(1, max)).unwrap()
}

#[track_caller]
fn out_of_bounds(result: Result<(), Trap>) {
    assert_eq!(result.unwrap_err().code(), TrapCode::MemoryOutOfBounds);
}

#[test]
fn a_memory_is_filled_and_copied_by_the_host() {
    let mut store = Store::new();
    let (a, b) = (memory(&mut store, None), memory(&mut store, None));
    a.write(&mut store, 10, b"abcdef").unwrap();
    // Between two of them, and within one, both ways round.
    b.copy(&mut store, 0, a, 10, 6).unwrap();
    assert_eq!(b.data(&store)[..8], *b"abcdef\0\0");
    b.copy(&mut store, 2, b, 0, 6).unwrap();
    assert_eq!(b.data(&store)[..8], *b"ababcdef");
    b.copy(&mut store, 0, b, 1, 7).unwrap();
    assert_eq!(b.data(&store)[..8], *b"babcdeff");
    b.fill(&mut store, 1, b'x', 3).unwrap();
    assert_eq!(b.data(&store)[..8], *b"bxxxdeff");
    // Up to the end and not beyond; nothing has happened then.
    a.fill(&mut store, 65530, 1, 6).unwrap();
    out_of_bounds(a.fill(&mut store, 65530, 2, 7));
    out_of_bounds(a.fill(&mut store, u64::MAX, 2, 1));
    out_of_bounds(a.fill(&mut store, 1, 2, u64::MAX));
    out_of_bounds(a.copy(&mut store, 65530, b, 0, 7));
    out_of_bounds(b.copy(&mut store, 0, a, 65530, 7));
    out_of_bounds(b.copy(&mut store, u64::MAX, a, 0, 2));
    assert_eq!(a.data(&store)[65530..], [1; 6]);
    assert_eq!(b.data(&store)[0], b'b');
    a.copy(&mut store, 65536, b, 65536, 0).unwrap();
    a.fill(&mut store, 65536, 0, 0).unwrap();
    out_of_bounds(a.fill(&mut store, 65537, 0, 0));
}

#[test]
fn the_host_and_code_copy_the_same_memory() {
    let (mut store, instance) = instance(
        r#"(module (memory (export "m") 1) (data (i32.const 0) "image")
          (func (export "copy") (memory.copy (i32.const 8) (i32.const 0) (i32.const 5))))"#,
    );
    let m = instance.get_memory(&store, "m").unwrap();
    let own = memory(&mut store, None);
    own.copy(&mut store, 0, m, 0, 5).unwrap();
    assert_eq!(own.data(&store)[..5], *b"image");
    m.fill(&mut store, 0, b'I', 1).unwrap();
    let copy = instance.get_typed_func::<(), ()>(&store, "copy").unwrap();
    copy.call(&mut store, ()).unwrap();
    assert_eq!(m.data(&store)[..13], *b"Image\0\0\0Image");
}

#[test]
#[should_panic(expected = "another store")]
fn memories_of_two_stores_are_not_copied() {
    let mut other = Store::new();
    let foreign = memory(&mut other, None);
    let mut store = Store::new();
    let own = memory(&mut store, None);
    let _ = own.copy(&mut store, 0, foreign, 0, 1);
}

#[test]
fn growing_says_the_size_before_or_why_not() {
    let mut store = Store::new();
    let bounded = memory(&mut store, Some(3));
    assert_eq!(bounded.grow(&mut store, 2).unwrap(), 1);
    assert_eq!(bounded.grow(&mut store, 0).unwrap(), 3);
    let error = bounded.grow(&mut store, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot grow a memory of 3 pages by 1: its limit is 3"
    );
    let unbounded = memory(&mut store, None);
    let error = unbounded.grow(&mut store, u64::MAX).unwrap_err();
    assert!(matches!(error, GrowError::Limit { limit: 65536, .. }));
    assert_eq!(unbounded.size(&store), 1);
    let ty = TableType::new(ValType::EXTERNREF, 1, Some(2));
    let table = Table::new(&mut store, ty, Val::ExternRef(None)).unwrap();
    let null = Val::ExternRef(None);
    assert_eq!(table.grow(&mut store, 1, null).unwrap(), 1);
    let error = table.grow(&mut store, 5, null).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot grow a table of 2 elements by 5: its limit is 2"
    );
    assert_eq!(table.size(&store), 2);
}

#[test]
fn a_view_is_the_memory_itself() {
    let (mut store, instance) = instance(
        r#"(module (memory (export "m") 1 2)
          (func (export "get") (result i32) (i32.load8_u (i32.const 7)))
          (func (export "grow") (drop (memory.grow (i32.const 1)))))"#,
    );
    let memory = instance.get_memory(&store, "m").unwrap();
    let address = memory.data(&store).as_ptr();
    memory.data_mut(&mut store)[7] = 99;
    let get = instance.get_typed_func::<(), i32>(&store, "get").unwrap();
    assert_eq!(get.call(&mut store, ()).unwrap(), 99);
    let grow = instance.get_typed_func::<(), ()>(&store, "grow").unwrap();
    grow.call(&mut store, ()).unwrap();
    // It does not move, and is seen as large as it is.
    assert_eq!(memory.data(&store).as_ptr(), address);
    assert_eq!(memory.data(&store).len(), 2 * Memory::PAGE);
    store.insert(1u8);
    let (bytes, value) = memory.data_and_mut::<u8>(&mut store);
    *value.unwrap() += bytes[7];
    assert_eq!(store.get::<u8>(), Some(&100));
}

#[test]
fn elements_of_a_table_are_got_set_filled_copied_and_grown() {
    let mut store = Store::new();
    let null = Val::FuncRef(None);
    let ty = TableType::new(ValType::FUNCREF, 4, None);
    let table = Table::new(&mut store, ty, null).unwrap();
    let [a, b]: [Val; 2] = [1, 2].map(|n| Func::wrap(&mut store, move || n).into());
    let all = |store: &Store| -> Vec<Val> {
        (0..table.size(store))
            .map(|index| table.get(store, index).unwrap())
            .collect()
    };
    table.set(&mut store, 0, a).unwrap();
    table.fill(&mut store, 2, b, 2).unwrap();
    assert_eq!(all(&store), [a, null, b, b]);
    table.copy(&mut store, 1, table, 0, 3).unwrap();
    assert_eq!(all(&store), [a, a, null, b]);
    assert_eq!(table.grow(&mut store, 2, a).unwrap(), 4);
    assert_eq!(all(&store), [a, a, null, b, a, a]);
    let other = Table::new(&mut store, TableType::new(ValType::FUNCREF, 1, None), b).unwrap();
    table.copy(&mut store, 5, other, 0, 1).unwrap();
    assert_eq!(table.get(&store, 5), Some(b));
    assert_eq!(table.get(&store, 6), None);
    let code = |result| match result {
        Err(TableError::Trap(trap)) => trap.code(),
        other => panic!("{other:?}"),
    };
    let beyond = code(table.set(&mut store, 6, a));
    assert_eq!(beyond, TrapCode::TableOutOfBounds);
    let beyond = code(other.copy(&mut store, 0, table, 5, 2));
    assert_eq!(beyond, TrapCode::TableOutOfBounds);
}

#[test]
fn a_global_holds_what_was_set_and_its_type() {
    let mut store = Store::new();
    let values: [Val; 5] = [
        Val::I32(-1),
        Val::I64(i64::MIN),
        Val::F32(0x7fa0_0001),
        Val::F64(u64::MAX),
        Val::V128(u128::MAX - 1),
    ];
    for value in values {
        let ty = GlobalType::new(value.ty(), true);
        let global = Global::new(&mut store, ty, Val::default_for(value.ty())).unwrap();
        assert_eq!(global.get(&store), Val::default_for(value.ty()));
        global.set(&mut store, value).unwrap();
        assert_eq!(global.get(&store), value);
        assert_eq!(global.ty(&store), ty);
    }
}
