//! Conversions between number types (core, 4.3.4).

use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type};

use super::Translator;

impl Translator<'_, '_> {
    /// `[t] -> [to]`. Truncations of floats trap on a NaN and out of range;
    /// the saturating ones do not.
    pub(super) fn convert(&mut self, opcode: Opcode, to: Type) {
        let value = self.stack.pop();
        let without_traps = match opcode {
            Opcode::FcvtToSint => Some(Opcode::FcvtToSintSat),
            Opcode::FcvtToUint => Some(Opcode::FcvtToUintSat),
            _ => None,
        };
        let opcode = match without_traps {
            Some(without) if !self.signals => {
                self.guard_truncation(opcode, value, to);
                without
            }
            _ => opcode,
        };
        let (inst, dfg) = self.builder.ins().Unary(opcode, to, value);
        let result = dfg.first_result(inst);
        self.stack.push(result);
    }

    /// `[t] -> [to]`: the same bits.
    pub(super) fn reinterpret(&mut self, to: Type) {
        let value = self.stack.pop();
        let result = self.builder.ins().bitcast(to, MemFlagsData::new(), value);
        self.stack.push(result);
    }
}
