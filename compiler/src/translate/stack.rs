//! The operand stack and the control stack (core, appendix "Validation
//! Algorithm"), with SSA values in place of types.

use cranelift_codegen::ir::{Block, Value};

use crate::abi::Clause;

/// Operands and control frames of the code at hand.
#[derive(Default)]
pub(super) struct Stack {
    pub(super) values: Vec<Value>,
    pub(super) frames: Vec<Frame>,
    /// `None` where code can be reached; else how many frames were opened since
    /// it cannot.
    pub(super) dead: Option<u32>,
}

/// An open `block`, `loop`, `if` or `try_table`, or the function itself.
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Where control goes at the end; its parameters are the results.
    pub(super) exit: Block,
    /// Whether anything jumps to `exit` so far.
    pub(super) exit_reached: bool,
    pub(super) params: usize,
    pub(super) results: usize,
    /// Number of operands below those of the frame.
    pub(super) height: usize,
}

pub(super) enum FrameKind {
    Block,
    Loop {
        /// Where a branch goes.
        header: Block,
    },
    If {
        /// Where control goes if the condition is zero; `None` behind `else`.
        otherwise: Option<Block>,
        /// The parameters, for the second arm.
        params: Vec<Value>,
    },
    Try {
        /// In the order of the module.
        catches: Vec<Catch>,
    },
}

/// A catch clause of an open `try_table`.
pub(super) struct Catch {
    pub(super) clause: Clause,
    /// Where an exception goes; its parameter is the reference. Exists once
    /// something may throw one.
    pub(super) landing: Option<Block>,
    /// The position of the frame whose label it branches to.
    pub(super) target: usize,
}

impl Stack {
    pub(super) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// The validator has seen to it that there is a value.
    pub(super) fn pop(&mut self) -> Value {
        self.values.pop().expect("a validated operand")
    }

    /// The frame that label `depth` means.
    pub(super) fn frame(&mut self, depth: u32) -> &mut Frame {
        let index = self.frames.len() - 1 - depth as usize;
        &mut self.frames[index]
    }

    pub(super) fn reachable(&self) -> bool {
        self.dead.is_none()
    }

    /// Code up to the end of the frame cannot be reached.
    pub(super) fn set_unreachable(&mut self) {
        self.dead = Some(0);
    }
}

impl Frame {
    /// Where a branch to the frame goes, and with how many values.
    pub(super) fn branch(&mut self) -> (Block, usize) {
        match self.kind {
            FrameKind::Loop { header } => (header, self.params),
            _ => {
                self.exit_reached = true;
                (self.exit, self.results)
            }
        }
    }
}
