//! Pages that are taken away from compiled code, to stop it.

use std::sync::{Arc, Mutex, MutexGuard};

use super::reservation::{Page, Reservation};
use crate::ResourceError;
use crate::interrupt::Interrupt;
use crate::parking::ignore_poison;

/// A page that compiled code comes by, as long as it is there.
#[derive(Debug)]
pub(crate) struct Gate {
    page: Mutex<Option<Page>>,
}

impl Gate {
    /// Lets reads from the page fault.
    pub(crate) fn close(&self) {
        self.set(false);
    }

    /// Lets reads from the page succeed.
    pub(crate) fn open(&self) {
        self.set(true);
    }

    fn set(&self, open: bool) {
        if let Some(page) = &mut *self.page() {
            // For the kernel it is a mapping of its own, which has not to be divided: so
            // there is nothing that could be used up.
            page.protect(open).expect("a page can be protected");
        }
    }

    fn page(&self) -> MutexGuard<'_, Option<Page>> {
        ignore_poison(self.page.lock())
    }
}

/// The page in front of a reservation as a gate, which an interrupt knows.
#[derive(Debug)]
pub(super) struct Gated {
    gate: Arc<Gate>,
    interrupt: Arc<Interrupt>,
}

impl Gated {
    /// The owner of the reservation [ends](Gated::end) it before that is gone.
    pub(super) fn new(
        reservation: &mut Reservation,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Gated, ResourceError> {
        let page = reservation.front_page();
        let page = page.map_err(|error| ResourceError::new("an instance", error))?;
        let gate = Arc::new(Gate {
            page: Mutex::new(Some(page)),
        });
        interrupt.add(gate.clone());
        Ok(Gated {
            gate,
            interrupt: interrupt.clone(),
        })
    }

    /// Ends that it is one.
    pub(super) fn end(self, reservation: &mut Reservation) {
        self.interrupt.remove(&self.gate);
        if let Some(page) = self.gate.page().take() {
            reservation.give_back(page);
        }
    }
}
