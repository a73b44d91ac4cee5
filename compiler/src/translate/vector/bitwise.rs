//! Operations on all 128 bits alike, and tests of whole vectors.

use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::super::Translator;

impl Translator<'_, '_> {
    /// `[v128] -> [v128]`
    pub(super) fn bitwise_not(&mut self) {
        let value = self.stack.pop();
        let ty = self.integer_lanes(value);
        let value = self.as_vector(value, ty);
        let result = self.builder.ins().bnot(value);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`
    pub(super) fn bitwise(&mut self, opcode: Opcode) {
        let (left, right) = self.pop_bits();
        let result = self.binary_value(opcode, left, right);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`: bits of the first operand where the second has
    /// zeros.
    pub(super) fn bitwise_and_not(&mut self) {
        let (left, right) = self.pop_bits();
        let result = self.builder.ins().band_not(left, right);
        self.stack.push(result);
    }

    /// `[v128 v128 v128] -> [v128]`: bits of the first operand where the third
    /// has ones, of the second elsewhere.
    pub(super) fn bitselect(&mut self) {
        let mask = self.stack.pop();
        let zeros = self.stack.pop();
        let ones = self.stack.pop();
        // With the lanes of the mask: code generators look for the comparison
        // that makes one.
        let ty = self.integer_lanes(mask);
        let mask = self.as_vector(mask, ty);
        let (ones, zeros) = (self.as_vector(ones, ty), self.as_vector(zeros, ty));
        let result = self.builder.ins().bitselect(mask, ones, zeros);
        self.stack.push(result);
    }

    /// `[v128] -> [i32]`: whether any bit is one.
    pub(super) fn any_true(&mut self) {
        let value = self.stack.pop();
        let ty = self.integer_lanes(value);
        let value = self.as_vector(value, ty);
        let result = self.builder.ins().vany_true(value);
        self.push_bool(result);
    }

    /// `[v128] -> [i32]`: whether no lane is zero.
    pub(super) fn all_true(&mut self, ty: Type) {
        let value = self.pop_vector(ty);
        let result = self.builder.ins().vall_true(value);
        self.push_bool(result);
    }

    /// `[v128] -> [i32]`: the most significant bit of each lane.
    pub(super) fn bitmask(&mut self, ty: Type) {
        let value = self.pop_vector(ty);
        let result = self.builder.ins().vhigh_bits(types::I32, value);
        self.stack.push(result);
    }

    /// Pops the right operand, then the left one, gives them the same lanes and
    /// returns them from left to right.
    fn pop_bits(&mut self) -> (Value, Value) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        let ty = self.integer_lanes(left);
        (self.as_vector(left, ty), self.as_vector(right, ty))
    }

    /// The lanes that `value` has already, if they are integers.
    fn integer_lanes(&self, value: Value) -> Type {
        let ty = self.type_of(self.without_bitcasts(value));
        if ty.lane_type().is_int() {
            ty
        } else {
            types::I8X16
        }
    }
}
