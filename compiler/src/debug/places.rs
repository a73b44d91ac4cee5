//! Which machine code comes from which range of the code section.

use std::collections::HashSet;
use std::ops::Range;

use crate::abi::Symbol;
use crate::backend::{At, Frame};
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
    pieces: Vec<&'a Piece>,
    /// The code that comes from it, which may be inlined in that of others.
    pub(super) stretches: Vec<Stretch>,
    /// The machine code that comes from operators, by these.
    operators: Vec<Operator>,
}

/// Code of a piece that comes from one function.
pub(super) struct Stretch {
    /// Where in the text.
    pub(super) code: Range<u32>,
    /// All of it, in order.
    pub(super) parts: Vec<Part>,
}

struct Operator {
    address: u64,
    code: Range<u32>,
}

/// A part of a piece.
pub(super) struct Part {
    /// Where in the text.
    pub(super) code: Range<u32>,
    /// The address of the operator that it comes from. What comes from none moves values,
    /// or is data. What a function begins with comes from the start of its body.
    pub(super) operator: Option<u64>,
    /// Whether it stands for a call that was inlined, and is not executed.
    pub(super) stands_for_call: bool,
}

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
            let pieces = pieces.filter(|piece| !piece.origins.is_empty()).collect();
            let entry = previous.max(body.start.saturating_sub(MAX_SIZE_LEN)) - base;
            previous = body.end;
            Function {
                body: body.start - base..body.end - base,
                entry,
                pieces,
                stretches: Vec::new(),
                operators: Vec::new(),
            }
        });
        let mut places = Places {
            functions: functions.collect(),
        };
        for index in 0..places.functions.len() {
            for piece in places.functions[index].pieces.clone() {
                places.divide(index, piece, base);
            }
        }
        for function in &mut places.functions {
            let operators = &mut function.operators;
            operators.sort_by_key(|operator| operator.address);
        }
        places
    }

    /// Gives code of function `index` to the functions that it comes from.
    fn divide(&mut self, index: usize, piece: &Piece, base: u64) {
        let calls: HashSet<u32> = (piece.inlined.iter())
            .filter_map(|inlined| match inlined.at {
                At::Call(caller) => Some(caller),
                _ => None,
            })
            .collect();
        let (mut end, mut owner) = (0, None);
        for origin in &piece.origins {
            self.between(index, piece, end..origin.start, &mut owner);
            let address = u64::from(origin.source) - base;
            let function = self.find(&(address..address)).unwrap_or(index);
            let code = piece.offset + origin.start..piece.offset + origin.end;
            let operators = &mut self.functions[function].operators;
            operators.push(Operator {
                address,
                code: code.clone(),
            });
            let part = Part {
                code,
                operator: Some(address),
                stands_for_call: calls.contains(&origin.end),
            };
            self.give(function, part, &mut owner);
            end = origin.end;
        }
        self.between(index, piece, end..piece.size, &mut owner);
    }

    /// Gives away code that comes from no operator. It can only trap or call if it checks
    /// the stack or whether to go on, which functions begin with wherever they have the
    /// code for it.
    fn between(
        &mut self,
        index: usize,
        piece: &Piece,
        code: Range<u32>,
        owner: &mut Option<usize>,
    ) {
        if code.is_empty() {
            return;
        }
        let after = piece.sites.partition_point(|site| site.code < code.start);
        let mut sites = piece.sites[after..]
            .iter()
            .take_while(|site| site.code <= code.end);
        // A call is before where it returns to.
        let acts = sites.any(|site| match site.trap {
            Some(_) => site.code < code.end,
            None => code.start < site.code,
        });
        let is_start = code.start == 0 || acts;
        let function = owner.filter(|_| !is_start).unwrap_or(index);
        let part = Part {
            code: piece.offset + code.start..piece.offset + code.end,
            operator: is_start.then_some(self.functions[function].body.start),
            stands_for_call: false,
        };
        self.give(function, part, owner);
    }

    /// Gives a part to a function, behind what `owner` has got of the same piece.
    fn give(&mut self, function: usize, part: Part, owner: &mut Option<usize>) {
        let goes_on = owner.replace(function) == Some(function);
        let stretches = &mut self.functions[function].stretches;
        match stretches.last_mut().filter(|_| goes_on) {
            Some(last) => {
                last.code.end = part.code.end;
                last.parts.push(part);
            }
            None => stretches.push(Stretch {
                code: part.code.clone(),
                parts: vec![part],
            }),
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

impl<'a> Function<'a> {
    /// All of its code.
    pub(super) fn code(&self) -> Vec<Range<u32>> {
        let stretches = self.stretches.iter();
        stretches.map(|stretch| stretch.code.clone()).collect()
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
