//! The debug information of an artefact: DWARF, about its machine code.
//!
//! It is read when somebody asks for the first time. The sections may be missing, as
//! after `strip`, compressed, or damaged: then nothing is known. Nothing else depends
//! on them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use addr2line::{Context, Frame};
use gimli::{Dwarf, EndianReader, LittleEndian, SectionId};
use object::CompressionFormat;
use object::read::elf::ElfFile64;
use object::read::{Object, ObjectSection};

use crate::FrameSymbol;

type Reader = EndianReader<LittleEndian, Arc<[u8]>>;

/// What is known about code.
pub(crate) struct Lines {
    context: Mutex<Context<Reader>>,
}

impl Lines {
    /// Reads what the file of an artefact has.
    pub(crate) fn read(file: &[u8]) -> Option<Lines> {
        let file = ElfFile64::<object::LittleEndian>::parse(file).ok()?;
        let section = |id: SectionId| {
            let found = file.section_by_name(id.name());
            let found = found.and_then(|section| section.compressed_data().ok());
            let found = found.filter(|section| section.format == CompressionFormat::None);
            let bytes = found.map_or(&[][..], |section| section.data);
            Ok::<_, gimli::Error>(EndianReader::new(bytes.into(), LittleEndian))
        };
        let context = Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        Some(Lines {
            context: Mutex::new(context),
        })
    }

    /// The functions that the code at an address in the file comes from: where they are
    /// inlined, the innermost first.
    pub(crate) fn find(&self, address: u64) -> Vec<FrameSymbol> {
        // What it has read is never half of something.
        let context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        let mut symbols = Vec::new();
        let Ok(mut frames) = context.find_frames(address).skip_all_loads() else {
            return symbols;
        };
        while let Ok(Some(frame)) = frames.next() {
            symbols.push(symbol(&frame));
        }
        symbols
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}

fn symbol(frame: &Frame<'_, Reader>) -> FrameSymbol {
    let name = frame
        .function
        .as_ref()
        .and_then(|name| name.demangle().ok());
    let location = frame.location.as_ref();
    let known = |number: Option<u32>| number.filter(|&number| number > 0);
    FrameSymbol {
        name: name.map(|name| name.into_owned()),
        file: location.and_then(|location| location.file.map(str::to_owned)),
        line: known(location.and_then(|location| location.line)),
        column: known(location.and_then(|location| location.column)),
    }
}
