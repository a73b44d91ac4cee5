//! The run-time structures that compiled code reads and writes.
//!
//! Allocated and owned by the host. "Fixed" below means: written before the
//! first call into the instance and never changed while it can run; compiled
//! code may load such a word once and keep it.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use crate::Builtins;

/// The header of every vmctx. The slots that
/// [`VmctxLayout`](crate::VmctxLayout) places follow it.
#[repr(C)]
pub struct VmContext {
    /// The store that the instance lives in. Fixed.
    pub store: *mut StoreContext,
    /// The host's services. Fixed.
    pub builtins: *const Builtins,
    /// For the host: whatever leads it from a vmctx to its own instance. Never
    /// read by compiled code.
    pub instance: *mut c_void,
    /// For the embedder, never read by compiled code or the loader.
    pub embedder: *mut c_void,
    /// Reserved for a garbage-collected heap; zero.
    pub heap: *mut c_void,
    /// The store's word that says whether to go on: code that can be interrupted
    /// reads it in every loop and in functions that call others, and traps as
    /// [interrupted](crate::TrapCode::Interrupted) unless it is 0. Any thread may
    /// change it. Fixed; may be null unless the artefact requires
    /// [`INTERRUPTION`](crate::Required::INTERRUPTION) or
    /// [`INTERRUPTION_PAGE`](crate::Required::INTERRUPTION_PAGE).
    pub interrupt: *const u32,
}

/// State shared by all instances of a store. Only one thread at a time may run
/// code of a store.
#[repr(C)]
pub struct StoreContext {
    /// Lowest stack address that a prologue accepts. Written by the host before
    /// it enters.
    pub stack_limit: usize,
    /// The innermost entry that has not returned, null outside. Pushed and
    /// popped by entry trampolines and typed C symbols.
    pub entry: *mut EntryRecord,
    /// Frame pointer of the exit trampoline that called the host last: the
    /// youngest WebAssembly frame is its caller. Null until the first exit.
    pub exit_fp: *const c_void,
    /// How far above `stack_limit`, in bytes, the stack ends that typed symbols
    /// may be called on: with a stack pointer outside of that range they call
    /// [`Builtins::attach`] first. 0 at first.
    pub stack_size: usize,
    /// How many operators code may still execute, of artefacts that require
    /// [`FUEL`](crate::Required::FUEL); others do not know it. See "Fuel" in the
    /// documentation of the crate.
    pub fuel: u64,
}

/// One entry from the host, on the stack of the trampoline that made it.
#[repr(C)]
pub struct EntryRecord {
    /// The entry further out, or null.
    pub previous: *mut EntryRecord,
    /// [`StoreContext::exit_fp`] as it was before this entry; written back when
    /// it ends.
    pub exit_fp: *const c_void,
    /// Stack pointer to resume with.
    pub sp: *const c_void,
    /// Frame pointer to resume with; the frame of the trampoline itself, where
    /// a walk over the frames of this entry ends.
    pub fp: *const c_void,
    /// Where to resume when a trap ends this entry.
    pub handler: *const c_void,
}

/// What a host function is called with: the `ctx` beside an exit trampoline.
#[repr(C)]
pub struct HostContext {
    /// The store of the instance that calls. Fixed.
    pub store: *mut StoreContext,
    /// The host's services. Fixed. (At the same offset as in [`VmContext`].)
    pub builtins: *const Builtins,
    /// The function: reads its parameters from `values`, writes its results
    /// there, and returns 0, or a status of at least
    /// [`STATUS_HOST`](crate::STATUS_HOST) or a [`TrapCode`](crate::TrapCode)
    /// to end the entry with. Fixed.
    pub call: unsafe extern "C" fn(ctx: *mut HostContext, values: *mut c_void) -> u32,
}

/// The slot of an imported function.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FunctionImport {
    /// Code in the wasm convention. Fixed.
    pub code: *const c_void,
    /// What it takes as its context. Fixed.
    pub ctx: *mut c_void,
}

/// A function as a value: what a non-null `funcref` points at. It stays where
/// it is, with the same contents, as long as the store lives. One function has
/// one for every instance that defines or imports it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FuncRef {
    /// Code in the wasm convention.
    pub code: *const c_void,
    /// What it takes as its context.
    pub ctx: *mut c_void,
    /// The host's id of its type, never 0. Equal types have equal ids in every
    /// artefact of a process.
    pub type_id: u32,
    /// Reserved; zero.
    pub reserved: u32,
    /// An entry trampoline for its type, or null for a host function, which the
    /// host calls directly.
    pub entry: *const c_void,
}

/// An element of a table of functions: a copy of the [`FuncRef`]'s first three
/// fields, so that an indirect call needs no second step. All zero is null.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TableElement {
    /// [`FuncRef::code`].
    pub code: *const c_void,
    /// [`FuncRef::ctx`].
    pub ctx: *mut c_void,
    /// [`FuncRef::type_id`]; 0 for a null element.
    pub type_id: u32,
    /// Reserved; zero.
    pub reserved: u32,
    /// The reference that `table.get` returns.
    pub funcref: *const FuncRef,
}

/// A table. In the vmctx of the instance that defines it, or anywhere if the
/// host made it.
#[derive(Debug)]
#[repr(C)]
pub struct TableDef {
    /// The elements: [`TableElement`]s in a table of functions, 64-bit words
    /// otherwise. Changes when the table grows.
    pub elements: *mut c_void,
    /// Number of elements. Changes when the table grows.
    pub len: u64,
}

/// The slot of a memory, defined or imported.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MemorySlot {
    /// Address of the memory's first byte. Fixed: memories never move. Behind
    /// it lie at least [`Tunables::memory_reservation`] bytes of address space
    /// and as many again as [`Tunables::memory_guard`] says. Up to the size that it can
    /// grow to, a memory with 64-bit addresses has what address space the host gives
    /// it, and the guard behind that.
    ///
    /// In a memory with pages of 64 KiB, what is beyond the length is inaccessible, and
    /// code relies on it. It has no checks for 32-bit indices and offsets that the
    /// guard covers; a 64-bit index that is greater than the length becomes the length,
    /// where an access faults too. In a memory with pages of one byte, what is
    /// inaccessible begins somewhere behind the length: code compares with it before
    /// every access, and what is between the two is zero.
    ///
    /// [`Tunables::memory_reservation`]: crate::Tunables::memory_reservation
    /// [`Tunables::memory_guard`]: crate::Tunables::memory_guard
    pub base: *mut u8,
    /// Where its length is found. Fixed.
    pub def: *const MemoryDef,
}

/// The part of a memory that changes. Instances of several stores, on several
/// threads, can have that of a shared memory in their slots: its host changes it
/// atomically, and only after the memory is accessible as far as it says. Code
/// reads it so too.
#[derive(Debug)]
#[repr(C)]
pub struct MemoryDef {
    /// Length in bytes. Never decreases.
    pub length: AtomicU64,
}

/// An exception, made by [`Builtins::exception`](crate::Builtins::exception):
/// what a non-null `exnref` points at. The values of the tag's type follow it, one
/// in each 16 bytes ([`VALUE_SIZE`](crate::VALUE_SIZE)), as in the array of an
/// entry; the address is aligned so.
#[repr(C)]
pub struct Exception {
    /// The address that stands for its tag: what is in the slot of the tag in
    /// every vmctx that has it.
    pub tag: *const c_void,
    /// For the host; never read by compiled code.
    pub host: u64,
}

/// Compiled code depends on these numbers: a change is a new ABI version.
const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<usize>() == 8, "the ABI is for 64-bit hosts");

    assert!(offset_of!(VmContext, store) == 0);
    assert!(offset_of!(VmContext, builtins) == 8);
    assert!(offset_of!(VmContext, instance) == 16);
    assert!(offset_of!(VmContext, embedder) == 24);
    assert!(offset_of!(VmContext, heap) == 32);
    assert!(offset_of!(VmContext, interrupt) == 40);
    assert!(size_of::<VmContext>() == 48);

    assert!(offset_of!(StoreContext, stack_limit) == 0);
    assert!(offset_of!(StoreContext, entry) == 8);
    assert!(offset_of!(StoreContext, exit_fp) == 16);
    assert!(offset_of!(StoreContext, stack_size) == 24);
    assert!(offset_of!(StoreContext, fuel) == 32);

    assert!(offset_of!(EntryRecord, previous) == 0);
    assert!(offset_of!(EntryRecord, exit_fp) == 8);
    assert!(offset_of!(EntryRecord, sp) == 16);
    assert!(offset_of!(EntryRecord, fp) == 24);
    assert!(offset_of!(EntryRecord, handler) == 32);
    assert!(size_of::<EntryRecord>() == 40);

    assert!(offset_of!(HostContext, store) == offset_of!(VmContext, store));
    assert!(offset_of!(HostContext, builtins) == offset_of!(VmContext, builtins));
    assert!(offset_of!(HostContext, call) == 16);

    assert!(offset_of!(FunctionImport, code) == 0);
    assert!(offset_of!(FunctionImport, ctx) == 8);
    assert!(size_of::<FunctionImport>() == 16);

    assert!(offset_of!(FuncRef, code) == offset_of!(TableElement, code));
    assert!(offset_of!(FuncRef, ctx) == offset_of!(TableElement, ctx));
    assert!(offset_of!(FuncRef, type_id) == offset_of!(TableElement, type_id));
    assert!(offset_of!(TableElement, code) == 0);
    assert!(offset_of!(TableElement, ctx) == 8);
    assert!(offset_of!(TableElement, type_id) == 16);
    assert!(offset_of!(TableElement, funcref) == 24);
    assert!(offset_of!(FuncRef, entry) == 24);
    assert!(size_of::<FuncRef>() == 32);
    assert!(size_of::<TableElement>() == 32);

    assert!(offset_of!(TableDef, elements) == 0);
    assert!(offset_of!(TableDef, len) == 8);
    assert!(size_of::<TableDef>() == 16);

    assert!(offset_of!(MemorySlot, base) == 0);
    assert!(offset_of!(MemorySlot, def) == 8);
    assert!(size_of::<MemorySlot>() == 16);
    assert!(offset_of!(MemoryDef, length) == 0);

    assert!(size_of::<Exception>() == crate::VALUE_SIZE);
};
