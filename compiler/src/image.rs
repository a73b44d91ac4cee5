//! The memory image: what memory 0 holds when an instance starts.
//!
//! If all that the module writes to its own memory 0 is known and dense enough,
//! it becomes one run of pages that a loader maps copy-on-write instead of
//! copying segments.

use wasm_aot_abi::IMAGE_ALIGNMENT;

use crate::module::{Contents, DataSegment, Module, SegmentMode};

/// Up to this size zeros between segments do not matter. In bytes.
const SMALL: u64 = 1 << 20;
/// Beyond it, at most this many image bytes for each byte of data.
const MAX_SPREAD: u64 = 4;

/// The image, and which segments are in it.
pub(crate) struct Image {
    /// Content from `offset` on; empty if there is no image.
    pub(crate) bytes: Vec<u8>,
    /// Byte offset in memory 0, a multiple of [`IMAGE_ALIGNMENT`].
    pub(crate) offset: u64,
}

impl Image {
    /// Either every active segment of memory 0 is in the image, or none is: one that
    /// could trap, of whatever memory, must find memory 0 as the segments before it
    /// have left it.
    pub(crate) fn new(module: &Module, contents: &Contents<'_>) -> Image {
        Image::of_segments(module, contents).unwrap_or(Image {
            bytes: Vec::new(),
            offset: 0,
        })
    }

    /// Whether `segment` is in the image.
    pub(crate) fn contains(&self, segment: &DataSegment) -> bool {
        !self.bytes.is_empty() && matches!(segment.mode, SegmentMode::Active { index: 0, .. })
    }

    fn of_segments(module: &Module, contents: &Contents<'_>) -> Option<Image> {
        let placed = placed_segments(module, contents)?;
        let data: u64 = placed.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        let filled = placed.iter().filter(|(_, bytes)| !bytes.is_empty());
        let start = filled.clone().map(|(start, _)| *start).min()?;
        let end = filled
            .map(|(start, bytes)| start + bytes.len() as u64)
            .max()?;
        let offset = start / IMAGE_ALIGNMENT * IMAGE_ALIGNMENT;
        let size = end - offset;
        if size > SMALL && size / MAX_SPREAD > data {
            return None;
        }
        let mut image = vec![0; size as usize];
        for (start, bytes) in placed {
            if !bytes.is_empty() {
                let at = (start - offset) as usize;
                image[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
        Some(Image {
            bytes: image,
            offset,
        })
    }
}

/// Start and bytes of every active segment of memory 0, if the module defines it
/// and all active segments are surely in bounds.
fn placed_segments<'a>(
    module: &Module,
    contents: &'a Contents<'_>,
) -> Option<Vec<(u64, &'a [u8])>> {
    let memory = module.memories.first()?;
    // An image has whole pages.
    if module.imported_memories > 0 || memory.page_size_log2() != 16 {
        return None;
    }
    let mut placed = Vec::new();
    for segment in &contents.data {
        let SegmentMode::Active { index, ref offset } = segment.mode else {
            continue;
        };
        let memory = &module.memories[index as usize];
        let length = memory.initial.saturating_mul(1 << memory.page_size_log2());
        let bytes = contents.bytes(segment);
        let start = offset.as_address()?;
        if start.checked_add(bytes.len() as u64)? > length {
            return None;
        }
        if index == 0 {
            placed.push((start, bytes));
        }
    }
    Some(placed)
}
