//! Making an instance: everything but its first state (core, 4.5.4, step 5, and
//! 4.5.3).

use std::borrow::Borrow;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use wasm_aot_abi::{ExternKind, FunctionImport, MemorySlot, NONE, TableDef, VmContext};

use super::super::artefact::{Artefact, GateOf};
use super::super::builtins::BUILTINS;
use super::super::description::memory_type;
use super::super::host::HostBinding;
use super::super::memory::LinearMemory;
use super::super::shared::OwnedMemory;
use super::super::signal;
use super::super::stable::Stable;
use super::super::store::Inner;
use super::super::table::TableData;
use super::super::vmctx::Vmctx;
use super::{Bits, Dropped, ImportedFunction, InstanceData, Target};
use crate::definition::{Definition, Item};
use crate::interrupt::Interrupt;
use crate::{Extern, Instance, Module, ResourceError};

impl Inner {
    /// Makes an instance: everything but its first state. If that fails, nothing
    /// has changed. `definitions` are of this store, for the module's imports, in
    /// their order and of their types.
    pub(crate) fn allocate(
        &mut self,
        module: &Module,
        definitions: &[impl Borrow<Definition>],
    ) -> Result<Instance, ResourceError> {
        let artefact = module.artefact();
        // What the artefact says of its traps is not relied on, unless the host has to.
        if self.can_have_signals() {
            signal::install();
        }
        let descriptor = artefact.metadata().descriptor();
        let count = self.admit_instance(artefact)?;
        let gate = artefact.gate();
        let vmctx = match gate {
            Some(GateOf::Vmctx) => Vmctx::behind_gate(descriptor.vmctx.size, self.interrupt())?,
            _ => Vmctx::new(descriptor.vmctx.size)?,
        };
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
            tags: Box::default(),
            imported_global_places: Box::default(),
            own_tables,
            own_memories,
            memories: Box::default(),
            looks_before: None,
            tables: Box::default(),
            module: module.clone(),
        };
        for definition in definitions {
            if let Item::Shared(memory) = &definition.borrow().item {
                self.adopt(memory);
            }
        }
        instance.bind(self, definitions);
        instance.looks_before = match gate {
            None => None,
            Some(GateOf::Vmctx) => Some(instance.vmctx.as_ptr().addr()),
            Some(GateOf::Memory) => Some(instance.memory_gate(self.interrupt())?),
        };
        instance.add_tags(self);
        let instance = Stable::new(instance);
        instance.fill_vmctx(instance.as_ptr(), self);
        self.count(count);
        Ok(self.add_instance(instance))
    }
}

fn new_memories(artefact: &Artefact) -> Result<Box<[OwnedMemory]>, ResourceError> {
    let metadata = artefact.metadata();
    let tunables = metadata.descriptor().tunables;
    let memories = metadata.memories().zip(artefact.pools()).enumerate();
    let memories = memories.map(|(index, (memory, pool))| {
        // The image belongs to the first one, which mostly is the only one.
        let image = artefact.image().filter(|_| index == 0);
        let memory = LinearMemory::pooled(memory_type(&memory.ty), tunables, image.as_ref(), pool)?;
        Ok(OwnedMemory::new(memory))
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
        let table = unsafe { TableData::new(artefact.table_type(&table.ty), def)? };
        Ok(Some(Stable::new(table)))
    });
    tables.collect()
}

impl InstanceData {
    /// Sorts out what its imports are bound to.
    fn bind(&mut self, store: &Inner, definitions: &[impl Borrow<Definition>]) {
        let metadata = self.module.artefact().metadata();
        // Most imports are functions of the host.
        let count = definitions.len();
        let (mut functions, mut hosts) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut tables, mut memories) = (Vec::new(), Vec::new());
        let (mut globals, mut tags) = (Vec::new(), Vec::new());
        let owner = store.this();
        for (import, definition) in metadata.imports().zip(definitions) {
            let item = &definition.borrow().item;
            let host = match item {
                Item::Host(function) => Some(function.clone()),
                Item::Extern(Extern::Func(func)) => store.host_function(*func),
                Item::Extern(_) | Item::Shared(_) => None,
            };
            let target = match (host, item) {
                (Some(function), _) => {
                    hosts.push(HostBinding::new(owner, function, self.index));
                    Target::Host(hosts.len() - 1)
                }
                (None, &Item::Extern(Extern::Func(func))) => Target::Wasm(func),
                (None, &Item::Extern(Extern::Table(table))) => {
                    tables.push(table);
                    continue;
                }
                (None, &Item::Extern(Extern::Memory(memory))) => {
                    memories.push(memory);
                    continue;
                }
                (None, &Item::Extern(Extern::Global(global))) => {
                    globals.push(global);
                    continue;
                }
                (None, Item::Shared(memory)) => {
                    memories.push(store.adopted(memory).expect("adopted before"));
                    continue;
                }
                (None, &Item::Extern(Extern::Tag(tag))) => {
                    tags.push(tag);
                    continue;
                }
                (None, Item::Host(_)) => unreachable!("a host function"),
            };
            let expected = self.module.artefact().types()[import.ty.ty as usize];
            let ty = match target {
                Target::Wasm(func) if !expected.is_final() => store.func_type(func),
                // A host function says its type itself, and a final one has no
                // subtypes.
                _ => expected,
            };
            functions.push(ImportedFunction {
                target,
                slot: import.slot,
                ty: import.ty.ty,
                type_id: ty.id(),
            });
        }
        let own_memories = self.own_memories.iter().map(OwnedMemory::as_ptr);
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
        self.tags = tags.into();
    }

    /// Makes the page in front of its memory 0, which is the store's, a gate; where that
    /// ends.
    fn memory_gate(&self, interrupt: &Arc<Interrupt>) -> Result<usize, ResourceError> {
        let mut memory = self.memories[0];
        // SAFETY: it is alive, and no code of the store runs meanwhile.
        let memory = unsafe { memory.as_mut() };
        memory.have_gate(interrupt)?;
        Ok(memory.base().addr())
    }

    /// Makes the tags that it defines.
    fn add_tags(&mut self, store: &mut Inner) {
        let own = self.module.artefact().metadata().tags();
        if own.len() == 0 {
            return;
        }
        let imported = self.tags.len() as u32;
        let own = (imported..).zip(own).map(|(index, tag)| {
            let ty = self.module.artefact().tag_type(tag.ty);
            store.add_tag(ty, Some((self.module.clone(), index)))
        });
        let own: Vec<_> = own.collect();
        self.tags = self.tags.iter().copied().chain(own).collect();
    }

    /// What code that can be interrupted looks at.
    fn interrupt_word(&self, store: &Inner) -> *const u32 {
        match self.artefact().can_be_interrupted() {
            true => store.interrupt().word().as_ptr(),
            false => ptr::null(),
        }
    }

    /// Writes what compiled code reads and never changes. `this` is our address.
    fn fill_vmctx(&self, this: NonNull<InstanceData>, store: &Inner) {
        let metadata = self.artefact().metadata();
        let header = VmContext {
            store: store.this().cast(),
            builtins: &BUILTINS,
            instance: this.as_ptr().cast(),
            embedder: ptr::null_mut(),
            heap: ptr::null_mut(),
            interrupt: self.interrupt_word(store),
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
        // Most modules import functions only, which are done.
        let others = metadata.imports().len() > self.functions.len();
        let imports = others.then(|| metadata.imports());
        for import in imports.into_iter().flatten() {
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
                    // Below, with those that it defines.
                    ExternKind::Tag => {}
                }
            }
        }
        for (index, &tag) in (0..).zip(&self.tags) {
            let slot = self.artefact().tag_slot(index);
            // SAFETY: as above.
            unsafe {
                self.vmctx
                    .slot::<*const c_void>(slot)
                    .write(store.tag_address(tag))
            };
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
