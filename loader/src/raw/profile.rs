//! Telling profilers which file the code of a copy is from.
//!
//! Code that was checked runs from a copy that has no name in the file system, so a
//! profiler that looks for symbols later finds none. `perf` learns of code by the events of
//! calls that map some: their addresses, and the name of the file. There are no events of
//! mappings that are moved. So the copy is moved away, the file itself is mapped where its
//! code is, and at once the copy is moved back over that. Nothing has run meanwhile, and
//! what runs is the copy, with the breakpoints that a debugger has set in its pages.
//!
//! Mapping the file alone, copied on write, would not do: when it is truncated, Linux takes
//! the private pages away, too, and what is written then is what runs.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

use super::elf::Segment;
use super::pages;

/// Has it that the code of `segment` is from `file`. `base` is what is to be added to
/// addresses in the file.
///
/// If that cannot be had, nothing has happened. After an error, what is mapped there is not
/// to be used any more.
///
/// # Safety
///
/// 1. The segment is mapped, as a whole, and for the caller to do with as it likes.
/// 2. Nobody executes it or reads from it meanwhile.
pub(super) unsafe fn name_code(segment: &Segment, base: usize, file: &File) -> io::Result<()> {
    let before = segment.address as usize % pages::size();
    let place: *mut c_void =
        ptr::with_exposed_provenance_mut(base + segment.address as usize - before);
    let len = (segment.size as usize + before).next_multiple_of(pages::size());
    // What is there stays mapped, as nobody else must get these addresses. Linux before
    // 5.13 cannot do that with files.
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_DONTUNMAP;
    // SAFETY: the addresses are those of the segment, which is the caller's (1), and which
    // nobody reads (2).
    let moved = unsafe { libc::mremap(place, len, len, flags, ptr::null_mut::<c_void>()) };
    if moved == libc::MAP_FAILED {
        return Ok(());
    }
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_FIXED;
    let offset = segment.offset as libc::off_t - before as libc::off_t;
    // This can fail for reasons of the file system. Then it is unknown what is there.
    // SAFETY: as above.
    unsafe { libc::mmap(place, len, protection, flags, file.as_raw_fd(), offset) };
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: as above; what was moved is ours.
    if unsafe { libc::mremap(moved, len, len, flags, place) } == libc::MAP_FAILED {
        let error = io::Error::last_os_error();
        // SAFETY: it is where it was moved to.
        unsafe { libc::munmap(moved, len) };
        return Err(error);
    }
    Ok(())
}
