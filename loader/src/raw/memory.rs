//! Linear memories: a reservation of address space, a part of which is
//! accessible.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_aot_abi::{MemoryDef, MemorySlot, Tunables};

use super::gate::Gated;
use super::pages;
use super::reservation::{Pool, Reservation};
use crate::interrupt::Interrupt;
use crate::limits::{Growth, Refusal};
use crate::{MemoryType, ResourceError};

/// What becomes accessible at a time: no machine has larger pages. In bytes.
const GRANULE: u64 = 1 << 16;

/// Address space, in bytes, that a memory with 64-bit addresses has if its type
/// names no maximum: some for each of a thousand memories, on all our machines.
const UNLIMITED: u64 = 64 << 30;

/// What it has at most. No more than that is reserved for a memory in advance, since
/// types can name any maximum; and a minimum beyond it is refused.
const MOST: u64 = 1 << 40;

/// What cannot be allocated, in messages.
const WHAT: &str = "a linear memory";

/// Why there is no slice of the bytes.
pub(super) const SHARED: &str = "threads share the memory: its bytes are for `SharedMemory`";

/// What the host's own memories have behind them: enough for code that relies
/// on every address that it can form with 32 bits of index and 32 of offset.
pub(super) const HOST_TUNABLES: Tunables = Tunables {
    memory_reservation: 1 << 32,
    memory_guard: (1 << 32) + GRANULE,
};

/// A linear memory.
#[derive(Debug)]
pub(crate) struct LinearMemory {
    /// Its length. Compiled code reads it. What is accessible ends at the next
    /// multiple of [`GRANULE`]; from the length on it is zero.
    def: MemoryDef,
    /// Held by the thread that changes the length. Of a memory that is not shared,
    /// nobody else asks for it.
    growing: Mutex<()>,
    reservation: ManuallyDrop<Reservation>,
    /// How many bytes at the end of the reservation are never accessible.
    guard: u64,
    /// The type that it was made with.
    ty: MemoryType,
    /// Where the reservation goes in the end, and how much of it was accessible
    /// at first; `None` if it is not to be used again.
    home: Option<(Arc<Pool>, u64)>,
    /// The page in front of it, if code reads from that.
    gate: Option<Gated>,
}

/// Address space in front of each memory, in bytes: for a page that code may read from,
/// and as much as keeps the memory where it is among large pages.
const FRONT: usize = 2 << 20;

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
        let length = LinearMemory::length(ty, &tunables)?;
        let guard = tunables.memory_guard;
        let reservation = reserve(ty, accessible(length), &tunables).and_then(|reservation| {
            reservation.open(0, accessible(length))?;
            Ok(reservation)
        });
        let reservation = reservation.map_err(|error| ResourceError::new(WHAT, error))?;
        Ok(LinearMemory {
            def: MemoryDef {
                length: AtomicU64::new(length),
            },
            growing: Mutex::new(()),
            reservation: ManuallyDrop::new(reservation),
            guard,
            ty,
            home: None,
            gate: None,
        })
    }

    /// A memory that threads share, for any module.
    pub(crate) fn new_shared(ty: MemoryType) -> Result<LinearMemory, ResourceError> {
        if ty.is_shared() {
            LinearMemory::new(ty, HOST_TUNABLES)
        } else {
            Err(ResourceError::new(WHAT, io::ErrorKind::InvalidInput.into()))
        }
    }

    /// As [`new`](LinearMemory::new), with an image, which fits. `pool` has the
    /// reservations of memories that were made with the same arguments.
    pub(super) fn pooled(
        ty: MemoryType,
        tunables: Tunables,
        image: Option<&Image<'_>>,
        pool: &Arc<Pool>,
    ) -> Result<LinearMemory, ResourceError> {
        let length = LinearMemory::length(ty, &tunables)?;
        let home = Some((pool.clone(), accessible(length)));
        if let Some(reservation) = pool.take() {
            return Ok(LinearMemory {
                def: MemoryDef {
                    length: AtomicU64::new(length),
                },
                growing: Mutex::new(()),
                reservation: ManuallyDrop::new(reservation),
                guard: tunables.memory_guard,
                ty,
                home,
                gate: None,
            });
        }
        let mut memory = LinearMemory::new(ty, tunables)?;
        let whole = image.map_or(Ok(true), |image| memory.map(image))?;
        memory.home = home.filter(|_| whole);
        Ok(memory)
    }

    /// The first length of a memory, in bytes.
    fn length(ty: MemoryType, tunables: &Tunables) -> Result<u64, ResourceError> {
        let refuse = |problem: String| {
            let error = io::Error::new(io::ErrorKind::InvalidInput, problem);
            Err(ResourceError::new(WHAT, error))
        };
        if ty.min() > ty.max().unwrap_or(u64::MAX) || ty.min() > ty.max_pages() {
            return refuse(format!("the limits of {ty} are impossible"));
        }
        let most = if ty.is_64() {
            MOST
        } else {
            tunables.memory_reservation
        };
        match ty.min().checked_mul(ty.page_size()) {
            Some(length) if length <= most => Ok(length),
            _ => refuse(format!("{ty} is larger than {most} bytes from the start")),
        }
    }

    /// Puts an image into a memory that nothing was written to yet: copy-on-write
    /// where pages allow it. Whether that is everywhere.
    fn map(&mut self, image: &Image<'_>) -> Result<bool, ResourceError> {
        let end = image.at + image.bytes.len() as u64;
        assert!(end <= self.len(), "the image fits");
        // Pages of the host may be larger than the image's granularity, and Miri maps
        // none.
        let mapped = match cfg!(miri) {
            true => 0,
            false => image.bytes.len() & !(pages::size() - 1),
        };
        if mapped > 0 {
            let result = self
                .reservation
                .map(image.at, mapped, image.file, image.offset);
            result.map_err(|error| ResourceError::new("a memory image", error))?;
        }
        let rest = image.at as usize + mapped;
        // SAFETY: it is new, so nobody else uses it.
        unsafe { self.write(rest as u64, &image.bytes[mapped..]) };
        Ok(mapped == image.bytes.len())
    }

    /// What the vmctx of an instance that uses the memory has in its slot.
    pub(super) fn slot(memory: NonNull<LinearMemory>) -> MemorySlot {
        // SAFETY: the memory is alive, and nobody changes it meanwhile; the address
        // of the definition is not derived from this reference.
        let base = unsafe { memory.as_ref() }.reservation.base.as_ptr();
        MemorySlot {
            base,
            // SAFETY: the memory is alive; only an address is taken.
            def: unsafe { &raw const (*memory.as_ptr()).def },
        }
    }

    /// Lets code read from the page in front of it, unless `interrupt` says that it is to
    /// stop: the only one of the store that it belongs to.
    pub(super) fn have_gate(&mut self, interrupt: &Arc<Interrupt>) -> Result<(), ResourceError> {
        if self.gate.is_none() {
            self.gate = Some(Gated::new(&mut self.reservation, interrupt)?);
        }
        Ok(())
    }

    /// Whether code that relies on `tunables` can use it.
    pub(crate) fn serves(&self, tunables: &Tunables) -> bool {
        self.space() >= tunables.memory_reservation
            && self.reservation.size as u64 >= tunables.memory_reservation + tunables.memory_guard
            // What is behind the length of a larger one may be the guard alone.
            && (!self.ty.is_64() || self.guard >= tunables.memory_guard)
    }

    /// How many bytes it can have: what is reserved before the guard.
    fn space(&self) -> u64 {
        self.reservation.size as u64 - self.guard
    }

    /// Addresses at which compiled code may fault.
    pub(super) fn addresses(&self) -> std::ops::Range<usize> {
        let base = self.reservation.base.as_ptr().addr();
        base..base + self.reservation.size
    }

    /// The type it has now.
    pub(crate) fn ty(&self) -> MemoryType {
        self.ty.with_min(self.pages())
    }

    /// Whether threads share it: then nobody makes references to its bytes.
    pub(crate) fn is_shared(&self) -> bool {
        self.ty.is_shared()
    }

    /// Its size in bytes: as many are accessible, or more if other threads let it
    /// grow.
    pub(crate) fn len(&self) -> u64 {
        self.def.length.load(Ordering::Acquire)
    }

    /// Its size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.len() / self.ty.page_size()
    }

    /// Where its bytes are.
    pub(crate) fn base(&self) -> *mut u8 {
        self.reservation.base.as_ptr()
    }

    /// How many pages it can have.
    pub(crate) fn limit(&self) -> u64 {
        let space = self.space() / self.ty.page_size();
        let declared = self.ty.max().unwrap_or(u64::MAX);
        declared.min(self.ty.max_pages()).min(space)
    }

    /// As [`grow`](LinearMemory::grow), if that is allowed: which is asked only about
    /// growth that the type allows, and again if another thread was faster. Nobody who
    /// lets the memory grow has to wait for the answer.
    pub(super) fn grow_if(
        &self,
        delta: u64,
        mut allow: impl FnMut(Growth) -> Result<(), Refusal>,
    ) -> Result<u64, Option<Refusal>> {
        loop {
            let old = self.pages();
            let new = self.grown(old, delta).ok_or(None)?;
            if delta > 0 {
                let page = self.ty.page_size();
                allow(Growth::of_memory(self.ty, old * page, new * page))?;
            }
            let growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
            if self.pages() == old {
                return self.grow_alone(&growing, delta).ok_or(None);
            }
        }
    }

    /// Adds pages of zeros and returns the size before, in pages.
    pub(crate) fn grow(&self, delta: u64) -> Option<u64> {
        let growing = self.growing.lock().unwrap_or_else(PoisonError::into_inner);
        self.grow_alone(&growing, delta)
    }

    /// The size after growth, in pages, if that is possible.
    fn grown(&self, old: u64, delta: u64) -> Option<u64> {
        let new = old.checked_add(delta);
        new.filter(|&new| new <= self.limit())
    }

    /// Grows, while nobody else lets it grow.
    fn grow_alone(&self, _: &MutexGuard<'_, ()>, delta: u64) -> Option<u64> {
        let old = self.pages();
        let new = self.grown(old, delta)?;
        let length = new * self.ty.page_size();
        let open = accessible(self.len());
        let more = accessible(length) - open;
        self.reservation.open(open, more).ok()?;
        self.def.length.store(length, Ordering::SeqCst);
        Some(old)
    }

    /// Copies bytes between two memories that may be the same; `false` if they
    /// are out of bounds.
    ///
    /// # Safety
    ///
    /// Both are alive, and no reference to either's bytes is in use.
    pub(super) unsafe fn copy(
        to: NonNull<LinearMemory>,
        to_offset: u64,
        from: NonNull<LinearMemory>,
        from_offset: u64,
        len: u64,
    ) -> bool {
        // SAFETY: so shared references are all right.
        let (to, from) = unsafe { (to.as_ref(), from.as_ref()) };
        if !(to.holds(to_offset, len) && from.holds(from_offset, len)) {
            return false;
        }
        let target = to.reservation.base.as_ptr();
        let source = from.reservation.base.as_ptr();
        // SAFETY: both ranges are accessible.
        unsafe {
            let source = source.add(from_offset as usize);
            let target = target.add(to_offset as usize);
            std::ptr::copy(source, target, len as usize);
        }
        true
    }

    /// Copies bytes into it; `false` if they are out of bounds.
    ///
    /// # Safety
    ///
    /// No reference to its bytes is in use.
    pub(super) unsafe fn write(&self, to: u64, bytes: &[u8]) -> bool {
        if !self.holds(to, bytes.len() as u64) {
            return false;
        }
        // SAFETY: the range is accessible, and nobody but compiled code or the
        // kernel looks at it meanwhile.
        unsafe {
            let to = self.base().add(to as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
        true
    }

    /// Whether `len` bytes from `offset` on are in bounds.
    pub(crate) fn holds(&self, offset: u64, len: u64) -> bool {
        let end = offset.checked_add(len);
        end.is_some_and(|end| end <= self.len())
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// If it is shared: other threads may write to it.
    #[track_caller]
    pub(crate) fn bytes(&self) -> &[u8] {
        assert!(!self.is_shared(), "{SHARED}");
        // SAFETY: `length` bytes from `base` on are accessible, initialised (by
        // the kernel), and owned by us; compiled code does not run while the
        // store is borrowed.
        unsafe { std::slice::from_raw_parts(self.base(), self.len() as usize) }
    }

    /// Its bytes.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        debug_assert!(!self.is_shared(), "{SHARED}");
        // SAFETY: as above, and we are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.base(), self.len() as usize) }
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        // SAFETY: it is not used after this.
        let mut reservation = unsafe { ManuallyDrop::take(&mut self.reservation) };
        if let Some(gate) = self.gate.take() {
            gate.end(&mut reservation);
        }
        if let Some((pool, first)) = self.home.take() {
            let now = accessible(self.len());
            pool.give(reservation, first as usize, now as usize);
        }
    }
}

/// Address space for a memory and its guard, of which `first` bytes are accessible at
/// first. A memory with 64-bit addresses has as much as it may ever need, or half of
/// that, and so on, if the system does not give it.
fn reserve(ty: MemoryType, first: u64, tunables: &Tunables) -> io::Result<Reservation> {
    let least = tunables.memory_reservation.max(first);
    let mut space = least;
    if ty.is_64() {
        let max = ty.max().map(|max| max.saturating_mul(ty.page_size()));
        let wanted = max.unwrap_or(UNLIMITED).min(MOST);
        space = accessible(wanted).max(least);
    }
    loop {
        match Reservation::behind(FRONT, (space + tunables.memory_guard) as usize) {
            Err(_) if space > least => space = accessible(space / 2).max(least),
            reservation => return reservation,
        }
    }
}

/// How many bytes are accessible in a memory of `length`.
fn accessible(length: u64) -> u64 {
    length.next_multiple_of(GRANULE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pooled(image: &Image<'_>, pool: &Arc<Pool>) -> LinearMemory {
        let ty = MemoryType::new(2, None);
        LinearMemory::pooled(ty, HOST_TUNABLES, Some(image), pool).unwrap()
    }

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
    fn a_memory_of_bytes_has_them_all_and_no_more() {
        let ty = |min, max| MemoryType::new(min, max).with_page_size(1);
        let new = |min, max| LinearMemory::new(ty(min, max), HOST_TUNABLES);
        let mut memory = new(3, None).unwrap();
        assert_eq!(memory.bytes().len(), 3);
        assert_eq!(memory.grow(0xffff), Some(3));
        assert_eq!(memory.bytes().len(), 0x1_0002);
        memory.bytes_mut().fill(1);
        assert_eq!(memory.grow(1), Some(0x1_0002));
        assert_eq!(memory.bytes()[0x1_0002], 0);
        // Its size has to fit into 32 bits.
        assert_eq!(memory.limit(), 0xffff_ffff);
        assert_eq!(memory.grow(0xffff_ffff), None);
        assert_eq!(memory.grow(0xffff_ffff - 0x1_0003), Some(0x1_0003));
        assert!(new(1 << 32, None).is_err());
        assert!(new(2, Some(1)).is_err());
        assert_eq!(new(0, Some(9)).unwrap().limit(), 9);
    }

    #[test]
    fn impossible_limits_are_refused() {
        let new = |min, max| LinearMemory::new(MemoryType::new(min, max), HOST_TUNABLES);
        assert!(new(65537, None).is_err());
        assert!(new(2, Some(1)).is_err());
        assert!(new(u64::MAX, None).is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
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
        let pool = Arc::default();
        let (mut a, b) = (pooled(&image, &pool), pooled(&image, &pool));
        a.bytes_mut()[0x1_0000] = 9;
        assert_eq!(a.bytes()[0x1_0000..0x1_0002], [9, 1]);
        assert_eq!(b.bytes()[0x1_0000..0x1_2000], bytes);
        assert!(b.bytes()[0x1_2000..].iter().all(|&byte| byte == 0));
        assert!(b.bytes()[..0x1_0000].iter().all(|&byte| byte == 0));
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
    fn a_reservation_is_as_good_as_new_when_it_is_used_again() {
        let mut file = tempfile();
        let bytes = vec![1u8; 4096];
        file.write_all(&bytes).unwrap();
        let image = Image {
            file: &file,
            offset: 0,
            bytes: &bytes,
            at: 0x1_0000,
        };
        let pool = Arc::default();
        let mut memory = pooled(&image, &pool);
        let base = memory.bytes().as_ptr();
        assert_eq!(memory.grow(100), Some(2));
        memory.bytes_mut().fill(7);
        drop(memory);
        let memory = pooled(&image, &pool);
        assert_eq!(memory.bytes().as_ptr(), base);
        assert_eq!(memory.bytes().len(), 2 << 16);
        assert_eq!(memory.bytes()[0x1_0000..0x1_1000], bytes);
        assert_eq!(
            memory
                .bytes()
                .iter()
                .map(|&byte| u32::from(byte))
                .sum::<u32>(),
            4096
        );
        let beyond = base.wrapping_add(2 << 16);
        assert!(!readable(beyond), "what had grown is inaccessible again");
        assert_eq!(memory.grow(1), Some(2));
        assert!(memory.bytes()[2 << 16..].iter().all(|&byte| byte == 0));
        assert!(readable(beyond));
    }

    /// Whether the kernel can read a byte at an address.
    fn readable(address: *const u8) -> bool {
        let file = tempfile();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        // SAFETY: the kernel checks the address.
        unsafe { libc::write(fd, address.cast(), 1) == 1 }
    }

    fn tempfile() -> File {
        super::super::map::memfd("image".as_ref()).unwrap()
    }
}
