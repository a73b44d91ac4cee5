//! Writes the file, section by section in the order of the plan.

use core::mem::offset_of;

use gimli::SectionId;
use object::elf::{self, STB_GLOBAL};
use object::pod::bytes_of;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, Writer};
use object::write::{StringId, WritableBuffer};
use object::{Endianness, LittleEndian, U32};
use wasm_aot_abi::{DIGEST_SHA256, SEAL_NOTE_NAME, SEAL_NOTE_TYPE, SIGNATURE_NONE, Seal, Wire};

use super::dynamic::{BLOOM_SHIFT, DynamicSymbols};
use super::machine::Machine;
use super::plan::{Described, Plan, Section, Segment};
use super::section::{CLASS, Kind};
use super::symtab::{self, Symtab};
use crate::layout::{Fixup, Layout, Target};
use crate::writer::BUILD_ID_LEN;

/// The contents of the file.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) layout: &'a Layout,
    pub(super) machine: Machine,
    pub(super) dynamic: DynamicSymbols<'a>,
    pub(super) symtab: Symtab<'a>,
    /// Placed already, or empty if there is none.
    pub(super) eh_frame_hdr: Vec<u8>,
    pub(super) eh_frame: Vec<u8>,
}

/// The size of the headers at the front of a file with so many of
/// [`Plan::segments`].
pub(super) fn headers_len(segments: usize, described: Described) -> u64 {
    let program_headers = segments + program_header_kinds(described).count();
    (CLASS.file_header_size() + program_headers * CLASS.program_header_size()) as u64
}

/// The size of the section that says what is true of all code in the file.
pub(super) const PROPERTY_SECTION_LEN: u64 = note_len(GNU_NAME, PROPERTY.len() * size_of::<u32>());

/// All code that indirect branches lead to has landing pads: the property's name, its
/// size in bytes, its value, and zeros up to a multiple of 8 bytes.
const PROPERTY: [u32; 4] = [
    elf::GNU_PROPERTY_AARCH64_FEATURE_1_AND,
    size_of::<u32>() as u32,
    elf::GNU_PROPERTY_AARCH64_FEATURE_1_BTI,
    0,
];

/// The size of the section with the build id.
pub(super) const BUILD_ID_SECTION_LEN: u64 = note_len(GNU_NAME, BUILD_ID_LEN);

/// The size of the section with the seal.
pub(super) const SEAL_SECTION_LEN: u64 = note_len(&SEAL_NOTE_NAME, Seal::SIZE);

/// Where in its section the digest is.
pub(super) const DIGEST_OFFSET: u64 =
    SEAL_SECTION_LEN - (Seal::SIZE - offset_of!(Seal, digest)) as u64;

const GNU_NAME: &[u8] = b"GNU\0";

/// The size of a note whose owner has this name, with the NUL.
const fn note_len(name: &[u8], description: usize) -> u64 {
    (size_of::<elf::NoteHeader64<LittleEndian>>() + name.len().next_multiple_of(4) + description)
        as u64
}

/// The size of `.dynamic`.
pub(super) fn dynamic_len(dynamic: &DynamicSymbols<'_>) -> u64 {
    let tags = 7 + usize::from(dynamic.soname.is_some());
    (tags * CLASS.dyn_size()) as u64
}

/// Writes the file with a build id, and with zeros in place of the digest.
pub(super) fn emit(
    parts: &Parts<'_>,
    plan: &Plan,
    build_id: &[u8; BUILD_ID_LEN],
    out: &mut dyn WritableBuffer,
) {
    let mut writer = Writer::new(Endianness::Little, true, out);
    let names = reserve(parts, plan, &mut writer);
    write_headers(parts, plan, &mut writer);
    for section in &plan.sections {
        writer.pad_until(section.offset as usize);
        match section.kind {
            Kind::Property => write_property(&mut writer),
            Kind::BuildId => write_note(GNU_NAME, elf::NT_GNU_BUILD_ID, build_id, &mut writer),
            Kind::Seal => write_seal(&mut writer),
            Kind::GnuHash => write_gnu_hash(&parts.dynamic, &mut writer),
            Kind::Hash => write_hash(&parts.dynamic, &mut writer),
            Kind::Dynsym => write_dynsym(parts, plan, &mut writer),
            Kind::Dynstr => write_dynstr(&parts.dynamic, &mut writer),
            Kind::Dynamic => write_dynamic(&parts.dynamic, plan, &mut writer),
            Kind::Metadata => write_metadata(parts.layout, plan, &mut writer),
            Kind::EhFrameHdr => writer.write(&parts.eh_frame_hdr),
            Kind::EhFrame => writer.write(&parts.eh_frame),
            Kind::Text => writer.write(&parts.layout.text.bytes),
            Kind::Image => write_image(parts.layout, section.offset + section.size, &mut writer),
            Kind::Debug(id) => write_debug(parts.layout, id, plan, &mut writer),
            Kind::Symtab => {
                let (text, metadata) = (plan.text(), plan.metadata());
                let write = |symbol: &_| writer.write(bytes_of(symbol));
                parts.symtab.write_symbols(text, metadata, write);
            }
            Kind::Strtab => parts.symtab.write_strings(|piece| writer.write(piece)),
        }
    }
    writer.write_shstrtab();
    write_section_headers(parts, plan, &names, &mut writer);
}

/// Tells `writer` of the plan, as far as it has to know. Returns the names of
/// the sections.
fn reserve(parts: &Parts<'_>, plan: &Plan, writer: &mut Writer<'_>) -> Vec<StringId> {
    let dynamic = &parts.dynamic;
    let symbols = dynamic.count();
    let program_headers = plan.segments.len() + program_header_kinds(plan.described).count();
    writer.reserve_file_header();
    writer.reserve_program_headers(program_headers as u32);
    let mut names = Vec::with_capacity(plan.sections.len());
    for section in &plan.sections {
        names.push(writer.add_section_name(section.kind.traits().name.as_bytes()));
        writer.reserve_section_index();
        writer.reserve_until(section.offset as usize);
        match section.kind {
            Kind::GnuHash => {
                writer.reserve_gnu_hash(dynamic.bloom_words, dynamic.gnu_buckets, symbols)
            }
            Kind::Hash => writer.reserve_hash(symbols, symbols + 1),
            _ => writer.reserve(section.size as usize, 1),
        };
    }
    writer.reserve_shstrtab_section_index();
    writer.reserve_shstrtab();
    writer.reserve_section_headers();
    names
}

/// The program headers besides those for the segments that are mapped.
fn program_header_kinds(described: Described) -> impl Iterator<Item = u32> {
    [
        (elf::PT_DYNAMIC, true),
        (elf::PT_NOTE, true),
        (elf::PT_GNU_PROPERTY, described.property),
        (elf::PT_GNU_STACK, true),
        (elf::PT_GNU_EH_FRAME, described.frames),
    ]
    .into_iter()
    .filter_map(|(kind, is_there)| is_there.then_some(kind))
}

fn write_headers(parts: &Parts<'_>, plan: &Plan, writer: &mut Writer<'_>) {
    let header = FileHeader {
        os_abi: elf::ELFOSABI_NONE,
        abi_version: 0,
        e_type: elf::ET_DYN,
        e_machine: parts.machine.id,
        e_entry: 0,
        e_flags: parts.machine.flags,
    };
    let written = writer.write_file_header(&header);
    written.expect("the output takes files of any size");
    writer.write_align_program_headers();
    for segment in &plan.segments {
        write_program_header(elf::PT_LOAD, segment, writer);
    }
    let build_id = plan.find(Kind::BuildId).expect("it is always there");
    // The seal follows at once.
    let notes = Section {
        size: BUILD_ID_SECTION_LEN + SEAL_SECTION_LEN,
        ..*build_id
    };
    for kind in program_header_kinds(plan.described) {
        let section = match kind {
            elf::PT_DYNAMIC => plan.find(Kind::Dynamic),
            elf::PT_NOTE => Some(&notes),
            elf::PT_GNU_PROPERTY => plan.find(Kind::Property),
            elf::PT_GNU_EH_FRAME => plan.find(Kind::EhFrameHdr),
            _ => None,
        };
        let segment = match section {
            Some(section) => Segment {
                flags: elf::PF_R,
                offset: section.offset,
                address: section.address,
                size: section.size,
                align: section.align,
            },
            // PT_GNU_STACK, about memory that is not in the file: it need not
            // be executable.
            None => Segment {
                flags: elf::PF_R | elf::PF_W,
                offset: 0,
                address: 0,
                size: 0,
                align: 16,
            },
        };
        write_program_header(kind, &segment, writer);
    }
}

fn write_program_header(kind: u32, segment: &Segment, writer: &mut Writer<'_>) {
    writer.write_program_header(&ProgramHeader {
        p_type: kind,
        p_flags: segment.flags,
        p_offset: segment.offset,
        p_vaddr: segment.address,
        p_paddr: segment.address,
        p_filesz: segment.size,
        p_memsz: segment.size,
        p_align: segment.align,
    });
}

fn write_property(writer: &mut Writer<'_>) {
    let words = PROPERTY.map(u32::to_le_bytes);
    write_note(
        GNU_NAME,
        elf::NT_GNU_PROPERTY_TYPE_0,
        words.as_flattened(),
        writer,
    );
}

fn write_seal(writer: &mut Writer<'_>) {
    let seal = Seal {
        digest_algorithm: DIGEST_SHA256,
        signature_algorithm: SIGNATURE_NONE,
        digest: [0; 32],
        signer: [0; 32],
        signature: [0; 64],
    };
    let mut bytes = [0; Seal::SIZE];
    seal.encode(&mut bytes);
    write_note(&SEAL_NOTE_NAME, SEAL_NOTE_TYPE, &bytes, writer);
}

fn write_note(name: &[u8], ty: u32, description: &[u8], writer: &mut Writer<'_>) {
    let header = elf::NoteHeader64 {
        n_namesz: U32::new(LittleEndian, name.len() as u32),
        n_descsz: U32::new(LittleEndian, description.len() as u32),
        n_type: U32::new(LittleEndian, ty),
    };
    writer.write(bytes_of(&header));
    writer.write(name);
    let padding = name.len().next_multiple_of(4) - name.len();
    writer.write(&[0; 3][..padding]);
    writer.write(description);
}

fn write_gnu_hash(dynamic: &DynamicSymbols<'_>, writer: &mut Writer<'_>) {
    writer.write_gnu_hash(
        1, // all but the null symbol
        BLOOM_SHIFT,
        dynamic.bloom_words,
        dynamic.gnu_buckets,
        dynamic.count(),
        |i| dynamic.symbols[i as usize].gnu_hash,
    );
}

fn write_hash(dynamic: &DynamicSymbols<'_>, writer: &mut Writer<'_>) {
    let hash = |i: u32| {
        let symbol = &dynamic.symbols[(i as usize).checked_sub(1)?];
        Some(elf::hash(symbol.name.as_bytes()))
    };
    // One bucket for each symbol; the null symbol is part of the chains.
    writer.write_hash(dynamic.count(), dynamic.count() + 1, hash);
}

fn write_dynsym(parts: &Parts<'_>, plan: &Plan, writer: &mut Writer<'_>) {
    writer.write(bytes_of(&elf::Sym64::<LittleEndian>::default()));
    let (text, metadata) = (plan.text(), plan.metadata());
    let mut name_offset = 1;
    for symbol in &parts.dynamic.symbols {
        let mut entry = match symbol.code {
            Some(code) => symtab::function(STB_GLOBAL, code, text),
            None => symtab::descriptor(parts.layout, metadata),
        };
        entry.st_name = U32::new(LittleEndian, name_offset);
        name_offset += symbol.name.len() as u32 + 1;
        writer.write(bytes_of(&entry));
    }
}

fn write_dynstr(dynamic: &DynamicSymbols<'_>, writer: &mut Writer<'_>) {
    writer.write(b"\0");
    let names = dynamic.symbols.iter().map(|symbol| symbol.name);
    for name in names.chain(dynamic.soname) {
        writer.write(name.as_bytes());
        writer.write(b"\0");
    }
}

fn write_dynamic(dynamic: &DynamicSymbols<'_>, plan: &Plan, writer: &mut Writer<'_>) {
    let soname = dynamic.soname_offset();
    let tags = [
        (elf::DT_HASH, plan.address(Kind::Hash)),
        (elf::DT_GNU_HASH, plan.address(Kind::GnuHash)),
        (elf::DT_STRTAB, plan.address(Kind::Dynstr)),
        (elf::DT_SYMTAB, plan.address(Kind::Dynsym)),
        (elf::DT_STRSZ, dynamic.strings_len),
        (elf::DT_SYMENT, CLASS.sym_size() as u64),
        (elf::DT_NULL, 0),
    ];
    for (tag, value) in soname
        .map(|offset| (elf::DT_SONAME, offset))
        .into_iter()
        .chain(tags)
    {
        let written = writer.write_dynamic(tag, value);
        written.expect("any tag and value fit into a 64-bit entry");
    }
}

fn write_metadata(layout: &Layout, plan: &Plan, writer: &mut Writer<'_>) {
    let descriptor = plan.metadata().address;
    let mut fixups: Vec<&Fixup> = layout.metadata.fixups.iter().collect();
    fixups.sort_unstable_by_key(|fixup| fixup.offset);
    let bytes = &layout.metadata.bytes;
    let mut written = 0;
    for fixup in fixups {
        let offset = fixup.offset as usize;
        let target = plan.target(fixup.target) + fixup.addend;
        let distance = i32::try_from(target.wrapping_sub(descriptor) as i64);
        let distance = distance.expect("the plan keeps blocks within reach");
        writer.write(&bytes[written..offset]);
        writer.write(&distance.to_le_bytes());
        written = offset + size_of::<i32>();
    }
    writer.write(&bytes[written..]);
}

/// Writes the image and zeros up to the file offset `end`.
fn write_image(layout: &Layout, end: u64, writer: &mut Writer<'_>) {
    let image = layout.image.as_ref().expect("an image was planned");
    writer.write(&image.bytes);
    writer.pad_until(end as usize);
}

/// Writes a section of debug information. What it says of others is where they start
/// in themselves.
fn write_debug(layout: &Layout, id: SectionId, plan: &Plan, writer: &mut Writer<'_>) {
    let section = layout.debug.iter().find(|section| section.id == id);
    let section = section.expect("a section was planned");
    let mut written = 0;
    for reference in &section.references {
        let base = match reference.target {
            None => plan.target(Target::Text),
            Some(_) => 0,
        };
        let offset = reference.offset as usize;
        let value = (base + reference.addend).to_le_bytes();
        writer.write(&section.bytes[written..offset]);
        writer.write(&value[..reference.size.into()]);
        written = offset + usize::from(reference.size);
    }
    writer.write(&section.bytes[written..]);
}

fn write_section_headers(
    parts: &Parts<'_>,
    plan: &Plan,
    names: &[StringId],
    writer: &mut Writer<'_>,
) {
    writer.write_null_section_header();
    for (section, &name) in plan.sections.iter().zip(names) {
        let traits = section.kind.traits();
        writer.write_section_header(&SectionHeader {
            name: Some(name),
            sh_type: traits.sh_type,
            sh_flags: traits.flags.into(),
            sh_addr: section.address,
            sh_offset: section.offset,
            sh_size: section.size,
            sh_link: traits.link.map_or(0, |kind| plan.index(kind).into()),
            // One past the last local symbol.
            sh_info: match section.kind {
                Kind::Dynsym => 1,
                Kind::Symtab => parts.symtab.local_count(),
                _ => 0,
            },
            sh_addralign: section.align,
            sh_entsize: traits.entry_size as u64,
        });
    }
    writer.write_shstrtab_section_header();
}
