//! The block of memory that an instance's code works on.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use std::sync::Arc;

use wasm_aot_abi::{ALIGNMENT, INTERRUPTION_PAGE, VmContext};

use super::gate::Gated;
use crate::ResourceError;
use crate::interrupt::Interrupt;

/// A vmctx: zeroed when it is made, freed when it is dropped.
pub(super) struct Vmctx {
    start: NonNull<VmContext>,
    layout: Layout,
    /// What it stands behind, if its code looks there; owns its memory.
    gate: Option<Gated>,
}

impl Vmctx {
    /// A vmctx of `size` bytes, and at least a header's.
    pub(super) fn new(size: u32) -> Result<Vmctx, ResourceError> {
        let size = (size as usize).max(size_of::<VmContext>());
        let layout = Layout::from_size_align(size, ALIGNMENT).expect("a size below 4 GiB");
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start.cast());
        let start = start.ok_or_else(|| ResourceError::out_of_memory("an instance"))?;
        Ok(Vmctx {
            start,
            layout,
            gate: None,
        })
    }

    /// As [`new`](Vmctx::new), behind a page that `interrupt` takes away to stop code.
    pub(super) fn behind_gate(
        size: u32,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Vmctx, ResourceError> {
        let size = (size as usize).max(size_of::<VmContext>());
        let layout = Layout::from_size_align(size, ALIGNMENT).expect("a size below 4 GiB");
        let gate = Gated::new(size, interrupt)?;
        Ok(Vmctx {
            start: gate.behind().cast(),
            layout,
            gate: Some(gate),
        })
    }

    /// Whether code that works on it looks at an address to see whether to go on.
    pub(super) fn looks_at(&self, address: usize) -> bool {
        let start = self.start.addr().get();
        self.gate.is_some() && (start - INTERRUPTION_PAGE..start).contains(&address)
    }

    pub(super) fn as_ptr(&self) -> *mut VmContext {
        self.start.as_ptr()
    }

    /// The address of `count` values in it, at an offset that the metadata
    /// gives.
    ///
    /// # Panics
    ///
    /// If they do not lie in it.
    pub(super) fn slots<T>(&self, offset: u32, count: usize) -> *mut T {
        let end = count.checked_mul(size_of::<T>());
        let end = end.and_then(|size| size.checked_add(offset as usize));
        assert!(
            end.is_some_and(|end| end <= self.layout.size()),
            "in the vmctx"
        );
        let slots = self.start.as_ptr().wrapping_byte_add(offset as usize);
        debug_assert!(slots.addr().is_multiple_of(align_of::<T>()));
        slots.cast()
    }

    /// The address of the value at an offset that the metadata gives.
    ///
    /// # Panics
    ///
    /// If it does not lie in it.
    pub(super) fn slot<T>(&self, offset: u32) -> *mut T {
        self.slots(offset, 1)
    }
}

impl Drop for Vmctx {
    fn drop(&mut self) {
        if self.gate.is_some() {
            return;
        }
        // SAFETY: allocated by `new` with this layout; the code that knows its
        // address does not run any more.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) };
    }
}

// SAFETY: it owns its memory, which is not bound to a thread. What the pointers
// in it lead to belongs to the same store.
unsafe impl Send for Vmctx {}
