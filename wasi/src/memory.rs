//! The guest's linear memory, seen through checked accesses.

use crate::Errno;
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
    bytes: &'a mut [u8],
}

impl<'a> GuestMemory<'a> {
    /// Wraps the whole memory, from address 0 on. A guest without a memory is
    /// given an empty slice.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// The `len` bytes at `ptr`.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn slice(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        self.bytes.get(range(ptr, len)).ok_or(Errno::Fault)
    }

    /// The `len` bytes at `ptr`, for writing.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn slice_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], Errno> {
        self.bytes.get_mut(range(ptr, len)).ok_or(Errno::Fault)
    }

    /// Checks that `len` bytes at `ptr` exist. Functions with a side effect
    /// check the places of their results first, so that a bad pointer fails
    /// the call before anything has happened.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn check(&self, ptr: u32, len: u32) -> Result<(), Errno> {
        self.slice(ptr, len).map(|_| ())
    }

    /// Copies `N` bytes at `ptr` out of the memory.
    ///
    /// # Errors
    /// [`Errno::Fault`] if any of them lies outside the memory.
    pub fn read<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        let start = ptr as usize;
        let end = start.checked_add(N).ok_or(Errno::Fault)?;
        let bytes = self.bytes.get(start..end).ok_or(Errno::Fault)?;
        bytes.try_into().map_err(|_| Errno::Fault)
    }

    /// Copies `bytes` to `ptr`; writes all or nothing.
    ///
    /// # Errors
    /// [`Errno::Fault`] if the destination is not inside the memory.
    pub fn write(&mut self, ptr: u32, bytes: &[u8]) -> Result<(), Errno> {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.slice_mut(ptr, len)?.copy_from_slice(bytes);
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

    /// The whole memory, for carving it into several buffers at once.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The whole memory, for carving it into several buffers at once.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes
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
mod tests {
    use super::*;

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
            assert!(memory.slice_mut(ptr, len).is_err(), "{len} bytes at {ptr}");
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
