//! What is asked of the system about address space.
//!
//! Miri has no such system. There, address space is zeroed memory of the allocator, all of
//! it accessible at any time.

#[cfg(not(miri))]
pub(super) use system::*;

#[cfg(miri)]
pub(super) use miri::*;

#[cfg(not(miri))]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::ptr::{self, NonNull};

    /// Size of a page, in bytes.
    pub(in super::super) fn size() -> usize {
        // SAFETY: reads a constant of the system.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
    }

    /// Inaccessible address space.
    pub(in super::super) fn reserve(size: usize) -> io::Result<NonNull<u8>> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the kernel chooses fresh addresses; nothing else is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Debuggers write gigabytes of nothing otherwise. A kernel that does not know this
        // needs not be told.
        // SAFETY: the range is ours; nothing that a program sees changes.
        unsafe { libc::madvise(start, size, libc::MADV_DONTDUMP) };
        Ok(NonNull::new(start.cast()).expect("the kernel does not map at 0"))
    }

    /// Gives address space back.
    ///
    /// # Safety
    ///
    /// It was reserved, as a whole, and nobody refers to it any more.
    pub(in super::super) unsafe fn release(start: *mut u8, size: usize) {
        // SAFETY: the caller says so.
        unsafe { libc::munmap(start.cast(), size) };
    }

    /// Makes a range accessible. Core dumps have it from now on.
    ///
    /// # Safety
    ///
    /// It is reserved.
    pub(in super::super) unsafe fn open(start: *mut u8, len: usize) -> io::Result<()> {
        // SAFETY: the caller says so, and can do without what was not accessible.
        done(unsafe {
            libc::madvise(start.cast(), len, libc::MADV_DODUMP);
            libc::mprotect(start.cast(), len, libc::PROT_READ | libc::PROT_WRITE)
        })
    }

    /// Makes a range inaccessible again.
    ///
    /// # Safety
    ///
    /// It is reserved, and nobody refers to it.
    pub(in super::super) unsafe fn close(start: *mut u8, len: usize) -> io::Result<()> {
        // SAFETY: the caller says so.
        done(unsafe {
            libc::madvise(start.cast(), len, libc::MADV_DONTDUMP);
            libc::mprotect(start.cast(), len, libc::PROT_NONE)
        })
    }

    /// Forgets what a range holds: it reads as zeros, or as the file that is mapped there.
    ///
    /// # Safety
    ///
    /// It is reserved, and nobody refers to it.
    pub(in super::super) unsafe fn clear(start: *mut u8, len: usize) -> io::Result<()> {
        // SAFETY: the caller says so.
        done(unsafe { libc::madvise(start.cast(), len, libc::MADV_DONTNEED) })
    }

    /// Lets reads from a page succeed or fault.
    ///
    /// # Safety
    ///
    /// It is reserved, and whoever reads from it expects faults.
    pub(in super::super) unsafe fn make_readable(start: *mut u8, readable: bool) -> io::Result<()> {
        let protection = match readable {
            true => libc::PROT_READ,
            false => libc::PROT_NONE,
        };
        // SAFETY: the caller says so.
        done(unsafe { libc::mprotect(start.cast(), size(), protection) })
    }

    /// Maps a range of a file, copy-on-write.
    ///
    /// # Safety
    ///
    /// The addresses are reserved, and nobody refers to them.
    pub(in super::super) unsafe fn map(
        start: *mut u8,
        len: usize,
        file: &File,
        offset: u64,
    ) -> io::Result<()> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
        let (file, offset) = (file.as_raw_fd(), offset as libc::off_t);
        // SAFETY: the caller says so.
        let mapped = unsafe { libc::mmap(start.cast(), len, protection, flags, file, offset) };
        match mapped {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Asks for no pages but small ones.
    ///
    /// # Safety
    ///
    /// The range is reserved.
    #[cfg(feature = "async")]
    pub(in super::super) unsafe fn keep_small(start: *mut u8, len: usize) {
        // A kernel without large pages refuses, and needs not be told.
        // SAFETY: it changes nothing that can be seen.
        unsafe { libc::madvise(start.cast(), len, libc::MADV_NOHUGEPAGE) };
    }

    fn done(result: libc::c_int) -> io::Result<()> {
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// The same, with the same duties, as far as there is anything to do.
#[cfg(miri)]
mod miri {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::fs::File;
    use std::io;
    use std::ptr::NonNull;

    /// So that a memory of 64 bits takes what it must have.
    const MOST: usize = 16 << 30;

    fn layout(len: usize) -> Layout {
        Layout::from_size_align(len, 1 << 16).unwrap()
    }

    pub(in super::super) fn size() -> usize {
        4096
    }

    pub(in super::super) fn reserve(size: usize) -> io::Result<NonNull<u8>> {
        if size > MOST {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        // SAFETY: the size is not 0.
        NonNull::new(unsafe { alloc_zeroed(layout(size)) })
            .ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    pub(in super::super) unsafe fn release(start: *mut u8, size: usize) {
        // SAFETY: made by `reserve`.
        unsafe { dealloc(start, layout(size)) }
    }

    pub(in super::super) unsafe fn open(_: *mut u8, _: usize) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) unsafe fn close(_: *mut u8, _: usize) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) unsafe fn clear(start: *mut u8, len: usize) -> io::Result<()> {
        // SAFETY: the caller says that nobody refers to it.
        unsafe { start.write_bytes(0, len) };
        Ok(())
    }

    pub(in super::super) unsafe fn make_readable(_: *mut u8, _: bool) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) unsafe fn map(_: *mut u8, _: usize, _: &File, _: u64) -> io::Result<()> {
        unreachable!("an image is copied")
    }

    #[cfg(feature = "async")]
    pub(in super::super) unsafe fn keep_small(_: *mut u8, _: usize) {}
}
