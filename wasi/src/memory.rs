//! The guest's linear memory, seen through checked accesses.

use crate::Errno;
use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

/// A 32-bit linear memory, borrowed for the duration of one call.
///
/// Every address and length the guest passes is an allegation: the accessors
/// check it against the memory's current size and fail with [`Errno::Fault`].
/// Values are little-endian. Alignment is not required: the specification lets
/// a misaligned pointer trap, but nothing here depends on it.
///
/// ```
/// use wasm_aot_wasi::{Errno, GuestMemory};
///
/// let mut bytes = [0; 16];
/// let mut memory = GuestMemory::new(&mut bytes);
/// memory.write_u32(8, 7)?;
/// assert_eq!(memory.read_u32(8)?, 7);
/// assert_eq!(memory.slice(8, 9), Err(Errno::Fault));
/// # Ok::<(), Errno>(())
/// ```
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: Bytes<'a>,
    copies: Copies,
}

/// The bytes of a memory that other threads change at the same time: they are
/// copied, never borrowed.
pub trait SharedBytes {
    /// How many there are now; never fewer later.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies the bytes from `offset` on, which are there.
    fn read(&self, offset: u64, to: &mut [u8]);

    /// Copies to the bytes from `offset` on, which are there.
    fn write(&self, offset: u64, from: &[u8]);
}

enum Bytes<'a> {
    Own(&'a mut [u8]),
    Shared(&'a dyn SharedBytes),
}

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Shared(bytes) => write!(f, "{} shared bytes", bytes.len()),
        }
    }
}

/// What was copied out of a shared memory to be looked at: the few lists and paths
/// of one call.
#[derive(Debug, Default)]
struct Copies(OnceCell<Box<(Vec<u8>, Copies)>>);

impl Copies {
    fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        let mut last = self;
        while let Some(copy) = last.0.get() {
            last = &copy.1;
        }
        let kept = last.0.get_or_init(|| Box::new((bytes, Self::default())));
        &kept.0
    }
}

impl<'a> GuestMemory<'a> {
    /// Wraps the whole memory, from address 0 on. A guest without a memory is
    /// given an empty slice.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            bytes: Bytes::Own(bytes),
            copies: Copies::default(),
        }
    }

    /// A memory that threads share.
    pub fn shared(bytes: &'a dyn SharedBytes) -> Self {
        Self {
            bytes: Bytes::Shared(bytes),
            copies: Copies::default(),
        }
    }

    /// The `len` bytes at `ptr`; of a shared memory, as they are now.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn slice(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        match &self.bytes {
            Bytes::Own(bytes) => bytes.get(range(ptr, len)).ok_or(Errno::Fault),
            Bytes::Shared(shared) => {
                self.check(ptr, len)?;
                let mut bytes = vec![0; len as usize];
                shared.read(ptr.into(), &mut bytes);
                Ok(self.copies.keep(bytes))
            }
        }
    }

    /// Has `fill` write to the `len` bytes at `ptr`, from the first on, and say how
    /// many it has written.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory, or the error of
    /// `fill`
    pub fn fill(
        &mut self,
        ptr: u32,
        len: u32,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Errno>,
    ) -> Result<usize, Errno> {
        match &mut self.bytes {
            Bytes::Own(bytes) => fill(bytes.get_mut(range(ptr, len)).ok_or(Errno::Fault)?),
            Bytes::Shared(shared) => {
                let shared = *shared;
                self.check(ptr, len)?;
                let mut bytes = vec![0; len as usize];
                let filled = fill(&mut bytes)?;
                shared.write(ptr.into(), &bytes[..filled]);
                Ok(filled)
            }
        }
    }

    /// Checks that `len` bytes at `ptr` exist. Functions with a side effect
    /// check the places of their results first, so that a bad pointer fails
    /// the call before anything has happened.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), Errno> {
        let size = match &self.bytes {
            Bytes::Own(bytes) => bytes.len() as u64,
            Bytes::Shared(bytes) => bytes.len(),
        };
        if u64::from(ptr) + u64::from(len) <= size {
            Ok(())
        } else {
            Err(Errno::Fault)
        }
    }

    /// Copies `N` bytes at `ptr` out of the memory.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn read<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        match &self.bytes {
            Bytes::Own(bytes) => {
                let start = ptr as usize;
                let end = start.checked_add(N).ok_or(Errno::Fault)?;
                let bytes = bytes.get(start..end).ok_or(Errno::Fault)?;
                bytes.try_into().map_err(|_| Errno::Fault)
            }
            Bytes::Shared(shared) => {
                self.check(ptr, N as u32)?;
                let mut bytes = [0; N];
                shared.read(ptr.into(), &mut bytes);
                Ok(bytes)
            }
        }
    }

    /// Copies `bytes` to `ptr`; writes all or nothing.
    ///
    /// # Errors
    /// [`Errno::Fault`] if the destination is not inside the memory.
    pub fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        match &mut self.bytes {
            Bytes::Own(own) => {
                let to = own.get_mut(range(ptr, len)).ok_or(Errno::Fault)?;
                to.copy_from_slice(bytes);
            }
            Bytes::Shared(shared) => {
                let shared = *shared;
                self.check(ptr, len)?;
                shared.write(ptr.into(), bytes);
            }
        }
        Ok(())
    }

    /// Reads a little-endian `u32`.
    ///
    /// # Errors
    /// [`Errno::Fault`] if it does not lie inside the memory.
    pub fn read_u32(&self, ptr: u32) -> Result<u32, Errno> {
        self.read(ptr).map(u32::from_le_bytes)
    }

    /// Writes a little-endian `u16`.
    ///
    /// # Errors
    /// [`Errno::Fault`] if it does not fit inside the memory.
    pub fn write_u16(&mut self, ptr: u32, value: u16) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a little-endian `u32`.
    ///
    /// # Errors
    /// [`Errno::Fault`] if it does not fit inside the memory.
    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a little-endian `u64`.
    ///
    /// # Errors
    /// [`Errno::Fault`] if it does not fit inside the memory.
    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// The whole memory, for carving it into several buffers at once, or that it
    /// is shared.
    pub(crate) fn whole(&self) -> Result<&[u8], &'a dyn SharedBytes> {
        match &self.bytes {
            Bytes::Own(bytes) => Ok(bytes),
            Bytes::Shared(shared) => Err(*shared),
        }
    }

    /// As [`whole`](Self::whole), for writing.
    pub(crate) fn whole_mut(&mut self) -> Result<&mut [u8], &'a dyn SharedBytes> {
        match &mut self.bytes {
            Bytes::Own(bytes) => Ok(bytes),
            Bytes::Shared(shared) => Err(*shared),
        }
    }
}

/// Addresses as host offsets. Both operands are 32 bits wide, so on a 64-bit
/// host the sum cannot wrap; elsewhere it saturates to a range that no memory
/// contains.
pub(crate) fn range(ptr: u32, len: u32) -> Range<usize> {
    let start = ptr as usize;
    start..start.saturating_add(len as usize)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    /// A memory as threads share it.
    pub(crate) struct Shared(Vec<AtomicU8>);

    impl Shared {
        /// Begins with `bytes`.
        pub(crate) fn new(bytes: &[u8], len: usize) -> Self {
            let shared = Self((0..len).map(|_| AtomicU8::new(0)).collect());
            shared.write(0, bytes);
            shared
        }
    }

    impl SharedBytes for Shared {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, offset: u64, to: &mut [u8]) {
            for (from, to) in self.0[offset as usize..].iter().zip(to) {
                *to = from.load(Ordering::Relaxed);
            }
        }

        fn write(&self, offset: u64, from: &[u8]) {
            for (to, from) in self.0[offset as usize..].iter().zip(from) {
                to.store(*from, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn a_shared_memory_is_accessed_within_its_bounds() {
        let shared = Shared::new(b"abcd", 16);
        let mut memory = GuestMemory::shared(&shared);
        assert_eq!(memory.write_u32(12, 7), Ok(()));
        assert_eq!(memory.read_u32(12), Ok(7));
        // What was borrowed before is as it was.
        let before = memory.slice(0, 4).unwrap();
        shared.write(1, b"x");
        assert_eq!((before, memory.slice(0, 2)), (&b"abcd"[..], Ok(&b"ax"[..])));
        let filled = memory.fill(4, 8, |bytes| {
            bytes[..3].copy_from_slice(b"efg");
            Ok(2)
        });
        assert_eq!((filled, memory.slice(4, 4)), (Ok(2), Ok(&b"ef\0\0"[..])));
        assert_eq!(memory.slice(8, 9), Err(Errno::Fault));
        assert_eq!(memory.read_u32(13), Err(Errno::Fault));
        assert_eq!(memory.write(13, b"abcd"), Err(Errno::Fault));
        assert_eq!(memory.fill(16, 1, |_| unreachable!()), Err(Errno::Fault));
    }

    #[test]
    fn accesses_end_at_the_last_byte() {
        let mut bytes = [0; 16];
        let mut memory = GuestMemory::new(&mut bytes);
        assert_eq!(memory.write_u32(12, 0x0403_0201), Ok(()));
        assert_eq!(memory.read_u32(12), Ok(0x0403_0201));
        assert_eq!(memory.slice(12, 4), Ok(&[1, 2, 3, 4][..]));
        for (ptr, len) in [
            (13, 4),
            (16, 1),
            (17, 0),
            (0, 17),
            (u32::MAX, 1),
            (1, u32::MAX),
        ] {
            assert_eq!(
                memory.slice(ptr, len),
                Err(Errno::Fault),
                "{len} bytes at {ptr}"
            );
            let filled = memory.fill(ptr, len, |_| unreachable!());
            assert_eq!(filled, Err(Errno::Fault), "{len} bytes at {ptr}");
            assert!(memory.check(ptr, len).is_err(), "{len} bytes at {ptr}");
        }
        assert_eq!(memory.read_u32(u32::MAX), Err(Errno::Fault));
        assert_eq!(memory.write_u64(9, 0), Err(Errno::Fault));
    }

    #[test]
    fn an_empty_range_is_inside_up_to_the_end() {
        let mut bytes = [0; 16];
        let memory = GuestMemory::new(&mut bytes);
        assert!(memory.check(0, 0).is_ok());
        assert!(memory.check(16, 0).is_ok());
    }

    #[test]
    fn a_write_that_does_not_fit_changes_nothing() {
        let mut bytes = [7; 8];
        assert_eq!(
            GuestMemory::new(&mut bytes).write(6, &[1, 2, 3]),
            Err(Errno::Fault)
        );
        assert_eq!(bytes, [7; 8]);
    }

    #[test]
    fn no_memory_means_every_access_faults() {
        let mut memory = GuestMemory::new(&mut []);
        assert_eq!(memory.read_u32(0), Err(Errno::Fault));
        assert_eq!(memory.write_u16(0, 1), Err(Errno::Fault));
    }
}
