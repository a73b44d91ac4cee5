//! The object file: what a linker makes part of a program or of another
//! library.
//!
//! It has the content of the shared object without what the dynamic linker
//! needs. The few distances between sections, which the shared object has
//! resolved, are relocations: from the metadata to the text and to the image, and
//! from the unwind information to the text. All are relative to where they
//! stand, so nothing is left to be done when the program starts.

use std::io::{Seek, Write};

use object::elf::{self, SHF_ALLOC, SHF_EXECINSTR, SHF_INFO_LINK};
use object::pod::bytes_of;
use object::write::elf::{FileHeader, Rel, SectionHeader, Writer};
use object::{Endianness, LittleEndian};

use super::dynamic::check_name;
use super::frames::Frames;
use super::machine::Machine;
use super::output::Output;
use super::section::CLASS;
use super::symtab::{Block, Symtab};
use super::{Error, check};
use crate::layout::{Layout, Target};

/// Writes `layout` as an object file to `out`, as [`write`](super::write) does
/// a shared object.
///
/// # Errors
///
/// See [`Error`]. After an error, `out` holds an unfinished file.
///
/// # Panics
///
/// Panics if `layout` contradicts itself (see [`crate::layout`]).
pub fn write_object<W: Write + Seek>(layout: &Layout, out: W) -> Result<(), Error> {
    check(layout);
    check_symbols(layout)?;
    let machine = Machine::new(&layout.target)?;
    let image = layout.image.as_ref().map_or(&[][..], |image| &image.bytes);
    let referred: &[u16] = if image.is_empty() {
        &[TEXT]
    } else {
        &[TEXT, IMAGE]
    };
    let symtab = Symtab::object(layout, referred)?;
    let (eh_frame, functions) = Frames::encode(&machine, layout)?.relocatable();
    let descriptor = symtab.local_count();
    let relocations = Relocations::of(&machine);
    let fixups = layout.metadata.fixups.iter().flat_map(|fixup| {
        let symbol = match fixup.target {
            Target::Text => TEXT_SYMBOL,
            Target::Image => {
                assert!(
                    !image.is_empty(),
                    "{fixup:?} is about an image that is not there"
                );
                IMAGE_SYMBOL
            }
        };
        let at = |r_type, r_sym, r_addend: u64| Rel {
            r_offset: fixup.offset,
            r_sym,
            r_type,
            r_addend: r_addend as i64,
        };
        // What is wanted is relative to the start of the metadata.
        match relocations.relative_64 {
            Distance::Relative(r_type) => {
                vec![at(r_type, symbol, fixup.addend + fixup.offset)]
            }
            Distance::Difference { add, subtract } => {
                vec![at(add, symbol, fixup.addend), at(subtract, descriptor, 0)]
            }
        }
    });
    let fixups: Vec<Rel> = fixups.collect();
    let functions = functions.into_iter().map(|(field, code)| Rel {
        r_offset: field,
        r_sym: TEXT_SYMBOL,
        r_type: relocations.relative_32,
        r_addend: code.into(),
    });
    let functions: Vec<Rel> = functions.collect();
    let align = layout.text.align;
    #[rustfmt::skip]
    let mut sections = vec![
        Section::new(".text", SHF_ALLOC | SHF_EXECINSTR, align, Content::Bytes(&layout.text.bytes)),
        Section::new(".wasm_aot", SHF_ALLOC, METADATA_ALIGN, Content::Bytes(&layout.metadata.bytes)),
        Section::new(".rela.wasm_aot", SHF_INFO_LINK, 8, Content::Relocations(METADATA, &fixups)),
        Section::new(".eh_frame", SHF_ALLOC, 8, Content::Bytes(&eh_frame)),
        Section::new(".rela.eh_frame", SHF_INFO_LINK, 8, Content::Relocations(EH_FRAME, &functions)),
        // No code here wants the stack to be executable.
        Section::new(".note.GNU-stack", 0, 1, Content::Bytes(&[])),
        Section::new(".symtab", 0, 8, Content::Symbols(&symtab)),
        Section::new(".strtab", 0, 1, Content::Strings(&symtab)),
    ];
    if !image.is_empty() {
        let page = machine.max_page;
        let content = Content::Padded(image, page);
        sections.push(Section::new(".wasm_image", SHF_ALLOC, page, content));
    }
    let mut output = Output::new(out)?;
    emit(&machine, &sections, &mut output);
    output.finish(None)
}

/// The types of relocations for distances.
struct Relocations {
    relative_32: u32,
    relative_64: Distance,
}

/// How a distance of 64 bits is written.
#[derive(Clone, Copy)]
enum Distance {
    /// As one from the place itself.
    Relative(u32),
    /// As what is added to the place, and what is subtracted from it.
    Difference { add: u32, subtract: u32 },
}

impl Relocations {
    fn of(machine: &Machine) -> Relocations {
        match machine.id {
            elf::EM_X86_64 => Relocations {
                relative_32: elf::R_X86_64_PC32,
                relative_64: Distance::Relative(elf::R_X86_64_PC64),
            },
            elf::EM_AARCH64 => Relocations {
                relative_32: elf::R_AARCH64_PREL32,
                relative_64: Distance::Relative(elf::R_AARCH64_PREL64),
            },
            elf::EM_RISCV => Relocations {
                relative_32: elf::R_RISCV_32_PCREL,
                relative_64: Distance::Difference {
                    add: elf::R_RISCV_ADD64,
                    subtract: elf::R_RISCV_SUB64,
                },
            },
            other => unreachable!("the writer does not know machine {other}"),
        }
    }
}

/// Names that linkers look for must be names, and differ.
fn check_symbols(layout: &Layout) -> Result<(), Error> {
    let exports = layout.exports.iter().map(|export| export.name.as_str());
    let mut names: Vec<_> = exports.chain([layout.descriptor_symbol.as_str()]).collect();
    for name in &names {
        check_name(name)?;
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Duplicate(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// Indices of sections. Those without content are there all the same, but for the
/// image.
const TEXT: u16 = 1;
const METADATA: u16 = 2;
const EH_FRAME: u16 = 4;
const SYMTAB: u16 = 7;
const STRTAB: u16 = 8;
const IMAGE: u16 = 9;

/// Indices of the symbols that stand for sections, which come first.
const TEXT_SYMBOL: u32 = 1;
const IMAGE_SYMBOL: u32 = 2;

const METADATA_ALIGN: u64 = wasm_aot_abi::ALIGNMENT as u64;

struct Section<'a> {
    name: &'static str,
    flags: u32,
    align: u64,
    content: Content<'a>,
}

enum Content<'a> {
    Bytes(&'a [u8]),
    /// And zeros up to a multiple of a size.
    Padded(&'a [u8], u64),
    /// Of the section with an index.
    Relocations(u16, &'a [Rel]),
    Symbols(&'a Symtab<'a>),
    Strings(&'a Symtab<'a>),
}

impl<'a> Section<'a> {
    fn new(name: &'static str, flags: u32, align: u64, content: Content<'a>) -> Section<'a> {
        Section {
            name,
            flags,
            align,
            content,
        }
    }

    fn size(&self) -> u64 {
        match self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Padded(bytes, unit) => (bytes.len() as u64).next_multiple_of(unit),
            Content::Relocations(_, relocations) => {
                (relocations.len() * CLASS.rel_size(true)) as u64
            }
            Content::Symbols(symtab) => symtab.count() * CLASS.sym_size() as u64,
            Content::Strings(symtab) => symtab.strings_len,
        }
    }
}

fn emit(machine: &Machine, sections: &[Section<'_>], out: &mut dyn object::write::WritableBuffer) {
    let mut writer = Writer::new(Endianness::Little, true, out);
    writer.reserve_file_header();
    let mut places = Vec::with_capacity(sections.len());
    for section in sections {
        let name = writer.add_section_name(section.name.as_bytes());
        writer.reserve_section_index();
        // The alignment in memory is the linker's business.
        let offset = writer.reserve(section.size() as usize, section.align.min(16) as usize);
        places.push((name, offset));
    }
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();

    let header = FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_REL,
        e_machine: machine.id,
        e_entry: 0,
        e_flags: machine.flags,
    };
    let written = writer.write_file_header(&header);
    written.expect("the output takes files of any size");
    for (section, &(_, offset)) in sections.iter().zip(&places) {
        writer.pad_until(offset);
        match section.content {
            Content::Bytes(bytes) => writer.write(bytes),
            Content::Padded(bytes, _) => {
                writer.write(bytes);
                writer.pad_until(offset + section.size() as usize);
            }
            Content::Relocations(_, relocations) => {
                for relocation in relocations {
                    writer.write_relocation(true, relocation);
                }
            }
            Content::Symbols(symtab) => {
                let block = |section| Block {
                    section,
                    address: 0,
                };
                let write = |symbol: &elf::Sym64<LittleEndian>| writer.write(bytes_of(symbol));
                symtab.write_symbols(block(TEXT), block(METADATA), write);
            }
            Content::Strings(symtab) => symtab.write_strings(|piece| writer.write(piece)),
        }
    }
    writer.write_shstrtab();
    writer.write_null_section_header();
    for (section, &(name, offset)) in sections.iter().zip(&places) {
        let (sh_type, link, info, entry_size) = match section.content {
            Content::Bytes(_) | Content::Padded(..) => (elf::SHT_PROGBITS, 0, 0, 0),
            Content::Relocations(of, _) => (elf::SHT_RELA, SYMTAB, of.into(), CLASS.rel_size(true)),
            Content::Symbols(symtab) => {
                let local = symtab.local_count();
                (elf::SHT_SYMTAB, STRTAB, local, CLASS.sym_size())
            }
            Content::Strings(_) => (elf::SHT_STRTAB, 0, 0, 0),
        };
        writer.write_section_header(&SectionHeader {
            name: Some(name),
            sh_type,
            sh_flags: section.flags.into(),
            sh_addr: 0,
            sh_offset: offset as u64,
            sh_size: section.size(),
            sh_link: link.into(),
            sh_info: info,
            sh_addralign: section.align,
            sh_entsize: entry_size as u64,
        });
    }
    writer.write_shstrtab_section_header();
}
