//! What compiled code asks of its host.

use core::ffi::c_void;

use crate::{Exception, FuncRef, StoreContext, VmContext};

/// A table of C functions, found through
/// [`VmContext::builtins`](crate::VmContext::builtins). Append-only: a loader
/// may offer more entries than an artefact knows, never fewer.
///
/// Indices of memories, tables and segments are those of the module. Functions
/// that return `bool` (0 or 1 in the low byte) return 0 when a bounds check
/// failed, having changed nothing; compiled code then traps.
#[repr(C)]
pub struct Builtins {
    /// Ends the innermost entry of the store with the given status. Does not
    /// return.
    pub raise: unsafe extern "C" fn(store: *mut StoreContext, status: u32) -> !,
    /// `memory.grow` by `delta` pages: the old size in pages, or -1.
    pub memory_grow: unsafe extern "C" fn(ctx: *mut VmContext, memory: u32, delta: u64) -> u64,
    /// Copies `len` bytes between addresses that compiled code has checked;
    /// they may overlap.
    pub memory_copy: unsafe extern "C" fn(to: *mut u8, from: *const u8, len: u64),
    /// Fills `len` bytes at an address that compiled code has checked with the
    /// low byte of `value`.
    pub memory_fill: unsafe extern "C" fn(to: *mut u8, value: u32, len: u64),
    /// `memory.init`.
    pub memory_init: unsafe extern "C" fn(
        ctx: *mut VmContext,
        memory: u32,
        segment: u32,
        to: u64,
        from: u32,
        len: u32,
    ) -> bool,
    /// `data.drop`.
    pub data_drop: unsafe extern "C" fn(ctx: *mut VmContext, segment: u32),
    /// `table.grow` by `delta` elements, each `value`: the old number of
    /// elements, or -1.
    pub table_grow: unsafe extern "C" fn(
        ctx: *mut VmContext,
        table: u32,
        value: *const c_void,
        delta: u64,
    ) -> u64,
    /// `table.fill`.
    pub table_fill: unsafe extern "C" fn(
        ctx: *mut VmContext,
        table: u32,
        to: u64,
        value: *const c_void,
        len: u64,
    ) -> bool,
    /// `table.copy`.
    pub table_copy: unsafe extern "C" fn(
        ctx: *mut VmContext,
        to_table: u32,
        from_table: u32,
        to: u64,
        from: u64,
        len: u64,
    ) -> bool,
    /// `table.init`.
    pub table_init: unsafe extern "C" fn(
        ctx: *mut VmContext,
        table: u32,
        segment: u32,
        to: u64,
        from: u32,
        len: u32,
    ) -> bool,
    /// `elem.drop`.
    pub elem_drop: unsafe extern "C" fn(ctx: *mut VmContext, segment: u32),
    /// `ref.func`: the reference in slot `slot` of the vmctx's function
    /// references, made if it was not yet.
    pub func_ref: unsafe extern "C" fn(ctx: *mut VmContext, slot: u32) -> *const FuncRef,
    /// Called by a typed symbol whose stack pointer is on no stack that the store
    /// is prepared for: makes the store ready for calls from this thread, and
    /// writes [`StoreContext::stack_limit`] and [`StoreContext::stack_size`]. 0, or
    /// a status that the symbol returns at once.
    pub attach: unsafe extern "C" fn(store: *mut StoreContext) -> u32,
    /// Whether the type with the id `ty` is declared to be a subtype of that with
    /// the id `expected`, perhaps by way of others. Asked by indirect calls that
    /// expect an open type, if the ids differ. Neither id is 0.
    pub is_subtype: unsafe extern "C" fn(store: *mut StoreContext, ty: u32, expected: u32) -> bool,
    /// `memory.atomic.wait32` at an address in a shared memory that compiled code
    /// has checked, for `timeout` nanoseconds, without end if that is negative: 0
    /// when it was notified, 1 if `expected` is not there, 2 when the time is over.
    /// With any other result the code traps as [interrupted].
    ///
    /// [interrupted]: crate::TrapCode::Interrupted
    pub memory_atomic_wait32: unsafe extern "C" fn(
        ctx: *mut VmContext,
        address: *mut u8,
        expected: u32,
        timeout: i64,
    ) -> u32,
    /// `memory.atomic.wait64`, likewise.
    pub memory_atomic_wait64: unsafe extern "C" fn(
        ctx: *mut VmContext,
        address: *mut u8,
        expected: u64,
        timeout: i64,
    ) -> u32,
    /// `memory.atomic.notify` at an address in a shared memory that compiled code
    /// has checked: ends up to `count` waits, the oldest first, and returns how many
    /// it has ended.
    pub memory_atomic_notify:
        unsafe extern "C" fn(ctx: *mut VmContext, address: *mut u8, count: u32) -> u32,
    /// A new exception of the tag `tag`, an index of the module; compiled code
    /// writes the values into it, then throws it.
    pub exception: unsafe extern "C" fn(ctx: *mut VmContext, tag: u32) -> *mut Exception,
    /// Throws an exception: goes on in the innermost handler for it in the
    /// innermost entry of the store, or ends that entry. Does not return. Compiled
    /// code has left its frame pointer in [`StoreContext::exit_fp`], as for a
    /// function of the host: the youngest frame that may have a handler is its
    /// caller.
    pub throw: unsafe extern "C" fn(store: *mut StoreContext, exception: *mut Exception) -> !,
    /// A trap of an artefact that requires
    /// [`TRAP_CALLS`](crate::Required::TRAP_CALLS): ends the innermost entry of the
    /// store. Does not return. Compiled code has left its frame pointer in
    /// [`StoreContext::exit_fp`]: the return address behind it is what the [site
    /// table](crate::sites) knows as a trap, with its code, and the frame pointer there
    /// that of the function that traps.
    pub trap: unsafe extern "C" fn(store: *mut StoreContext) -> !,
    /// Called by code of such an artefact that has read a word that is not 0 by
    /// [`VmContext::interrupt`](crate::VmContext::interrupt), with its frame pointer left as
    /// for [`trap`](Builtins::trap): returns if the code is to go on, else ends the
    /// innermost entry, mostly as [`Interrupted`](crate::TrapCode::Interrupted). The
    /// return address is that of a call in the site table.
    pub interrupted: unsafe extern "C" fn(store: *mut StoreContext),
}

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Builtins, raise) == 0);
    assert!(offset_of!(Builtins, memory_grow) == 8);
    assert!(offset_of!(Builtins, memory_copy) == 16);
    assert!(offset_of!(Builtins, memory_fill) == 24);
    assert!(offset_of!(Builtins, memory_init) == 32);
    assert!(offset_of!(Builtins, data_drop) == 40);
    assert!(offset_of!(Builtins, table_grow) == 48);
    assert!(offset_of!(Builtins, table_fill) == 56);
    assert!(offset_of!(Builtins, table_copy) == 64);
    assert!(offset_of!(Builtins, table_init) == 72);
    assert!(offset_of!(Builtins, elem_drop) == 80);
    assert!(offset_of!(Builtins, func_ref) == 88);
    assert!(offset_of!(Builtins, attach) == 96);
    assert!(offset_of!(Builtins, is_subtype) == 104);
    assert!(offset_of!(Builtins, memory_atomic_wait32) == 112);
    assert!(offset_of!(Builtins, memory_atomic_wait64) == 120);
    assert!(offset_of!(Builtins, memory_atomic_notify) == 128);
    assert!(offset_of!(Builtins, exception) == 136);
    assert!(offset_of!(Builtins, throw) == 144);
    assert!(offset_of!(Builtins, trap) == 152);
    assert!(offset_of!(Builtins, interrupted) == 160);
};
