//! Line tables.

use gimli::read::{self, ColumnType, LineProgramHeader};
use gimli::write::{DirectoryId, FileId, FileInfo, LineProgram, LineString, LineStringTable};
use gimli::{Encoding, LineEncoding};

use super::places::{Places, Stretch};
use super::sections::{self, Reader};
use super::{Budget, Result};

/// The line table of a unit, and the files that it and entries refer to.
pub(super) struct Lines {
    pub(super) program: LineProgram,
    /// By their number in the input.
    files: Vec<Option<FileId>>,
}

/// Operators from an address on that come from one place in the source.
struct Span {
    start: u64,
    end: u64,
    row: Row,
    prologue_end: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    file: FileId,
    /// 0 if the source has no line for it.
    line: u32,
    /// 0 for the line as a whole.
    column: u32,
    is_statement: bool,
}

impl Lines {
    /// Makes the line table for `functions`. There is none if that of the input
    /// cannot be used.
    pub(super) fn new(
        unit: read::UnitRef<'_, Reader<'_>>,
        encoding: Encoding,
        (places, functions): (&Places<'_>, &[usize]),
        strings: &mut LineStringTable,
        budget: &mut Budget,
    ) -> Result<Option<Lines>> {
        let Some(input) = &unit.line_program else {
            return Ok(None);
        };
        let header = input.header();
        if (header.version() >= 5) != (encoding.version >= 5) {
            return Ok(None);
        }
        let Some(mut lines) = Lines::files(unit, header, encoding, strings, budget)? else {
            return Ok(None);
        };
        let spans = lines.spans(input, budget)?;
        for &function in functions {
            let function = places.function(function);
            for stretch in &function.stretches {
                lines.sequence(&spans, stretch);
            }
        }
        Ok(Some(lines))
    }

    /// The number of a file of the input.
    pub(super) fn file(&self, number: u64) -> Option<FileId> {
        *self.files.get(usize::try_from(number).ok()?)?
    }

    /// Starts a table with the files of another.
    fn files(
        unit: read::UnitRef<'_, Reader<'_>>,
        header: &LineProgramHeader<Reader<'_>>,
        encoding: Encoding,
        strings: &mut LineStringTable,
        budget: &mut Budget,
    ) -> Result<Option<Lines>> {
        let mut string = |value| -> Result<Option<LineString>> {
            let text = sections::text(unit.dwarf.attr_line_string(value)?);
            budget.spend(text.map_or(1, |text| text.len() as u64))?;
            Ok(text.map(|text| LineString::new(text, encoding, strings)))
        };
        let (directory, file) = (header.directory(0), header.file(0));
        let unknown = || LineString::String(b"<unknown>".to_vec());
        let directory = directory.map_or(Ok(None), &mut string)?;
        let file = file.map_or(Ok(None), |file| string(file.path_name()))?;
        if encoding.version >= 5 && (directory.is_none() || file.is_none()) {
            return Ok(None);
        }
        let mut program = LineProgram::new(
            encoding,
            LineEncoding::default(),
            directory.unwrap_or_else(unknown),
            None,
            file.unwrap_or_else(unknown),
            None,
        );
        program.file_has_md5 = header.file_has_md5();
        let mut directories = Vec::new();
        let mut files = Vec::new();
        // Before version 5, numbers start with one, and the first directory is implied.
        if encoding.version < 5 {
            directories.push(Some(program.default_directory()));
            files.push(None);
        }
        for value in header.include_directories() {
            let name = string(*value)?;
            directories.push(name.map(|name| program.add_directory(name)));
        }
        for file in header.file_names() {
            let directory: Option<DirectoryId> = usize::try_from(file.directory_index())
                .ok()
                .and_then(|index| *directories.get(index)?);
            let name = string(file.path_name())?;
            let info = FileInfo {
                md5: *file.md5(),
                ..FileInfo::default()
            };
            let id = name.zip(directory);
            files.push(id.map(|(name, directory)| program.add_file(name, directory, Some(info))));
        }
        Ok(Some(Lines { program, files }))
    }

    /// What the input says, by address.
    fn spans(
        &self,
        input: &read::IncompleteLineProgram<Reader<'_>>,
        budget: &mut Budget,
    ) -> Result<Vec<Span>> {
        let mut spans: Vec<Span> = Vec::new();
        let mut open: Option<Span> = None;
        let mut rows = input.clone().rows();
        while let Some((_, row)) = rows.next_row()? {
            budget.spend(1)?;
            if let Some(mut span) = open.take() {
                span.end = row.address();
                if span.start < span.end {
                    spans.push(span);
                }
            }
            if row.end_sequence() {
                continue;
            }
            open = self.file(row.file_index()).map(|file| Span {
                start: row.address(),
                end: row.address(),
                row: Row {
                    file,
                    line: row.line().map_or(0, |line| number(line.get())),
                    column: match row.column() {
                        ColumnType::LeftEdge => 0,
                        ColumnType::Column(column) => number(column.get()),
                    },
                    is_statement: row.is_stmt(),
                },
                prologue_end: row.prologue_end(),
            });
        }
        spans.sort_by_key(|span| span.start);
        Ok(spans)
    }

    /// Adds the lines of code.
    fn sequence(&mut self, spans: &[Span], stretch: &Stretch) {
        let find = |address: u64| {
            let after = spans.partition_point(|span| span.start <= address);
            spans
                .get(after.checked_sub(1)?)
                .filter(|span| address < span.end)
        };
        let mut last: Option<Row> = None;
        for part in &stretch.parts {
            let span = part.operator.and_then(find);
            let row = match (span, last) {
                // Nobody is to wait where nothing comes along.
                (Some(span), _) => Row {
                    is_statement: span.row.is_statement && !part.stands_for_call,
                    ..span.row
                },
                // Nothing is known yet of the function's file.
                (None, None) => continue,
                (None, Some(last)) => Row {
                    line: 0,
                    column: 0,
                    is_statement: false,
                    ..last
                },
            };
            if last.replace(row) == Some(row) {
                continue;
            }
            if !self.program.in_sequence() {
                let start = sections::address(stretch.code.start);
                self.program.begin_sequence(Some(start));
            }
            let next = self.program.row();
            next.address_offset = u64::from(part.code.start - stretch.code.start);
            next.file = row.file;
            next.line = row.line.into();
            next.column = row.column.into();
            next.is_statement = row.is_statement;
            next.prologue_end =
                span.is_some_and(|span| span.prologue_end && part.operator == Some(span.start));
            self.program.generate_row();
        }
        if self.program.in_sequence() {
            let size = stretch.code.end - stretch.code.start;
            self.program.end_sequence(size.into());
        }
    }
}

/// A line or column that a file can have; 0 for others.
fn number(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
