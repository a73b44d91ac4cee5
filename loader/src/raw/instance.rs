//! What an instance owns.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use wasm_aot_abi::{ExternKind, FuncRef, FunctionImport, MemorySlot, NONE, TableDef, VmContext};

use super::artefact::{Artefact, global_type, memory_type, table_type};
use super::builtins::BUILTINS;
use super::enter::{Callable, Code};
use super::host::HostBinding;
use super::memory::LinearMemory;
use super::signal;
use super::stable::Stable;
use super::store::{Inner, StoreId};
use super::table::TableData;
use super::vmctx::Vmctx;
use crate::link::Binding;
use crate::{
    Extern, Func, FuncType, Global, GlobalType, Instance, Memory, Module, ResourceError, Table,
};

/// An instance. Its address is in its vmctx.
pub(crate) struct InstanceData {
    index: u32,
    functions: Box<[ImportedFunction]>,
    /// Host functions that it imports; compiled code knows their addresses.
    bindings: Box<[HostBinding]>,
    imported_tables: Box<[Table]>,
    imported_memories: Box<[Memory]>,
    imported_globals: Box<[Global]>,
    imported_global_places: Box<[*mut c_void]>,
    own_tables: Box<[Option<Stable<TableData>>]>,
    own_memories: Box<[Stable<LinearMemory>]>,
    /// Every memory and table by its index, imports first; `None` for a table
    /// that exists only as constants in the text.
    memories: Box<[NonNull<LinearMemory>]>,
    tables: Box<[Option<NonNull<TableData>>]>,
    pub(super) dropped: Dropped,
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
    /// Index of its type.
    ty: u32,
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
pub(super) struct Dropped {
    pub(super) elements: Bits,
    pub(super) data: Bits,
}

/// A set of small numbers.
#[derive(Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Bits {
        Bits(vec![0; len.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, index: u32) {
        if let Some(word) = self.0.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(super) fn contains(&self, index: u32) -> bool {
        let word = self.0.get(index as usize / 64);
        word.is_some_and(|word| word & 1 << (index % 64) != 0)
    }
}

impl Inner {
    /// Makes an instance: everything but its first state. If that fails, nothing
    /// has changed.
    pub(crate) fn allocate(
        &mut self,
        module: &Module,
        bindings: &[Binding<'_>],
    ) -> Result<Instance, ResourceError> {
        signal::install();
        let artefact = module.artefact();
        let descriptor = artefact.metadata().descriptor();
        let vmctx = Vmctx::new(descriptor.vmctx.size)?;
        let own_memories = new_memories(artefact)?;
        let own_tables = new_tables(artefact, &vmctx)?;
        let mut instance = InstanceData {
            dropped: Dropped {
                elements: Bits::new(artefact.metadata().elements().len()),
                data: Bits::new(artefact.metadata().data().len()),
            },
            vmctx,
            index: self.next_instance(),
            functions: Box::default(),
            bindings: Box::default(),
            imported_tables: Box::default(),
            imported_memories: Box::default(),
            imported_globals: Box::default(),
            imported_global_places: Box::default(),
            own_tables,
            own_memories,
            memories: Box::default(),
            tables: Box::default(),
            module: module.clone(),
        };
        instance.bind(self, bindings);
        let instance = Stable::new(instance);
        instance.fill_vmctx(self);
        Ok(self.add_instance(instance))
    }

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
        }
    }
}

fn new_memories(artefact: &Artefact) -> Result<Box<[Stable<LinearMemory>]>, ResourceError> {
    let metadata = artefact.metadata();
    let tunables = metadata.descriptor().tunables;
    let memories = metadata.memories().enumerate().map(|(index, memory)| {
        let ty = memory_type(&memory.ty);
        // The image belongs to the first one, which mostly is the only one.
        let memory = if index == 0 {
            LinearMemory::pooled(ty, tunables, artefact.image().as_ref(), artefact.pool())?
        } else {
            LinearMemory::new(ty, tunables)?
        };
        Ok(Stable::new(memory))
    });
    memories.collect()
}

fn new_tables(
    artefact: &Artefact,
    vmctx: &Vmctx,
) -> Result<Box<[Option<Stable<TableData>>]>, ResourceError> {
    let tables = artefact.metadata().tables().map(|table| {
        if table.def == NONE {
            return Ok(None);
        }
        let def = NonNull::new(vmctx.slot::<TableDef>(table.def)).expect("in the vmctx");
        // SAFETY: the place is the table's alone, and an instance drops its tables
        // before its vmctx.
        let table = unsafe { TableData::new(table_type(&table.ty), def)? };
        Ok(Some(Stable::new(table)))
    });
    tables.collect()
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

    /// Sorts out what its imports are bound to.
    fn bind(&mut self, store: &Inner, bindings: &[Binding<'_>]) {
        let metadata = self.module.artefact().metadata();
        let (mut functions, mut hosts) = (Vec::new(), Vec::new());
        let (mut tables, mut memories, mut globals) = (Vec::new(), Vec::new(), Vec::new());
        let owner = (&raw const *store).cast_mut();
        for (import, binding) in metadata.imports().zip(bindings) {
            let host = match *binding {
                Binding::Host(function) => Some(function.clone()),
                Binding::Extern(Extern::Func(func)) => store.host_function(func),
                Binding::Extern(_) => None,
            };
            let target = match (host, binding) {
                (Some(function), _) => {
                    hosts.push(HostBinding::new(owner, function, self.index));
                    Target::Host(hosts.len() - 1)
                }
                (None, &Binding::Extern(Extern::Func(func))) => Target::Wasm(func),
                (None, &Binding::Extern(Extern::Table(table))) => {
                    tables.push(table);
                    continue;
                }
                (None, &Binding::Extern(Extern::Memory(memory))) => {
                    memories.push(memory);
                    continue;
                }
                (None, &Binding::Extern(Extern::Global(global))) => {
                    globals.push(global);
                    continue;
                }
                (None, Binding::Host(_)) => unreachable!("a host function"),
            };
            functions.push(ImportedFunction {
                target,
                slot: import.slot,
                ty: import.ty.ty,
            });
        }
        let own_memories = self.own_memories.iter().map(Stable::as_ptr);
        let own_tables = self.own_tables.iter();
        let own_tables = own_tables.map(|table| table.as_ref().map(Stable::as_ptr));
        let imported = memories.iter().map(|&memory| store.memory_ptr(memory));
        self.memories = imported.chain(own_memories).collect();
        let imported = tables.iter().map(|&table| Some(store.table_ptr(table)));
        self.tables = imported.chain(own_tables).collect();
        let places = globals.iter().map(|&global| store.global_ptr(global));
        self.imported_global_places = places.collect();
        self.functions = functions.into();
        self.bindings = hosts.into();
        self.imported_tables = tables.into();
        self.imported_memories = memories.into();
        self.imported_globals = globals.into();
    }

    /// Writes what compiled code reads and never changes.
    fn fill_vmctx(&self, store: &Inner) {
        let metadata = self.artefact().metadata();
        let header = VmContext {
            store: (&raw const *store).cast_mut().cast(),
            builtins: &BUILTINS,
            instance: (&raw const *self).cast_mut().cast(),
            embedder: ptr::null_mut(),
            heap: ptr::null_mut(),
            reserved: 0,
        };
        let type_ids = self.artefact().type_ids();
        let layout = &metadata.descriptor().vmctx;
        // SAFETY: the verifier and the vmctx have checked the places; nobody else
        // knows the vmctx yet.
        unsafe {
            self.vmctx.as_ptr().write(header);
            if !type_ids.is_empty() {
                let to = self.vmctx.slots::<u32>(layout.type_ids, type_ids.len());
                ptr::copy_nonoverlapping(type_ids.as_ptr(), to, type_ids.len());
            }
            for function in &self.functions {
                let import = self.function_import(store, function);
                self.vmctx
                    .slot::<FunctionImport>(function.slot)
                    .write(import);
            }
        }
        let (mut tables, mut memories, mut globals) = (0, 0, 0);
        for import in metadata.imports() {
            let kind = ExternKind::try_from(import.ty.kind).expect("kinds are verified");
            // SAFETY: as above.
            unsafe {
                match kind {
                    ExternKind::Func => {}
                    ExternKind::Table => {
                        let table = store.table(self.imported_tables[tables]);
                        self.vmctx
                            .slot::<*mut TableDef>(import.slot)
                            .write(table.def());
                        tables += 1;
                    }
                    ExternKind::Memory => {
                        let slot = LinearMemory::slot(self.memories[memories]);
                        self.vmctx.slot::<MemorySlot>(import.slot).write(slot);
                        memories += 1;
                    }
                    ExternKind::Global => {
                        let value = self.imported_global_places[globals];
                        self.vmctx.slot::<*mut c_void>(import.slot).write(value);
                        globals += 1;
                    }
                }
            }
        }
        for (memory, own) in metadata.memories().zip(&self.own_memories) {
            let slot = LinearMemory::slot(own.as_ptr());
            // SAFETY: as above.
            unsafe { self.vmctx.slot::<MemorySlot>(memory.slot).write(slot) };
        }
    }

    fn function_import(&self, store: &Inner, function: &ImportedFunction) -> FunctionImport {
        match function.target {
            Target::Wasm(func) => {
                let (code, ctx) = store.instance(func.origin).own_address(func.origin.index);
                FunctionImport {
                    code: code.cast(),
                    ctx,
                }
            }
            Target::Host(position) => {
                let exit = self.artefact().exit(function.ty);
                FunctionImport {
                    code: exit.expect("the verifier has seen it").cast(),
                    ctx: self.bindings[position].as_context(),
                }
            }
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

    /// A memory by its index.
    pub(super) fn memory(&self, index: u32) -> NonNull<LinearMemory> {
        self.memories[index as usize]
    }

    /// A table by its index.
    pub(super) fn table(&self, index: u32) -> NonNull<TableData> {
        self.tables[index as usize].expect("a table that code changes exists")
    }

    pub(super) fn own_memories(&self) -> &[Stable<LinearMemory>] {
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
        (global_type(&global), place.cast())
    }

    pub(super) fn own_function_type(&self, position: u32) -> FuncType {
        let function = self.artefact().metadata().functions().at(position);
        self.artefact().types()[function.ty as usize].ty.clone()
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
                    type_id: artefact.type_ids()[function.ty as usize],
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
