//! The store that all of its handles share.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use wasm_aot_loader::Store;

/// Owns a [`Store`] and hands out the one `&mut Store` that there may be, to
/// whoever asks first.
///
/// A call into WebAssembly borrows the store as long as it runs. When it leads to a
/// function of the host, the loader gives that function a `&mut Store` again,
/// borrowed from the call's; and what the function does through handles has to go
/// through that one. So there is not one place that holds the store, but a
/// pointer to the store *that can be used now*:
///
/// * at first it is the owner's;
/// * [`with`](StoreCell::with) takes it, which leaves null, and puts it back;
/// * [`lend`](StoreCell::lend), around a function of the host, puts the one there
///   that this function was given, and takes it back.
///
/// Whoever finds null has come while the store is in use: another thread. Taking
/// it is one atomic exchange, so that even then there are never two, and the
/// process is stopped instead.
pub(crate) struct StoreCell {
    current: AtomicPtr<Store>,
    /// From a `Box`.
    owner: NonNull<Store>,
    id: u64,
}

// SAFETY: a `Store` is `Send`, and `with` gives it to one thread at a time.
unsafe impl Send for StoreCell {}
// SAFETY: as above.
unsafe impl Sync for StoreCell {}

impl StoreCell {
    pub(crate) fn new(store: Store) -> StoreCell {
        let id = store.id();
        let owner = NonNull::from(Box::leak(Box::new(store)));
        StoreCell {
            id,
            current: AtomicPtr::new(owner.as_ptr()),
            owner,
        }
    }

    /// Uses the store.
    ///
    /// Aborts the process if it is in use: if another thread uses it.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Store) -> R) -> R {
        let store = self.current.swap(ptr::null_mut(), Ordering::Acquire);
        let Some(mut store) = NonNull::new(store) else {
            in_use();
        };
        let _returned = Returned { cell: self, store };
        // SAFETY: it is the owner's, or one that was lent: alive until it is put
        // back, and nobody else has it, since null stands in its place.
        body(unsafe { store.as_mut() })
    }

    /// Lets others use the store by this cell while `body` runs: `store`, as a
    /// function of the host was given it.
    ///
    /// # Panics
    ///
    /// If it is another store.
    pub(crate) fn lend<R>(&self, store: &mut Store, body: impl FnOnce() -> R) -> R {
        assert_eq!(store.id(), self.id, "the store of the cell");
        let before = self.current.swap(store, Ordering::Release);
        if !before.is_null() {
            in_use();
        }
        let _taken = Taken { cell: self };
        body()
    }
}

impl Drop for StoreCell {
    fn drop(&mut self) {
        // SAFETY: it was leaked from a `Box` by `new`, and is dropped only here.
        // No call runs: one would have the cell borrowed.
        drop(unsafe { Box::from_raw(self.owner.as_ptr()) });
    }
}

/// Puts a store back that was taken.
struct Returned<'a> {
    cell: &'a StoreCell,
    store: NonNull<Store>,
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        self.cell
            .current
            .store(self.store.as_ptr(), Ordering::Release);
    }
}

/// Takes a store back that was lent.
struct Taken<'a> {
    cell: &'a StoreCell,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let lent = self.cell.current.swap(ptr::null_mut(), Ordering::Acquire);
        if lent.is_null() {
            in_use();
        }
    }
}

#[cold]
fn in_use() -> ! {
    eprintln!("wasm-aot: a store is used by two threads at once");
    std::process::abort()
}
