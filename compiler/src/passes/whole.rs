//! What is found out about a module as a whole, and the parts of it that can
//! change with every further function.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::abi::Vmctx;
use crate::module::Module;
use crate::passes::{Escapes, Product, Usage};

/// What is found out about a module as a whole.
pub(crate) struct Whole {
    pub(crate) escapes: Escapes,
    pub(crate) vmctx: Vmctx,
    /// Whether exceptions are thrown.
    pub(crate) throws: bool,
    /// The functions that the module exports.
    pub(crate) exported: BTreeSet<u32>,
    products: BTreeMap<u32, Product>,
}

/// Something that may depend on any function of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Whether a table is a constant, in the text.
    TableInText(u32),
    /// Whether nobody can make a table grow.
    TableIsFixed(u32),
    /// Byte offset of a table in the vmctx.
    TableOffset(u32),
    /// The slot of a function among the function references.
    Slot(u32),
    /// The [`Product`] that a function is, or 0.
    Product(u32),
}

/// An answer that code relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Fact {
    question: Question,
    pub(crate) answer: u32,
}

impl Whole {
    /// As it is if no function does anything but what `usage` says.
    pub(crate) fn new(module: &Module, usage: &Usage) -> Whole {
        let escapes = Escapes::new(module, usage);
        let vmctx = Vmctx::new(module, &escapes);
        Whole {
            escapes,
            vmctx,
            throws: usage.throws,
            exported: module.exported_functions(),
            products: usage.products.clone(),
        }
    }

    /// Whether all that code can rely on stays as it is if there are functions
    /// that do what `usage` says.
    pub(crate) fn allows(&self, usage: &Usage) -> bool {
        usage.products.is_empty() && self.escapes.allow(usage)
    }

    /// How function `index` multiplies, if it does nothing else.
    pub(crate) fn product(&self, index: u32) -> Option<Product> {
        self.products.get(&index).copied()
    }

    /// Answers a question.
    ///
    /// # Panics
    ///
    /// On the slot of a function that cannot become a value.
    pub(crate) fn fact(&self, question: Question) -> Fact {
        let answer = match question {
            Question::TableInText(table) => self.escapes.table_in_text(table).is_some().into(),
            Question::TableIsFixed(table) => self.escapes.is_fixed(table).into(),
            Question::TableOffset(table) => self.vmctx.tables[table as usize],
            Question::Slot(function) => self.escapes.slot(function),
            Question::Product(function) => self.product(function).map_or(0, |it| it as u32),
        };
        Fact { question, answer }
    }

    /// Whether code that relies on `facts` is right.
    pub(crate) fn confirms(&self, facts: &[Fact]) -> bool {
        facts.iter().all(|fact| self.fact(fact.question) == *fact)
    }
}
