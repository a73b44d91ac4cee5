//! Integer arithmetic (core, 4.3.2). Each method serves both widths: the
//! operands carry it.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Type, Value, types};
use target_lexicon::Architecture;
use wasmparser::{MemArg, MemArgTarget};

use super::Translator;
use crate::passes::Product;

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
        self.compare_values(condition, left, right);
    }

    /// `[t] -> [i32]`
    pub(super) fn eqz(&mut self) {
        let value = self.stack.pop();
        let zero = self.number(self.type_of(value), 0);
        self.compare_values(IntCC::Equal, value, zero);
    }

    fn compare_values(&mut self, condition: IntCC, left: Value, right: Value) {
        let (left, right) = self.shield_sums(condition, left, right);
        let result = self.builder.ins().icmp(condition, left, right);
        self.push_bool(result);
    }

    /// What to compare in place of `left` and `right`, which Cranelift should not solve
    /// for a summand: it makes `i + 1 == n` into `i == n - 1`, also where `i + 1` is what
    /// `i` is to be in the next round of a loop. Then both are needed at the end of the
    /// round, one more register and a move, and a block of its own for that. Compilers
    /// that write WebAssembly leave a sum in a comparison where they need it anyway.
    ///
    /// Of 64 bits, extended sums are opaque. The extension is no instruction on x86-64
    /// and a register's new name on AArch64; RISC-V would shift twice.
    fn shield_sums(&mut self, condition: IntCC, left: Value, right: Value) -> (Value, Value) {
        let equality = matches!(condition, IntCC::Equal | IntCC::NotEqual);
        let riscv = matches!(self.isa.triple().architecture, Architecture::Riscv64(_));
        if !equality || riscv || self.type_of(left) != types::I32 {
            return (left, right);
        }
        let known = |value| self.is_sum(value) || self.constant(value).is_some();
        let solvable = self.is_sum(left) && known(right) || self.is_sum(right) && known(left);
        if !solvable {
            return (left, right);
        }
        let mut extend = |value| self.builder.ins().uextend(types::I64, value);
        (extend(left), extend(right))
    }

    /// Whether a constant is added to something.
    fn is_sum(&self, value: Value) -> bool {
        let Some(InstructionData::Binary { opcode, args }) = self.definition(value) else {
            return false;
        };
        let sum = matches!(opcode, Opcode::Iadd | Opcode::Isub);
        sum && args.iter().any(|&value| self.constant(value).is_some())
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

    /// `[it i64 i64 i64 i64] -> []`: stores the product of two numbers of 128 bits,
    /// low halves first, at an address of memory 0; traps out of bounds. Just what
    /// the function does in whose place this is, and as a store may trap when the
    /// other has been done, in its order.
    pub(super) fn multiply_into_memory(&mut self, product: Product) {
        let [b_high, b, a_high, a] = [(); 4].map(|()| self.stack.pop());
        let address = self.stack.pop();
        self.stack.push(a);
        self.stack.push(b);
        self.multiply_wide(Opcode::Uextend);
        let mut high = self.stack.pop();
        let low = self.stack.pop();
        for (left, right) in [(a, b_high), (b, a_high)] {
            // Mostly, 64 bits were made 128: less for the optimiser to do.
            if self.constant(right) == Some(0) {
                continue;
            }
            let upper = self.builder.ins().imul(left, right);
            high = self.builder.ins().iadd(high, upper);
        }
        let halves = match product {
            Product::LowFirst => [(0, low), (8, high)],
            Product::HighFirst => [(8, high), (0, low)],
        };
        for (offset, half) in halves {
            self.stack.push(address);
            self.stack.push(half);
            self.store_memory(&MemArg {
                align: 3,
                max_align: 3,
                offset,
                target: MemArgTarget::Memory(0),
                ordering: None,
            });
        }
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
