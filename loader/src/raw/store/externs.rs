//! Memories, tables, globals and objects of a store.

use std::any::Any;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use wasm_aot_abi::NONE;

use super::super::memory::{HOST_TUNABLES, LinearMemory, SHARED};
use super::super::shared::OwnedMemory;
use super::super::stable::Stable;
use super::super::table::TableData;
use super::super::values::Slot;
use super::Inner;
use crate::{
    ExternRef, Global, GlobalType, Memory, MemoryType, Module, ResourceError, SharedMemory, Table,
    TableType, Val,
};

/// A global of the host.
pub(super) struct HostGlobal {
    value: Slot,
    ty: GlobalType,
}

/// Memories and tables.
impl Inner {
    pub(crate) fn add_memory(&mut self, ty: MemoryType) -> Result<Memory, ResourceError> {
        let memory = LinearMemory::new(ty, HOST_TUNABLES)?;
        Ok(self.keep_memory(OwnedMemory::new(memory)))
    }

    fn keep_memory(&mut self, memory: OwnedMemory) -> Memory {
        let origin = self.origin(NONE, self.memories.len());
        self.reservations.push(memory.addresses());
        self.memories.push(memory);
        Memory { origin }
    }

    /// Makes a shared memory one of the store's.
    pub(crate) fn adopt(&mut self, memory: &SharedMemory) -> Memory {
        let present = self.adopted(memory);
        present.unwrap_or_else(|| self.keep_memory(OwnedMemory::Shared(memory.linear().clone())))
    }

    /// The handle of a shared memory, if it is one of the store's.
    pub(in super::super) fn adopted(&self, memory: &SharedMemory) -> Option<Memory> {
        let is =
            |own: &OwnedMemory| own.as_ptr().as_ptr().cast_const() == Arc::as_ptr(memory.linear());
        let found = |instance, position| Memory {
            origin: self.origin(instance, position),
        };
        if let Some(position) = self.memories.iter().position(is) {
            return Some(found(NONE, position));
        }
        self.instances.iter().find_map(|instance| {
            let position = instance.own_memories().iter().position(is)?;
            Some(found(instance.index(), position))
        })
    }

    /// A memory as several stores can have it.
    #[track_caller]
    pub(crate) fn shared_memory(&self, memory: Memory) -> Option<SharedMemory> {
        let origin = memory.origin;
        self.check(origin);
        let index = origin.index as usize;
        let owned = if origin.instance == NONE {
            &self.memories[index]
        } else {
            &self.instances[origin.instance as usize].own_memories()[index]
        };
        match owned {
            OwnedMemory::Alone(_) => None,
            OwnedMemory::Shared(memory) => Some(SharedMemory::of(memory.clone())),
        }
    }

    #[track_caller]
    pub(in super::super) fn memory_ptr(&self, memory: Memory) -> NonNull<LinearMemory> {
        let origin = memory.origin;
        self.check(origin);
        let index = origin.index as usize;
        if origin.instance == NONE {
            self.memories[index].as_ptr()
        } else {
            self.instances[origin.instance as usize].own_memories()[index].as_ptr()
        }
    }

    #[track_caller]
    pub(crate) fn memory(&self, memory: Memory) -> &LinearMemory {
        // SAFETY: it is alive as long as we are, and nobody changes it while we
        // are borrowed.
        unsafe { self.memory_ptr(memory).as_ref() }
    }

    /// The bytes of a memory that is not shared.
    #[track_caller]
    pub(crate) fn memory_bytes_mut(&mut self, memory: Memory) -> &mut [u8] {
        assert!(!self.memory(memory).is_shared(), "{SHARED}");
        // SAFETY: as above; it is the store's own, and we are borrowed mutably.
        unsafe { self.memory_ptr(memory).as_mut() }.bytes_mut()
    }

    /// A memory's bytes, and a value of the embedder.
    #[track_caller]
    pub(crate) fn memory_and_data<T: Any + Send>(
        &mut self,
        memory: Memory,
    ) -> (&mut [u8], Option<&mut T>) {
        assert!(!self.memory(memory).is_shared(), "{SHARED}");
        // SAFETY: as above; no memory is part of `data`.
        let bytes = unsafe { self.memory_ptr(memory).as_mut() }.bytes_mut();
        (bytes, self.data.get_mut())
    }

    /// Copies between two memories that may be the same; `false` if that is out
    /// of bounds.
    #[track_caller]
    pub(crate) fn memory_copy(
        &mut self,
        to: Memory,
        to_offset: u64,
        from: Memory,
        from_offset: u64,
        len: u64,
    ) -> bool {
        let (to, from) = (self.memory_ptr(to), self.memory_ptr(from));
        // SAFETY: both are alive as long as we are, we are borrowed mutably, and
        // there is no reference to either.
        unsafe { LinearMemory::copy(to, to_offset, from, from_offset, len) }
    }

    /// Whether a memory has the address space behind it that a module's code
    /// relies on.
    pub(crate) fn memory_serves(&self, memory: Memory, module: &Module) -> bool {
        let metadata = module.artefact().metadata();
        self.memory(memory).serves(&metadata.descriptor().tunables)
    }

    pub(crate) fn add_table(&mut self, ty: TableType, value: Val) -> Result<Table, ResourceError> {
        let value = value.to_slot(ty.element(), self);
        let mut table = TableData::new_host(ty)?;
        // SAFETY: the value was just made, of this type.
        unsafe { table.fill(0, value, table.len()) };
        let origin = self.origin(NONE, self.tables.len());
        self.tables.push(Stable::new(table));
        Ok(Table { origin })
    }

    #[track_caller]
    pub(in super::super) fn table_ptr(&self, table: Table) -> NonNull<TableData> {
        let origin = table.origin;
        self.check(origin);
        let index = origin.index as usize;
        if origin.instance == NONE {
            self.tables[index].as_ptr()
        } else {
            self.instances[origin.instance as usize].own_table(index)
        }
    }

    #[track_caller]
    pub(crate) fn table(&self, table: Table) -> &TableData {
        // SAFETY: it is alive as long as we are, and nobody changes it while we
        // are borrowed.
        unsafe { self.table_ptr(table).as_ref() }
    }

    #[track_caller]
    pub(crate) fn table_get(&self, table: Table, index: u64) -> Option<Val> {
        let table = self.table(table);
        let slot = table.get(index)?;
        // SAFETY: it is an element of a table of this store.
        Some(unsafe { Val::from_slot(table.element(), &slot, self) })
    }

    #[track_caller]
    pub(crate) fn table_fill(&mut self, table: Table, to: u64, value: Val, len: u64) -> bool {
        let value = value.to_slot(self.table(table).element(), self);
        // SAFETY: we are borrowed mutably; the value was just made, of this type.
        unsafe { self.table_ptr(table).as_mut().fill(to, value, len) }
    }

    #[track_caller]
    pub(crate) fn table_grow(&mut self, table: Table, delta: u64, value: Val) -> Option<u64> {
        let value = value.to_slot(self.table(table).element(), self);
        // SAFETY: as above.
        unsafe { self.table_ptr(table).as_mut().grow(delta, value) }
    }

    #[track_caller]
    pub(crate) fn table_copy(
        &mut self,
        to: Table,
        to_index: u64,
        from: Table,
        from_index: u64,
        len: u64,
    ) -> bool {
        let (to, from) = (self.table_ptr(to), self.table_ptr(from));
        // SAFETY: both are alive as long as we are, we are borrowed mutably, and
        // their types are compared first.
        unsafe {
            let matching = from.as_ref().element().matches(to.as_ref().element());
            assert!(matching, "the tables' elements are of different types");
            TableData::copy(to, to_index, from, from_index, len)
        }
    }
}

/// Globals.
impl Inner {
    pub(crate) fn add_global(&mut self, ty: GlobalType, value: Val) -> Global {
        let value = value.to_slot(ty.content(), self);
        let origin = self.origin(NONE, self.globals.len());
        self.globals.push(Stable::new(HostGlobal { value, ty }));
        Global { origin }
    }

    #[track_caller]
    pub(crate) fn global_type(&self, global: Global) -> GlobalType {
        let origin = global.origin;
        self.check(origin);
        if origin.instance == NONE {
            self.globals[origin.index as usize].ty
        } else {
            self.instances[origin.instance as usize]
                .own_global(origin.index)
                .0
        }
    }

    /// Where its value is.
    #[track_caller]
    pub(in super::super) fn global_ptr(&self, global: Global) -> *mut c_void {
        let origin = global.origin;
        self.check(origin);
        if origin.instance == NONE {
            let global = self.globals[origin.index as usize].as_ptr().as_ptr();
            // SAFETY: it is alive; only an address is taken.
            unsafe { (&raw mut (*global).value).cast() }
        } else {
            self.instances[origin.instance as usize]
                .own_global(origin.index)
                .1
        }
    }

    #[track_caller]
    pub(crate) fn global_get(&self, global: Global) -> Val {
        let ty = self.global_type(global).content();
        // SAFETY: the pointer is to a value of this type, of this store.
        unsafe { Val::from_slot(ty, &Slot::read(ty, self.global_ptr(global)), self) }
    }

    /// Sets even an immutable global.
    #[track_caller]
    pub(crate) fn global_set(&mut self, global: Global, value: Val) {
        let ty = self.global_type(global).content();
        let value = value.to_slot(ty, self);
        // SAFETY: the pointer is to a value of this type, and we are borrowed
        // mutably.
        unsafe { value.write(ty, self.global_ptr(global)) };
    }
}

/// External references: a word is 0 for null, else one more than the index of
/// an object.
impl Inner {
    pub(crate) fn add_object(&mut self, object: Box<dyn Any + Send>) -> ExternRef {
        let origin = self.origin(NONE, self.objects.len());
        self.objects.push(object);
        ExternRef { origin }
    }

    #[track_caller]
    pub(crate) fn object(&self, object: ExternRef) -> &(dyn Any + Send) {
        self.check(object.origin);
        &*self.objects[object.origin.index as usize]
    }

    #[track_caller]
    pub(crate) fn object_mut(&mut self, object: ExternRef) -> &mut (dyn Any + Send) {
        self.check(object.origin);
        &mut *self.objects[object.origin.index as usize]
    }

    #[track_caller]
    pub(in super::super) fn object_to_slot(&self, object: Option<ExternRef>) -> Slot {
        object.map_or(Slot::ZERO, |object| {
            self.check(object.origin);
            Slot::from_u64(u64::from(object.origin.index) + 1)
        })
    }

    pub(in super::super) fn object_from_slot(&self, slot: &Slot) -> Option<ExternRef> {
        let index = slot.as_u64().checked_sub(1)?;
        Some(ExternRef {
            origin: self.origin(NONE, index as usize),
        })
    }
}
