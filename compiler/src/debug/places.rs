//! Which machine code comes from which range of the code section.

use std::ops::Range;

use crate::abi::Symbol;
use crate::backend::{Frame, Origin};
use crate::module::Contents;
use crate::text::{Piece, Text};

/// The functions of a module and where their code is. Addresses are offsets in the
/// text, or those in the code section that DWARF has.
pub(super) struct Places<'a> {
    functions: Vec<Function<'a>>,
}

/// A function that the module defines.
pub(super) struct Function<'a> {
    /// Its body in the code section, which starts with the locals.
    pub(super) body: Range<u64>,
    /// Where its entry in the section starts, with the size of the body.
    entry: u64,
    /// The code: that of the function, then that of the C symbol if it contains it.
    pub(super) pieces: Vec<&'a Piece>,
    /// The machine code that comes from operators, by these.
    operators: Vec<Operator>,
    /// What is to be subtracted from offsets in the binary.
    base: u64,
}

struct Operator {
    address: u64,
    code: Range<u32>,
}

/// A part of a piece: where in the text, and the address of the operator that it comes
/// from. What comes from none moves values, or is data. What a function begins with
/// comes from the start of its body.
pub(super) type Part = (Range<u32>, Option<u64>);

impl<'a> Places<'a> {
    pub(super) fn new(contents: &Contents<'_>, text: &'a Text) -> Places<'a> {
        let base = contents.code.start;
        let mut previous = base + 1;
        let imported = text.pieces.iter().find_map(|piece| match piece.symbol {
            Symbol::Function(index) => Some(index),
            _ => None,
        });
        let functions = (imported.unwrap_or(0)..).zip(&contents.bodies);
        let functions = functions.map(|(index, body)| {
            let body = u64::from(body.start)..u64::from(body.end);
            let symbols = [Symbol::Function(index), Symbol::Typed(index)];
            let pieces = symbols.into_iter().filter_map(|symbol| text.piece(symbol));
            let pieces: Vec<_> = pieces.filter(|piece| !piece.origins.is_empty()).collect();
            let mut operators: Vec<Operator> = (pieces.iter())
                .flat_map(|piece| {
                    piece
                        .origins
                        .iter()
                        .map(|origin| operator(piece, origin, base))
                })
                .collect();
            operators.sort_by_key(|operator| operator.address);
            let entry = previous.max(body.start.saturating_sub(MAX_SIZE_LEN)) - base;
            previous = body.end;
            Function {
                body: body.start - base..body.end - base,
                entry,
                pieces,
                operators,
                base,
            }
        });
        Places {
            functions: functions.collect(),
        }
    }

    /// A measure of how much there is, about bytes.
    pub(super) fn size(&self) -> u64 {
        let operators = self.functions.iter().map(|f| f.operators.len() as u64 + 1);
        operators.sum()
    }

    /// How many functions there are.
    pub(super) fn len(&self) -> usize {
        self.functions.len()
    }

    pub(super) fn function(&self, index: usize) -> &Function<'a> {
        &self.functions[index]
    }

    /// The function that a range of the code section is a part of, by its position
    /// among the defined ones. Functions that a linker has removed are at addresses
    /// that are in none.
    pub(super) fn find(&self, range: &Range<u64>) -> Option<usize> {
        let index = (self.functions).partition_point(|function| function.body.end <= range.start);
        let function = self.functions.get(index)?;
        let inside = function.entry <= range.start && range.end <= function.body.end;
        inside.then_some(index)
    }

    /// The functions that are in a range of the code section as a whole.
    pub(super) fn within(&self, range: &Range<u64>) -> Range<usize> {
        let start = (self.functions).partition_point(|function| function.body.start < range.start);
        let end = (self.functions).partition_point(|function| function.body.end <= range.end);
        start..end.max(start)
    }
}

/// The bytes that the size of a body takes, at most.
const MAX_SIZE_LEN: u64 = 5;

fn operator(piece: &Piece, origin: &Origin, base: u64) -> Operator {
    Operator {
        address: u64::from(origin.source) - base,
        code: piece.offset + origin.start..piece.offset + origin.end,
    }
}

impl<'a> Function<'a> {
    /// All of its code.
    pub(super) fn code(&self) -> Vec<Range<u32>> {
        let pieces = self.pieces.iter();
        pieces
            .map(|piece| piece.offset..piece.offset + piece.size)
            .collect()
    }

    /// What its frame keeps, if there is one of that kind only.
    pub(super) fn frame(&self) -> Option<&'a Frame> {
        match self.pieces[..] {
            [piece] => piece.frame.as_ref(),
            _ => None,
        }
    }

    /// Whether a range of the code section has all of the function.
    pub(super) fn is_whole(&self, range: &Range<u64>) -> bool {
        range.start <= self.body.start && self.body.end <= range.end
    }

    /// How many pieces of machine code come from a range of the code section.
    pub(super) fn count(&self, range: &Range<u64>) -> usize {
        self.select(range).len()
    }

    /// The machine code that comes from a range of the code section.
    pub(super) fn collect(&self, range: &Range<u64>, code: &mut Vec<Range<u32>>) {
        let operators = self.select(range).iter();
        code.extend(operators.map(|operator| operator.code.clone()));
    }

    fn select(&self, range: &Range<u64>) -> &[Operator] {
        let position = |address| (self.operators).partition_point(|o| o.address < address);
        let start = position(range.start);
        &self.operators[start..position(range.end).max(start)]
    }

    /// All parts of a piece of the function, in order.
    pub(super) fn parts(&self, piece: &Piece) -> Vec<Part> {
        let mut parts = Vec::with_capacity(piece.origins.len() + 2);
        let mut end = piece.offset;
        for origin in &piece.origins {
            let Operator { address, code } = operator(piece, origin, self.base);
            if end < code.start {
                parts.push(self.between(piece, end..code.start));
            }
            end = code.end;
            parts.push((code, Some(address)));
        }
        if end < piece.offset + piece.size {
            parts.push(self.between(piece, end..piece.offset + piece.size));
        }
        parts
    }

    /// Code that comes from no operator. It can only trap or call if it checks the
    /// stack or whether to go on, which functions begin with wherever they have the
    /// code for it.
    fn between(&self, piece: &Piece, code: Range<u32>) -> Part {
        let (start, end) = (code.start - piece.offset, code.end - piece.offset);
        let after = piece.sites.partition_point(|site| site.code < start);
        let mut sites = piece.sites[after..]
            .iter()
            .take_while(|site| site.code <= end);
        // A call is before where it returns to.
        let acts = sites.any(|site| match site.trap {
            Some(_) => site.code < end,
            None => start < site.code,
        });
        let is_start = start == 0 || acts;
        (code, is_start.then_some(self.body.start))
    }
}

/// Sorts ranges, and joins those that touch.
pub(super) fn merge(ranges: &mut Vec<Range<u32>>) {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, last| {
        let touch = next.start <= last.end;
        if touch {
            last.end = last.end.max(next.end);
        }
        touch
    });
}
