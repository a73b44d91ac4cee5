//! What can be seen of a module, in terms of neither side.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};

/// A value that one side can compare with the other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128(u128),
    Null,
    /// A reference to something.
    Reference,
}

/// Why something did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The text that the specification's suite has for the trap.
    Trap(String),
    Exception,
    /// The stack is used up, which depends on how large frames are. Nothing after
    /// it can be compared.
    StackOverflow,
    /// The side refuses the module.
    Refused(String),
}

/// What a module did. A call that fails is the last one of its instance.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// One for each call of the plan, as far as it came.
    pub(crate) calls: Vec<Result<Vec<Value>, Failure>>,
    /// What was exported after each call, by name.
    pub(crate) state: Vec<(String, State)>,
}

impl Observed {
    /// Whether the side could not say how a call ends.
    pub(crate) fn refuses(&self) -> bool {
        (self.calls.iter()).any(|call| matches!(call, Err(Failure::Refused(_))))
    }

    /// Adds what the exports of an instance have in them: by their names, since not
    /// everybody gives them in the order of the module.
    pub(crate) fn see(&mut self, mut exports: Vec<(String, State)>) {
        exports.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.state.extend(exports);
    }
}

/// The state of an export.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum State {
    Global(Value),
    /// Size in bytes, and a digest of the content.
    Memory(usize, u64),
    /// Size in pages of a shared memory. What is in it shows in what is loaded.
    Shared(u64),
    /// Which elements are null.
    Table(Vec<bool>),
}

impl State {
    pub(crate) fn memory(bytes: impl Iterator<Item = u8>) -> State {
        let mut hasher = DefaultHasher::new();
        let mut size = 0;
        for byte in bytes {
            hasher.write_u8(byte);
            size += 1;
        }
        State::Memory(size, hasher.finish())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Trap(text) => write!(f, "trap: {text}"),
            Failure::Exception => f.write_str("exception"),
            Failure::StackOverflow => f.write_str("stack overflow"),
            Failure::Refused(text) => write!(f, "refused: {text}"),
        }
    }
}
