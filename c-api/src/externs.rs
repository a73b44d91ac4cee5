//! Globals, tables, memories, and what all externals have in common.

use std::mem::MaybeUninit;

use wasm_aot_loader::{Extern, Global, Memory, Table, Val, ValType};

use crate::error;
use crate::raw::Value;
use crate::reference::Ref;
use crate::store::StoreHandle;
use crate::types::Type;
use crate::value::{from_reference, from_val, to_reference, to_val};

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_extern_kind(item: &Ref) -> u8 {
    match item.item() {
        Extern::Func(_) => 0,
        Extern::Global(_) => 1,
        Extern::Table(_) => 2,
        Extern::Memory(_) => 3,
        // There is nothing in `wasm.h` to be done with it but to import it.
        Extern::Tag(_) => 4,
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_extern_type(item: &Ref) -> Box<Type> {
    type_of(item)
}

fn type_of(item: &Ref) -> Box<Type> {
    Box::new(item.store.with(|store| item.item().ty(store)).into())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_global_new(store: &StoreHandle, ty: &Type, value: &Value) -> Option<Box<Ref>> {
    let (inner, ty) = (&store.inner, ty.global());
    let global = inner.with(|store| {
        let value = to_val(value, ty.content(), inner, store)?;
        Global::new(store, ty, value).map_err(|error| error::chain(&error))
    });
    Some(Ref::of_extern(inner, error::keep(global)?))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_global_type(global: &Ref) -> Box<Type> {
    type_of(global)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_global_get(global: &Ref, out: &mut MaybeUninit<Value>) {
    let inner = &global.store;
    out.write(inner.with(|store| from_val(global.global().get(store), inner, store)));
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_global_set(handle: &Ref, value: &Value) {
    let (inner, global) = (&handle.store, handle.global());
    let set = inner.with(|store| {
        let ty = global.ty(store).content();
        let value = to_val(value, ty, inner, store)?;
        let set = global.set(store, value);
        set.map_err(|error| error::chain(&error))
    });
    error::keep(set);
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_new(
    store: &StoreHandle,
    ty: &Type,
    init: Option<&Ref>,
) -> Option<Box<Ref>> {
    let (inner, ty) = (&store.inner, ty.table());
    let table = inner.with(|store| {
        let value = to_reference(init, ty.element(), inner, store)?;
        Table::new(store, ty, value).map_err(|error| error::chain(&error))
    });
    Some(Ref::of_extern(inner, error::keep(table)?))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_type(table: &Ref) -> Box<Type> {
    type_of(table)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_get(table: &Ref, index: u32) -> Option<Box<Ref>> {
    let inner = &table.store;
    inner.with(|store| {
        let value = table.table().get(store, index.into())?;
        from_reference(value, inner, store)
    })
}

/// Does something to a table with a reference of the type of its elements.
fn with_element(
    handle: &Ref,
    reference: Option<&Ref>,
    body: impl FnOnce(Table, &mut wasm_aot_loader::Store, Val) -> Result<(), String>,
) -> bool {
    let (inner, table) = (&handle.store, handle.table());
    let done = inner.with(|store| {
        let ty: ValType = table.ty(store).element();
        let value = to_reference(reference, ty, inner, store)?;
        body(table, store, value)
    });
    error::keep(done).is_some()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_set(table: &Ref, index: u32, value: Option<&Ref>) -> bool {
    with_element(table, value, |table, store, value| {
        let set = table.set(store, index.into(), value);
        set.map_err(|error| error::chain(&error))
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_size(table: &Ref) -> u32 {
    let size = table.store.with(|store| table.table().size(store));
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_table_grow(table: &Ref, delta: u32, init: Option<&Ref>) -> bool {
    with_element(table, init, |table, store, value| {
        let before = table.grow(store, delta.into(), value);
        before.map(drop).map_err(|error| error::chain(&error))
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_new(store: &StoreHandle, ty: &Type) -> Option<Box<Ref>> {
    let memory = store.inner.with(|store| Memory::new(store, ty.memory()));
    let memory = memory.map_err(|error| error::chain(&error));
    Some(Ref::of_extern(&store.inner, error::keep(memory)?))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_type(memory: &Ref) -> Box<Type> {
    type_of(memory)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_data(memory: &Ref) -> *mut u8 {
    memory.store.with(|store| memory.memory().data_ptr(store))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_data_size(memory: &Ref) -> usize {
    memory
        .store
        .with(|store| memory.memory().byte_len(store) as usize)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_size(memory: &Ref) -> u32 {
    let pages = memory.store.with(|store| memory.memory().size(store));
    u32::try_from(pages).unwrap_or(u32::MAX)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_memory_grow(memory: &Ref, delta: u32) -> bool {
    let before = memory
        .store
        .with(|store| memory.memory().grow(store, delta.into()));
    error::keep(before.map_err(|error| error::chain(&error))).is_some()
}
