//! The place of every section in the file and in memory.

use object::elf::{PF_R, PF_X};

use super::dynamic::DynamicSymbols;
use super::emit;
use super::frames::{Frames, Places};
use super::machine::Machine;
use super::section::{CLASS, Kind};
use super::symtab::{Block, Symtab};
use crate::layout::{Layout, Target};
use crate::writer::{Error, limit};

/// All sections but the one with the section names, and all segments, both in
/// file order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) sections: Vec<Section>,
    pub(super) segments: Vec<Segment>,
    pub(super) described: Described,
    /// The address of each block, or where it would be if it were not empty.
    text: u64,
    image: u64,
}

/// Which of the sections are there that have a program header only then.
#[derive(Debug, Clone, Copy)]
pub(super) struct Described {
    pub(super) property: bool,
    pub(super) frames: bool,
}

/// A section and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) kind: Kind,
    /// In the file.
    pub(super) offset: u64,
    /// In memory; 0 for what is not mapped.
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) align: u64,
}

/// A range of the file that is mapped as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// `p_flags`.
    pub(super) flags: u32,
    pub(super) offset: u64,
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) align: u64,
}

/// The unit of the file that segments share no part of: the smallest page of
/// any supported machine.
///
/// It is less than [`Machine::max_page`] where pages come in several sizes.
/// Address and offset of a segment then agree modulo the largest page, which is
/// all that mapping takes, and the file needs no padding up to that size.
const FILE_PAGE: u64 = 0x1000;

impl Plan {
    /// Places all that there is to write.
    pub(super) fn new(
        machine: &Machine,
        layout: &Layout,
        dynamic: &DynamicSymbols<'_>,
        symtab: &Symtab<'_>,
        frames: &Frames,
    ) -> Result<Plan, Error> {
        let text_len = layout.text.bytes.len() as u64;
        let image_len = layout
            .image
            .as_ref()
            .map_or(0, |image| image.bytes.len() as u64);
        let segments = 1 + usize::from(text_len > 0) + usize::from(image_len > 0);
        let described = Described {
            property: layout.text.landing_pads,
            frames: frames.header_len() > 0,
        };
        let page = machine.max_page;

        let mut cursor = Cursor::default();
        cursor.start_segment(PF_R, FILE_PAGE, page);
        cursor.skip(emit::headers_len(segments, described));
        if described.property {
            cursor.section(Kind::Property, emit::PROPERTY_SECTION_LEN);
        }
        cursor.section(Kind::BuildId, emit::BUILD_ID_SECTION_LEN);
        cursor.section(Kind::Seal, emit::SEAL_SECTION_LEN);
        let symbols = dynamic.count();
        let gnu_hash = CLASS.gnu_hash_size(dynamic.bloom_words, dynamic.gnu_buckets, symbols);
        cursor.section(Kind::GnuHash, gnu_hash as u64);
        cursor.section(Kind::Hash, CLASS.hash_size(symbols, symbols + 1) as u64);
        let sym_size = CLASS.sym_size() as u64;
        cursor.section(Kind::Dynsym, (u64::from(symbols) + 1) * sym_size);
        cursor.section(Kind::Dynstr, dynamic.strings_len);
        cursor.section(Kind::Dynamic, emit::dynamic_len(dynamic));
        cursor.section(Kind::Metadata, layout.metadata.bytes.len() as u64);
        if described.frames {
            cursor.section(Kind::EhFrameHdr, frames.header_len());
            cursor.section(Kind::EhFrame, frames.entries_len());
        }

        let align = layout.text.align.max(Kind::Text.traits().align);
        if text_len > 0 {
            cursor.start_segment(PF_R | PF_X, FILE_PAGE.max(align), page.max(align));
            cursor.aligned_section(Kind::Text, text_len, align);
        }
        let text = cursor.block_address(text_len);
        // All distances that the metadata, .eh_frame and .eh_frame_hdr hold are
        // shorter than this and a page.
        limit(
            "mapped file up to the end of the text",
            cursor.address,
            i32::MAX as u64 - page,
        )?;

        if image_len > 0 {
            cursor.start_segment(PF_R, page, page);
            // Whoever maps the image maps whole pages of it, the last of which
            // ends in zeros.
            let size = image_len.next_multiple_of(page);
            cursor.aligned_section(Kind::Image, size, page);
        }
        let image = cursor.block_address(image_len);

        cursor.leave_segments();
        for section in &layout.debug {
            cursor.section(Kind::Debug(section.id), section.bytes.len() as u64);
        }
        cursor.section(Kind::Symtab, symtab.count() * sym_size);
        cursor.section(Kind::Strtab, symtab.strings_len);
        Ok(Plan {
            sections: cursor.sections,
            segments: cursor.segments,
            described,
            text,
            image,
        })
    }

    /// The file offset of the digest.
    pub(super) fn digest_offset(&self) -> u64 {
        let note = self.find(Kind::Seal);
        note.expect("this section is always there").offset + emit::DIGEST_OFFSET
    }

    /// The section of a kind, if the file has it.
    pub(super) fn find(&self, kind: Kind) -> Option<&Section> {
        self.sections.iter().find(|section| section.kind == kind)
    }

    /// The index of the section of a kind; 0, the null section, if the file
    /// does not have it.
    pub(super) fn index(&self, kind: Kind) -> u16 {
        let position = self
            .sections
            .iter()
            .position(|section| section.kind == kind);
        position.map_or(0, |position| position as u16 + 1)
    }

    /// The address of the section of a kind.
    ///
    /// # Panics
    ///
    /// Panics if the file does not have it.
    pub(super) fn address(&self, kind: Kind) -> u64 {
        self.find(kind)
            .expect("this section is always there")
            .address
    }

    /// The address of a block that fixups refer to.
    pub(super) fn target(&self, target: Target) -> u64 {
        match target {
            Target::Text => self.text,
            Target::Image => self.image,
        }
    }

    /// The text, for symbols in it.
    pub(super) fn text(&self) -> Block {
        Block {
            section: self.index(Kind::Text),
            address: self.text,
        }
    }

    /// The metadata, for the descriptor's symbol.
    pub(super) fn metadata(&self) -> Block {
        Block {
            section: self.index(Kind::Metadata),
            address: self.address(Kind::Metadata),
        }
    }

    /// The addresses that the unwind information depends on, if there is any.
    pub(super) fn frames(&self) -> Option<Places> {
        Some(Places {
            header: self.find(Kind::EhFrameHdr)?.address,
            entries: self.find(Kind::EhFrame)?.address,
            text: self.text,
        })
    }
}

/// The end of what has been placed.
#[derive(Debug, Default)]
struct Cursor {
    offset: u64,
    address: u64,
    /// Whether what follows is part of the last segment.
    mapped: bool,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

impl Cursor {
    /// Starts a segment at the next file offset that is a multiple of
    /// `offset_align`, and at the next address on a page of its own that is
    /// congruent to the offset modulo both alignments.
    fn start_segment(&mut self, flags: u32, offset_align: u64, align: u64) {
        let unit = align.max(offset_align);
        self.offset = self.offset.next_multiple_of(offset_align);
        self.address = self.address.next_multiple_of(unit) + self.offset % unit;
        self.mapped = true;
        self.segments.push(Segment {
            flags,
            offset: self.offset,
            address: self.address,
            size: 0,
            align,
        });
    }

    /// Ends the last segment. What follows shares no page with it, as it may
    /// have been executable.
    fn leave_segments(&mut self) {
        self.mapped = false;
        self.offset = self.offset.next_multiple_of(FILE_PAGE);
    }

    fn section(&mut self, kind: Kind, size: u64) {
        self.aligned_section(kind, size, kind.traits().align);
    }

    /// Places a section. Alignments are no larger than that of the segment, so
    /// address and offset move together.
    fn aligned_section(&mut self, kind: Kind, size: u64, align: u64) {
        self.skip(self.offset.next_multiple_of(align) - self.offset);
        self.sections.push(Section {
            kind,
            offset: self.offset,
            address: if self.mapped { self.address } else { 0 },
            size,
            align,
        });
        self.skip(size);
    }

    fn skip(&mut self, len: u64) {
        self.offset += len;
        if self.mapped {
            self.address += len;
            let segment = self.segments.last_mut().expect("a segment was started");
            segment.size += len;
        }
    }

    /// The address of the section of `len` bytes that was placed last.
    fn block_address(&self, len: u64) -> u64 {
        match (len, self.sections.last()) {
            (1.., Some(section)) => section.address,
            _ => self.address,
        }
    }
}
