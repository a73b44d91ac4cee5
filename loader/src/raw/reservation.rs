//! Address space: reserved, made accessible bit by bit, and used again.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasm_aot_abi::INTERRUPTION_PAGE;

use super::pages;

/// Address space that memories of one module have given back, as it was when
/// they were made: of one size, with the same part of it accessible and the same
/// image mapped. Making a memory out of it takes no system call.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<Vec<Reservation>>,
}

impl Pool {
    /// How many reservations are kept, and how many bytes of address space in all.
    /// They have no pages of memory, but there are only so many addresses.
    const LIMIT: usize = 64;
    const SPACE: usize = 1 << 39;

    pub(super) fn take(&self) -> Option<Reservation> {
        self.free().pop()
    }

    /// Takes back a reservation of which `first` bytes were accessible at first,
    /// and `now` are now.
    pub(super) fn give(&self, reservation: Reservation, first: usize, now: usize) {
        let kept = self.free().len();
        let room = kept < Pool::LIMIT && (kept + 1) * reservation.size <= Pool::SPACE;
        if room && reservation.reset(first, now).is_ok() {
            self.free().push(reservation);
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<Reservation>> {
        // It is never left half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Address space, unmapped when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) base: NonNull<u8>,
    pub(super) size: usize,
    /// Further bytes in front of the base, which are inaccessible, but for the page that
    /// is next to it.
    front: usize,
    /// Whether that page can be read.
    front_readable: bool,
}

// SAFETY: it owns the address space, which is not bound to a thread.
unsafe impl Send for Reservation {}
// SAFETY: it has no interior mutability.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Inaccessible address space, with `front` more bytes in front of it, a multiple of
    /// the page's size.
    pub(super) fn behind(front: usize, size: usize) -> io::Result<Reservation> {
        if size == 0 && front == 0 {
            return Ok(Reservation {
                base: NonNull::dangling(),
                size,
                front,
                front_readable: false,
            });
        }
        let start = pages::reserve(front + size)?;
        Ok(Reservation {
            // SAFETY: so many bytes are mapped.
            base: unsafe { start.add(front) },
            size,
            front,
            front_readable: false,
        })
    }

    /// The page in front of the base, made readable.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub(super) fn front_page(&mut self) -> io::Result<Page> {
        let size = pages::size();
        assert!(self.front >= size, "made with one");
        let mut page = Page {
            start: self.base.as_ptr().wrapping_sub(size),
            readable: self.front_readable,
        };
        page.protect(true)?;
        self.front_readable = true;
        Ok(page)
    }

    /// Gives that page back.
    pub(super) fn give_back(&mut self, page: Page) {
        self.front_readable = page.readable;
    }

    /// Makes a range accessible.
    pub(super) fn open(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let address = self.range(offset, len as usize);
        // SAFETY: the range is in our reservation; what was not accessible
        // before, nobody refers to.
        unsafe { pages::open(address, len as usize) }
    }

    /// Maps a range of a file, copy-on-write, over a range that is not used yet.
    pub(super) fn map(
        &self,
        offset: u64,
        len: usize,
        file: &File,
        file_offset: u64,
    ) -> io::Result<()> {
        let address = self.range(offset, len);
        // SAFETY: the range is in our reservation, so nothing of anybody else's
        // is replaced; the caller says that nobody refers to it.
        unsafe { pages::map(address, len, file, file_offset) }
    }

    /// Asks for no pages but small ones.
    #[cfg(feature = "async")]
    pub(super) fn use_small_pages(&self) {
        // SAFETY: the range is ours.
        unsafe { pages::keep_small(self.range(0, self.size), self.size) };
    }

    /// Undoes everything that was done since `first` bytes were made accessible
    /// and an image was mapped over them; `now` are accessible.
    fn reset(&self, first: usize, now: usize) -> io::Result<()> {
        if now == 0 {
            return Ok(());
        }
        let grown = now - first;
        // SAFETY: nobody refers to the reservation any more. The pages that are
        // dropped read as zeros again, or as what the image's file has.
        unsafe {
            pages::clear(self.range(0, now), now)?;
            match grown {
                0 => Ok(()),
                grown => pages::close(self.range(first as u64, grown), grown),
            }
        }
    }

    /// The address of a range in the reservation.
    fn range(&self, offset: u64, len: usize) -> *mut u8 {
        let end = (offset as usize).checked_add(len);
        assert!(
            end.is_some_and(|end| end <= self.size),
            "in the reservation"
        );
        self.base.as_ptr().wrapping_add(offset as usize)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.front + self.size > 0 {
            let start = self.base.as_ptr().wrapping_sub(self.front);
            // SAFETY: we own the range, and nobody refers to it any more.
            unsafe { pages::release(start, self.front + self.size) };
        }
    }
}

/// The page in front of a reservation, as long as that is there.
#[derive(Debug)]
pub(super) struct Page {
    start: *mut u8,
    readable: bool,
}

// SAFETY: it is not bound to a thread.
unsafe impl Send for Page {}

impl Page {
    /// Lets reads from it succeed or fault.
    pub(super) fn protect(&mut self, readable: bool) -> io::Result<()> {
        if self.readable == readable {
            return Ok(());
        }
        // SAFETY: nobody reads from the page but compiled code, whose faults there are
        // expected.
        unsafe { pages::make_readable(self.start, readable)? };
        self.readable = readable;
        Ok(())
    }
}

// No page of our machines is smaller.
const _: () = assert!(INTERRUPTION_PAGE <= 4096);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "address space is memory there")]
    fn a_pool_keeps_no_more_than_its_share_of_the_address_space() {
        for (size, count, expected) in [(4 << 10, 66, 64), (1 << 37, 5, 4), (1 << 40, 1, 0)] {
            let pool = Pool::default();
            let all: Vec<_> = (0..count)
                .map(|_| Reservation::behind(0, size).unwrap())
                .collect();
            for reservation in all {
                pool.give(reservation, 0, 0);
            }
            assert_eq!(pool.free().len(), expected, "{size}");
        }
    }
}
