//! Debug information in an object file.

use std::collections::HashMap;

use gimli::SectionId;
use object::{BinaryFormat, RelocationKind, SectionKind};

use super::Writer;
use super::format::generic;
use crate::layout::DebugSection;

/// Writes what there is. Linkers put the sections of several files together, so all
/// that refers to one is a relocation.
pub(super) fn write(writer: &mut Writer<'_>) {
    let layout = writer.layout;
    let is_macho = writer.format.binary == BinaryFormat::MachO;
    let sections: HashMap<SectionId, _> = (layout.debug.iter())
        .map(|section| {
            let kind = match section.id {
                SectionId::DebugStr | SectionId::DebugLineStr => SectionKind::DebugString,
                _ => SectionKind::Debug,
            };
            let (segment, name) = match is_macho {
                true => ("__DWARF", section.id.name().replacen('.', "__", 1)),
                false => ("", section.id.name().to_owned()),
            };
            let id = writer.object.add_section(segment.into(), name.into(), kind);
            writer.object.set_section_data(id, &section.bytes[..], 1);
            (section.id, id)
        })
        .collect();
    // Offsets from the start of the section, as opposed to addresses.
    let offset = match writer.format.binary {
        BinaryFormat::Coff => RelocationKind::SectionOffset,
        _ => RelocationKind::Absolute,
    };
    for section in &layout.debug {
        for reference in &section.references {
            let id = sections[&section.id];
            if is_macho && reference.target.is_some() {
                // These sections stay where they are, in the object file.
                let field = writer.object.section_mut(id).data_mut();
                let field = &mut field[reference.offset as usize..][..reference.size.into()];
                field.copy_from_slice(&reference.addend.to_le_bytes()[..reference.size.into()]);
                continue;
            }
            let (symbol, kind) = match reference.target {
                None => (writer.text_start, RelocationKind::Absolute),
                Some(target) => {
                    let target = sections[&target];
                    (writer.object.section_symbol(target), offset)
                }
            };
            let flags = generic(kind, reference.size * 8);
            writer.relocate_to(symbol, id, reference.offset, reference.addend, flags);
        }
    }
}

/// How much room a section takes in the file, about.
pub(super) fn size(section: &DebugSection) -> usize {
    section.bytes.len()
        + section.references.len() * size_of::<object::elf::Rela64<object::LittleEndian>>()
}
