//! Memories that several stores have, and threads change at the same time.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use super::memory::LinearMemory;
use super::stable::Stable;

/// A memory, as its store has it.
#[derive(Debug)]
pub(super) enum OwnedMemory {
    /// It is the store's.
    Alone(Stable<LinearMemory>),
    /// It belongs to all that have it.
    Shared(Arc<LinearMemory>),
}

impl OwnedMemory {
    pub(super) fn new(memory: LinearMemory) -> OwnedMemory {
        if memory.is_shared() {
            OwnedMemory::Shared(Arc::new(memory))
        } else {
            OwnedMemory::Alone(Stable::new(memory))
        }
    }

    /// A pointer to it. Of a shared one, only shared references may be made.
    pub(super) fn as_ptr(&self) -> NonNull<LinearMemory> {
        match self {
            OwnedMemory::Alone(memory) => memory.as_ptr(),
            OwnedMemory::Shared(memory) => NonNull::from(&**memory),
        }
    }
}

impl Deref for OwnedMemory {
    type Target = LinearMemory;

    fn deref(&self) -> &LinearMemory {
        match self {
            OwnedMemory::Alone(memory) => memory,
            OwnedMemory::Shared(memory) => memory,
        }
    }
}

/// What a run of bytes is divided into, so that most of it is copied in words:
/// how many bytes come before the first whole word.
fn head(address: *const u8, len: usize) -> usize {
    address.align_offset(align_of::<AtomicU64>()).min(len)
}

/// Accesses to bytes that other threads may change: all of them are atomic, in
/// words where addresses allow it, and in no order.
impl LinearMemory {
    /// Copies bytes out of it; `false` if they are out of bounds.
    pub(crate) fn load(&self, offset: u64, to: &mut [u8]) -> bool {
        if !self.holds(offset, to.len() as u64) {
            return false;
        }
        let base = self.base().wrapping_add(offset as usize);
        let (first, rest) = to.split_at_mut(head(base, to.len()));
        let words = base.wrapping_add(first.len());
        let (middle, last) = rest.as_chunks_mut();
        let end = words.wrapping_add(middle.len() * size_of::<u64>());
        // SAFETY: the range is in bounds, and stays accessible; the words are
        // aligned.
        unsafe {
            load_bytes(base, first);
            for (index, word) in middle.iter_mut().enumerate() {
                let from = AtomicU64::from_ptr(words.cast::<u64>().add(index));
                *word = from.load(Ordering::Relaxed).to_ne_bytes();
            }
            load_bytes(end, last);
        }
        true
    }

    /// Copies bytes into it; `false` if they are out of bounds.
    pub(crate) fn store(&self, offset: u64, from: &[u8]) -> bool {
        if !self.holds(offset, from.len() as u64) {
            return false;
        }
        let base = self.base().wrapping_add(offset as usize);
        let (first, rest) = from.split_at(head(base, from.len()));
        let words = base.wrapping_add(first.len());
        let (middle, last) = rest.as_chunks();
        let end = words.wrapping_add(middle.len() * size_of::<u64>());
        // SAFETY: as above.
        unsafe {
            store_bytes(base, first);
            for (index, word) in middle.iter().enumerate() {
                let to = AtomicU64::from_ptr(words.cast::<u64>().add(index));
                to.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
            }
            store_bytes(end, last);
        }
        true
    }

    /// The 4 bytes at an aligned offset; `None` if they are out of bounds.
    pub(crate) fn atomic_u32(&self, offset: u64) -> Option<&AtomicU32> {
        debug_assert!(self.is_shared() && offset.is_multiple_of(4));
        let inside = self.holds(offset, 4);
        let at = self.base().wrapping_add(offset as usize).cast();
        // SAFETY: it is in bounds, as long as we live, and aligned; nobody makes
        // references to the bytes of a shared memory but these.
        inside.then(|| unsafe { AtomicU32::from_ptr(at) })
    }

    /// The 8 bytes at an aligned offset; `None` if they are out of bounds.
    pub(crate) fn atomic_u64(&self, offset: u64) -> Option<&AtomicU64> {
        debug_assert!(self.is_shared() && offset.is_multiple_of(8));
        let inside = self.holds(offset, 8);
        let at = self.base().wrapping_add(offset as usize).cast();
        // SAFETY: as above.
        inside.then(|| unsafe { AtomicU64::from_ptr(at) })
    }
}

/// # Safety
///
/// `from` is good for as many bytes.
unsafe fn load_bytes(from: *mut u8, to: &mut [u8]) {
    for (index, byte) in to.iter_mut().enumerate() {
        // SAFETY: the caller says so.
        *byte = unsafe { AtomicU8::from_ptr(from.add(index)) }.load(Ordering::Relaxed);
    }
}

/// # Safety
///
/// `to` is good for as many bytes.
unsafe fn store_bytes(to: *mut u8, from: &[u8]) {
    for (index, byte) in from.iter().enumerate() {
        // SAFETY: the caller says so.
        unsafe { AtomicU8::from_ptr(to.add(index)) }.store(*byte, Ordering::Relaxed);
    }
}
