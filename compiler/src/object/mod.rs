//! The object file: what a linker makes part of a program or of another library.
//!
//! It has the content of the shared object without what the dynamic linker
//! needs. The few distances between sections, which the shared object has
//! resolved, are relocations: from the metadata to the text and to the image, and
//! from what says how to unwind to the text. In all three formats they are of 32
//! bits and relative, so nothing is left to be done when the program starts. No
//! symbol is undefined.
//!
//! `format` has what formats and machines call things, `unwind` what each wants to
//! know of frames, `debug` has debug information.

mod debug;
mod format;
mod unwind;

use std::collections::BTreeSet;
use std::io::{Seek, Write};

use object::write::{
    Object, Relocation, SectionId, StandardSection, Symbol as ObjectSymbol, SymbolId, SymbolSection,
};
use object::{
    BinaryFormat, RelocationFlags, SectionFlags, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    elf,
};
use sha2::{Digest, Sha256};

use self::format::{Format, Place};
use crate::layout::{Fixup, Layout, Symbol, Target};
use crate::writer::{Output, check, check_name, limit};

pub use crate::writer::Error;

/// Writes `layout` as an object file to `out`, as [`elf::write`](crate::elf::write)
/// does a shared object.
///
/// # Errors
///
/// See [`Error`]. After an error, `out` holds an unfinished file.
///
/// # Panics
///
/// Panics if `layout` contradicts itself (see [`crate::layout`]).
pub fn write<W: Write + Seek>(layout: &Layout, out: W) -> Result<(), Error> {
    check(layout);
    check_symbols(layout)?;
    let format = Format::new(&layout.target)?;
    check_size(layout)?;
    let mut writer = Writer::new(layout, &format);
    writer.distances();
    unwind::write(&mut writer)?;
    debug::write(&mut writer);
    writer.symbols();
    let mut output = Output::new(out)?;
    let written = writer.object.emit(&mut output);
    written.expect("the format has all that is used of it");
    output.finish(None)
}

/// Names that linkers look for must be names, and differ.
fn check_symbols(layout: &Layout) -> Result<(), Error> {
    let exports = layout.exports.iter().map(|export| export.name.as_str());
    let mut names = BTreeSet::new();
    for name in exports.chain([layout.descriptor_symbol.as_str()]) {
        check_name(name)?;
        if !names.insert(name) {
            return Err(Error::Duplicate(name.to_owned()));
        }
    }
    Ok(())
}

/// Offsets in the file have 32 bits in two of the formats. Half of that is more
/// than any linker could make of the distances.
fn check_size(layout: &Layout) -> Result<(), Error> {
    let symbols = layout.functions.iter().chain(&layout.exports);
    // With its entries in the symbol table and in the unwind information, and the
    // relocations of those.
    let symbols: u64 = symbols.map(|symbol| symbol.name.len() as u64 + 100).sum();
    let image = layout.image.as_ref().map_or(0, |image| image.bytes.len());
    let debug = layout.debug.iter().map(debug::size).sum::<usize>();
    let blocks = layout.text.bytes.len() + layout.metadata.bytes.len() + image + debug;
    let size = blocks as u64 + symbols;
    limit("object file", size, i32::MAX as u64)
}

/// The file as it comes into being.
struct Writer<'a> {
    layout: &'a Layout,
    format: &'a Format,
    object: Object<'a>,
    metadata: SectionId,
    /// The text's section, and what relocations to it name.
    text: SectionId,
    text_start: SymbolId,
    /// What relocations to the image name, if there is one.
    image_start: Option<SymbolId>,
    descriptor: SymbolId,
}

impl<'a> Writer<'a> {
    /// Starts the file with its blocks.
    fn new(layout: &'a Layout, format: &'a Format) -> Self {
        let mut object = format.object();
        let align = layout.text.align;
        let text = object.section_id(StandardSection::Text);
        object.set_section_data(text, &layout.text.bytes[..], align);
        let metadata = format.section(&mut object, Place::Metadata);
        let align = wasm_aot_abi::ALIGNMENT as u64;
        object.set_section_data(metadata, &layout.metadata.bytes[..], align);
        let image = layout.image.as_ref().map_or(&[][..], |image| &image.bytes);
        let image = (!image.is_empty()).then(|| {
            let section = format.section(&mut object, Place::Image);
            let mut padded = image.to_vec();
            padded.resize(image.len().next_multiple_of(format.max_page as usize), 0);
            object.set_section_data(section, padded, format.max_page);
            section
        });
        if format.binary == BinaryFormat::Elf {
            // No code here wants the stack to be executable.
            let name = b".note.GNU-stack".to_vec();
            let note = object.add_section(Vec::new(), name, SectionKind::Other);
            object.section_mut(note).flags = SectionFlags::Elf { sh_flags: 0 };
            if layout.text.landing_pads {
                // What is linked has landing pads if all does that it is linked of.
                object.add_elf_gnu_property_u32(
                    elf::GNU_PROPERTY_AARCH64_FEATURE_1_AND,
                    elf::GNU_PROPERTY_AARCH64_FEATURE_1_BTI,
                );
            }
        }
        let text_start = format.start(&mut object, text, "ltext");
        let image_start = image.map(|image| format.start(&mut object, image, "limage"));
        // It spans all of the metadata, which the descriptor's offsets lead into.
        let descriptor = object.add_symbol(ObjectSymbol {
            name: layout.descriptor_symbol.clone().into_bytes(),
            value: 0,
            size: layout.metadata.bytes.len() as u64,
            kind: SymbolKind::Data,
            scope: SymbolScope::Dynamic,
            weak: false,
            section: SymbolSection::Section(metadata),
            flags: SymbolFlags::None,
        });
        Writer {
            layout,
            format,
            object,
            metadata,
            text,
            text_start,
            image_start,
            descriptor,
        }
    }

    /// Has the linker write the distances that the metadata holds.
    fn distances(&mut self) {
        for fixup in &self.layout.metadata.fixups {
            let &Fixup { offset, addend, .. } = fixup;
            let symbol = match fixup.target {
                Target::Text => self.text_start,
                Target::Image => self
                    .image_start
                    .unwrap_or_else(|| panic!("{fixup:?} is about an image that is not there")),
            };
            // What is wanted is relative to the start of the metadata. Mach-O says
            // so, others say it relative to the place.
            let (addend, subtractor) = match self.format.binary {
                BinaryFormat::MachO => (addend, Some(self.descriptor)),
                _ => (addend + offset, None),
            };
            let relocation = Relocation {
                offset,
                symbol,
                addend: addend as i64,
                flags: self.format.distance(),
            };
            // Where the format has addends in the place, it is what is added to.
            let metadata = self.object.section_mut(self.metadata).data_mut();
            metadata[offset as usize..][..size_of::<i32>()].fill(0);
            let added =
                self.object
                    .add_relocation_with_subtractor(self.metadata, relocation, subtractor);
            added.expect("the format has such relocations");
        }
    }

    /// Adds a relocation to the text, at `offset` in `section`.
    fn relocate(&mut self, section: SectionId, offset: u64, code: u64, flags: RelocationFlags) {
        self.relocate_to(self.text_start, section, offset, code, flags);
    }

    fn relocate_to(
        &mut self,
        symbol: SymbolId,
        section: SectionId,
        offset: u64,
        addend: u64,
        flags: RelocationFlags,
    ) {
        let relocation = Relocation {
            offset,
            symbol,
            addend: addend as i64,
            flags,
        };
        let added = self.object.add_relocation(section, relocation);
        added.expect("the format has such relocations");
    }

    /// Names functions that have a name, for debuggers and profilers, and exports.
    fn symbols(&mut self) {
        let seed = &self.layout.metadata.bytes;
        let seed = &seed[..seed.len().min(size_of::<wasm_aot_abi::Descriptor>())];
        for index in shuffled(self.layout.functions.len(), seed) {
            let function = &self.layout.functions[index];
            if !function.name.is_empty() {
                self.function(function, SymbolScope::Compilation);
            }
        }
        for export in &self.layout.exports {
            self.function(export, SymbolScope::Dynamic);
        }
    }

    fn function(&mut self, symbol: &Symbol, scope: SymbolScope) {
        self.object.add_symbol(ObjectSymbol {
            // A NUL would end the name.
            name: symbol.name.replace('\0', "?").into_bytes(),
            value: symbol.offset,
            size: symbol.size,
            kind: SymbolKind::Text,
            scope,
            weak: false,
            section: SymbolSection::Section(self.text),
            flags: SymbolFlags::None,
        });
    }
}

/// The numbers below `len` in an order that depends on `seed`, the descriptor.
///
/// Names are chosen by the author of the module, and are sorted on their way into
/// the file by a recursive quicksort which takes the first as its pivot. In an order
/// of the author's choice too, they could make it recurse for each of them. The
/// descriptor has the hash of the module in it.
fn shuffled(len: usize, seed: &[u8]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let seed = Sha256::digest(seed);
    let mut state = seed[..8]
        .iter()
        .fold(1, |all, &byte| (all << 8) | u64::from(byte));
    for last in (1..len).rev() {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(last, (state % (last as u64 + 1)) as usize);
    }
    order
}
