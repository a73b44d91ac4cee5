//! Pays for what is executed; see "Fuel" in the documentation of the ABI.
//!
//! How much a run costs is known at its end only, and paid at its start: until then the
//! constant there is 0.

use core::mem::offset_of;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstBuilder, InstructionData, Opcode, types};
use wasm_aot_abi::{self as abi, TrapCode};
use wasmparser::Operator;

use super::Translator;
use super::flow::{is_call, is_jump};
use crate::abi::{Access, Region};

/// A run that has cost something.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// The constant that is to be what it costs.
    price: Inst,
    cost: i64,
}

impl Translator<'_, '_> {
    /// Pays for a live operator that comes next.
    pub(super) fn pay(&mut self, operator: &Operator<'_>) {
        if !self.fuel {
            return;
        }
        if begins_behind(operator) {
            self.end_run();
        }
        if is_free(operator) {
            return;
        }
        let mut run = self.run.unwrap_or_else(|| self.begin_run());
        run.cost += 1;
        self.run = Some(run);
        if ends_run(operator) {
            self.end_run();
        }
    }

    /// Has the code pay, before it does anything else.
    fn begin_run(&mut self) -> Run {
        let price = self.builder.ins().iconst(types::I64, 0);
        let store = self.load_fixed(types::I64, offset_of!(abi::VmContext, store) as u32);
        let (access, offset) = (
            Access::Trusted(Region::Fuel),
            offset_of!(abi::StoreContext, fuel),
        );
        let fuel = self.load(types::I64, access, store, offset as u32);
        let ins = self.builder.ins();
        let too_little = ins.icmp(IntCC::UnsignedLessThan, fuel, price);
        self.trap_if(too_little, TrapCode::OutOfFuel);
        let left = self.builder.ins().isub(fuel, price);
        self.store(access, left, store, offset as u32);
        let price = self.builder.func.dfg.value_def(price).unwrap_inst();
        Run { price, cost: 0 }
    }

    fn end_run(&mut self) {
        if let Some(Run { price, cost }) = self.run.take() {
            self.builder.func.dfg.insts[price] = InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm: cost.into(),
            };
        }
    }
}

/// Whether an operator costs nothing.
fn is_free(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Nop
            | Operator::Drop
            | Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::TryTable { .. }
            | Operator::Else
            | Operator::End
    )
}

/// Whether code comes from elsewhere to what is behind an operator.
fn begins_behind(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. } | Operator::Else | Operator::End
    )
}

/// Whether it goes on elsewhere from an operator, or the host sees what is left.
fn ends_run(operator: &Operator<'_>) -> bool {
    is_jump(operator) || is_call(operator) || matches!(operator, Operator::Unreachable)
}
