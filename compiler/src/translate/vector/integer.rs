//! Arithmetic and comparisons of integer lanes. Whatever fits one instruction of
//! one or two vectors goes through `vector_unary` and `vector_binary`.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::super::Translator;
use super::{Half, Sign};

impl Translator<'_, '_> {
    /// `[v128 v128] -> [v128]`: all ones in the lanes where `condition` holds.
    pub(super) fn vector_compare(&mut self, condition: IntCC, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        let result = self.builder.ins().icmp(condition, left, right);
        self.stack.push(result);
    }

    /// `[v128 i32] -> [v128]`: shifts every lane by a count that is taken modulo
    /// their width.
    pub(super) fn vector_shift(&mut self, opcode: Opcode, ty: Type) {
        let count = self.stack.pop();
        let value = self.pop_vector(ty);
        let result = self.binary_value(opcode, value, count);
        self.stack.push(result);
    }

    /// `[v128] -> [v128]`: one half of the lanes of a `ty`, twice as wide.
    pub(super) fn extend(&mut self, half: Half, sign: Sign, ty: Type) {
        let value = self.pop_vector(ty);
        let result = self.widened(value, half, sign);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`: multiplies one half of the lanes of `ty`s,
    /// without loss.
    pub(super) fn extmul(&mut self, half: Half, sign: Sign, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        let left = self.widened(left, half, sign);
        let right = self.widened(right, half, sign);
        let product = self.builder.ins().imul(left, right);
        self.stack.push(product);
    }

    /// `[v128] -> [v128]`: the sums of neighbours of a `ty`, without loss.
    pub(super) fn extadd_pairwise(&mut self, sign: Sign, ty: Type) {
        let value = self.pop_vector(ty);
        let low = self.widened(value, Half::Low, sign);
        let high = self.widened(value, Half::High, sign);
        let sums = self.builder.ins().iadd_pairwise(low, high);
        self.stack.push(sums);
    }

    /// `[v128 v128] -> [v128]`: multiplies 16-bit lanes and adds the products of
    /// neighbours, modulo 2^32.
    pub(super) fn dot(&mut self) {
        let (left, right) = self.pop_vectors(types::I16X8);
        let mut products = |half| {
            let left = self.widened(left, half, Sign::Signed);
            let right = self.widened(right, half, Sign::Signed);
            self.builder.ins().imul(left, right)
        };
        let (low, high) = (products(Half::Low), products(Half::High));
        let sums = self.builder.ins().iadd_pairwise(low, high);
        self.stack.push(sums);
    }

    /// One half of the lanes, twice as wide.
    pub(super) fn widened(&mut self, value: Value, half: Half, sign: Sign) -> Value {
        let opcode = match (half, sign) {
            (Half::Low, Sign::Signed) => Opcode::SwidenLow,
            (Half::Low, Sign::Unsigned) => Opcode::UwidenLow,
            (Half::High, Sign::Signed) => Opcode::SwidenHigh,
            (Half::High, Sign::Unsigned) => Opcode::UwidenHigh,
        };
        self.unary_value(opcode, value)
    }
}
