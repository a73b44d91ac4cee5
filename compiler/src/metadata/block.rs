//! The bytes of the metadata block: a descriptor, and behind it what it refers
//! to.

use std::collections::HashMap;

use wasm_aot_abi::{Descriptor, Slice, Str, Wire};

use crate::error::{Error, Result};

/// Alignment of every slice, bytes: that of the largest field.
const ALIGN: usize = 8;

/// A block under construction. Offsets that do not fit are noticed in
/// [`finish`](Block::finish), so that nothing in between can fail.
pub(super) struct Block {
    bytes: Vec<u8>,
    strings: HashMap<String, Str>,
}

impl Block {
    /// Room for the descriptor, and nothing else.
    pub(super) fn new() -> Block {
        Block {
            bytes: vec![0; Descriptor::SIZE],
            strings: HashMap::new(),
        }
    }

    /// Appends records.
    pub(super) fn records<T: Wire>(&mut self, records: impl IntoIterator<Item = T>) -> Slice {
        let start = self.bytes.len().next_multiple_of(ALIGN);
        let mut count = 0;
        for record in records {
            if count == 0 {
                self.bytes.resize(start, 0);
            }
            let at = self.bytes.len();
            self.bytes.resize(at + T::SIZE, 0);
            record.encode(&mut self.bytes[at..]);
            count += 1;
        }
        if count == 0 {
            return Slice::EMPTY;
        }
        Slice {
            offset: start as u32,
            count,
        }
    }

    /// Appends bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Slice {
        if bytes.is_empty() {
            return Slice::EMPTY;
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        Slice {
            offset,
            count: bytes.len() as u32,
        }
    }

    /// Appends text, unless the same is there already.
    pub(super) fn string(&mut self, text: &str) -> Str {
        if let Some(&known) = self.strings.get(text) {
            return known;
        }
        let Slice { offset, count: len } = self.bytes(text.as_bytes());
        let string = Str { offset, len };
        self.strings.insert(text.to_owned(), string);
        string
    }

    /// Puts the descriptor in its place; only its size fields are filled here.
    ///
    /// # Errors
    ///
    /// If the block is too large for its offsets.
    pub(super) fn finish(mut self, descriptor: Descriptor) -> Result<Vec<u8>> {
        let size = self.bytes.len() as u64;
        let metadata_size = u32::try_from(size).map_err(|_| Error::TooLarge {
            what: "the description of the module",
            size,
            limit: u64::from(u32::MAX),
        })?;
        Descriptor {
            size: Descriptor::SIZE as u32,
            metadata_size,
            ..descriptor
        }
        .encode(&mut self.bytes[..Descriptor::SIZE]);
        Ok(self.bytes)
    }
}
