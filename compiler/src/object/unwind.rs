//! How to unwind out of functions, as each format says it.
//!
//! On ELF, in full. The other formats have no more than a debugger, a profiler or a
//! crash reporter needs to walk the stack, which is the same for every function: the
//! caller's frame pointer and the return address are where the frame pointer says.
//! Registers that trampolines keep for their callers are not described. Who would
//! restore them is an exception on its way through frames of WebAssembly, and that
//! would leave an entry record behind: the ABI does not have it.

use object::write::SectionId;
use object::{BinaryFormat, RelocationKind, SectionFlags, SectionKind, macho};
use target_lexicon::Architecture;

use super::Writer;
use super::format::generic;
use crate::elf::Frames;
use crate::writer::Error;

/// Writes what there is to say.
pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), Error> {
    if writer.layout.unwind.is_empty() {
        return Ok(());
    }
    match writer.format.binary {
        BinaryFormat::MachO => compact(writer),
        BinaryFormat::Coff => windows(writer),
        _ => frames(writer)?,
    }
    Ok(())
}

/// `.eh_frame`
fn frames(writer: &mut Writer<'_>) -> Result<(), Error> {
    let machine = writer.format.machine.expect("ELF has one");
    let (bytes, functions) = Frames::encode(&machine, writer.layout)?.relocatable();
    let section = add(writer, "", ".eh_frame", bytes, 8);
    for (field, code) in functions {
        let flags = generic(RelocationKind::Relative, 32);
        writer.relocate(section, field, code.into(), flags);
    }
    Ok(())
}

/// `__compact_unwind`: an entry for each function.
fn compact(writer: &mut Writer<'_>) {
    const ENTRY: usize = 32;
    let encoding: u32 = match writer.layout.target.architecture {
        Architecture::X86_64 => 0x0100_0000, // UNWIND_X86_64_MODE_RBP_FRAME
        _ => 0x0400_0000,                    // UNWIND_ARM64_MODE_FRAME
    };
    let unwind = &writer.layout.unwind;
    let mut bytes = Vec::with_capacity(unwind.len() * ENTRY);
    for function in unwind {
        bytes.extend([0; 8]); // the function's address
        bytes.extend((function.size as u32).to_le_bytes());
        bytes.extend(encoding.to_le_bytes());
        bytes.extend([0; 16]); // neither a personality nor data of its own
    }
    let section = add(writer, "__LD", "__compact_unwind", bytes, 8);
    writer.object.section_mut(section).flags = SectionFlags::MachO {
        flags: macho::S_ATTR_DEBUG,
    };
    for (index, function) in unwind.iter().enumerate() {
        let field = (index * ENTRY) as u64;
        let flags = generic(RelocationKind::Absolute, 64);
        writer.relocate(section, field, function.offset, flags);
    }
}

/// `.pdata`, an entry for each function, and `.xdata`, one for all of them.
fn windows(writer: &mut Writer<'_>) {
    const ENTRY: usize = 12;
    /// `UNWIND_INFO`.
    const FRAME: [u8; 8] = [
        1,    // version; neither handler nor chain
        4,    // bytes of the prologue
        2,    // codes
        0x05, // rbp is the frame pointer, and points to where the stack pointer was then
        4, 0x03, // UWOP_SET_FPREG, behind `mov rbp, rsp`
        1, 0x50, // UWOP_PUSH_NONVOL of rbp, behind `push rbp`
    ];
    let unwind = &writer.layout.unwind;
    let frame = add(writer, "", ".xdata", FRAME.to_vec(), 4);
    let frame = writer.object.section_symbol(frame);
    let bytes = vec![0; unwind.len() * ENTRY];
    let section = add(writer, "", ".pdata", bytes, 4);
    let address = || generic(RelocationKind::ImageOffset, 32);
    for (index, function) in unwind.iter().enumerate() {
        let field = (index * ENTRY) as u64;
        let end = function.offset + function.size;
        writer.relocate(section, field, function.offset, address());
        writer.relocate(section, field + 4, end, address());
        writer.relocate_to(frame, section, field + 8, 0, address());
    }
}

fn add(
    writer: &mut Writer<'_>,
    segment: &str,
    name: &str,
    bytes: Vec<u8>,
    align: u64,
) -> SectionId {
    let kind = SectionKind::ReadOnlyData;
    let section = writer.object.add_section(segment.into(), name.into(), kind);
    writer.object.set_section_data(section, bytes, align);
    section
}
