//! Analyses of the whole module, done before any function is translated.

mod escapes;
mod usage;

pub(crate) use escapes::Escapes;
pub(crate) use usage::Usage;
