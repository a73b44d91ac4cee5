//! What a host function sees of who called it.

use std::ops::{Deref, DerefMut};

use crate::{Extern, Instance, Memory, Store};

/// The store that a host function was called in, and the instance that imported
/// it. Dereferences to the [`Store`].
///
/// The store behind it must still be there when the host function ends, or
/// waits: replacing it (as with [`std::mem::replace`]) **aborts** the process
/// then, since the caller could not go on.
#[derive(Debug)]
pub struct Caller<'a> {
    store: &'a mut Store,
    /// Index of the importer, if there is one.
    importer: u32,
}

impl<'a> Caller<'a> {
    #[inline]
    pub(crate) fn new(store: &'a mut Store, importer: u32) -> Caller<'a> {
        Caller { store, importer }
    }

    /// The instance that imported the host function. `None` if the host called
    /// it, or if it was called through a table or reference that the host gave
    /// it to.
    pub fn instance(&self) -> Option<Instance> {
        self.store.raw().importer(self.importer)
    }

    /// An export of the [instance](Caller::instance).
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(self.store, name)
    }

    /// The memory that the [instance](Caller::instance) exports as `memory`.
    pub fn memory(&self) -> Option<Memory> {
        let instance = self.store.raw().instance(self.instance()?.origin);
        let index = instance.module().artefact().memory_export()?;
        Some(instance.memory_handle(self.store.raw(), index))
    }
}

impl Deref for Caller<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        self.store
    }
}

impl DerefMut for Caller<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        self.store
    }
}
