//! Linear memories.

use std::any::Any;

use wasm_aot_abi::TrapCode;

use crate::raw::Origin;
use crate::{MemoryType, ResourceError, Store, Trap};

/// A linear memory of a store. Equal if it is the same one.
///
/// Its bytes are borrowed from the store, so no WebAssembly code can run, and
/// the memory cannot grow, while they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) origin: Origin,
}

impl Memory {
    /// Size of a page in bytes.
    pub const PAGE: usize = 65536;

    /// A memory of `ty.min()` zeroed pages.
    ///
    /// # Errors
    ///
    /// If the system has no address space or memory left, or the type's limits
    /// are beyond 4 GiB or contradict each other.
    pub fn new(store: &mut Store, ty: MemoryType) -> Result<Memory, ResourceError> {
        store.raw_mut().add_memory(ty)
    }

    /// The type it has now: the minimum is its size.
    pub fn ty(self, store: &Store) -> MemoryType {
        store.raw().memory(self).ty()
    }

    /// Its size in pages.
    pub fn size(self, store: &Store) -> u64 {
        store.raw().memory(self).pages()
    }

    /// Adds `delta` pages of zeros and returns the size before, in pages; `None`
    /// if the maximum or the system does not allow it.
    pub fn grow(self, store: &mut Store, delta: u64) -> Option<u64> {
        store.raw_mut().memory_mut(self).grow(delta)
    }

    /// Its bytes.
    pub fn data(self, store: &Store) -> &[u8] {
        store.raw().memory(self).bytes()
    }

    /// Its bytes.
    pub fn data_mut(self, store: &mut Store) -> &mut [u8] {
        store.raw_mut().memory_mut(self).bytes_mut()
    }

    /// Its bytes, and the value of type `T` of the [store](Store::insert).
    pub fn data_and_mut<T: Any + Send>(self, store: &mut Store) -> (&mut [u8], Option<&mut T>) {
        store.raw_mut().memory_and_data(self)
    }

    /// Where its bytes are. They stay there, also when the memory grows, until the
    /// store is dropped; whoever uses them is to keep clear of WebAssembly code and
    /// of borrows of the bytes.
    pub fn data_ptr(self, store: &mut Store) -> *mut u8 {
        store.raw_mut().memory_mut(self).bytes_mut().as_mut_ptr()
    }

    /// Copies bytes out of it.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    pub fn read(self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<(), Trap> {
        let range = range(offset, buffer.len());
        let from = range.and_then(|range| self.data(store).get(range));
        buffer.copy_from_slice(from.ok_or(TrapCode::MemoryOutOfBounds)?);
        Ok(())
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    pub fn write(self, store: &mut Store, offset: u64, bytes: &[u8]) -> Result<(), Trap> {
        let range = range(offset, bytes.len());
        let to = range.and_then(|range| self.data_mut(store).get_mut(range));
        to.ok_or(TrapCode::MemoryOutOfBounds)?
            .copy_from_slice(bytes);
        Ok(())
    }
}

fn range(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(len)?)
}
