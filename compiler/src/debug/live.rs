//! Which entries are kept: functions that have code, and what they refer to.
//!
//! Most of what a compiler says about a program are types and declarations of headers;
//! a linker leaves entries of functions where it removes the functions.

use std::collections::HashMap;
use std::ops::Range;

use gimli::constants as dw;
use gimli::read::{AttributeValue, DebuggingInformationEntry, Dwarf, Unit, UnitRef};

use super::places::Places;
use super::sections::Reader;
use super::{Budget, Problem, Result};

/// What was found. Entries are known by their offset in `.debug_info`.
pub(super) struct Live {
    /// In the order of the section.
    entries: Vec<Entry>,
    /// For each function that the module defines, the unit that it is of: the offset
    /// of its first entry.
    owners: Vec<Option<usize>>,
}

struct Entry {
    offset: usize,
    /// Positions in `entries`.
    parent: u32,
    first_child: u32,
    next: u32,
    /// Whether it goes with its parent, as a member or a parameter.
    is_part: bool,
    kept: bool,
    /// Positions in `Finder::references`.
    references: Range<u32>,
}

/// Instead of a position.
const NONE: u32 = u32::MAX;

/// How deep entries can be nested. Those who write them recur.
const MAX_DEPTH: usize = 256;

impl Live {
    /// Finds what there is to keep.
    ///
    /// # Errors
    ///
    /// If the input cannot be read, or there is nothing.
    pub(super) fn find(
        dwarf: &Dwarf<Reader<'_>>,
        places: &Places<'_>,
        budget: &mut Budget,
    ) -> Result<Live> {
        let mut finder = Finder {
            places,
            budget,
            live: Live {
                entries: Vec::new(),
                owners: vec![None; places.len()],
            },
            references: Vec::new(),
            required: Vec::new(),
        };
        let mut units = dwarf.units();
        while let Some(header) = units.next()? {
            let unit = dwarf.unit(header)?;
            finder.unit(unit.unit_ref(dwarf))?;
        }
        if finder.live.owners.iter().all(Option::is_none) {
            return Err(Problem::Unrelated);
        }
        finder.follow();
        Ok(finder.live)
    }

    /// Whether the entry at an offset is kept.
    pub(super) fn has(&self, offset: usize) -> bool {
        let found = (self.entries).binary_search_by_key(&offset, |entry| entry.offset);
        found.is_ok_and(|position| self.entries[position].kept)
    }

    /// The functions of each unit, by the offset of its first entry.
    pub(super) fn functions(&self) -> HashMap<usize, Vec<usize>> {
        let mut functions: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, owner) in self.owners.iter().enumerate() {
            if let Some(unit) = owner {
                functions.entry(*unit).or_default().push(index);
            }
        }
        functions
    }
}

struct Finder<'x, 'p> {
    places: &'x Places<'p>,
    budget: &'x mut Budget,
    live: Live,
    /// Offsets of entries that entries refer to.
    references: Vec<usize>,
    /// Positions of entries that are kept for their own sake.
    required: Vec<u32>,
}

impl Finder<'_, '_> {
    fn unit(&mut self, unit: UnitRef<'_, Reader<'_>>) -> Result<()> {
        let mut entries = unit.entries_raw(None)?;
        let mut entry = DebuggingInformationEntry::null();
        // Those that the next entry may be in, with the last child of each so far, and
        // whether it has parts.
        let mut parents: Vec<(u32, u32, bool)> = Vec::new();
        let root = root(unit.unit);
        while !entries.is_empty() {
            if !entries.read_entry(&mut entry)? {
                continue;
            }
            let depth = usize::try_from(entry.depth).unwrap_or(0);
            if depth > MAX_DEPTH {
                return Err(Problem::Damaged("entries are nested too deeply"));
            }
            parents.truncate(depth);
            if parents.len() < depth || (depth == 0) != (entry.offset == unit.header.root_offset())
            {
                return Err(Problem::Damaged("entries are nested in nothing"));
            }
            let offset = entry.offset.to_debug_info_offset(&unit.header);
            let offset = offset
                .ok_or(Problem::Damaged("types have a section of their own"))?
                .0;
            let position = self.live.entries.len() as u32;
            let (mut parent, mut in_whole) = (NONE, false);
            if let Some((above, last, has_parts)) = parents.last_mut() {
                (parent, in_whole) = (*above, *has_parts);
                match std::mem::replace(last, position) {
                    NONE => self.live.entries[parent as usize].first_child = position,
                    last => self.live.entries[last as usize].next = position,
                }
            }
            parents.push((position, NONE, !is_scope(entry.tag)));
            let first = self.references.len() as u32;
            self.refer(unit, &entry);
            self.live.entries.push(Entry {
                offset,
                parent,
                first_child: NONE,
                next: NONE,
                is_part: in_whole && is_part(&entry),
                kept: false,
                references: first..self.references.len() as u32,
            });
            if entry.tag == dw::DW_TAG_subprogram || offset == root {
                self.claim(unit, &entry, root, position)?;
            }
        }
        Ok(())
    }

    fn refer(
        &mut self,
        unit: UnitRef<'_, Reader<'_>>,
        entry: &DebuggingInformationEntry<Reader<'_>>,
    ) {
        for attribute in &entry.attrs {
            let offset = match attribute.value() {
                AttributeValue::UnitRef(offset) => offset.to_debug_info_offset(&unit.header),
                AttributeValue::DebugInfoRef(offset) => Some(offset),
                _ => None,
            };
            self.references.extend(offset.map(|offset| offset.0));
        }
    }

    /// Takes the functions that a unit or subprogram says it has.
    fn claim<'d>(
        &mut self,
        unit: UnitRef<'_, Reader<'d>>,
        entry: &DebuggingInformationEntry<Reader<'d>>,
        root: usize,
        position: u32,
    ) -> Result<()> {
        let is_root = self.live.entries[position as usize].offset == root;
        let mut ranges = unit.die_ranges(entry)?;
        let mut required = false;
        while let Some(range) = ranges.next()? {
            self.budget.spend(1)?;
            let range = range.begin..range.end;
            if is_root {
                let within = self.places.within(&range);
                self.budget.spend(within.len() as u64)?;
                for function in within {
                    self.live.owners[function].get_or_insert(root);
                    required = true;
                }
            } else if let Some(function) = self.places.find(&range) {
                let owner = *self.live.owners[function].get_or_insert(root);
                required |= owner == root;
            }
        }
        if required {
            self.required.push(position);
        }
        Ok(())
    }

    /// Keeps what is required, and all that it takes.
    fn follow(&mut self) {
        let entries = &mut self.live.entries;
        let mut queue = std::mem::take(&mut self.required);
        while let Some(position) = queue.pop() {
            let entry = &mut entries[position as usize];
            if std::mem::replace(&mut entry.kept, true) {
                continue;
            }
            let (parent, mut child) = (entry.parent, entry.first_child);
            let references = entry.references.clone();
            queue.extend((parent != NONE).then_some(parent));
            while child != NONE {
                let below = &entries[child as usize];
                queue.extend(below.is_part.then_some(child));
                child = below.next;
            }
            for offset in &self.references[references.start as usize..references.end as usize] {
                // Others are refused when they are converted.
                let found = entries.binary_search_by_key(offset, |entry| entry.offset);
                queue.extend(found.ok().map(|found| found as u32));
            }
        }
    }
}

/// Whether what is in an entry stands for itself.
fn is_scope(tag: dw::DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_compile_unit
            | dw::DW_TAG_partial_unit
            | dw::DW_TAG_type_unit
            | dw::DW_TAG_skeleton_unit
            | dw::DW_TAG_namespace
            | dw::DW_TAG_module
    )
}

/// Whether an entry says something about the one that it is in. Others stand for
/// themselves, and are there for those who refer to them.
fn is_part(entry: &DebuggingInformationEntry<Reader<'_>>) -> bool {
    match entry.tag {
        dw::DW_TAG_formal_parameter
        | dw::DW_TAG_unspecified_parameters
        | dw::DW_TAG_variable
        | dw::DW_TAG_lexical_block
        | dw::DW_TAG_try_block
        | dw::DW_TAG_catch_block
        | dw::DW_TAG_with_stmt
        | dw::DW_TAG_inlined_subroutine
        | dw::DW_TAG_member
        | dw::DW_TAG_inheritance
        | dw::DW_TAG_enumerator
        | dw::DW_TAG_subrange_type
        | dw::DW_TAG_generic_subrange
        | dw::DW_TAG_variant_part
        | dw::DW_TAG_variant
        | dw::DW_TAG_template_type_parameter
        | dw::DW_TAG_template_value_parameter
        | dw::DW_TAG_GNU_template_template_param
        | dw::DW_TAG_GNU_template_parameter_pack
        | dw::DW_TAG_GNU_formal_parameter_pack
        | dw::DW_TAG_thrown_type
        | dw::DW_TAG_friend => true,
        // A member of a class.
        dw::DW_TAG_subprogram => entry.attr(dw::DW_AT_declaration).is_some(),
        _ => false,
    }
}

/// The offset of a unit's first entry.
pub(super) fn root(unit: &Unit<Reader<'_>>) -> usize {
    let root = unit.header.root_offset();
    root.to_debug_info_offset(&unit.header)
        .map_or(0, |offset| offset.0)
}
