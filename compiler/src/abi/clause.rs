//! Catch clauses in Cranelift's numbering and in ours.

use cranelift_codegen::ir::ExceptionTag;
use serde::{Deserialize, Serialize};

/// What a catch clause catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Clause {
    /// The tag's index; all exceptions without one.
    pub(crate) tag: Option<u32>,
    /// Whether the reference is kept.
    pub(crate) keeps: bool,
}

/// The number that stands for all tags; the validator allows fewer.
const ALL: u32 = (1 << 30) - 1;

/// The number for a `try_call`.
impl From<Clause> for ExceptionTag {
    fn from(clause: Clause) -> ExceptionTag {
        let tag = clause.tag.unwrap_or(ALL);
        ExceptionTag::from_u32(tag << 1 | u32::from(clause.keeps))
    }
}

/// The meaning of a number that came back with the machine code.
impl From<ExceptionTag> for Clause {
    fn from(tag: ExceptionTag) -> Clause {
        let (tag, keeps) = (tag.as_u32() >> 1, tag.as_u32() & 1 != 0);
        Clause {
            tag: (tag != ALL).then_some(tag),
            keeps,
        }
    }
}
