//! Looks at the word that says whether to go on.
//!
//! Code that runs for long either loops or calls functions, and calls that never end
//! come through functions that call. So loops look, and functions with calls.

use core::mem::offset_of;

use cranelift_codegen::ir::{InstBuilder, types};
use wasm_aot_abi::{self as abi, TrapCode};
use wasmparser::Operator;

use super::Translator;
use crate::abi::{Access, Region};
use crate::error::Result;
use crate::module::Body;

impl Translator<'_, '_> {
    /// Looks, at the start of a function that calls others.
    pub(super) fn poll_at_entry(&mut self, body: &Body<'_>) -> Result<()> {
        if self.interruptible && calls(body)? {
            self.poll();
        }
        Ok(())
    }

    /// Traps if the code is to stop.
    pub(super) fn poll(&mut self) {
        if !self.interruptible {
            return;
        }
        let word = self.load_fixed(types::I64, offset_of!(abi::VmContext, interrupt) as u32);
        // Atomic, so that no look is taken for an earlier one.
        let flags = Access::Trusted(Region::Store).flags(self.builder.func);
        let stop = self.builder.ins().atomic_load(types::I32, flags, word);
        self.trap_if(stop, TrapCode::Interrupted);
    }
}

fn calls(body: &Body<'_>) -> Result<bool> {
    for operator in body.code().get_operators_reader()? {
        if let Operator::Call { .. }
        | Operator::CallIndirect { .. }
        | Operator::CallRef { .. }
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::ReturnCallRef { .. } = operator?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
