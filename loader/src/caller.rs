//! What a host function sees of who called it.

use std::ops::{Deref, DerefMut};

use crate::{Extern, Instance, Memory, Store};

/// The store that a host function was called in, and the instance that imported
/// it. Dereferences to the [`Store`].
///
/// The store behind it must still be there when the host function ends, or
/// waits: replacing it (as with [`std::mem::replace`]) **aborts** the process
/// then, since the caller could not go on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{BoxError, Caller, Instance, Store, imports};
///
/// let module = compile(r#"(module
///   (import "host" "shout" (func $shout (param i32 i32)))
///   (memory (export "memory") 1)
///   (data (i32.const 8) "quiet")
///   (func (export "run") (call $shout (i32.const 8) (i32.const 5))))"#)?;
/// let imports = imports! {
///     "host" => {
///         "shout" => |mut caller: Caller<'_>, at: u32, len: u32| -> Result<(), BoxError> {
///             let memory = caller.memory().ok_or("no memory is exported")?;
///             let bytes = memory.data_mut(&mut caller).get_mut(at as usize..);
///             let text = bytes.and_then(|bytes| bytes.get_mut(..len as usize));
///             text.ok_or("the text is outside of the memory")?.make_ascii_uppercase();
///             Ok(())
///         },
///     },
/// };
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// instance.get_typed_func::<(), ()>(&store, "run")?.call(&mut store, ())?;
/// let memory = instance.get_memory(&store, "memory")?;
/// assert_eq!(memory.data(&store)[8..13], *b"QUIET");
/// # Ok(()) }
/// ```
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
