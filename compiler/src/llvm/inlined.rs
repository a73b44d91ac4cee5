//! Which calls the code of a function is inlined at, for those who look at its sites in
//! order; and the bytes behind it that stand for these calls.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::successors;

use super::object::{self, Name};
use super::plan::Unit;
use crate::backend::{At, Inlined};

/// The inlined calls of a function, and a place in its code.
pub(super) struct Chains<'a> {
    unit: &'a Unit,
    /// Whose code it is.
    name: &'a Name,
    known: &'a object::Inlined,
    /// How many of the ranges start at the place or before.
    next: usize,
    /// The ranges that the place is in: their ends and calls, innermost last.
    around: Vec<(u32, u32)>,
    /// Where the call changes that code is inlined at.
    changes: Vec<(u32, At)>,
    /// Where the byte of each call is that a site is in.
    places: BTreeMap<u32, u32>,
}

impl<'a> Chains<'a> {
    pub(super) fn new(known: &'a object::Inlined, unit: &'a Unit, name: &'a Name) -> Chains<'a> {
        Chains {
            unit,
            name,
            known,
            next: 0,
            around: Vec::new(),
            changes: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// Notes an instruction with a site, behind those noted before, and returns where it
    /// is from: `source`, or if that is not known, the start of the function that it is
    /// from.
    pub(super) fn enter(&mut self, code: u32, source: Option<u32>) -> Option<u32> {
        let ranges = &self.known.ranges;
        while let Some((range, call)) = ranges.get(self.next).filter(|it| it.0.start <= code) {
            self.around.retain(|&(end, _)| end > range.start);
            self.around.push((range.end, *call));
            self.next += 1;
        }
        self.around.retain(|&(end, _)| end > code);
        let call = self.around.last().map(|&(_, call)| call);
        self.change(code, self.at(call));
        source.or_else(|| self.start(call))
    }

    /// Notes an instruction that is not inlined, whatever is around it.
    pub(super) fn leave(&mut self, code: u32) -> Option<u32> {
        self.change(code, At::Function);
        None
    }

    fn change(&mut self, code: u32, at: At) {
        let before = self.changes.last().map_or(At::Function, |&(_, at)| at);
        if at != before {
            self.changes.push((code, at));
        }
    }

    /// What code is inlined at that is in a call, and in no other behind that.
    fn at(&self, call: Option<u32>) -> At {
        match call.filter(|&call| self.source(call).is_some()) {
            Some(call) => At::Call(call),
            None if call.is_none() && matches!(self.name, Name::Arrival(_)) => At::Border,
            None => At::Function,
        }
    }

    /// Where the function starts that a call is to, or this one. What others call it by is
    /// nowhere.
    fn start(&self, call: Option<u32>) -> Option<u32> {
        let callee = call.and_then(|call| self.known.calls[call as usize].callee.as_ref());
        match callee.unwrap_or(self.name) {
            Name::Function(index) => self.unit.start(*index),
            _ => None,
        }
    }

    /// Where in the module a call is.
    fn source(&self, call: u32) -> Option<u32> {
        let call = &self.known.calls[call as usize];
        (self.unit.source(call.line)).or_else(|| self.start(call.around))
    }

    /// The call that a call is inlined at itself.
    fn around(&self, call: u32) -> Option<u32> {
        let around = self.known.calls[call as usize].around;
        around.filter(|&call| self.source(call).is_some())
    }

    /// Gives each call that sites are in a byte, from `end` on, and returns what they come
    /// from in the module.
    pub(super) fn calls(&mut self, end: u32) -> Vec<u32> {
        let inner = self.changes.iter().filter_map(|&(_, at)| match at {
            At::Call(call) => Some(call),
            _ => None,
        });
        let calls = inner.flat_map(|call| successors(Some(call), |&call| self.around(call)));
        let calls: BTreeSet<u32> = calls.collect();
        let mut sources = Vec::with_capacity(calls.len());
        // Inner ones first: who follows them gets on.
        for (place, call) in (end..).zip(calls.into_iter().rev()) {
            self.places.insert(call, place);
            self.change(place, self.around(call).map_or(At::Function, At::Call));
            sources.extend(self.source(call));
        }
        sources
    }

    /// What the artefact says about it.
    pub(super) fn finish(self) -> Vec<Inlined> {
        let changes = self.changes.into_iter();
        changes
            .map(|(code, at)| Inlined {
                code,
                at: match at {
                    At::Call(call) => At::Call(self.places[&call] + 1),
                    other => other,
                },
            })
            .collect()
    }
}
