//! The sections that debug information is read from, and those that it is written to.

use std::convert::Infallible;

use gimli::read::{self, EndianSlice};
use gimli::write::{self, EndianVec, RelocateWriter, Relocation, RelocationTarget};
use gimli::{LittleEndian, SectionId};

use super::{Problem, Result};
use crate::layout::{DebugSection, Reference};
use crate::module::{Contents, CustomSection};

/// What reads a section.
pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;

/// The custom sections of a module that are DWARF.
pub(super) struct Input<'a> {
    sections: &'a [CustomSection<'a>],
}

impl<'a> Input<'a> {
    pub(super) fn new(contents: &'a Contents<'_>) -> Result<Input<'a>> {
        let input = Input {
            sections: &contents.debug,
        };
        match input.section(SectionId::DebugInfo).is_empty() {
            true => Err(Problem::Absent),
            false => Ok(input),
        }
    }

    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        let sections = self.sections.iter();
        sections.map(|section| section.bytes.len() as u64).sum()
    }

    pub(super) fn dwarf(&self) -> Result<read::Dwarf<Reader<'a>>> {
        read::Dwarf::load(|id| Ok(EndianSlice::new(self.section(id), LittleEndian)))
    }

    /// The content of a section; nothing without.
    fn section(&self, id: SectionId) -> &'a [u8] {
        let section = self
            .sections
            .iter()
            .find(|section| *section.name == *id.name());
        section.map_or(&[], |section| &section.bytes)
    }
}

/// Symbols have one meaning here: the start of the text.
const TEXT: usize = 0;

/// The address of an offset in the text.
pub(super) fn address(offset: u32) -> write::Address {
    write::Address::Symbol {
        symbol: TEXT,
        addend: offset.into(),
    }
}

/// Writes all that there is.
pub(super) fn write(dwarf: &mut write::Dwarf) -> Result<Vec<DebugSection>> {
    let mut sections = write::Sections::new(Section::default());
    dwarf.write(&mut sections)?;
    let mut written = Vec::new();
    let Ok(()) = sections.for_each_mut(|id, section| {
        let Section { bytes, references } = std::mem::take(section);
        if !bytes.slice().is_empty() {
            written.push(finish(id, bytes.into_vec(), references));
        }
        Ok::<(), Infallible>(())
    });
    Ok(written)
}

fn finish(id: SectionId, bytes: Vec<u8>, relocations: Vec<Relocation>) -> DebugSection {
    let references = relocations.into_iter().map(|relocation| Reference {
        offset: relocation.offset as u64,
        size: relocation.size,
        target: match relocation.target {
            RelocationTarget::Symbol(_) => None,
            RelocationTarget::Section(id) => Some(id),
        },
        addend: relocation.addend as u64,
    });
    let mut references: Vec<Reference> = references.collect();
    references.sort_by_key(|reference| reference.offset);
    DebugSection {
        id,
        bytes,
        references,
    }
}

/// A section that is being written.
#[derive(Clone)]
struct Section {
    bytes: EndianVec<LittleEndian>,
    references: Vec<Relocation>,
}

impl Default for Section {
    fn default() -> Section {
        Section {
            bytes: EndianVec::new(LittleEndian),
            references: Vec::new(),
        }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.references.push(relocation);
    }
}

/// A string of the input, as long as names are.
pub(super) fn text(string: Reader<'_>) -> Option<&[u8]> {
    let bytes = string.slice();
    (!bytes.is_empty() && !bytes.contains(&0)).then_some(bytes)
}
