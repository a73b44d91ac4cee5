//! Analyses of the whole module.

mod escapes;
mod usage;
mod whole;

pub(crate) use escapes::Escapes;
pub(crate) use usage::Usage;
pub(crate) use whole::{Fact, Question, Whole};
