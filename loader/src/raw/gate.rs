//! Pages that are taken away from compiled code, to stop it.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wasm_aot_abi::INTERRUPTION_PAGE;

use super::reservation::{Reservation, page_size};
use crate::ResourceError;
use crate::interrupt::Interrupt;

/// A page that compiled code reads from, with room for a vmctx behind it.
#[derive(Debug)]
pub(crate) struct Gate {
    /// There until dropped.
    mapping: Option<Reservation>,
    /// Bytes in front of the vmctx.
    page: usize,
    closed: AtomicBool,
}

/// Mappings that were gates, open, and can be used again: making one takes some
/// microseconds.
static FREE: Mutex<Vec<Reservation>> = Mutex::new(Vec::new());

/// How many of them are kept.
const MAX_FREE: usize = 64;

impl Gate {
    /// An open one, with zeros behind it.
    fn new(size: usize) -> Result<Gate, ResourceError> {
        let page = page_size().max(INTERRUPTION_PAGE);
        let whole = page + size.next_multiple_of(page);
        let mapping = match take(whole) {
            Some(mapping) => mapping,
            None => map(page, whole).map_err(|error| ResourceError::new("an instance", error))?,
        };
        let gate = Gate {
            mapping: Some(mapping),
            page,
            closed: AtomicBool::new(false),
        };
        // SAFETY: so many bytes are there and writable, and nobody else knows them.
        unsafe { gate.behind().write_bytes(0, size) };
        Ok(gate)
    }

    /// Where the vmctx is.
    fn behind(&self) -> NonNull<u8> {
        // SAFETY: the mapping is larger than the page.
        unsafe { self.mapping().base.add(self.page) }
    }

    fn mapping(&self) -> &Reservation {
        self.mapping.as_ref().expect("there until dropped")
    }

    /// Lets reads from the page fault.
    pub(crate) fn close(&self) {
        self.set(true, libc::PROT_NONE);
    }

    /// Lets reads from the page succeed.
    pub(crate) fn open(&self) {
        self.set(false, libc::PROT_READ);
    }

    fn set(&self, closed: bool, protection: libc::c_int) {
        // SAFETY: nobody reads from the page but compiled code, whose faults there are
        // expected.
        let result = unsafe { self.mapping().protect(0, self.page, protection) };
        // It is a mapping of its own for the kernel, which has not to divide any: there
        // is nothing that could be used up.
        result.expect("a page can be protected");
        self.closed.store(closed, Ordering::Relaxed);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mapping = self.mapping.take();
        if *self.closed.get_mut() {
            return;
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MAX_FREE {
            free.extend(mapping);
        }
    }
}

fn take(size: usize) -> Option<Reservation> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let position = free.iter().rposition(|mapping| mapping.size == size)?;
    Some(free.swap_remove(position))
}

fn map(page: usize, whole: usize) -> std::io::Result<Reservation> {
    let mapping = Reservation::new(whole)?;
    // SAFETY: nobody knows it yet.
    unsafe { mapping.protect(0, page, libc::PROT_READ)? };
    mapping.open(page as u64, (whole - page) as u64)?;
    Ok(mapping)
}

/// A gate that an interrupt knows.
pub(super) struct Gated {
    gate: Arc<Gate>,
    interrupt: Arc<Interrupt>,
}

impl Gated {
    /// A gate with `size` zeroed bytes behind it.
    pub(super) fn new(size: usize, interrupt: &Arc<Interrupt>) -> Result<Gated, ResourceError> {
        let gate = Arc::new(Gate::new(size)?);
        interrupt.add(gate.clone());
        Ok(Gated {
            gate,
            interrupt: interrupt.clone(),
        })
    }

    /// Where those bytes are.
    pub(super) fn behind(&self) -> NonNull<u8> {
        self.gate.behind()
    }
}

impl Drop for Gated {
    fn drop(&mut self) {
        self.interrupt.remove(&self.gate);
    }
}
