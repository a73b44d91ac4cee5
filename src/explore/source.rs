//! Lines of the source, of modules that have debug information.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::sync::Arc;

use addr2line::Context;
use gimli::{Dwarf, EndianArcSlice, LittleEndian};
use wasmparser::{Parser, Payload};

use super::page::Row;

type Slice = EndianArcSlice<LittleEndian>;

/// What the debug information says; nothing if there is none, or it is damaged.
pub(super) struct Sources {
    /// And where the section of code starts, which addresses are relative to.
    context: Option<(Context<Slice>, u64)>,
    /// Files that were read, by their names.
    files: RefCell<HashMap<String, Vec<String>>>,
}

impl Sources {
    pub(super) fn read(wasm: &[u8]) -> Sources {
        Sources {
            context: context(wasm),
            files: RefCell::default(),
        }
    }

    /// Lines that operators come from, and what has the same colour: operators of a line,
    /// or each by itself.
    pub(super) fn rows(
        &self,
        operators: impl Iterator<Item = u32>,
    ) -> (Vec<Row>, BTreeMap<u32, u32>) {
        let mut lines: BTreeMap<(String, u32), Vec<u32>> = BTreeMap::new();
        let mut colours = BTreeMap::new();
        for (nth, offset) in (0..).zip(operators) {
            colours.insert(offset, nth);
            if let Some(line) = self.line(offset) {
                lines.entry(line).or_default().push(offset);
            }
        }
        let mut rows = Vec::new();
        let mut last = "";
        for (nth, ((file, line), offsets)) in (0..).zip(&lines) {
            if file != last {
                rows.push(Row::at(None, file));
                last = file;
            }
            colours.extend(offsets.iter().map(|&offset| (offset, nth)));
            rows.push(Row {
                offsets: offsets.clone(),
                label: line.to_string(),
                text: self.text(file, *line),
            });
        }
        (rows, colours)
    }

    /// The file and line of an operator.
    fn line(&self, offset: u32) -> Option<(String, u32)> {
        let (context, start) = self.context.as_ref()?;
        let address = u64::from(offset).checked_sub(*start)?;
        let location = context.find_location(address).ok()??;
        Some((location.file?.to_owned(), location.line?))
    }

    /// A line of a file, if that is where the debug information says.
    fn text(&self, file: &str, line: u32) -> String {
        let mut files = self.files.borrow_mut();
        let lines = files.entry(file.to_owned()).or_insert_with(|| {
            let text = fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let text = (line as usize).checked_sub(1).and_then(|at| lines.get(at));
        text.cloned().unwrap_or_default()
    }
}

fn context(wasm: &[u8]) -> Option<(Context<Slice>, u64)> {
    let mut sections: HashMap<&str, &[u8]> = HashMap::new();
    let mut code = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.ok()? {
            Payload::CustomSection(section) => {
                sections.insert(section.name(), section.data());
            }
            Payload::CodeSectionStart {
                unchecked_range, ..
            } => code = unchecked_range.start,
            _ => {}
        }
    }
    sections.get(".debug_line")?;
    let load = |id: gimli::SectionId| {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(EndianArcSlice::new(Arc::from(bytes), LittleEndian))
    };
    let context = Context::from_dwarf(Dwarf::load(load).ok()?).ok()?;
    Some((context, code))
}
