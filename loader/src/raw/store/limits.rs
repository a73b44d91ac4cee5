//! Limits of a store: asked before anything is made or grows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use wasm_aot_abi::{STATUS_HOST, VmContext};

use super::super::arch;
use super::super::artefact::Artefact;
use super::super::description::memory_type;
use super::super::memory::LinearMemory;
use super::super::table::TableData;
use super::super::values::Slot;
use super::{Inner, Pending};
use crate::limits::{Bounds, Count, Growable, Growth, Limiter, Limits};
use crate::{GrowError, Memory, MemoryType, ResourceError, Table, TableType, Val};

impl Inner {
    pub(crate) fn set_limiter(&mut self, limiter: Option<Limiter>) {
        if limiter.is_some() || self.limits.is_some() {
            let limits = self
                .limits
                .get_or_insert_with(|| Box::new(Limits::new(Bounds::NONE)));
            // The old one may do anything when it is dropped.
            drop(std::mem::replace(&mut limits.limiter, limiter));
        }
    }

    /// Whether the host may make a memory.
    pub(super) fn admit_memory(&mut self, ty: MemoryType) -> Result<(), ResourceError> {
        let one = Count {
            memories: 1,
            ..Count::default()
        };
        self.admit("a linear memory", one, Growth::new_memory(ty))
    }

    /// Whether the host may make a table.
    pub(super) fn admit_table(&mut self, ty: TableType) -> Result<(), ResourceError> {
        let one = Count {
            tables: 1,
            ..Count::default()
        };
        self.admit("a table", one, Growth::new_table(ty))
    }

    fn admit(
        &mut self,
        what: &'static str,
        one: Count,
        growth: Growth,
    ) -> Result<(), ResourceError> {
        let Some(limits) = &mut self.limits else {
            return Ok(());
        };
        let allowed = limits.admit(one).and_then(|()| limits.allow(growth));
        allowed.map_err(|refusal| refusal.making(what))
    }

    /// Counts what was made.
    pub(in super::super) fn count(&mut self, more: Count) {
        if let Some(limits) = &mut self.limits {
            limits.count(more);
        }
    }

    /// Whether an instance may be made, and what it will count as.
    pub(in super::super) fn admit_instance(
        &mut self,
        artefact: &Artefact,
    ) -> Result<Count, ResourceError> {
        let Some(limits) = &mut self.limits else {
            return Ok(Count::default());
        };
        let metadata = artefact.metadata();
        let more = Count {
            instances: 1,
            memories: metadata.memories().len(),
            tables: metadata.tables().len(),
        };
        let admitted = limits.admit(more);
        admitted.map_err(|refusal| refusal.making("an instance"))?;
        for memory in metadata.memories() {
            let growth = Growth::new_memory(memory_type(&memory.ty));
            let allowed = limits.allow(growth);
            allowed.map_err(|refusal| refusal.making("a linear memory"))?;
        }
        for table in metadata.tables() {
            let growth = Growth::new_table(artefact.table_type(&table.ty));
            let allowed = limits.allow(growth);
            allowed.map_err(|refusal| refusal.making("a table"))?;
        }
        Ok(more)
    }

    /// Grows a memory for the host.
    #[track_caller]
    pub(crate) fn memory_grow(&mut self, memory: Memory, delta: u64) -> Result<u64, GrowError> {
        let place = self.memory_ptr(memory);
        // SAFETY: it is alive as long as we are, and no part of us; shared references
        // are all right, as nobody has changed it but by those since.
        let memory = unsafe { place.as_ref() };
        let grown = match &mut self.limits {
            None => memory.grow(delta).ok_or(None),
            Some(limits) => memory.grow_if(delta, |growth| limits.allow(growth)),
        };
        grown.map_err(|refusal| {
            let bytes = self.limit_of(Growable::Memory);
            let limit = memory.limit().min(bytes / memory.ty().page_size());
            GrowError::refused("a memory", "pages", memory.pages(), delta, limit, refusal)
        })
    }

    /// Grows a table for the host.
    #[track_caller]
    pub(crate) fn table_grow(
        &mut self,
        table: Table,
        delta: u64,
        value: Val,
    ) -> Result<u64, GrowError> {
        let value = value.to_slot(self.table(table).element(), self);
        let mut place = self.table_ptr(table);
        // SAFETY: it is alive as long as we are, no part of us, and we are borrowed
        // mutably.
        let table = unsafe { place.as_mut() };
        // SAFETY: the value was just made, of its type.
        let grown = unsafe {
            match &mut self.limits {
                None => table.grow(delta, value).ok_or(None),
                Some(limits) => table.grow_if(delta, value, |growth| limits.allow(growth)),
            }
        };
        grown.map_err(|refusal| {
            let limit = table.limit().min(self.limit_of(Growable::Table));
            GrowError::refused("a table", "elements", table.len(), delta, limit, refusal)
        })
    }

    /// How large something may be, as far as that is ours to say.
    fn limit_of(&self, what: Growable) -> u64 {
        let limits = self.limits.as_ref();
        limits.map_or(u64::MAX, |limits| limits.size(what))
    }

    /// Grows a memory for code of the store.
    ///
    /// # Safety
    ///
    /// 1. `ctx` is of an instance whose code has called the function that calls us,
    ///    which has nothing left to drop.
    /// 2. The memory is alive.
    pub(in super::super) unsafe fn code_grows_memory(
        ctx: *mut VmContext,
        memory: NonNull<LinearMemory>,
        delta: u64,
    ) -> Option<u64> {
        // SAFETY: the caller says so; the store is ours while its code waits for us.
        unsafe {
            let memory = memory.as_ref();
            let inner = Inner::of((*ctx).store);
            match &mut (*inner).limits {
                None => memory.grow(delta),
                Some(limits) => end_if_panicking(inner, || {
                    memory.grow_if(delta, |growth| limits.allow(growth)).ok()
                }),
            }
        }
    }

    /// Grows a table for code of the store.
    ///
    /// # Safety
    ///
    /// As for [`code_grows_memory`](Inner::code_grows_memory); and the value is a
    /// reference of the type of the table's elements, of the same store.
    pub(in super::super) unsafe fn code_grows_table(
        ctx: *mut VmContext,
        mut table: NonNull<TableData>,
        delta: u64,
        value: Slot,
    ) -> Option<u64> {
        // SAFETY: the caller says so; the store is ours while its code waits for us.
        unsafe {
            let table = table.as_mut();
            let inner = Inner::of((*ctx).store);
            match &mut (*inner).limits {
                None => table.grow(delta, value),
                Some(limits) => end_if_panicking(inner, || {
                    table
                        .grow_if(delta, value, |growth| limits.allow(growth))
                        .ok()
                }),
            }
        }
    }
}

/// Does what may ask a limiter. If that panics, the innermost entry of the store ends,
/// as it does with a host function that panics.
///
/// # Safety
///
/// Code of the store has called the function that calls us, whose caller's frames have
/// nothing left to drop.
unsafe fn end_if_panicking(inner: *mut Inner, body: impl FnOnce() -> Option<u64>) -> Option<u64> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        // SAFETY: an entry is running; the frames above it are those of its code, and
        // of ours, where the payload is all that there was to be dropped. Nobody sees
        // a backtrace of a panic.
        Err(payload) => unsafe {
            (*inner).pending = Some(Pending::Panic(payload));
            (*inner).capture.forget();
            arch::resume((*inner).context().entry, STATUS_HOST.into())
        },
    }
}
