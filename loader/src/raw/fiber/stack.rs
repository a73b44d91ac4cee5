//! Stacks of fibers.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use super::super::reservation::Reservation;
use super::super::thread::Bounds;
use crate::ResourceError;

/// Stack that is left to host functions, below what WebAssembly code may use.
/// Pages that are not touched cost nothing.
const HOST_RESERVE: usize = 1 << 20;

/// The most that WebAssembly code gets.
const MAX_WASM_STACK: usize = 256 << 20;

/// Inaccessible, below the stack.
const GUARD: usize = 64 << 10;

/// A stack with a guard below it.
pub(super) struct Stack {
    reservation: Reservation,
}

/// Stacks that were used, and can be used again, with the pages that they have.
static FREE: Mutex<Vec<Stack>> = Mutex::new(Vec::new());

/// How many of them are kept.
const MAX_FREE: usize = 64;

impl Stack {
    /// A stack of which WebAssembly code may use `wasm` bytes, or the most that
    /// there is.
    pub(super) fn take(wasm: usize) -> Result<Stack, ResourceError> {
        let size = wasm.min(MAX_WASM_STACK).next_multiple_of(GUARD) + HOST_RESERVE + GUARD;
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = free.iter().rposition(|stack| stack.size() == size);
        if let Some(position) = fitting {
            return Ok(free.swap_remove(position));
        }
        drop(free);
        Stack::new(size)
    }

    /// Keeps it for the next one who asks.
    pub(super) fn give(self) {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MAX_FREE {
            free.push(self);
        }
    }

    fn new(size: usize) -> Result<Stack, ResourceError> {
        let reservation = Reservation::behind(0, size).and_then(|reservation| {
            reservation.open(GUARD as u64, (size - GUARD) as u64)?;
            // Most stacks need a few pages only.
            reservation.use_small_pages();
            Ok(reservation)
        });
        let reservation = reservation
            .map_err(|error| ResourceError::new("a stack for an asynchronous call", error))?;
        Ok(Stack { reservation })
    }

    fn size(&self) -> usize {
        self.reservation.size
    }

    fn start(&self) -> usize {
        self.reservation.base.as_ptr().expose_provenance()
    }

    /// Where it is.
    pub(super) fn bounds(&self) -> Bounds {
        let low = self.start() + GUARD;
        Bounds {
            low,
            high: self.start() + self.size(),
            limit: low + HOST_RESERVE,
        }
    }
}

// SAFETY: the reservation has a guard at its lower end, more than the least that
// is asked for above it, and begins and ends at pages.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.start() + self.size()).expect("no mapping ends at 0")
    }

    fn limit(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.start()).expect("no mapping is at 0")
    }
}
