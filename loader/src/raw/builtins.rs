//! What compiled code asks of us. See [`Builtins`] for each function's duties.
//!
//! Every function is called by compiled code of a running entry, with a vmctx
//! that an instance of ours has given it, and with indices that the compiler
//! took from the module; the SAFETY comments below refer to that. None of them
//! panics: there is nowhere to unwind to.

use std::ffi::c_void;
use std::ptr;

use wasm_aot_abi::{Builtins, FuncRef, StoreContext, VmContext};

use super::arch;
use super::deadline::interrupted;
use super::direct::attach;
use super::exception::{exception, throw};
use super::instance::InstanceData;
use super::store::Inner;
use super::table::TableData;
use super::trap::trap;
use super::values::Slot;
use super::waiting::{memory_atomic_notify, memory_atomic_wait32, memory_atomic_wait64};
use crate::intern::Interner;

pub(super) static BUILTINS: Builtins = Builtins {
    raise: arch::raise,
    memory_grow,
    memory_copy,
    memory_fill,
    memory_init,
    data_drop,
    table_grow,
    table_fill,
    table_copy,
    table_init,
    elem_drop,
    func_ref,
    attach,
    is_subtype,
    memory_atomic_wait32,
    memory_atomic_wait64,
    memory_atomic_notify,
    exception,
    throw,
    trap,
    interrupted,
};

unsafe extern "C" fn is_subtype(_: *mut StoreContext, ty: u32, expected: u32) -> bool {
    let interner = Interner::lock();
    interner.by_id(ty).matches(interner.by_id(expected))
}

unsafe extern "C" fn memory_grow(ctx: *mut VmContext, memory: u32, delta: u64) -> u64 {
    // SAFETY: the instance is alive, and with it its memories; nothing of ours is
    // dropped.
    let old = unsafe {
        let memory = (*InstanceData::of(ctx)).memory(memory);
        Inner::code_grows_memory(ctx, memory, delta)
    };
    old.unwrap_or(u64::MAX)
}

unsafe extern "C" fn memory_copy(to: *mut u8, from: *const u8, len: u64) {
    // SAFETY: compiled code has checked both ranges. They may be shared: then what
    // others write meanwhile is mixed in byte by byte, as the code asks for.
    unsafe { ptr::copy(from, to, len as usize) };
}

unsafe extern "C" fn memory_fill(to: *mut u8, value: u32, len: u64) {
    // SAFETY: compiled code has checked the range.
    unsafe { ptr::write_bytes(to, value as u8, len as usize) };
}

unsafe extern "C" fn memory_init(
    ctx: *mut VmContext,
    memory: u32,
    segment: u32,
    to: u64,
    from: u32,
    len: u32,
) -> bool {
    // SAFETY: the instance is alive, and nobody else uses it while its code runs.
    unsafe { (*InstanceData::of(ctx)).memory_init(memory, segment, to, from, len) }
}

unsafe extern "C" fn data_drop(ctx: *mut VmContext, segment: u32) {
    // SAFETY: as above.
    unsafe { (*InstanceData::of(ctx)).data_drop(segment) }
}

unsafe extern "C" fn table_grow(
    ctx: *mut VmContext,
    table: u32,
    value: *const c_void,
    delta: u64,
) -> u64 {
    // SAFETY: as above; the code was validated, so the value is of the type of
    // the elements.
    let old = unsafe {
        let table = (*InstanceData::of(ctx)).table(table);
        Inner::code_grows_table(ctx, table, delta, Slot::from_pointer(value))
    };
    old.unwrap_or(u64::MAX)
}

unsafe extern "C" fn table_fill(
    ctx: *mut VmContext,
    table: u32,
    to: u64,
    value: *const c_void,
    len: u64,
) -> bool {
    // SAFETY: as above.
    unsafe {
        let table = (*InstanceData::of(ctx)).table(table);
        (*table.as_ptr()).fill(to, Slot::from_pointer(value), len)
    }
}

unsafe extern "C" fn table_copy(
    ctx: *mut VmContext,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    len: u64,
) -> bool {
    // SAFETY: as above; the code was validated, so the tables are of one type.
    unsafe {
        let instance = InstanceData::of(ctx);
        let (to_table, from_table) = ((*instance).table(to_table), (*instance).table(from_table));
        TableData::copy(to_table, to, from_table, from, len)
    }
}

unsafe extern "C" fn table_init(
    ctx: *mut VmContext,
    table: u32,
    segment: u32,
    to: u64,
    from: u32,
    len: u32,
) -> bool {
    // SAFETY: as above; the code was validated, so the segment is of the type of
    // the elements.
    unsafe { (*InstanceData::of(ctx)).table_init(table, segment, to, from, len) }
}

unsafe extern "C" fn elem_drop(ctx: *mut VmContext, segment: u32) {
    // SAFETY: as above.
    unsafe { (*InstanceData::of(ctx)).elem_drop(segment) }
}

unsafe extern "C" fn func_ref(ctx: *mut VmContext, slot: u32) -> *const FuncRef {
    // SAFETY: as above.
    unsafe { (*InstanceData::of(ctx)).func_ref(slot) }
}
