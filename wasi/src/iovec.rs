//! Scatter/gather lists: the guest's `iovec` arrays as slices of its memory.
//!
//! A list of up to [`INLINE`] buffers costs no allocation. Empty buffers are
//! dropped on the way, and all others are checked before any is used. For those
//! in a memory that threads share stands one of our own, from or to which bytes are
//! copied.

use crate::memory::range;
use crate::{Errno, GuestMemory, SharedBytes};
use std::io::{IoSlice, IoSliceMut};

/// Buffers handled on the stack; C libraries pass one or two.
const INLINE: usize = 16;

/// Non-empty buffers handled by one call, which is what Linux takes at once.
/// A longer list makes a short read or write, as every caller must expect.
const MAX: usize = 1024;

/// Size of `iovec` and `ciovec`: a pointer and a length.
const IOVEC_SIZE: u32 = 8;

/// How much of a list in a shared memory is handled by one call.
const MAX_SHARED: usize = 1 << 20;

/// What a transfer into buffers returns.
pub(crate) trait Filled {
    /// How many bytes of the buffers it may have written, from the first on.
    fn filled(&self) -> usize;
}

impl Filled for usize {
    fn filled(&self) -> usize {
        *self
    }
}

impl Filled for rustix::net::RecvMsg {
    fn filled(&self) -> usize {
        self.bytes
    }
}

/// Calls `io` with the guest's buffers for it to read from.
///
/// # Errors
/// [`Errno::Fault`] if the list or a buffer lies outside the memory,
/// [`Errno::Inval`] if the lengths add up to more than a result can say, or
/// the error of `io`.
pub(crate) fn gather<R>(
    memory: &GuestMemory<'_>,
    iovs: u32,
    count: u32,
    io: impl FnOnce(&[IoSlice<'_>]) -> Result<R, Errno>,
) -> Result<R, Errno> {
    with_spans(memory, iovs, count, |memory, spans| {
        let bytes = match memory.whole() {
            Ok(bytes) => bytes,
            Err(shared) => return gather_shared(shared, spans, io),
        };
        let slice = |span: &Span| IoSlice::new(&bytes[span.start..span.start + span.len]);
        if spans.len() <= INLINE {
            let mut slices = [IoSlice::new(&[]); INLINE];
            for (slot, span) in slices.iter_mut().zip(&*spans) {
                *slot = slice(span);
            }
            io(&slices[..spans.len()])
        } else {
            let slices: Vec<_> = spans.iter().map(slice).collect();
            io(&slices)
        }
    })
}

/// Calls `io` with the guest's buffers for it to fill.
///
/// Buffers that overlap cannot be borrowed together; then only the first one
/// is offered, which makes a short read.
///
/// # Errors
/// As for [`gather`].
pub(crate) fn scatter<R: Filled>(
    memory: &mut GuestMemory<'_>,
    iovs: u32,
    count: u32,
    io: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<R, Errno>,
) -> Result<R, Errno> {
    with_spans(memory, iovs, count, |memory, spans| {
        // `carve` orders the spans by address, so remember the first.
        let first = spans.first().copied();
        let bytes = match memory.whole_mut() {
            Ok(bytes) => bytes,
            Err(shared) => return scatter_shared(shared, spans, io),
        };
        if spans.len() <= INLINE {
            let mut slices: [_; INLINE] = std::array::from_fn(|_| IoSliceMut::new(&mut []));
            if carve(bytes, spans, &mut slices) {
                return io(&mut slices[..spans.len()]);
            }
        } else {
            let mut slices: Vec<_> = spans.iter().map(|_| IoSliceMut::new(&mut [])).collect();
            if carve(bytes, spans, &mut slices) {
                return io(&mut slices);
            }
        }
        let first = first.map_or(0..0, |span| span.start..span.start + span.len);
        match memory.whole_mut() {
            Ok(bytes) => io(&mut [IoSliceMut::new(&mut bytes[first])]),
            Err(_) => unreachable!("it was not shared"),
        }
    })
}

/// As [`gather`], of a copy of the first bytes.
fn gather_shared<R>(
    shared: &dyn SharedBytes,
    spans: &[Span],
    io: impl FnOnce(&[IoSlice<'_>]) -> Result<R, Errno>,
) -> Result<R, Errno> {
    let total = spans.iter().map(|span| span.len).sum::<usize>();
    let mut copy = vec![0; total.min(MAX_SHARED)];
    let mut rest = &mut copy[..];
    for span in spans {
        let (part, after) = rest.split_at_mut(span.len.min(rest.len()));
        shared.read(span.start as u64, part);
        rest = after;
    }
    match copy.is_empty() {
        true => io(&[]),
        false => io(&[IoSlice::new(&copy)]),
    }
}

/// As [`scatter`], by way of a copy of the first bytes.
fn scatter_shared<R: Filled>(
    shared: &dyn SharedBytes,
    spans: &[Span],
    io: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<R, Errno>,
) -> Result<R, Errno> {
    let total = spans.iter().map(|span| span.len).sum::<usize>();
    let mut copy = vec![0; total.min(MAX_SHARED)];
    let result = match copy.is_empty() {
        true => io(&mut [])?,
        false => io(&mut [IoSliceMut::new(&mut copy)])?,
    };
    let mut rest = &copy[..result.filled().min(copy.len())];
    for span in spans {
        let (part, after) = rest.split_at(span.len.min(rest.len()));
        shared.write(span.start as u64, part);
        rest = after;
    }
    Ok(result)
}

/// A non-empty buffer that lies inside the memory.
#[derive(Clone, Copy, Default)]
struct Span {
    start: usize,
    len: usize,
    /// Its place in the guest's list, empty buffers not counted.
    index: usize,
}

/// Reads and checks the list. `M` is a shared or exclusive borrow of the
/// memory, handed on to `io`.
fn with_spans<'a, 'm, M, R>(
    memory: M,
    iovs: u32,
    count: u32,
    io: impl FnOnce(M, &mut [Span]) -> Result<R, Errno>,
) -> Result<R, Errno>
where
    M: std::ops::Deref<Target = GuestMemory<'m>> + 'a,
    'm: 'a,
{
    let size = count.checked_mul(IOVEC_SIZE).ok_or(Errno::Fault)?;
    let list = memory.slice(iovs, size)?;
    if count as usize <= INLINE {
        let mut inline = [Span::default(); INLINE];
        let mut len = 0;
        parse(&memory, list, |span| {
            inline[len] = span;
            len += 1;
        })?;
        io(memory, &mut inline[..len])
    } else {
        let mut spans = Vec::new();
        parse(&memory, list, |span| spans.push(span))?;
        io(memory, &mut spans)
    }
}

fn parse(memory: &GuestMemory<'_>, list: &[u8], mut each: impl FnMut(Span)) -> Result<(), Errno> {
    let mut index = 0;
    let mut total = 0u32;
    for entry in list.chunks_exact(IOVEC_SIZE as usize) {
        let word = |at| u32::from_le_bytes(std::array::from_fn(|i| entry[at + i]));
        let (ptr, len): (u32, u32) = (word(0), word(4));
        memory.check(ptr, len)?;
        total = total.checked_add(len).ok_or(Errno::Inval)?;
        if len != 0 && index < MAX {
            let range = range(ptr, len);
            each(Span {
                start: range.start,
                len: range.len(),
                index,
            });
            index += 1;
        }
    }
    Ok(())
}

/// Splits `bytes` into the spans, each put at its index in `out`. Returns
/// whether that is possible, which it is unless two of them overlap.
fn carve<'m>(bytes: &'m mut [u8], spans: &mut [Span], out: &mut [IoSliceMut<'m>]) -> bool {
    spans.sort_unstable_by_key(|span| span.start);
    let mut rest = bytes;
    let mut at = 0;
    for span in spans {
        let Some(gap) = span.start.checked_sub(at) else {
            return false;
        };
        let (buffer, tail) = rest.split_at_mut(gap).1.split_at_mut(span.len);
        out[span.index] = IoSliceMut::new(buffer);
        rest = tail;
        at = span.start + span.len;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::tests::Shared;

    /// A 256-byte memory that begins with the list.
    fn memory_with(list: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = list
            .iter()
            .flat_map(|(ptr, len)| [ptr.to_le_bytes(), len.to_le_bytes()].concat())
            .collect();
        bytes.resize(bytes.len().max(256), 0);
        bytes
    }

    /// The lengths of the buffers `scatter` offers, after writing each one's
    /// number into it.
    fn scatter_numbers(bytes: &mut [u8], count: u32) -> Result<Vec<usize>, Errno> {
        scatter(&mut GuestMemory::new(bytes), 0, count, |slices| {
            for (number, slice) in (1..).zip(slices.iter_mut()) {
                slice.fill(number);
            }
            Ok(slices.iter().map(|s| s.len()).collect())
        })
    }

    impl Filled for Vec<usize> {
        fn filled(&self) -> usize {
            self.iter().sum()
        }
    }

    #[test]
    fn buffers_in_a_shared_memory_are_copied_as_far_as_they_are_used() {
        let list = [(200, 4), (0, 0), (100, 8), (300, 2)];
        let shared = Shared::new(&memory_with(&list), 512);
        let mut memory = GuestMemory::shared(&shared);
        let read = scatter(&mut memory, 0, 4, |slices| {
            assert_eq!(slices.iter().map(|s| s.len()).collect::<Vec<_>>(), [14]);
            slices[0].copy_from_slice(b"abcdefghijklmn");
            Ok(7)
        });
        assert_eq!(read, Ok(7));
        assert_eq!(memory.slice(200, 5), Ok(&b"abcd\0"[..]));
        assert_eq!(memory.slice(100, 8), Ok(&b"efg\0\0\0\0\0"[..]));
        let written = gather(&memory, 0, 4, |slices| Ok(slices[0].to_vec()));
        assert_eq!(written.unwrap(), b"abcdefg\0\0\0\0\0\0\0");
        assert_eq!(gather(&memory, 0, 0, |slices| Ok(slices.len())), Ok(0));
        assert_eq!(gather(&memory, 508, 1, |_| Ok(())), Err(Errno::Fault));
    }

    #[test]
    fn buffers_keep_their_order_whatever_their_addresses() {
        let mut bytes = memory_with(&[(200, 4), (0, 0), (100, 8), (104 + 4, 2)]);
        assert_eq!(scatter_numbers(&mut bytes, 4), Ok(vec![4, 8, 2]));
        assert_eq!(bytes[200..204], [1; 4]);
        assert_eq!(bytes[100..110], [2, 2, 2, 2, 2, 2, 2, 2, 3, 3]);
    }

    #[test]
    fn overlapping_buffers_offer_the_first_one() {
        let mut bytes = memory_with(&[(104, 8), (100, 8)]);
        assert_eq!(scatter_numbers(&mut bytes, 2), Ok(vec![8]));
        assert_eq!(bytes[100..112], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn a_buffer_or_list_outside_the_memory_faults() {
        for list in [
            [(0, 1), (256, 1)],
            [(255, 2), (0, 0)],
            [(u32::MAX, u32::MAX), (0, 1)],
        ] {
            let mut bytes = memory_with(&list);
            assert_eq!(
                scatter_numbers(&mut bytes, 2),
                Err(Errno::Fault),
                "{list:?}"
            );
            let memory = GuestMemory::new(&mut bytes);
            assert_eq!(
                gather(&memory, 0, 2, |_| Ok(())),
                Err(Errno::Fault),
                "{list:?}"
            );
        }
        let mut bytes = memory_with(&[]);
        for (iovs, count) in [
            (0, 33),
            (256, 1),
            (0, u32::MAX),
            (0, 1 << 29),
            (u32::MAX, 1),
        ] {
            let memory = GuestMemory::new(&mut bytes);
            assert_eq!(gather(&memory, iovs, count, |_| Ok(())), Err(Errno::Fault));
        }
    }

    #[test]
    fn lengths_that_overflow_the_result_are_invalid() {
        // One iovec that covers 64 KiB, 65,536 times: 2^32 bytes in total.
        let mut bytes = memory_with(&vec![(0, 1 << 16); 1 << 16]);
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(gather(&memory, 0, 1 << 16, |_| Ok(())), Err(Errno::Inval));
        assert!(gather(&memory, 0, (1 << 16) - 1, |_| Ok(())).is_ok());
    }

    #[test]
    fn a_long_list_is_cut_to_what_the_host_takes() {
        let list: Vec<_> = (0..2000).map(|i| (16_000 + i, 1)).collect();
        let mut bytes = memory_with(&list);
        bytes.resize(20_000, 0);
        let memory = GuestMemory::new(&mut bytes);
        assert_eq!(gather(&memory, 0, 2000, |s| Ok(s.len())), Ok(MAX));
        assert_eq!(scatter_numbers(&mut bytes, 17).map(|s| s.len()), Ok(17));
        assert_eq!(
            bytes[16_000..16_018],
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0]
        );
    }
}
