//! Analyses of the whole module.

mod escapes;
mod product;
mod usage;
mod whole;

pub(crate) use escapes::Escapes;
pub(crate) use product::Product;
pub(crate) use usage::Usage;
pub(crate) use whole::{Fact, Question, Whole};
