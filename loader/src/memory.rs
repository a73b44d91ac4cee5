//! Linear memories.

use std::any::Any;

use wasm_aot_abi::TrapCode;

use crate::raw::Origin;
use crate::{GrowError, MemoryType, ResourceError, SharedMemory, Store, Trap};

/// A linear memory of a store. Equal if it is the same one.
///
/// Its bytes are borrowed from the store, so no WebAssembly code can run, and
/// the memory cannot grow, while they are. Those of a memory that threads share
/// cannot be borrowed: see [`SharedMemory`].
///
/// ```
/// use wasm_aot_loader::{Memory, MemoryType, Store};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut store = Store::new();
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(3)))?;
/// memory.write(&mut store, 0xfffe, b"ab")?;
/// assert_eq!(memory.grow(&mut store, 1)?, 1);
/// memory.data_mut(&mut store)[0x1_0000] = b'c';
/// assert_eq!(memory.data(&store)[0xfffe..0x1_0001], *b"abc");
/// assert_eq!(
///     memory.grow(&mut store, 2).unwrap_err().to_string(),
///     "cannot grow a memory of 2 pages by 2: its limit is 3"
/// );
/// # Ok(()) }
/// ```
///
/// A view of the bytes that is still used does not let the memory change:
///
/// ```compile_fail,E0502
/// # use wasm_aot_loader::{Memory, MemoryType, Store};
/// # let mut store = Store::new();
/// # let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
/// let view = memory.data(&store);
/// memory.grow(&mut store, 1).unwrap();
/// assert_eq!(view[0], 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(crate) origin: Origin,
}

impl Memory {
    /// Size of a page in bytes, of memories whose type does not say otherwise: see
    /// [`MemoryType::page_size`].
    pub const PAGE: usize = 65536;

    /// A memory of `ty.min()` zeroed pages.
    ///
    /// # Errors
    ///
    /// If the system has no address space or memory left, or the type's limits
    /// contradict each other or are beyond 4 GiB. With 64-bit addresses, it can have
    /// 1 TiB at first, and grow to its maximum if that is no more; without one, to
    /// 64 GiB.
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

    /// Its size in bytes.
    pub fn byte_len(self, store: &Store) -> u64 {
        store.raw().memory(self).len()
    }

    /// Size of its pages in bytes: 65536 or 1.
    pub fn page_size(self, store: &Store) -> u64 {
        store.raw().memory(self).ty().page_size()
    }

    /// Adds `delta` pages of zeros and returns the size before, in pages.
    ///
    /// # Errors
    ///
    /// If the maximum or the system does not allow it; the memory is as it was.
    pub fn grow(self, store: &mut Store, delta: u64) -> Result<u64, GrowError> {
        let memory = store.raw_mut().memory(self);
        memory.grow(delta).ok_or_else(|| {
            GrowError::new("a memory", "pages", memory.pages(), delta, memory.limit())
        })
    }

    /// The memory itself, which other stores can have too, if threads share it.
    pub fn shared(self, store: &Store) -> Option<SharedMemory> {
        store.raw().shared_memory(self)
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// If it is [shared](Memory::shared).
    #[track_caller]
    pub fn data(self, store: &Store) -> &[u8] {
        store.raw().memory(self).bytes()
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// If it is [shared](Memory::shared).
    #[track_caller]
    pub fn data_mut(self, store: &mut Store) -> &mut [u8] {
        store.raw_mut().memory_bytes_mut(self)
    }

    /// Its bytes, and the value of type `T` of the [store](Store::insert).
    ///
    /// # Panics
    ///
    /// If it is [shared](Memory::shared).
    #[track_caller]
    pub fn data_and_mut<T: Any + Send>(self, store: &mut Store) -> (&mut [u8], Option<&mut T>) {
        store.raw_mut().memory_and_data(self)
    }

    /// Where its bytes are. They stay there, also when the memory grows, until the
    /// store is dropped; whoever uses them is to keep clear of WebAssembly code and
    /// of borrows of the bytes.
    pub fn data_ptr(self, store: &mut Store) -> *mut u8 {
        store.raw_mut().memory(self).base()
    }

    /// Copies bytes out of it.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    pub fn read(self, store: &Store, offset: u64, buffer: &mut [u8]) -> Result<(), Trap> {
        if let Some(memory) = self.shared(store) {
            return memory.read(offset, buffer);
        }
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
        if let Some(memory) = self.shared(store) {
            return memory.write(offset, bytes);
        }
        let range = range(offset, bytes.len());
        let to = range.and_then(|range| self.data_mut(store).get_mut(range));
        to.ok_or(TrapCode::MemoryOutOfBounds)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Sets `len` bytes from `offset` on to `byte`.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having set nothing.
    pub fn fill(self, store: &mut Store, offset: u64, byte: u8, len: u64) -> Result<(), Trap> {
        if let Some(memory) = self.shared(store) {
            return memory.fill(offset, byte, len);
        }
        let range = usize::try_from(len).ok().and_then(|len| range(offset, len));
        let to = range.and_then(|range| self.data_mut(store).get_mut(range));
        to.ok_or(TrapCode::MemoryOutOfBounds)?.fill(byte);
        Ok(())
    }

    /// Copies `len` bytes from `from[from_offset]` on to `self[offset]` on; the
    /// two may overlap.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    ///
    /// ```
    /// # use wasm_aot_loader::{Memory, MemoryType, Store};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut store = Store::new();
    /// # let a = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// # let b = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// a.fill(&mut store, 0, b'x', 3)?;
    /// b.copy(&mut store, 1, a, 0, 3)?;
    /// assert_eq!(b.data(&store)[..5], *b"\0xxx\0");
    /// assert!(b.copy(&mut store, 65536, a, 0, 1).is_err());
    /// # Ok(()) }
    /// ```
    pub fn copy(
        self,
        store: &mut Store,
        offset: u64,
        from: Memory,
        from_offset: u64,
        len: u64,
    ) -> Result<(), Trap> {
        let inside = store
            .raw_mut()
            .memory_copy(self, offset, from, from_offset, len);
        if inside {
            Ok(())
        } else {
            Err(TrapCode::MemoryOutOfBounds.into())
        }
    }
}

fn range(offset: u64, len: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    Some(start..start.checked_add(len)?)
}
