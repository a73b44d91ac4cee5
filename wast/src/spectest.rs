//! The host module `spectest`, which the suite's modules import from.

use wasm_aot_loader::{
    Func, FuncType, Global, GlobalType, Imports, Memory, MemoryType, SharedMemory, Store, Table,
    TableType, Val, ValType,
};

/// Makes the module's items in `store`. What is printed goes nowhere.
///
/// # Panics
///
/// If there is no memory for a table of 10 elements and a memory of one page.
pub(crate) fn imports(store: &mut Store) -> Imports {
    use ValType::{F32, F64, I32, I64};
    let mut imports = Imports::new();
    for (name, value) in [
        ("global_i32", Val::I32(666)),
        ("global_i64", Val::I64(666)),
        ("global_f32", Val::F32(666.6f32.to_bits())),
        ("global_f64", Val::F64(666.6f64.to_bits())),
    ] {
        let ty = GlobalType::new(value.ty(), false);
        let global = Global::new(store, ty, value).expect("a value of its own type");
        imports.define(MODULE, name, global);
    }
    for (name, params) in [
        ("print", &[][..]),
        ("print_i32", &[I32]),
        ("print_i64", &[I64]),
        ("print_f32", &[F32]),
        ("print_f64", &[F64]),
        ("print_i32_f32", &[I32, F32]),
        ("print_f64_f64", &[F64, F64]),
    ] {
        let ty = FuncType::new(params.iter().copied(), []);
        imports.define(MODULE, name, Func::new(store, ty, |_, _, _| Ok(())));
    }
    let ty = TableType::new(ValType::FUNCREF, 10, Some(20));
    let table = Table::new(store, ty, Val::FuncRef(None)).expect("10 elements are few");
    let ty = TableType::new64(ValType::FUNCREF, 10, Some(20));
    let table64 = Table::new(store, ty, Val::FuncRef(None)).expect("10 elements are few");
    let memory = Memory::new(store, MemoryType::new(1, Some(2))).expect("one page is little");
    let shared = SharedMemory::new(MemoryType::shared(1, 2)).expect("one page is little");
    imports
        .define(MODULE, "table", table)
        .define(MODULE, "table64", table64)
        .define(MODULE, "memory", memory)
        .define(MODULE, "shared_memory", shared);
    imports
}

const MODULE: &str = "spectest";
