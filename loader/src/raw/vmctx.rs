//! The block of memory that an instance's code works on.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

use wasm_aot_abi::{ALIGNMENT, VmContext};

use super::gate::Gated;
use super::pages;
use super::reservation::Reservation;
use crate::ResourceError;
use crate::interrupt::Interrupt;
use crate::parking::ignore_poison;

/// A vmctx: zeroed when it is made, freed when it is dropped.
pub(super) struct Vmctx {
    start: NonNull<VmContext>,
    layout: Layout,
    /// Its memory, if its code reads from the page in front of that.
    gated: Option<(Reservation, Gated)>,
}

/// Memory that was that of a vmctx with a gate, and can be used again: making it takes
/// some microseconds.
static FREE: Mutex<Vec<Reservation>> = Mutex::new(Vec::new());

/// How many of them are kept.
const MAX_FREE: usize = 64;

impl Vmctx {
    /// A vmctx of `size` bytes, and at least a header's.
    pub(super) fn new(size: u32) -> Result<Vmctx, ResourceError> {
        let layout = layout(size);
        // SAFETY: the size is not 0.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start.cast());
        let start = start.ok_or_else(|| ResourceError::out_of_memory("an instance"))?;
        Ok(Vmctx {
            start,
            layout,
            gated: None,
        })
    }

    /// As [`new`](Vmctx::new), behind a page that `interrupt` takes away to stop code.
    pub(super) fn behind_gate(
        size: u32,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Vmctx, ResourceError> {
        let layout = layout(size);
        let reservation = reservation(layout.size());
        let mut reservation =
            reservation.map_err(|error| ResourceError::new("an instance", error))?;
        let gate = Gated::new(&mut reservation, interrupt)?;
        // SAFETY: so many bytes are there and writable, and nobody else knows them.
        unsafe { reservation.base.write_bytes(0, layout.size()) };
        Ok(Vmctx {
            start: reservation.base.cast(),
            layout,
            gated: Some((reservation, gate)),
        })
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

/// What a vmctx of `size` bytes takes: at least a header's.
fn layout(size: u32) -> Layout {
    let size = (size as usize).max(size_of::<VmContext>());
    Layout::from_size_align(size, ALIGNMENT).expect("a size below 4 GiB")
}

/// At least so many writable bytes, behind a page that can be a gate.
fn reservation(size: usize) -> std::io::Result<Reservation> {
    let page = pages::size();
    let size = size.next_multiple_of(page);
    let mut free = ignore_poison(FREE.lock());
    if let Some(position) = free.iter().rposition(|free| free.size == size) {
        return Ok(free.swap_remove(position));
    }
    drop(free);
    let reservation = Reservation::behind(page, size)?;
    reservation.open(0, size as u64)?;
    Ok(reservation)
}

impl Drop for Vmctx {
    fn drop(&mut self) {
        if let Some((mut reservation, gate)) = self.gated.take() {
            gate.end(&mut reservation);
            let mut free = ignore_poison(FREE.lock());
            if free.len() < MAX_FREE {
                free.push(reservation);
            }
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
