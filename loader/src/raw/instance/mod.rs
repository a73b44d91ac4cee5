//! What an instance owns.

mod allocate;
mod init;

use std::ffi::c_void;
use std::ptr::NonNull;

use wasm_aot_abi::{ExternKind, FuncRef, FunctionImport, INTERRUPTION_PAGE, NONE, VmContext};

use super::artefact::Artefact;
use super::enter::{Callable, Code};
use super::host::HostBinding;
use super::memory::LinearMemory;
use super::shared::OwnedMemory;
use super::stable::Stable;
use super::store::{Inner, StoreId};
use super::table::TableData;
use super::vmctx::Vmctx;
use crate::{Extern, Func, FuncType, Global, GlobalType, Instance, Memory, Module, Table, Tag};

/// An instance. Its address is in its vmctx.
pub(crate) struct InstanceData {
    index: u32,
    functions: Box<[ImportedFunction]>,
    /// Host functions that it imports; compiled code knows their addresses.
    bindings: Box<[HostBinding]>,
    imported_tables: Box<[Table]>,
    imported_memories: Box<[Memory]>,
    imported_globals: Box<[Global]>,
    /// Every tag by its index, imports first.
    tags: Box<[Tag]>,
    imported_global_places: Box<[*mut c_void]>,
    own_tables: Box<[Option<Stable<TableData>>]>,
    own_memories: Box<[OwnedMemory]>,
    /// Every memory and table by its index, imports first; `None` for a table
    /// that exists only as constants in the text.
    memories: Box<[NonNull<LinearMemory>]>,
    tables: Box<[Option<NonNull<TableData>>]>,
    /// The end of the page that its code reads from to see whether to go on.
    looks_before: Option<usize>,
    dropped: Dropped,
    /// Holds the definitions of `own_tables`, so it is dropped after them.
    vmctx: Vmctx,
    /// Holds the code that knows all of this, so it is dropped last.
    module: Module,
}

/// A function that an instance imports.
#[derive(Debug)]
struct ImportedFunction {
    target: Target,
    /// Offset of its [`FunctionImport`] in the vmctx.
    slot: u32,
    /// Index of the type that it is imported with.
    ty: u32,
    /// Id of the type that it has: perhaps that of a subtype.
    type_id: u32,
}

#[derive(Debug)]
enum Target {
    /// A function that another instance (or this one) defines.
    Wasm(Func),
    /// A host function: its position among `bindings`.
    Host(usize),
}

/// Which segments are dropped, by their indices.
#[derive(Debug, Default)]
struct Dropped {
    elements: Bits,
    data: Bits,
}

/// A set of small numbers.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Bits {
        Bits(vec![0; len.div_ceil(64)])
    }

    fn insert(&mut self, index: u32) {
        if let Some(word) = self.0.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
    }

    fn contains(&self, index: u32) -> bool {
        let word = self.0.get(index as usize / 64);
        word.is_some_and(|word| word & 1 << (index % 64) != 0)
    }
}

impl InstanceData {
    /// The instance that a vmctx belongs to.
    ///
    /// # Safety
    ///
    /// The vmctx was made by us, and is alive.
    pub(super) unsafe fn of(ctx: *mut VmContext) -> *mut InstanceData {
        // SAFETY: the header is written before anybody gets the address.
        unsafe { (*ctx).instance.cast() }
    }
}

impl InstanceData {
    /// Whether its code looks at an address to see whether to go on.
    pub(super) fn looks_at(&self, address: usize) -> bool {
        let before = self.looks_before;
        before.is_some_and(|end| (end - INTERRUPTION_PAGE..end).contains(&address))
    }
}

impl Inner {
    /// The start function of an instance.
    pub(crate) fn start_function(&self, instance: Instance) -> Option<Callable<(), ()>> {
        let instance = self.instance(instance.origin);
        let start = instance.artefact().metadata().descriptor().start;
        // SAFETY: the verifier has seen that it is of this type.
        (start != NONE)
            .then(|| unsafe { Callable::new_unchecked(self.code(instance.func(self, start))) })
    }

    /// What an instance exports under an entry of its module's table.
    pub(crate) fn export(&self, instance: Instance, export: &wasm_aot_abi::Export) -> Extern {
        let instance = self.instance(instance.origin);
        let index = export.index;
        match ExternKind::try_from(export.kind).expect("kinds are verified") {
            ExternKind::Func => instance.func(self, index).into(),
            ExternKind::Table => instance.table_handle(self, index).into(),
            ExternKind::Memory => instance.memory_handle(self, index).into(),
            ExternKind::Global => instance.global_handle(self, index).into(),
            ExternKind::Tag => instance.tag(index).into(),
        }
    }
}

/// Looking things up.
impl InstanceData {
    pub(crate) fn module(&self) -> &Module {
        &self.module
    }

    pub(super) fn artefact(&self) -> &Artefact {
        self.module.artefact()
    }

    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// What its code takes as its context.
    pub(super) fn vmctx(&self) -> *mut VmContext {
        self.vmctx.as_ptr()
    }

    /// A memory by its index.
    pub(super) fn memory(&self, index: u32) -> NonNull<LinearMemory> {
        self.memories[index as usize]
    }

    /// A table by its index.
    pub(super) fn table(&self, index: u32) -> NonNull<TableData> {
        self.tables[index as usize].expect("a table that code changes exists")
    }

    /// A tag by its index.
    pub(super) fn tag(&self, index: u32) -> Tag {
        self.tags[index as usize]
    }

    pub(super) fn own_memories(&self) -> &[OwnedMemory] {
        &self.own_memories
    }

    /// A table by its position among those defined here.
    pub(super) fn own_table(&self, position: usize) -> NonNull<TableData> {
        let table = self.own_tables[position].as_ref();
        table.expect("a table with a handle exists").as_ptr()
    }

    pub(super) fn own_tables_mut(&mut self) -> impl Iterator<Item = &mut Stable<TableData>> {
        self.own_tables.iter_mut().flatten()
    }

    /// Type and place of a global, by its position among those defined here.
    pub(super) fn own_global(&self, position: u32) -> (GlobalType, *mut c_void) {
        let global = self.artefact().metadata().globals().at(position);
        let size = global.ty.global_size() as usize / 8;
        let place = self.vmctx.slots::<u64>(global.slot, size);
        (self.artefact().global_type(&global), place.cast())
    }

    pub(super) fn own_function_type(&self, position: u32) -> FuncType {
        let function = self.artefact().metadata().functions().at(position);
        self.artefact().types()[function.ty as usize]
    }

    /// Where the value of a global is, by its index.
    pub(super) fn global_place(&self, index: u32) -> *mut c_void {
        let imported = self.imported_globals.len() as u32;
        match index.checked_sub(imported) {
            Some(position) => self.own_global(position).1,
            None => self.imported_global_places[index as usize],
        }
    }

    /// Code and context of a function defined here.
    fn own_address(&self, position: u32) -> (*const u8, *mut c_void) {
        let function = self.artefact().metadata().functions().at(position);
        (
            self.artefact().code(function.code),
            self.vmctx.as_ptr().cast(),
        )
    }

    /// What it takes to call a function defined here that can be called from
    /// outside.
    pub(super) fn own_code(&self, store: StoreId, position: u32) -> Code {
        let function = self.artefact().metadata().functions().at(position);
        let (code, ctx) = self.own_address(position);
        // SAFETY: the trampoline is for the function's type; all are ours, or our
        // module's, and we live as long as the store.
        unsafe { Code::wasm(store, self.artefact().entry(function.ty), code, ctx) }
    }

    /// The reference to a function defined here that can become a value.
    pub(super) fn own_func_ref(&self, position: u32) -> *const FuncRef {
        let index = self.artefact().imported().functions + position;
        let funcrefs = self.artefact().metadata().funcrefs();
        let slot = funcrefs.partition_point(|&function| function < index);
        debug_assert_eq!(funcrefs.get(slot), Some(index));
        self.func_ref(slot as u32)
    }

    /// The function defined here whose code this is.
    pub(super) fn func_at(&self, store: &Inner, code: *const c_void) -> Func {
        let artefact = self.artefact();
        let offset = artefact.text_offset(code.addr());
        let position = offset.and_then(|offset| artefact.function_starting_at(offset));
        let position = position.expect("a reference is to the start of a function");
        store.own_func(self.index, position)
    }

    /// The reference in a slot, made if it was not yet.
    pub(super) fn func_ref(&self, slot: u32) -> *const FuncRef {
        let artefact = self.artefact();
        let metadata = artefact.metadata();
        let size = size_of::<FuncRef>() as u32;
        let place = metadata.descriptor().vmctx.funcrefs + slot * size;
        let place = self.vmctx.slot::<FuncRef>(place);
        // SAFETY: the place is in the vmctx, and zeroed at first. Once written it
        // does not change.
        unsafe {
            if (*place).type_id == 0 {
                place.write(self.new_func_ref(metadata.funcrefs().at(slot)));
            }
        }
        place
    }

    fn new_func_ref(&self, index: u32) -> FuncRef {
        let artefact = self.artefact();
        let Some(function) = self.functions.get(index as usize) else {
            let position = index - artefact.imported().functions;
            let function = artefact.metadata().functions().at(position);
            let (code, ctx) = self.own_address(position);
            return FuncRef {
                code: code.cast(),
                ctx,
                type_id: artefact.type_ids()[function.ty as usize],
                reserved: 0,
                entry: artefact.entry(function.ty).cast(),
            };
        };
        match function.target {
            Target::Host(position) => self.bindings[position].func_ref(artefact.exit(function.ty)),
            Target::Wasm(_) => {
                // SAFETY: the slot was filled before anybody could ask.
                let import = unsafe { self.vmctx.slot::<FunctionImport>(function.slot).read() };
                FuncRef {
                    code: import.code,
                    ctx: import.ctx,
                    type_id: function.type_id,
                    reserved: 0,
                    entry: artefact.entry(function.ty).cast(),
                }
            }
        }
    }
}

/// Handles to what it imports or defines, by their indices.
impl InstanceData {
    pub(super) fn func(&self, store: &Inner, index: u32) -> Func {
        match self.functions.get(index as usize) {
            None => store.own_func(self.index, index - self.functions.len() as u32),
            Some(function) => match function.target {
                Target::Wasm(func) => func,
                Target::Host(position) => store.host_func(self.bindings[position].function()),
            },
        }
    }

    fn table_handle(&self, store: &Inner, index: u32) -> Table {
        let imported = self.imported_tables.get(index as usize).copied();
        imported.unwrap_or_else(|| Table {
            origin: store.origin(self.index, index as usize - self.imported_tables.len()),
        })
    }

    pub(crate) fn memory_handle(&self, store: &Inner, index: u32) -> Memory {
        let imported = self.imported_memories.get(index as usize).copied();
        imported.unwrap_or_else(|| Memory {
            origin: store.origin(self.index, index as usize - self.imported_memories.len()),
        })
    }

    pub(super) fn global_handle(&self, store: &Inner, index: u32) -> Global {
        let imported = self.imported_globals.get(index as usize).copied();
        imported.unwrap_or_else(|| Global {
            origin: store.origin(self.index, index as usize - self.imported_globals.len()),
        })
    }
}

// SAFETY: what its pointers lead to belongs to the same store.
unsafe impl Send for InstanceData {}
