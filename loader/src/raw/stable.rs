//! Values that stay where they are.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// Owns a value whose address compiled code, or another structure, knows.
///
/// Unlike a `Box`, moving it does not claim that nobody else has a pointer to
/// the value. Such pointers come from [`as_ptr`](Stable::as_ptr) and may be used
/// as long as the owner lives and no reference to the value is in use.
#[derive(Debug)]
pub(super) struct Stable<T>(NonNull<T>);

impl<T> Stable<T> {
    pub(super) fn new(value: T) -> Stable<T> {
        Stable(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(super) fn as_ptr(&self) -> NonNull<T> {
        self.0
    }
}

impl<T> Deref for Stable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value is alive as long as we are; uses of other pointers to
        // it keep clear of this borrow.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Stable<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and we are borrowed mutably.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Stable<T> {
    fn drop(&mut self) {
        // SAFETY: it was leaked from a `Box` by `new`, and is dropped only here.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

// SAFETY: it owns its value, as a `Box` does.
unsafe impl<T: Send> Send for Stable<T> {}
// SAFETY: a shared one gives out shared references only.
unsafe impl<T: Sync> Sync for Stable<T> {}
