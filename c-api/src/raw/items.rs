//! `wasm_aot_linked.h`: what the program makes for instances to import.

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use wasm_aot_loader::{
    DirectStore, Extern, Memory, MemoryType, Store, Table, TableType, Val, ValType, abi,
};

use super::linked::{ExternItem, Linked, Source};
use crate::error;

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_items_create() -> *mut abi::VmContext {
    #[expect(clippy::arc_with_non_send_sync, reason = "used as C code must use it")]
    let store = Arc::new(DirectStore::new(Store::new()));
    let linked = Box::new(Linked {
        store,
        source: Source::Items(Vec::new()),
        message: CString::default(),
    });
    // No code ever gets it.
    Box::into_raw(Box::new(abi::VmContext {
        store: ptr::null_mut(),
        builtins: ptr::null(),
        instance: ptr::null_mut(),
        embedder: Box::into_raw(linked).cast(),
        heap: ptr::null_mut(),
        interrupt: ptr::null(),
    }))
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_items_destroy(items: *mut abi::VmContext) {
    if items.is_null() {
        return;
    }
    // SAFETY: C code has it from `wasm_aot_items_create`, and does not use it again.
    // The store lives on for instances.
    unsafe {
        let context = Box::from_raw(items);
        drop(Box::from_raw(context.embedder.cast::<Linked>()));
    }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_items_memory(
    items: *mut abi::VmContext,
    min: u64,
    max: u64,
) -> ExternItem {
    let ty = MemoryType::new(min, maximum(max));
    // SAFETY: C code has it from `wasm_aot_items_create`.
    unsafe { add(items, |store| Memory::new(store, ty).map(Extern::Memory)) }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_items_table(
    items: *mut abi::VmContext,
    min: u64,
    max: u64,
) -> ExternItem {
    let ty = TableType::new(ValType::FUNCREF, min, maximum(max));
    let null = Val::FuncRef(None);
    // SAFETY: C code has it from `wasm_aot_items_create`.
    unsafe {
        add(items, |store| {
            Table::new(store, ty, null).map(Extern::Table)
        })
    }
}

/// `WASM_AOT_NO_MAX`.
fn maximum(max: u64) -> Option<u64> {
    (max != u64::MAX).then_some(max)
}

/// Adds what `make` makes.
///
/// # Safety
///
/// `items` is from [`wasm_aot_items_create`], and not destroyed.
unsafe fn add<E: std::error::Error>(
    items: *mut abi::VmContext,
    make: impl FnOnce(&mut Store) -> Result<Extern, E>,
) -> ExternItem {
    // SAFETY: the caller says so.
    let linked = unsafe { Linked::of(items) };
    let made = catch_unwind(AssertUnwindSafe(|| make(linked.store_mut())));
    let made = match made {
        Ok(made) => error::keep(made.map_err(|error| error::chain(&error))),
        Err(_) => error::keep(Err("this is too large")),
    };
    match (made, &mut linked.source) {
        (Some(item), Source::Items(list)) => {
            list.push(item);
            ExternItem {
                instance: items,
                position: list.len() as u32 - 1,
            }
        }
        _ => ExternItem::NONE,
    }
}
