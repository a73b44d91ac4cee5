//! Where variables are, in code that keeps the locals of WebAssembly in its frames.
//!
//! In the DWARF of a module, what C compilers call the frame is in linear memory, and a
//! local has its address; variables are at offsets from there, or are locals
//! themselves. In that of the machine code, the frame's base is the address in linear
//! memory, made of what the frame keeps: the context, which leads to the memory, and
//! the local. So offsets from it mean the same as before.

use gimli::constants as dw;
use gimli::read::{self, Operation};
use gimli::write::Expression;
use gimli::{Encoding, Register};
use wasm_aot_abi::Architecture;

use super::sections::Reader;
use crate::backend::{Frame, Place};

/// What is the same for all functions of a module.
#[derive(Clone, Copy)]
pub(crate) struct Locations {
    frame_pointer: Register,
    /// Byte offset in the vmctx of the slot of memory 0, whose first word is its base.
    memory: Option<u32>,
}

impl Locations {
    pub(crate) fn new(architecture: Architecture, memory: Option<u32>) -> Locations {
        // Numbers of the ABI of each machine for DWARF.
        let frame_pointer = Register(match architecture {
            Architecture::X86_64 => 6,   // rbp
            Architecture::Aarch64 => 29, // x29
            Architecture::Riscv64 => 8,  // s0
        });
        Locations {
            frame_pointer,
            memory,
        }
    }

    /// The base of a function's frame in linear memory, if it is in a local.
    pub(super) fn frame_base(
        &self,
        frame: &Frame,
        expression: read::Expression<Reader<'_>>,
        encoding: Encoding,
    ) -> Option<Expression> {
        let local = local(frame, expression, encoding)?;
        let mut base = self.memory_base(frame)?;
        base.op_breg(self.frame_pointer, local.offset.into());
        base.op_deref_size(local.size);
        base.op(dw::DW_OP_plus);
        Some(base)
    }

    /// Where a variable is.
    pub(super) fn variable(
        &self,
        frame: &Frame,
        expression: read::Expression<Reader<'_>>,
        encoding: Encoding,
    ) -> Option<Expression> {
        if let Some(local) = local(frame, expression, encoding) {
            let mut place = Expression::new();
            place.op_breg(self.frame_pointer, local.offset.into());
            return Some(place);
        }
        match only(expression, encoding)? {
            Operation::FrameOffset { offset } => {
                let mut place = Expression::new();
                place.op_fbreg(offset);
                Some(place)
            }
            // In linear memory.
            Operation::Address { address } => {
                let mut place = self.memory_base(frame)?;
                place.op_plus_uconst(address);
                Some(place)
            }
            _ => None,
        }
    }

    /// The address of memory 0.
    fn memory_base(&self, frame: &Frame) -> Option<Expression> {
        let mut base = Expression::new();
        base.op_breg(self.frame_pointer, frame.vmctx.into());
        base.op_deref();
        base.op_plus_uconst(self.memory?.into());
        base.op_deref();
        Some(base)
    }
}

/// The local that an expression is the value of.
fn local(
    frame: &Frame,
    expression: read::Expression<Reader<'_>>,
    encoding: Encoding,
) -> Option<Place> {
    let mut operations = expression.operations(encoding);
    let Operation::WasmLocal { index } = operations.next().ok()?? else {
        return None;
    };
    // Some compilers leave out that the value is meant.
    match operations.next().ok()? {
        None => {}
        Some(Operation::StackValue) if operations.next().ok()?.is_none() => {}
        Some(_) => return None,
    }
    frame.locals.get(index as usize).copied()
}

/// The only operation of an expression.
fn only<'d>(
    expression: read::Expression<Reader<'d>>,
    encoding: Encoding,
) -> Option<Operation<Reader<'d>>> {
    let mut operations = expression.operations(encoding);
    let operation = operations.next().ok()??;
    operations.next().ok()?.is_none().then_some(operation)
}
