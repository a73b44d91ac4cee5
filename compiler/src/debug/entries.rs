//! Units, functions, types, and what is in them.

use std::ops::Range;

use gimli::constants as dw;
use gimli::read::{self, Attribute, AttributeValue as Read, Dwarf};
use gimli::write::{
    self, AttributeValue as Write, ConvertUnit, ConvertUnitEntry, Expression, RangeList,
    UnitEntryId,
};
use gimli::{Encoding, Format};

use super::lines::Lines;
use super::live::{self, Live};
use super::locations::Locations;
use super::places::{self, Places};
use super::sections::{self, Reader};
use super::{Budget, Result};
use crate::backend::Frame;

/// What it takes to convert units.
pub(super) struct Units<'x, 'p> {
    pub(super) places: &'x Places<'p>,
    pub(super) live: &'x Live,
    pub(super) locations: Locations,
    pub(super) budget: &'x mut Budget,
}

impl<'p> Units<'_, 'p> {
    /// Converts those that have something live.
    ///
    /// # Errors
    ///
    /// If the input cannot be read.
    pub(super) fn convert(
        mut self,
        input: &Dwarf<Reader<'_>>,
        output: &mut write::Dwarf,
    ) -> Result<()> {
        let mut functions = self.live.functions();
        let mut units = output.convert(input)?;
        while let Some((mut unit, root)) = units.read_unit()? {
            let offset = live::root(unit.read_unit.unit);
            if self.live.has(offset) {
                let functions = functions.remove(&offset).unwrap_or_default();
                self.unit(&mut unit, root, &functions)?;
            } else {
                unit.skip();
            }
        }
        Ok(())
    }

    fn unit<'a, 'd>(
        &mut self,
        unit: &mut ConvertUnit<'a, Reader<'d>>,
        root: ConvertUnitEntry<'a, Reader<'d>>,
        functions: &[usize],
    ) -> Result<()> {
        let encoding = Encoding {
            address_size: 8,
            format: Format::Dwarf32,
            version: unit.read_unit.encoding().version.clamp(4, 5),
        };
        unit.unit.set_encoding(encoding);
        let (read, places) = (unit.read_unit, (self.places, functions));
        let lines = Lines::new(read, encoding, places, unit.line_strings, self.budget)?;
        let lines = lines.as_ref();

        let id = unit.unit.root();
        self.attributes(unit, id, &root, lines, None)?;
        let code = functions
            .iter()
            .map(|&index| self.places.function(index).code());
        place(unit, id, code.flatten().collect());

        let mut entry = root;
        // The function that an entry is in, with its depth, if its frame is known.
        let mut function: Option<(isize, &Frame)> = None;
        while let Some(id) = unit.read_entry(&mut entry)? {
            function = function.filter(|(depth, _)| entry.read_entry.depth > *depth);
            let offset = entry.offset.to_debug_info_offset(&unit.read_unit.header);
            if !offset.is_some_and(|offset| self.live.has(offset.0)) {
                continue;
            }
            if entry.tag == dw::DW_TAG_subprogram {
                let frame = self.frame(&entry)?;
                function = frame.map(|frame| (entry.read_entry.depth, frame));
            }
            let id = unit.add_entry(id, &entry);
            self.attributes(unit, id, &entry, lines, function.map(|(_, frame)| frame))?;
            if has_code(entry.tag) {
                let code = self.code(&entry)?;
                place(unit, id, code);
            }
            if is_pointer(entry.tag) && !entry.has_attr(dw::DW_AT_byte_size) {
                let size = unit.read_unit.encoding().address_size;
                let entry = unit.unit.get_mut(id);
                entry.set(dw::DW_AT_byte_size, Write::Udata(size.into()));
            }
        }
        if let Some(lines) = lines {
            unit.unit.line_program = lines.program.clone();
        }
        Ok(())
    }

    /// What the frame of a function keeps, if it does.
    fn frame(&self, entry: &ConvertUnitEntry<'_, Reader<'_>>) -> Result<Option<&'p Frame>> {
        let range = entry.read_unit.die_ranges(&entry.read_entry)?.next()?;
        let function = range.and_then(|range| self.places.find(&(range.begin..range.end)));
        let frame = function.and_then(|index| self.places.function(index).frame());
        Ok(frame)
    }

    /// The machine code of an entry.
    fn code(&mut self, entry: &ConvertUnitEntry<'_, Reader<'_>>) -> Result<Vec<Range<u32>>> {
        let mut code = Vec::new();
        let mut ranges = entry.read_unit.die_ranges(&entry.read_entry)?;
        while let Some(range) = ranges.next()? {
            self.budget.spend(1)?;
            let range = range.begin..range.end;
            let Some(index) = self.places.find(&range) else {
                continue;
            };
            let function = self.places.function(index);
            if entry.tag == dw::DW_TAG_subprogram && function.is_whole(&range) {
                code.extend(function.code());
            } else {
                self.budget.spend(function.count(&range) as u64)?;
                function.collect(&range, &mut code);
            }
        }
        Ok(code)
    }

    fn attributes<'a, 'd>(
        &mut self,
        unit: &mut ConvertUnit<'a, Reader<'d>>,
        id: UnitEntryId,
        entry: &ConvertUnitEntry<'a, Reader<'d>>,
        lines: Option<&Lines>,
        frame: Option<&Frame>,
    ) -> Result<()> {
        for attribute in &entry.attrs {
            let location = frame.and_then(|frame| self.location(entry, attribute, frame));
            let value = match location {
                Some(location) => Some(Write::Exprloc(location)),
                None => self.attribute(unit, entry.read_unit, attribute, lines)?,
            };
            if let Some(value) = value {
                unit.unit.get_mut(id).set(attribute.name(), value);
            }
        }
        Ok(())
    }

    /// Where an attribute says that something is that a frame keeps, or that it leads to.
    fn location<'d>(
        &self,
        entry: &ConvertUnitEntry<'_, Reader<'d>>,
        attribute: &Attribute<Reader<'d>>,
        frame: &Frame,
    ) -> Option<Expression> {
        let expression = attribute.exprloc_value()?;
        let encoding = entry.read_unit.encoding();
        match attribute.name() {
            dw::DW_AT_frame_base => self.locations.frame_base(frame, expression, encoding),
            dw::DW_AT_location => self.locations.variable(frame, expression, encoding),
            _ => None,
        }
    }

    /// The value of an attribute, if it is one that still holds.
    fn attribute<'a, 'd>(
        &mut self,
        unit: &mut ConvertUnit<'a, Reader<'d>>,
        read: read::UnitRef<'a, Reader<'d>>,
        attribute: &Attribute<Reader<'d>>,
        lines: Option<&Lines>,
    ) -> Result<Option<Write>> {
        if is_about_code(attribute.name()) {
            return Ok(None);
        }
        let value = attribute.value();
        let converted = match value {
            Read::FileIndex(number) => {
                let file = lines.and_then(|lines| lines.file(number));
                return Ok(file.map(|file| Write::FileIndex(Some(file))));
            }
            Read::Block(block) => {
                self.budget.spend(block.len() as u64)?;
                Write::Block(block.slice().to_vec())
            }
            Read::String(_)
            | Read::DebugStrRef(_)
            | Read::DebugStrOffsetsIndex(_)
            | Read::DebugLineStrRef(_) => {
                let Some(text) = sections::text(read.attr_string(value)?) else {
                    return Ok(None);
                };
                self.budget.spend(text.len() as u64)?;
                Write::StringRef(unit.strings.add(text))
            }
            Read::Exprloc(expression) => match attribute.name() {
                // The index of a virtual function.
                dw::DW_AT_vtable_elem_location => {
                    Write::Exprloc(Expression::raw(expression.0.slice().to_vec()))
                }
                _ => return Ok(None),
            },
            // Of other sections, which are not converted.
            Read::Addr(_)
            | Read::DebugAddrIndex(_)
            | Read::LocationListsRef(_)
            | Read::DebugLocListsIndex(_)
            | Read::RangeListsRef(_)
            | Read::DebugRngListsIndex(_)
            | Read::DebugLineRef(_)
            | Read::DebugMacinfoRef(_)
            | Read::DebugMacroRef(_)
            | Read::DebugTypesRef(_)
            | Read::DebugInfoRefSup(_)
            | Read::DebugStrRefSup(_)
            | Read::SecOffset(_)
            | Read::DwoId(_) => return Ok(None),
            _ => unit.convert_attribute_value(read, attribute, &|_| None)?,
        };
        Ok(Some(converted))
    }
}

/// Says where the code of an entry is.
fn place<'a, 'd>(
    unit: &mut ConvertUnit<'a, Reader<'d>>,
    id: UnitEntryId,
    mut code: Vec<Range<u32>>,
) {
    places::merge(&mut code);
    let (low, high) = match code[..] {
        [] => return,
        [Range { start, end }] => {
            let length = Write::Udata(u64::from(end - start));
            (sections::address(start), (dw::DW_AT_high_pc, length))
        }
        [Range { start, .. }, ..] => {
            let mut list = vec![write::Range::BaseAddress {
                address: sections::address(start),
            }];
            list.extend(code.iter().map(|range| write::Range::OffsetPair {
                begin: u64::from(range.start - start),
                end: u64::from(range.end - start),
            }));
            let list = unit.unit.ranges.add(RangeList(list));
            // What lists are relative to before they say otherwise; debuggers
            // want units to have it.
            let low = write::Address::Constant(0);
            (low, (dw::DW_AT_ranges, Write::RangeListRef(list)))
        }
    };
    let is_list = high.0 == dw::DW_AT_ranges;
    let is_unit = id == unit.unit.root();
    let entry = unit.unit.get_mut(id);
    if is_unit || !is_list {
        entry.set(dw::DW_AT_low_pc, Write::Address(low));
    }
    entry.set(high.0, high.1);
}

/// Whether entries have code of their own.
fn has_code(tag: dw::DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_subprogram
            | dw::DW_TAG_inlined_subroutine
            | dw::DW_TAG_lexical_block
            | dw::DW_TAG_try_block
            | dw::DW_TAG_catch_block
            | dw::DW_TAG_with_stmt
    )
}

/// Whether it is a type whose size debuggers would take from the machine.
fn is_pointer(tag: dw::DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type
    )
}

/// Whether an attribute is about addresses or registers, or about entries that are
/// left out. Where code is, is said anew.
fn is_about_code(name: dw::DwAt) -> bool {
    matches!(
        name,
        dw::DW_AT_low_pc
            | dw::DW_AT_high_pc
            | dw::DW_AT_ranges
            | dw::DW_AT_entry_pc
            | dw::DW_AT_start_scope
            | dw::DW_AT_stmt_list
            | dw::DW_AT_frame_base
            | dw::DW_AT_location
            | dw::DW_AT_GNU_locviews
            | dw::DW_AT_GNU_entry_view
            | dw::DW_AT_call_pc
            | dw::DW_AT_call_return_pc
            | dw::DW_AT_call_all_calls
            | dw::DW_AT_call_all_source_calls
            | dw::DW_AT_call_all_tail_calls
            | dw::DW_AT_GNU_all_call_sites
            | dw::DW_AT_GNU_all_source_call_sites
            | dw::DW_AT_GNU_all_tail_call_sites
            | dw::DW_AT_macros
            | dw::DW_AT_macro_info
            | dw::DW_AT_GNU_macros
    )
}
