//! `.eh_frame`, the unwind information of all functions, and `.eh_frame_hdr`,
//! which finds the entry for an address by binary search.
//!
//! Both refer to code relative to their own position. Their sizes, however,
//! decide where the code will be; so the entries are encoded first, as if the
//! text started where `.eh_frame` does, and moved apart once that is known.

use gimli::LittleEndian;
use gimli::write::{Address, EhFrame, EndianVec, FrameTable};

use super::machine::Machine;
use crate::layout::Layout;
use crate::writer::{Error, limit};

/// The encoded entries, as if the text started where they do. Without any entry
/// there is not even a terminator.
#[derive(Debug)]
pub(crate) struct Frames {
    entries: Vec<u8>,
    count: usize,
}

/// Addresses that the finished sections depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    /// Of `.eh_frame_hdr`.
    pub(super) header: u64,
    /// Of `.eh_frame`.
    pub(super) entries: u64,
    /// Of the text.
    pub(super) text: u64,
}

/// How many functions share a copy of the common entry. Few enough that gimli's
/// model of them stays small, so many that the copies do not count.
const GROUP: usize = 1024;

impl Frames {
    /// Encodes the unwind information of `layout`.
    pub(crate) fn encode(machine: &Machine, layout: &Layout) -> Result<Frames, Error> {
        if layout.unwind.is_empty() {
            return Ok(Frames {
                entries: Vec::new(),
                count: 0,
            });
        }
        // Otherwise an offset in the text might not fit into an entry.
        limit("text", layout.text.bytes.len() as u64, i32::MAX as u64)?;
        let mut section = EhFrame(EndianVec::new(LittleEndian));
        for group in layout.unwind.chunks(GROUP) {
            let mut table = FrameTable::default();
            let common = table.add_cie(machine.entry_frame());
            for unwind in group {
                let start = Address::Constant(unwind.offset);
                table.add_fde(common, unwind.info.to_fde(start, unwind.size));
            }
            table.write_eh_frame(&mut section).map_err(Error::Unwind)?;
        }
        let mut entries = section.0.into_vec();
        entries.extend(TERMINATOR);
        Ok(Frames {
            entries,
            count: layout.unwind.len(),
        })
    }

    /// The size of `.eh_frame`.
    pub(super) fn entries_len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The size of `.eh_frame_hdr`.
    pub(super) fn header_len(&self) -> u64 {
        match self.count {
            0 => 0,
            count => 12 + 8 * count as u64,
        }
    }

    /// Returns the content of `.eh_frame` for a linker, and of its relocations:
    /// where in it the addresses of functions are to be put, and where in the
    /// text those functions start.
    pub(crate) fn relocatable(self) -> (Vec<u8>, Vec<(u64, u32)>) {
        let functions = self.functions();
        let mut entries = self.entries;
        // Entries of other files follow.
        entries.truncate(entries.len().saturating_sub(TERMINATOR.len()));
        let padding = entries.len().next_multiple_of(OBJECT_ALIGN) - entries.len();
        if let Some(last) = functions.last().filter(|_| padding > 0) {
            let len = read_u32(&entries, last.start) + padding as u32;
            entries[last.start..last.start + 4].copy_from_slice(&len.to_le_bytes());
            entries.resize(entries.len() + padding, gimli::DW_CFA_nop.0);
        }
        let relocations = functions.iter().map(|entry| {
            let field = entry.start + FIELD;
            entries[field..field + 4].fill(0);
            (field as u64, entry.offset)
        });
        let relocations = relocations.collect();
        (entries, relocations)
    }

    /// The entries of functions, in the order of the section.
    fn functions(&self) -> Vec<Entry> {
        let mut functions = Vec::with_capacity(self.count);
        let mut start = 0;
        while start < self.entries.len() {
            let len = read_u32(&self.entries, start) as usize;
            if len == 0 {
                break; // the terminator
            }
            let is_common = read_u32(&self.entries, start + 4) == 0;
            if !is_common {
                let field = start + FIELD;
                let offset = read_u32(&self.entries, field).wrapping_add(field as u32);
                functions.push(Entry { start, offset });
            }
            start += 4 + len;
        }
        functions
    }

    /// Returns the contents of `.eh_frame_hdr` and `.eh_frame`; nothing if the
    /// file has neither.
    ///
    /// # Panics
    ///
    /// Panics if the places are 2 GiB or more apart.
    pub(super) fn place(self, at: Option<Places>) -> (Vec<u8>, Vec<u8>) {
        let Some(at) = at else {
            return (Vec::new(), Vec::new());
        };
        let functions = self.functions();
        let mut entries = self.entries;
        let mut rows = Vec::with_capacity(self.count);
        for Entry { start, offset } in functions {
            let code = at.text + u64::from(offset);
            let field = start + FIELD;
            let moved = distance(at.entries + field as u64, code);
            entries[field..field + 4].copy_from_slice(&moved.to_le_bytes());
            let row = (code, at.entries + start as u64);
            rows.push((distance(at.header, row.0), distance(at.header, row.1)));
        }
        rows.sort_unstable();

        let mut header = Vec::with_capacity(12 + 8 * rows.len());
        header.extend([
            1,                                                    // version
            (gimli::DW_EH_PE_pcrel | gimli::DW_EH_PE_sdata4).0,   // of the reference to .eh_frame
            gimli::DW_EH_PE_udata4.0,                             // of the number of rows
            (gimli::DW_EH_PE_datarel | gimli::DW_EH_PE_sdata4).0, // of the rows
        ]);
        header.extend(distance(at.header + 4, at.entries).to_le_bytes());
        header.extend((rows.len() as u32).to_le_bytes());
        for (code, entry) in rows {
            header.extend(code.to_le_bytes());
            header.extend(entry.to_le_bytes());
        }
        (header, entries)
    }
}

/// An entry for a function.
struct Entry {
    /// Where in `.eh_frame` it starts.
    start: usize,
    /// Where in the text the function starts.
    offset: u32,
}

/// Where in an entry the address of the function is.
const FIELD: usize = 8;

/// The length of the entry that is not there: unwinders that do not use the
/// table stop here.
const TERMINATOR: [u8; 4] = [0; 4];

/// What linkers align entries to.
const OBJECT_ALIGN: usize = 8;

fn read_u32(bytes: &[u8], offset: usize) -> u32 {
    let bytes = bytes[offset..offset + 4].try_into();
    u32::from_le_bytes(bytes.expect("four bytes are four bytes"))
}

fn distance(from: u64, to: u64) -> i32 {
    i32::try_from(to.wrapping_sub(from) as i64).expect("the plan keeps code within reach")
}
