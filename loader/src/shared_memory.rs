//! Memories that threads share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use wasm_aot_abi::TrapCode;

use crate::parking::{self, WaitResult};
use crate::raw::LinearMemory;
use crate::{GrowError, Memory, MemoryType, ResourceError, Store, Trap};

/// A linear memory that instances of several stores, on several threads, have at
/// the same time. It belongs to no store, and lives as long as one of its clones,
/// which are the same memory, or a store that has it.
///
/// It is made by the host, or [taken from](crate::Memory::shared) an instance that
/// defines it. Threads that get a store each, and this memory as an import, are
/// what the threads proposal calls agents of a cluster.
///
/// Its bytes change under everybody's eyes, so there is no slice of them: they are
/// copied, or accessed atomically. Its address never changes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use std::sync::atomic::Ordering;
/// use wasm_aot_loader::{Instance, MemoryType, SharedMemory, Store, imports};
///
/// let module = compile(r#"(module (import "env" "memory" (memory 1 4 shared))
///   (func (export "count") (result i32)
///     (i32.atomic.rmw.add (i32.const 8) (i32.const 1))))"#)?;
/// let memory = SharedMemory::new(MemoryType::shared(1, 4))?;
/// let imports = imports! { "env" => { "memory" => memory.clone() } };
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             let mut store = Store::new();
///             let instance = Instance::new(&mut store, &module, &imports).unwrap();
///             let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
///             for _ in 0..1000 {
///                 count.call(&mut store, ()).unwrap();
///             }
///         });
///     }
/// });
/// assert_eq!(memory.atomic_u32(8)?.load(Ordering::SeqCst), 4000);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SharedMemory(Arc<LinearMemory>);

impl SharedMemory {
    /// A memory of `ty.min()` zeroed pages.
    ///
    /// # Errors
    ///
    /// If the system has no address space or memory left, or the type is not
    /// [shared](MemoryType::shared), or its limits are beyond 4 GiB or contradict
    /// each other.
    pub fn new(ty: MemoryType) -> Result<SharedMemory, ResourceError> {
        LinearMemory::new_shared(ty).map(|memory| SharedMemory(Arc::new(memory)))
    }

    pub(crate) fn of(memory: Arc<LinearMemory>) -> SharedMemory {
        SharedMemory(memory)
    }

    pub(crate) fn linear(&self) -> &Arc<LinearMemory> {
        &self.0
    }

    /// Makes it one of the memories of `store`, and returns the handle: the same one
    /// every time. To be imported, it needs not be that before.
    pub fn in_store(&self, store: &mut Store) -> Memory {
        store.raw_mut().adopt(self)
    }

    /// The type it has now: the minimum is its size.
    pub fn ty(&self) -> MemoryType {
        self.0.ty()
    }

    /// Its size in pages. Another thread may let it grow at any time.
    pub fn size(&self) -> u64 {
        self.0.pages()
    }

    /// Its size in bytes.
    pub fn byte_len(&self) -> u64 {
        self.0.len()
    }

    /// Adds `delta` pages of zeros and returns the size before, in pages. Of
    /// threads that do so at the same time, each adds its own.
    ///
    /// # Errors
    ///
    /// If the maximum or the system does not allow it; nothing has changed.
    pub fn grow(&self, delta: u64) -> Result<u64, GrowError> {
        let memory = &self.0;
        memory.grow(delta).ok_or_else(|| {
            GrowError::new("a memory", "pages", memory.pages(), delta, memory.limit())
        })
    }

    /// Copies bytes out of it. What other threads write meanwhile may be seen in
    /// part; no byte is ever mixed of two values.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Trap> {
        in_bounds(self.0.load(offset, buffer))
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having copied nothing.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Trap> {
        in_bounds(self.0.store(offset, bytes))
    }

    /// Sets `len` bytes from `offset` on to `byte`.
    ///
    /// # Errors
    ///
    /// "out of bounds memory access", having set nothing.
    pub fn fill(&self, offset: u64, byte: u8, len: u64) -> Result<(), Trap> {
        in_bounds(self.0.holds(offset, len))?;
        let pattern = [byte; 4096];
        let end = offset + len;
        for at in (offset..end).step_by(pattern.len()) {
            let part = pattern.len().min((end - at) as usize);
            self.write(at, &pattern[..part])?;
        }
        Ok(())
    }

    /// The 4 bytes at `offset`, in the machine's byte order.
    ///
    /// # Errors
    ///
    /// "unaligned atomic" or "out of bounds memory access"
    pub fn atomic_u32(&self, offset: u64) -> Result<&AtomicU32, Trap> {
        aligned(offset, 4)?;
        let found = self.0.atomic_u32(offset);
        Ok(found.ok_or(TrapCode::MemoryOutOfBounds)?)
    }

    /// The 8 bytes at `offset`, in the machine's byte order.
    ///
    /// # Errors
    ///
    /// "unaligned atomic" or "out of bounds memory access"
    pub fn atomic_u64(&self, offset: u64) -> Result<&AtomicU64, Trap> {
        aligned(offset, 8)?;
        let found = self.0.atomic_u64(offset);
        Ok(found.ok_or(TrapCode::MemoryOutOfBounds)?)
    }

    /// Blocks this thread until `offset` is notified or the time is over; returns
    /// at once if the 4 bytes there are not `expected`. The same as
    /// `memory.atomic.wait32`, and for the same notifications.
    ///
    /// # Errors
    ///
    /// "unaligned atomic" or "out of bounds memory access"
    pub fn atomic_wait32(
        &self,
        offset: u64,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        let value = self.atomic_u32(offset)?;
        let matches = || value.load(Ordering::SeqCst) == expected;
        Ok(wait(value.as_ptr().addr(), matches, timeout))
    }

    /// As [`atomic_wait32`](SharedMemory::atomic_wait32), for 8 bytes.
    ///
    /// # Errors
    ///
    /// "unaligned atomic" or "out of bounds memory access"
    pub fn atomic_wait64(
        &self,
        offset: u64,
        expected: u64,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        let value = self.atomic_u64(offset)?;
        let matches = || value.load(Ordering::SeqCst) == expected;
        Ok(wait(value.as_ptr().addr(), matches, timeout))
    }

    /// Ends up to `count` waits at `offset`, the oldest first, and returns how many
    /// it has ended: the same as `memory.atomic.notify`.
    ///
    /// # Errors
    ///
    /// "unaligned atomic" or "out of bounds memory access"
    pub fn atomic_notify(&self, offset: u64, count: u32) -> Result<u32, Trap> {
        let value = self.atomic_u32(offset)?;
        Ok(parking::notify(value.as_ptr().addr(), count))
    }

    /// Where its bytes are, as long as it lives. All that threads do with them at
    /// the same time has to be atomic.
    pub fn data_ptr(&self) -> *mut u8 {
        self.0.base()
    }
}

/// Equal if it is the same one.
impl PartialEq for SharedMemory {
    fn eq(&self, other: &SharedMemory) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for SharedMemory {}

impl fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedMemory({})", self.ty())
    }
}

fn aligned(offset: u64, size: u64) -> Result<(), Trap> {
    if offset.is_multiple_of(size) {
        Ok(())
    } else {
        Err(TrapCode::UnalignedAtomic.into())
    }
}

fn in_bounds(inside: bool) -> Result<(), Trap> {
    if inside {
        Ok(())
    } else {
        Err(TrapCode::MemoryOutOfBounds.into())
    }
}

fn wait(address: usize, matches: impl FnOnce() -> bool, timeout: Option<Duration>) -> WaitResult {
    let result = parking::wait(address, matches, timeout, None);
    result.expect("nobody can interrupt it")
}

/// It goes from thread to thread.
const _: fn() = || {
    fn assert_shared<T: Send + Sync>() {}
    assert_shared::<SharedMemory>();
};
