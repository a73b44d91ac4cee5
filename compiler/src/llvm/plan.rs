//! What LLVM compiles, and at a time.
//!
//! Functions are divided into units, which LLVM compiles on as many threads as there are.
//! So a large module takes no more memory than the units that are at hand, and one
//! function that changes leaves most units as they were; see [`cache`](crate::cache). To
//! inline across the borders, a unit has copies of the small functions of others that it
//! calls, and that these call: as ThinLTO does it.
//!
//! Which units there are depends on the module alone, not on the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cranelift_codegen::ir::{ExternalName, Function};

use super::shape::Shape;
use super::{unit, write};
use crate::Level;
use crate::abi::Symbol;
use crate::backend::Backend;
use crate::module::Body;
use crate::passes::Fact;
use crate::translate::Context;

/// Instructions of CLIF that a unit has at most, if it has more than one function, before
/// it gets functions that nobody else calls.
const UNIT: usize = 64_000;

/// Instructions that a function has at most which is copied to those that call it.
const COPIED: usize = 200;
/// How much smaller it has to be for each call in between.
const DECAY: (usize, usize) = (7, 10);
/// How many calls may be in between.
const DEPTH: usize = 4;

/// What is known of a function when it has been translated.
pub(super) struct Summary {
    pub(super) index: u32,
    pub(super) facts: Vec<Fact>,
    /// Whether LLVM can do all that it does.
    pub(super) is_writable: bool,
    shape: Shape,
    /// Instructions of CLIF.
    size: usize,
    /// What it calls by name, of the functions of the module.
    callees: Vec<u32>,
}

impl Summary {
    pub(super) fn new(index: u32, func: &Function, facts: Vec<Fact>) -> Summary {
        Summary {
            index,
            facts,
            is_writable: write::can_write(func),
            shape: Shape::new(&func.signature),
            size: func.dfg.num_insts(),
            callees: callees(func).collect(),
        }
    }
}

/// The functions of the module that a function calls by name.
fn callees(func: &Function) -> impl Iterator<Item = u32> {
    let names = func.params.user_named_funcs();
    func.dfg
        .ext_funcs
        .values()
        .filter_map(|callee| match callee.name {
            ExternalName::User(name) => match Symbol::from(&names[name]) {
                Symbol::Function(index) => Some(index),
                _ => None,
            },
            _ => None,
        })
}

/// What functions know of one another.
pub(super) struct Plan {
    /// The functions that are LLVM's, and those that are not.
    pub(super) functions: BTreeMap<u32, Planned>,
    pub(super) units: Vec<Unit>,
    /// Whether all functions are LLVM's. Then tables in the text lead to what is called in
    /// its convention, else to what is in the wasm convention.
    pub(super) is_complete: bool,
    /// Bytes of the vmctx.
    pub(super) vmctx_size: u32,
    /// Whether every instruction has to say where it comes from.
    pub(super) debug: bool,
    /// Whether traps are faults, and not calls.
    pub(super) signals: bool,
    /// Whether threads may share memories.
    pub(super) has_shared: bool,
}

/// What is known of a function.
pub(super) struct Planned {
    pub(super) shape: Shape,
    /// Whether LLVM compiles it.
    pub(super) is_ours: bool,
    /// Whether anything but LLVM's code of its unit refers to it.
    is_external: bool,
    /// Whether it may be called in the wasm convention.
    is_called: bool,
}

impl Planned {
    /// Whether it has to be called with an array of values.
    pub(super) fn has_arrival(&self) -> bool {
        self.is_ours && self.is_called && !self.shape.is_plain()
    }
}

/// Functions that are compiled at a time.
pub(super) struct Unit {
    members: Vec<Member>,
    /// How many of them are its own; behind them there are copies.
    own: usize,
}

/// A function in a unit.
pub(super) struct Member {
    pub(super) index: u32,
    /// What LLVM calls how it is known to others.
    pub(super) linkage: &'static str,
    /// The line where it starts, as far as LLVM is told. Lines are counted within the
    /// unit, and not in the module, so that what stands before a function in the module
    /// makes no difference to it.
    line: u32,
    /// Byte offset in the module of its body.
    offset: u32,
}

impl Member {
    /// The line for a byte offset in the module.
    pub(super) fn line(&self, source: u32) -> u32 {
        source.wrapping_sub(self.offset).wrapping_add(self.line)
    }
}

impl Unit {
    /// All functions that LLVM is to know the bodies of.
    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The functions that it is to make code of.
    pub(super) fn own(&self) -> impl Iterator<Item = u32> {
        self.members[..self.own].iter().map(|member| member.index)
    }

    /// The byte offset in the module of the body of a function.
    pub(super) fn start(&self, index: u32) -> Option<u32> {
        let mut members = self.members.iter();
        members
            .find(|member| member.index == index)
            .map(|member| member.offset)
    }

    /// The byte offset in the module for a line; none for 0.
    pub(super) fn source(&self, line: u32) -> Option<u32> {
        let after = self.members.partition_point(|member| member.line <= line);
        let member = &self.members[after.checked_sub(1)?];
        Some(line - member.line + member.offset)
    }
}

impl Plan {
    /// A plan for the functions that are summed up, of which `others` are not LLVM's.
    pub(super) fn new(
        cx: &Context<'_>,
        backend: &Backend,
        bodies: &[Body<'_>],
        summaries: &[Summary],
        others: &BTreeSet<u32>,
    ) -> Plan {
        let (module, whole) = (cx.module, cx.whole);
        let is_complete = others.is_empty();
        let mut called: BTreeSet<u32> = whole.exported.clone();
        called.extend(whole.escapes.funcrefs());
        called.extend(module.start);
        let mut rows = BTreeSet::new();
        for table in 0..module.tables.len() as u32 {
            let table = whole.escapes.table_in_text(table);
            rows.extend(table.into_iter().flat_map(|rows| rows.iter().flatten()));
        }
        if !is_complete {
            called.extend(&rows);
        }
        for function in summaries {
            if others.contains(&function.index) {
                called.insert(function.index);
                called.extend(&function.callees);
            }
        }
        let functions = summaries.iter().map(|function| {
            let index = function.index;
            let is_called = called.contains(&index);
            let planned = Planned {
                shape: function.shape.clone(),
                is_ours: !others.contains(&index),
                is_external: is_called || rows.contains(&index),
                is_called,
            };
            (index, planned)
        });
        let mut plan = Plan {
            functions: functions.collect(),
            units: Vec::new(),
            is_complete,
            vmctx_size: whole.vmctx.size,
            debug: backend.origins,
            signals: backend.signals,
            has_shared: module.memories.iter().any(|memory| memory.shared),
        };
        let copies = backend.level != Level::O0;
        let division = Division {
            summaries,
            functions: &plan.functions,
        };
        let groups = division.groups(copies);
        plan.find_external(&groups, summaries);
        plan.units = groups
            .into_iter()
            .map(|group| plan.unit(group, bodies))
            .collect();
        plan
    }

    /// Notes which functions are referred to by units that are not theirs.
    fn find_external(&mut self, groups: &[Group], summaries: &[Summary]) {
        for group in groups {
            for &index in group.own.iter().chain(&group.copies) {
                for callee in callees_of(summaries, index) {
                    if group.own.binary_search(callee).is_err()
                        && let Some(function) = self.functions.get_mut(callee)
                    {
                        function.is_external = true;
                    }
                }
            }
        }
    }

    fn unit(&self, group: Group, bodies: &[Body<'_>]) -> Unit {
        let mut line = 1;
        let own = group.own.len();
        let all = group.own.into_iter().chain(group.copies);
        let members = all.enumerate().map(|(position, index)| {
            let body = unit::body(bodies, index);
            let linkage = match (position < own, self.functions[&index].is_external) {
                (true, true) => "hidden",
                (true, false) => "internal",
                (false, _) => "available_externally hidden",
            };
            let member = Member {
                index,
                linkage,
                line,
                offset: body.offset as u32,
            };
            line += body.len() as u32 + 1;
            member
        });
        Unit {
            members: members.collect(),
            own,
        }
    }
}

/// What a unit is made of.
struct Group {
    /// In order.
    own: Vec<u32>,
    copies: BTreeSet<u32>,
}

/// Divides functions into groups.
struct Division<'a> {
    summaries: &'a [Summary],
    functions: &'a BTreeMap<u32, Planned>,
}

impl Division<'_> {
    fn groups(&self, copies: bool) -> Vec<Group> {
        let mut ranges = Vec::new();
        let all = 0..self.summaries.len().next_power_of_two();
        self.halve(all, &mut ranges);
        let callers = self.only_callers();
        let mut groups: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for function in self.summaries.iter().filter(|it| self.is_ours(it.index)) {
            let position = self.position(caller_of(&callers, function.index));
            let range = ranges.partition_point(|range| range.end <= position);
            groups.entry(range).or_default().push(function.index);
        }
        let groups = groups.into_values().map(|own| Group {
            copies: match copies {
                true => self.copies(&own),
                false => BTreeSet::new(),
            },
            own,
        });
        groups.collect()
    }

    /// The callers of functions that only one other function refers to: such a one is
    /// inlined there, whatever its size.
    fn only_callers(&self) -> BTreeMap<u32, u32> {
        let mut callers: BTreeMap<u32, Option<u32>> = BTreeMap::new();
        for caller in self.summaries {
            for &callee in &caller.callees {
                let only = callers.entry(callee).or_insert(Some(caller.index));
                *only = only.filter(|&only| only == caller.index);
            }
        }
        let callers = callers.into_iter().filter_map(|(callee, caller)| {
            let is_internal = !self.functions.get(&callee)?.is_external;
            let caller = caller.filter(|&it| it != callee && self.is_ours(it))?;
            is_internal.then_some((callee, caller))
        });
        callers.collect()
    }

    /// Halves a range of functions until what is left of it is no larger than a unit. A
    /// function that grows divides what it is in once more, and moves no other border.
    fn halve(&self, range: Range<usize>, ranges: &mut Vec<Range<usize>>) {
        let end = range.end.min(self.summaries.len());
        let functions = self.summaries.get(range.start..end).unwrap_or_default();
        let ours = || functions.iter().filter(|it| self.is_ours(it.index));
        let size: usize = ours().map(|function| function.size).sum();
        if size > UNIT && range.len() > 1 {
            let middle = range.start + range.len() / 2;
            self.halve(range.start..middle, ranges);
            self.halve(middle..range.end, ranges);
        } else {
            ranges.push(range);
        }
    }

    /// The functions of other groups that may be worth inlining in these.
    fn copies(&self, own: &[u32]) -> BTreeSet<u32> {
        let mut copies = BTreeSet::new();
        let mut callers = own.to_vec();
        let mut limit = COPIED;
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for caller in callers {
                for &callee in callees_of(self.summaries, caller) {
                    let fits = self.is_ours(callee)
                        && summary(self.summaries, callee).is_some_and(|it| it.size <= limit)
                        && own.binary_search(&callee).is_err();
                    if fits && copies.insert(callee) {
                        next.push(callee);
                    }
                }
            }
            callers = next;
            limit = limit * DECAY.0 / DECAY.1;
        }
        copies
    }

    fn is_ours(&self, index: u32) -> bool {
        let function = self.functions.get(&index);
        function.is_some_and(|function| function.is_ours)
    }

    /// Where a function is in the list of all.
    fn position(&self, index: u32) -> usize {
        (index - self.summaries[0].index) as usize
    }
}

/// That of a function, unless it is imported.
fn summary(summaries: &[Summary], index: u32) -> Option<&Summary> {
    let first = summaries.first()?.index;
    summaries.get(index.checked_sub(first)? as usize)
}

/// What a function calls by name.
fn callees_of(summaries: &[Summary], index: u32) -> &[u32] {
    summary(summaries, index).map_or(&[], |function| &function.callees)
}

/// The function that a function becomes a part of, if all is inlined that has one caller:
/// its caller's, or itself.
fn caller_of(callers: &BTreeMap<u32, u32>, index: u32) -> u32 {
    let mut seen = BTreeSet::from([index]);
    let mut at = index;
    while let Some(&caller) = callers.get(&at) {
        // They call each other in a circle, and nobody else calls them.
        if !seen.insert(caller) {
            return index;
        }
        at = caller;
    }
    at
}
