//! Reads the object file that LLVM has made: a section for each function, others with
//! constants, and what says where instructions come from and how frames look.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use gimli::{EndianSlice, LittleEndian, UnwindSection as _};
use object::read::elf::ElfFile64;
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget,
    SectionIndex, SectionKind, SymbolKind, elf,
};

use crate::layout::FrameRule;

/// A section.
pub(super) struct Section {
    pub(super) bytes: Vec<u8>,
    pub(super) align: u32,
    pub(super) references: Vec<Reference>,
    /// Where lines begin, in ascending order of offsets: byte offsets in the module, or 0.
    pub(super) rows: Vec<(u32, u32)>,
    /// What in it is inlined.
    pub(super) inlined: Inlined,
    /// How its frame looks, by offsets in the code.
    pub(super) frame: Option<Rules>,
}

/// What comes from functions that were inlined.
#[derive(Default)]
pub(super) struct Inlined {
    /// Each behind the one around it.
    pub(super) calls: Vec<Call>,
    /// Code that comes from each: in ascending order of where it starts, then of the
    /// numbers of calls. Ranges are within those of the call around it.
    pub(super) ranges: Vec<(Range<u32>, u32)>,
}

/// A call that was inlined.
pub(super) struct Call {
    /// The line that it is at.
    pub(super) line: u32,
    /// What it calls.
    pub(super) callee: Option<Name>,
    /// The number of the call that it was inlined at itself.
    pub(super) around: Option<u32>,
}

type Rules = Vec<(u32, FrameRule)>;

/// A place that must be given the distance of something, 32 bits.
pub(super) struct Reference {
    pub(super) offset: u32,
    pub(super) target: Name,
    pub(super) addend: i64,
}

/// What there is, and what is referred to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// The body of a function, by its index.
    Function(u32),
    /// What others call it by, with an array of values.
    Arrival(u32),
    /// Constants, by the number of the section.
    Constants(u32),
    /// What calls functions of a shape by an array of values.
    Leave(String),
    /// Something that LLVM knows the name of alone: namespace and index.
    Other(u32, u32),
    /// A function of a library that LLVM takes for granted.
    Nowhere(String),
}

/// The sections of an object file that become a part of the text.
///
/// # Errors
///
/// What is not as expected.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<Name, Section>, String> {
    let file = ElfFile64::<object::LittleEndian>::parse(bytes).map_err(|it| it.to_string())?;
    let mut names: HashMap<SectionIndex, Name> = HashMap::new();
    let mut sections = BTreeMap::new();
    let mut constants = 0;
    for section in file.sections() {
        let label = section.name().map_err(|error| error.to_string())?;
        let name = match section.kind() {
            SectionKind::Text if section.size() == 0 => continue,
            SectionKind::Text => function_name(label)?,
            SectionKind::ReadOnlyData | SectionKind::ReadOnlyString
                if label.starts_with(".rodata") =>
            {
                constants += 1;
                Name::Constants(constants - 1)
            }
            SectionKind::Data | SectionKind::UninitializedData | SectionKind::Tls
                if section.size() > 0 =>
            {
                return Err(format!("data that is not constant, in {label}"));
            }
            _ => continue,
        };
        let data = section.data().map_err(|error| error.to_string())?;
        names.insert(section.index(), name.clone());
        sections.insert(
            name,
            Section {
                bytes: data.to_vec(),
                align: section.align() as u32,
                references: Vec::new(),
                rows: Vec::new(),
                inlined: Inlined::default(),
                frame: None,
            },
        );
    }
    for section in file.sections() {
        let Some(name) = names.get(&section.index()) else {
            continue;
        };
        let references = section
            .relocations()
            .map(|(offset, relocation)| reference(&file, &names, offset, &relocation));
        let references = references.collect::<Result<_, _>>()?;
        sections.get_mut(name).expect("just added").references = references;
    }
    let lines_there = relocated(&file, ".debug_line")?;
    lines(&lines_there, &names, &mut sections)?;
    inlined(&file, &lines_there, &names, &mut sections)?;
    frames(&file, &names, &mut sections)?;
    Ok(sections)
}

/// What a section of code is called after.
fn function_name(label: &str) -> Result<Name, String> {
    let index = |text: &str| text.parse().ok();
    let name = match label.strip_prefix(".text.") {
        Some(name) => match (name.strip_prefix('f'), name.strip_prefix('a')) {
            (Some(name), _) => index(name).map(Name::Function),
            (_, Some(name)) => index(name).map(Name::Arrival),
            _ => None,
        },
        None => None,
    };
    name.ok_or_else(|| format!("code in {label}"))
}

fn reference(
    file: &ElfFile64<'_, object::LittleEndian>,
    names: &HashMap<SectionIndex, Name>,
    offset: u64,
    relocation: &object::Relocation,
) -> Result<Reference, String> {
    match relocation.flags() {
        RelocationFlags::Elf {
            r_type: elf::R_X86_64_PC32 | elf::R_X86_64_PLT32,
        } => {}
        other => return Err(format!("a relocation {other:?}")),
    }
    let RelocationTarget::Symbol(symbol) = relocation.target() else {
        return Err("a relocation without a symbol".to_owned());
    };
    let symbol = file
        .symbol_by_index(symbol)
        .map_err(|error| error.to_string())?;
    let mut addend = relocation.addend();
    let target = match symbol.section_index() {
        // Functions stand at the starts of their sections.
        Some(section) => {
            let name = names.get(&section).ok_or("a reference to other sections")?;
            if symbol.kind() != SymbolKind::Section {
                addend += symbol.address() as i64;
            }
            name.clone()
        }
        None => {
            let name = symbol.name().map_err(|error| error.to_string())?;
            external(name).unwrap_or_else(|| Name::Nowhere(name.to_owned()))
        }
    };
    Ok(Reference {
        offset: offset as u32,
        target,
        addend,
    })
}

/// What a name means that is not defined.
fn external(name: &str) -> Option<Name> {
    if let Some(shape) = name.strip_prefix("leave_") {
        return Some(Name::Leave(shape.to_owned()));
    }
    if let Some(index) = name.strip_prefix('f') {
        return index.parse().ok().map(Name::Function);
    }
    let (namespace, index) = name.strip_prefix('u')?.split_once('_')?;
    Some(Name::Other(namespace.parse().ok()?, index.parse().ok()?))
}

/// Bytes of a section, with the addresses that it has for sections of code: the number of
/// the section in the upper half.
fn relocated(file: &ElfFile64<'_, object::LittleEndian>, label: &str) -> Result<Vec<u8>, String> {
    let Some(section) = file.section_by_name(label) else {
        return Ok(Vec::new());
    };
    let data = section.data().map_err(|error| error.to_string())?;
    let mut bytes = data.to_vec();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(symbol).map_err(|it| it.to_string())?;
        let Some(section) = symbol.section_index() else {
            continue;
        };
        let address = (section.0 as u64) << 32;
        let address = address + symbol.address().wrapping_add_signed(relocation.addend());
        let offset = offset as usize;
        match relocation.flags() {
            RelocationFlags::Elf {
                r_type: elf::R_X86_64_64,
            } => bytes[offset..offset + 8].copy_from_slice(&address.to_le_bytes()),
            // An offset in another section.
            RelocationFlags::Elf {
                r_type: elf::R_X86_64_32,
            } => bytes[offset..offset + 4].copy_from_slice(&(address as u32).to_le_bytes()),
            _ => {}
        }
    }
    Ok(bytes)
}

/// Reads the line table.
fn lines(
    bytes: &[u8],
    names: &HashMap<SectionIndex, Name>,
    sections: &mut BTreeMap<Name, Section>,
) -> Result<(), String> {
    let table = gimli::DebugLine::new(bytes, LittleEndian);
    let mut offset = 0;
    while offset < bytes.len() {
        let at = gimli::DebugLineOffset(offset);
        let program = table
            .program(at, 8, None, None)
            .map_err(|error| format!("lines: {error}"))?;
        // The length itself has 4 bytes.
        offset += program.header().unit_length() + 4;
        let mut rows = program.rows();
        while let Some((_, row)) = rows.next_row().map_err(|it| format!("lines: {it}"))? {
            let (section, offset) = ((row.address() >> 32) as usize, row.address() as u32);
            let name = names.get(&SectionIndex(section));
            let Some(section) = name.and_then(|name| sections.get_mut(name)) else {
                continue;
            };
            let line = row.line().map_or(0, |line| line.get() as u32);
            if !row.end_sequence() {
                match section.rows.last_mut() {
                    Some(last) if last.0 == offset => last.1 = line,
                    _ => section.rows.push((offset, line)),
                }
            }
        }
    }
    Ok(())
}

/// Reads what is inlined where.
fn inlined(
    file: &ElfFile64<'_, object::LittleEndian>,
    lines: &[u8],
    names: &HashMap<SectionIndex, Name>,
    sections: &mut BTreeMap<Name, Section>,
) -> Result<(), String> {
    let wrong = |error: gimli::Error| format!("inlined calls: {error}");
    let section = |label| relocated(file, label);
    let (info, abbreviations) = (section(".debug_info")?, section(".debug_abbrev")?);
    let (ranges, strings) = (section(".debug_ranges")?, section(".debug_str")?);
    let dwarf = gimli::Dwarf {
        debug_info: gimli::DebugInfo::new(&info, LittleEndian),
        debug_abbrev: gimli::DebugAbbrev::new(&abbreviations, LittleEndian),
        debug_str: gimli::DebugStr::new(&strings, LittleEndian),
        debug_line: gimli::DebugLine::new(lines, LittleEndian),
        ranges: gimli::RangeLists::new(
            gimli::DebugRanges::new(&ranges, LittleEndian),
            gimli::DebugRngLists::new(&[], LittleEndian),
        ),
        ..gimli::Dwarf::default()
    };
    let mut units = dwarf.units();
    while let Some(header) = units.next().map_err(wrong)? {
        let unit = dwarf.unit(header).map_err(wrong)?;
        let unit = unit.unit_ref(&dwarf);
        let name = |offset| {
            let entry = unit.entry(offset).ok()?;
            let name = unit.attr_string(entry.attr_value(gimli::DW_AT_name)?);
            external(name.ok()?.to_string().ok()?)
        };
        // Names of functions are where they are not inlined, before or behind the calls.
        let mut callees: HashMap<gimli::UnitOffset, Option<Name>> = HashMap::new();
        let mut entries = unit.entries();
        // The section that is at hand, and the calls that the next entry is in, with their
        // depths.
        let (mut at, mut around): (_, Vec<(isize, u32)>) = (None, Vec::new());
        while let Some(entry) = entries.next_dfs().map_err(wrong)? {
            around.retain(|&(depth, _)| depth < entry.depth);
            if entry.tag == gimli::DW_TAG_subprogram {
                let address = match entry.attr_value(gimli::DW_AT_low_pc) {
                    Some(gimli::AttributeValue::Addr(address)) => Some(address),
                    _ => None,
                };
                let index = address.map(|address| SectionIndex((address >> 32) as usize));
                at = index.and_then(|index| names.get(&index));
            }
            if entry.tag != gimli::DW_TAG_inlined_subroutine {
                continue;
            }
            let Some(section) = at.and_then(|name| sections.get_mut(name)) else {
                continue;
            };
            let Inlined { calls, ranges } = &mut section.inlined;
            let number = calls.len() as u32;
            let line = entry.attr_value(gimli::DW_AT_call_line);
            let callee = match entry.attr_value(gimli::DW_AT_abstract_origin) {
                Some(gimli::AttributeValue::UnitRef(offset)) => callees
                    .entry(offset)
                    .or_insert_with(|| name(offset))
                    .clone(),
                _ => None,
            };
            calls.push(Call {
                line: line.and_then(|line| line.udata_value()).unwrap_or(0) as u32,
                callee,
                around: around.last().map(|&(_, number)| number),
            });
            around.push((entry.depth, number));
            let mut pieces = unit.die_ranges(entry).map_err(wrong)?;
            while let Some(piece) = pieces.next().map_err(wrong)? {
                ranges.push((piece.begin as u32..piece.end as u32, number));
            }
        }
    }
    for section in sections.values_mut() {
        let ranges = &mut section.inlined.ranges;
        ranges.sort_by_key(|(range, number)| (range.start, *number));
    }
    Ok(())
}

/// Reads how frames look.
fn frames(
    file: &ElfFile64<'_, object::LittleEndian>,
    names: &HashMap<SectionIndex, Name>,
    sections: &mut BTreeMap<Name, Section>,
) -> Result<(), String> {
    let Some(section) = file.section_by_name(".eh_frame") else {
        return Ok(());
    };
    let mut bytes = section.data().map_err(|error| error.to_string())?.to_vec();
    // The fields that say which function it is about are distances of 32 bits: they are
    // made to be numbers of sections, and what is not relative, instead.
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(symbol).map_err(|it| it.to_string())?;
        let section = symbol.section_index().ok_or("a frame of nothing")?;
        let offset = offset as usize;
        let distance = (section.0 as u32).wrapping_sub(offset as u32);
        bytes[offset..offset + 4].copy_from_slice(&distance.to_le_bytes());
    }
    let bases = gimli::BaseAddresses::default().set_eh_frame(0);
    let table = gimli::EhFrame::new(&bytes, LittleEndian);
    let mut entries = table.entries(&bases);
    while let Some(entry) = entries.next().map_err(|it| format!("frames: {it}"))? {
        let gimli::CieOrFde::Fde(partial) = entry else {
            continue;
        };
        let fde = partial
            .parse(gimli::EhFrame::cie_from_offset)
            .map_err(|error| format!("frames: {error}"))?;
        let index = SectionIndex(fde.initial_address() as u32 as usize);
        let section = names.get(&index).and_then(|name| sections.get_mut(name));
        if let Some(section) = section {
            section.frame = Some(rules(&table, &bases, &fde)?);
        }
    }
    Ok(())
}

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

fn rules(
    table: &gimli::EhFrame<Bytes<'_>>,
    bases: &gimli::BaseAddresses,
    fde: &gimli::FrameDescriptionEntry<Bytes<'_>>,
) -> Result<Rules, String> {
    use gimli::CallFrameInstruction as From;
    let mut rules = Vec::new();
    let mut at = 0;
    // What LLVM says is in units of 1 and -8.
    let slots = |offset: u64| -8 * offset as i32;
    let mut instructions = fde.instructions(table, bases);
    while let Some(instruction) = instructions.next().map_err(|it| format!("frames: {it}"))? {
        let rule = match instruction {
            From::AdvanceLoc { delta } => {
                at += delta;
                continue;
            }
            From::DefCfa { register, offset } => FrameRule::Cfa(register.0, offset as i32),
            From::DefCfaRegister { register } => FrameRule::CfaRegister(register.0),
            From::DefCfaOffset { offset } => FrameRule::CfaOffset(offset as i32),
            From::Offset {
                register,
                factored_offset,
            } => FrameRule::Offset(register.0, slots(factored_offset)),
            From::Restore { register } => FrameRule::Restore(register.0),
            From::RememberState => FrameRule::RememberState,
            From::RestoreState => FrameRule::RestoreState,
            From::ArgsSize { .. } | From::Nop => continue,
            other => return Err(format!("a frame with {other:?}")),
        };
        rules.push((at, rule));
    }
    Ok(rules)
}
