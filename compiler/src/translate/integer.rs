//! Integer arithmetic (core, 4.3.2). Each method serves both widths: the
//! operands carry it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::Translator;

impl Translator<'_, '_> {
    /// `[] -> [i32]` or `[] -> [i64]`
    pub(super) fn int_const(&mut self, ty: Type, bits: u64) {
        let value = self.number(ty, bits);
        self.stack.push(value);
    }

    /// `[t] -> [t]`
    pub(super) fn unary(&mut self, opcode: Opcode) {
        let value = self.stack.pop();
        let result = self.unary_value(opcode, value);
        self.stack.push(result);
    }

    /// `[t t] -> [t]`. Division and remainder trap on a zero divisor, signed
    /// division on overflow; shifts and rotations take their count modulo the
    /// width.
    pub(super) fn binary(&mut self, opcode: Opcode) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        if let Opcode::Udiv | Opcode::Sdiv | Opcode::Urem | Opcode::Srem = opcode {
            self.guard_division(opcode, left, right);
        }
        let result = self.binary_value(opcode, left, right);
        self.stack.push(result);
    }

    /// `[t t] -> [i32]`
    pub(super) fn compare(&mut self, condition: IntCC) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        let result = self.builder.ins().icmp(condition, left, right);
        self.push_bool(result);
    }

    /// `[t] -> [i32]`
    pub(super) fn eqz(&mut self) {
        let value = self.stack.pop();
        let result = self.builder.ins().icmp_imm_s(IntCC::Equal, value, 0);
        self.push_bool(result);
    }

    /// `[t] -> [t]`: the low bits of type `narrow`, sign-extended.
    pub(super) fn sign_extend(&mut self, narrow: Type) {
        let value = self.stack.pop();
        let ty = self.builder.func.dfg.value_type(value);
        let low = self.builder.ins().ireduce(narrow, value);
        let result = self.builder.ins().sextend(ty, low);
        self.stack.push(result);
    }

    /// `[i64 i64 i64 i64] -> [i64 i64]`: two numbers of 128 bits, low halves
    /// first, and so the result.
    pub(super) fn wide_binary(&mut self, opcode: Opcode) {
        let right = self.pop_wide();
        let left = self.pop_wide();
        let result = self.binary_value(opcode, left, right);
        self.push_wide(result);
    }

    /// `[i64 i64] -> [i64 i64]`: the product without loss, low half first. The
    /// operands are widened by `extend`.
    pub(super) fn multiply_wide(&mut self, extend: Opcode) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        let mut widened = |value| {
            let (inst, dfg) = self.builder.ins().Unary(extend, types::I128, value);
            dfg.first_result(inst)
        };
        let (left, right) = (widened(left), widened(right));
        let product = self.builder.ins().imul(left, right);
        self.push_wide(product);
    }

    fn pop_wide(&mut self) -> Value {
        let high = self.stack.pop();
        let low = self.stack.pop();
        self.builder.ins().iconcat(low, high)
    }

    fn push_wide(&mut self, value: Value) {
        let (low, high) = self.builder.ins().isplit(value);
        self.stack.push(low);
        self.stack.push(high);
    }

    /// Pushes a comparison's result as an `i32`.
    pub(super) fn push_bool(&mut self, flag: Value) {
        let value = self.builder.ins().uextend(types::I32, flag);
        self.stack.push(value);
    }

    /// An instruction of one operand whose result has the operand's type.
    pub(super) fn unary_value(&mut self, opcode: Opcode, value: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(value);
        let (inst, dfg) = self.builder.ins().Unary(opcode, ty, value);
        dfg.first_result(inst)
    }

    /// An instruction of two operands whose result has their type.
    pub(super) fn binary_value(&mut self, opcode: Opcode, left: Value, right: Value) -> Value {
        let ty = self.builder.func.dfg.value_type(left);
        let (inst, dfg) = self.builder.ins().Binary(opcode, ty, left, right);
        dfg.first_result(inst)
    }
}
