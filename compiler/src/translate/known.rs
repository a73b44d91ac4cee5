//! What a translation knows of the module as a whole.
//!
//! Most of it stands before the first function. The rest depends on what all
//! functions do, so a function that is compiled before the last one has arrived
//! is compiled on an assumption. Whoever asks for such a fact is recorded as
//! having relied on it: if the answer has changed in the end, the function must
//! be compiled again, and otherwise the code is what it would be. The fields are
//! private so that there is no way around this.

use crate::passes::{Fact, Product, Question, Whole};

/// What is known, and which facts have been asked for.
pub(super) struct Known<'m> {
    whole: &'m Whole,
    facts: Vec<Fact>,
}

impl<'m> Known<'m> {
    pub(super) fn new(whole: &'m Whole) -> Known<'m> {
        Known {
            whole,
            facts: Vec::new(),
        }
    }

    /// What the code relies on, each fact once.
    pub(super) fn into_facts(mut self) -> Vec<Fact> {
        self.facts.sort_unstable();
        self.facts.dedup();
        self.facts.shrink_to_fit();
        self.facts
    }

    /// Whether `table` is a constant, in the text.
    pub(super) fn table_in_text(&mut self, table: u32) -> bool {
        self.ask(Question::TableInText(table)) != 0
    }

    /// Whether nobody can make `table` grow.
    pub(super) fn table_is_fixed(&mut self, table: u32) -> bool {
        self.ask(Question::TableIsFixed(table)) != 0
    }

    /// Byte offset of `table` in the vmctx.
    pub(super) fn table_offset(&mut self, table: u32) -> u32 {
        self.ask(Question::TableOffset(table))
    }

    /// The slot of a function that can become a value.
    pub(super) fn slot(&mut self, function: u32) -> u32 {
        self.ask(Question::Slot(function))
    }

    /// How `function` multiplies, if it does nothing else.
    pub(super) fn product(&mut self, function: u32) -> Option<Product> {
        self.ask(Question::Product(function));
        self.whole.product(function)
    }

    /// Byte offset of a memory's slot in the vmctx.
    pub(super) fn memory_offset(&self, memory: u32) -> u32 {
        self.whole.vmctx.memories[memory as usize]
    }

    /// Byte offset of a global in the vmctx.
    pub(super) fn global_offset(&self, global: u32) -> u32 {
        self.whole.vmctx.globals[global as usize]
    }

    /// Byte offset of an imported function in the vmctx.
    pub(super) fn import_offset(&self, function: u32) -> u32 {
        self.whole.vmctx.functions[function as usize]
    }

    /// Byte offset of the type ids in the vmctx.
    pub(super) fn type_ids_offset(&self) -> u32 {
        self.whole.vmctx.type_ids
    }

    fn ask(&mut self, question: Question) -> u32 {
        let fact = self.whole.fact(question);
        if self.facts.last() != Some(&fact) {
            self.facts.push(fact);
        }
        fact.answer
    }
}
