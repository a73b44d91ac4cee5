//! Linear memories: a reservation of address space, a part of which is
//! accessible.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

use wasm_aot_abi::{MemoryDef, MemorySlot, Tunables};

use crate::{MemoryType, ResourceError};

const PAGE: u64 = 1 << 16;

/// Pages of a memory with 32-bit addresses.
const MAX_PAGES: u64 = 1 << 16;

/// What the host's own memories have behind them: enough for code that relies
/// on every address that it can form with 32 bits of index and 32 of offset.
pub(super) const HOST_TUNABLES: Tunables = Tunables {
    memory_reservation: 1 << 32,
    memory_guard: (1 << 32) + PAGE,
};

/// A linear memory.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    /// Its length. Compiled code reads it.
    def: MemoryDef,
    reservation: Reservation,
    /// What was reserved for.
    tunables: Tunables,
    max: Option<u64>,
}

/// What a memory holds at first, apart from zeros: a range of a file, with the
/// same bytes in memory.
#[derive(Debug)]
pub(super) struct Image<'a> {
    pub(super) file: &'a File,
    /// Offset in the file: a multiple of 4 KiB.
    pub(super) offset: u64,
    /// The bytes; a multiple of 4 KiB.
    pub(super) bytes: &'a [u8],
    /// Where in the memory it starts: a multiple of 64 KiB.
    pub(super) at: u64,
}

impl LinearMemory {
    /// A memory of `ty.min()` pages that are zero.
    pub(super) fn new(ty: MemoryType, tunables: Tunables) -> Result<LinearMemory, ResourceError> {
        let what = "a linear memory";
        let limits = ty.min() <= ty.max().unwrap_or(MAX_PAGES) && ty.min() <= MAX_PAGES;
        if !limits || ty.min() * PAGE > tunables.memory_reservation {
            return Err(ResourceError::new(what, io::ErrorKind::InvalidInput.into()));
        }
        let length = ty.min() * PAGE;
        let size = tunables.memory_reservation + tunables.memory_guard;
        let open = |size| {
            let reservation = Reservation::new(size)?;
            reservation.open(0, length)?;
            Ok(reservation)
        };
        Ok(LinearMemory {
            def: MemoryDef { length },
            reservation: open(size as usize).map_err(|error| ResourceError::new(what, error))?,
            tunables,
            max: ty.max(),
        })
    }

    /// Puts an image, which fits, into a memory that nothing was written to yet:
    /// copy-on-write where pages allow it.
    pub(super) fn map(&mut self, image: &Image<'_>) -> Result<(), ResourceError> {
        let end = image.at + image.bytes.len() as u64;
        assert!(end <= self.def.length, "the image fits");
        // Pages of the host may be larger than the image's granularity.
        let mapped = image.bytes.len() & !(page_size() - 1);
        if mapped > 0 {
            let result = self
                .reservation
                .map(image.at, mapped, image.file, image.offset);
            result.map_err(|error| ResourceError::new("a memory image", error))?;
        }
        let rest = image.at as usize + mapped;
        self.bytes_mut()[rest..end as usize].copy_from_slice(&image.bytes[mapped..]);
        Ok(())
    }

    /// What the vmctx of an instance that uses the memory has in its slot.
    pub(super) fn slot(memory: NonNull<LinearMemory>) -> MemorySlot {
        let memory = memory.as_ptr();
        // SAFETY: the memory is alive; only addresses are taken.
        unsafe {
            MemorySlot {
                base: (*memory).reservation.base.as_ptr(),
                def: &raw const (*memory).def,
            }
        }
    }

    /// Whether code that relies on `tunables` can use it.
    pub(super) fn serves(&self, tunables: &Tunables) -> bool {
        let own = &self.tunables;
        own.memory_reservation >= tunables.memory_reservation
            && own.memory_reservation + own.memory_guard
                >= tunables.memory_reservation + tunables.memory_guard
    }

    /// Addresses at which compiled code may fault.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        let base = self.reservation.base.as_ptr().addr();
        base..base + self.reservation.size
    }

    /// The type it has now.
    pub(crate) fn ty(&self) -> MemoryType {
        MemoryType::new(self.pages(), self.max)
    }

    /// Its size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.def.length / PAGE
    }

    /// Adds pages of zeros and returns the size before, in pages.
    pub(crate) fn grow(&mut self, delta: u64) -> Option<u64> {
        let old = self.pages();
        let space = self.tunables.memory_reservation / PAGE;
        let limit = self.max.unwrap_or(MAX_PAGES).min(MAX_PAGES).min(space);
        let new = old.checked_add(delta).filter(|&new| new <= limit)?;
        self.reservation.open(self.def.length, delta * PAGE).ok()?;
        self.def.length = new * PAGE;
        Some(old)
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `length` bytes from `base` on are accessible, initialised (by
        // the kernel), and owned by us; compiled code does not run while the
        // store is borrowed.
        unsafe {
            std::slice::from_raw_parts(self.reservation.base.as_ptr(), self.def.length as usize)
        }
    }

    /// Its bytes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and we are borrowed mutably.
        unsafe {
            std::slice::from_raw_parts_mut(self.reservation.base.as_ptr(), self.def.length as usize)
        }
    }
}

/// Address space, unmapped when dropped.
#[derive(Debug)]
struct Reservation {
    base: NonNull<u8>,
    size: usize,
}

// SAFETY: it owns the address space, which is not bound to a thread.
unsafe impl Send for Reservation {}
// SAFETY: it has no interior mutability.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Inaccessible address space.
    fn new(size: usize) -> io::Result<Reservation> {
        if size == 0 {
            return Ok(Reservation {
                base: NonNull::dangling(),
                size,
            });
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the kernel chooses fresh addresses; nothing else is touched.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).expect("the kernel does not map at 0");
        Ok(Reservation { base, size })
    }

    /// Makes a range accessible.
    fn open(&self, offset: u64, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        let address = self.range(offset, len as usize);
        // SAFETY: the range is in our reservation; what was not accessible
        // before, nobody refers to.
        let result =
            unsafe { libc::mprotect(address, len as usize, libc::PROT_READ | libc::PROT_WRITE) };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Maps a range of a file, copy-on-write, over a range that is not used yet.
    fn map(&self, offset: u64, len: usize, file: &File, file_offset: u64) -> io::Result<()> {
        let address = self.range(offset, len);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        let file_offset = file_offset as libc::off_t;
        // SAFETY: the range is in our reservation, so nothing of anybody else's
        // is replaced; the caller says that nobody refers to it.
        let mapped = unsafe {
            libc::mmap(
                address,
                len,
                protection,
                flags,
                file.as_raw_fd(),
                file_offset,
            )
        };
        if mapped == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// The address of a range in the reservation.
    fn range(&self, offset: u64, len: usize) -> *mut libc::c_void {
        let end = (offset as usize).checked_add(len);
        assert!(
            end.is_some_and(|end| end <= self.size),
            "in the reservation"
        );
        self.base.as_ptr().wrapping_add(offset as usize).cast()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.size > 0 {
            // SAFETY: we own the range, and nobody refers to it any more.
            unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) };
        }
    }
}

/// Size of a page of the host, in bytes.
pub(super) fn page_size() -> usize {
    // SAFETY: reads a constant of the system.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn memory(min: u64, max: Option<u64>) -> LinearMemory {
        LinearMemory::new(MemoryType::new(min, max), HOST_TUNABLES).unwrap()
    }

    #[test]
    fn a_memory_grows_in_place_up_to_its_maximum() {
        let mut memory = memory(1, Some(3));
        let base = memory.bytes().as_ptr();
        memory.bytes_mut()[0xffff] = 7;
        assert_eq!(memory.grow(2), Some(1));
        assert_eq!(memory.grow(1), None);
        assert_eq!(memory.grow(u64::MAX), None);
        assert_eq!(memory.grow(0), Some(3));
        assert_eq!(memory.bytes().as_ptr(), base);
        assert_eq!(memory.bytes().len(), 3 << 16);
        assert_eq!(memory.bytes()[0xffff], 7);
        assert!(memory.bytes()[0x1_0000..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_memory_can_have_4_gib() {
        let mut memory = memory(0, None);
        assert_eq!(memory.bytes(), []);
        assert_eq!(memory.grow(65537), None);
        assert_eq!(memory.grow(65536), Some(0));
        assert_eq!(memory.bytes().len(), 1 << 32);
        memory.bytes_mut()[(1 << 32) - 1] = 1;
    }

    #[test]
    fn impossible_limits_are_refused() {
        let new = |min, max| LinearMemory::new(MemoryType::new(min, max), HOST_TUNABLES);
        assert!(new(65537, None).is_err());
        assert!(new(2, Some(1)).is_err());
        assert!(new(u64::MAX, None).is_err());
    }

    #[test]
    fn an_image_is_private_to_each_memory() {
        let mut file = tempfile();
        let bytes = [vec![1u8; 4096], vec![2; 4096]].concat();
        file.write_all(&[0; 4096]).unwrap();
        file.write_all(&bytes).unwrap();
        let image = Image {
            file: &file,
            offset: 4096,
            bytes: &bytes,
            at: 0x1_0000,
        };
        let (mut a, mut b) = (memory(2, None), memory(2, None));
        a.map(&image).unwrap();
        b.map(&image).unwrap();
        a.bytes_mut()[0x1_0000] = 9;
        assert_eq!(a.bytes()[0x1_0000..0x1_0002], [9, 1]);
        assert_eq!(b.bytes()[0x1_0000..0x1_2000], bytes);
        assert!(b.bytes()[0x1_2000..].iter().all(|&byte| byte == 0));
        assert!(b.bytes()[..0x1_0000].iter().all(|&byte| byte == 0));
    }

    fn tempfile() -> File {
        super::super::map::memfd("image").unwrap()
    }
}
