//! Sections that are not complete yet: their items can be validated before.
//!
//! The validator takes sections, but it does not mind taking one in several
//! parts. A part starts behind the items that it has taken already, with the
//! number of those that are left.

use std::borrow::Cow;

use wasmparser::{
    BinaryReader, BinaryReaderError, FromReader, Payload, SectionLimited, Validator, WasmFeatures,
};

use super::gc::{self, Refusal};

/// How far into a section its items are validated.
pub(super) struct Items {
    id: u8,
    /// How many are not validated.
    left: u32,
    /// Where the part to validate starts: the number of items at first, then an
    /// item. In bytes from the start of the section, which is its id.
    at: usize,
    /// Whether `at` is behind the number of items.
    inside: bool,
    /// Below this size it is not worthwhile to look again: a large item would be
    /// read as often as there are pieces of it.
    enough: usize,
}

impl Items {
    /// For the section that `bytes` are the beginning of. None if they are too
    /// few to tell, or if the section has no items.
    pub(super) fn new(bytes: &[u8]) -> Option<Items> {
        let mut reader = BinaryReader::new(bytes, 0);
        let id = reader.read_u8().ok()?;
        reader.read_var_u32().ok()?; // the size
        let at = reader.current_position();
        let left = reader.read_var_u32().ok()?;
        matches!(id, 1..=7 | 9 | 11 | 13).then_some(Items {
            id,
            left,
            at,
            inside: false,
            enough: 0,
        })
    }

    /// Validates what `bytes`, the section so far, have beyond what is validated
    /// already: complete items, or all of it if it `ends` here. `offset` is where
    /// the section starts in the binary.
    ///
    /// # Errors
    ///
    /// What is refused.
    pub(super) fn validate(
        &mut self,
        bytes: &[u8],
        offset: u64,
        ends: bool,
        validator: &mut Validator,
        features: WasmFeatures,
    ) -> Result<(), Refusal> {
        if !ends && bytes.len() < self.enough {
            return Ok(());
        }
        let start = offset + self.at as u64;
        let mut part = Cow::Borrowed(&bytes[self.at..]);
        let mut part_start = start;
        if self.inside {
            let mut with_count = leb128(self.left);
            part_start -= with_count.len() as u64;
            with_count.extend_from_slice(&part);
            part = Cow::Owned(with_count);
        }
        let payload = payload(self.id, &part, part_start, *validator.features())?;
        let (items, end) = complete(&payload);
        match gc::validate(validator, &payload, features) {
            // An item that is not complete.
            Err(error) if !ends && error.message == INCOMPLETE && error.offset >= end => {}
            result => drop(result?),
        }
        self.left -= items;
        self.at = (end - offset) as usize;
        self.inside = true;
        self.enough = bytes.len() + (bytes.len() - self.at) / 8;
        Ok(())
    }

    /// Up to which offset in the binary the section is validated, if it starts at
    /// `offset`.
    pub(super) fn end(&self, offset: u64) -> u64 {
        offset + self.at as u64
    }
}

/// What the validator says about what is cut off.
const INCOMPLETE: &str = "unexpected end-of-file";

/// A section with this content.
fn payload(
    id: u8,
    content: &[u8],
    offset: u64,
    features: WasmFeatures,
) -> Result<Payload<'_>, BinaryReaderError> {
    let reader = BinaryReader::new_features(content, offset, features);
    Ok(match id {
        1 => Payload::TypeSection(SectionLimited::new(reader)?),
        2 => Payload::ImportSection(SectionLimited::new(reader)?),
        3 => Payload::FunctionSection(SectionLimited::new(reader)?),
        4 => Payload::TableSection(SectionLimited::new(reader)?),
        5 => Payload::MemorySection(SectionLimited::new(reader)?),
        6 => Payload::GlobalSection(SectionLimited::new(reader)?),
        7 => Payload::ExportSection(SectionLimited::new(reader)?),
        9 => Payload::ElementSection(SectionLimited::new(reader)?),
        11 => Payload::DataSection(SectionLimited::new(reader)?),
        13 => Payload::TagSection(SectionLimited::new(reader)?),
        other => unreachable!("section {other} has no items"),
    })
}

/// How many items at the start of a section are complete, and where the last of
/// them ends.
fn complete(payload: &Payload<'_>) -> (u32, u64) {
    fn count<'a, T: FromReader<'a>>(section: &SectionLimited<'a, T>) -> (u32, u64) {
        let mut items = section.clone().into_iter();
        let mut complete = (0, items.original_position());
        while let Some(Ok(_)) = items.next() {
            complete = (complete.0 + 1, items.original_position());
        }
        complete
    }
    match payload {
        Payload::TypeSection(section) => count(section),
        Payload::ImportSection(section) => count(section),
        Payload::FunctionSection(section) => count(section),
        Payload::TableSection(section) => count(section),
        Payload::MemorySection(section) => count(section),
        Payload::GlobalSection(section) => count(section),
        Payload::ExportSection(section) => count(section),
        Payload::ElementSection(section) => count(section),
        Payload::DataSection(section) => count(section),
        Payload::TagSection(section) => count(section),
        _ => unreachable!("other sections have no items"),
    }
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
