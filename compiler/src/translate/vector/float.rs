//! Arithmetic and comparisons of floating-point lanes. Whatever fits one
//! instruction of one or two vectors goes through `vector_unary` and
//! `vector_binary`.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Type, Value};

use super::super::Translator;

impl Translator<'_, '_> {
    /// `[v128 v128] -> [v128]`: all ones in the lanes where `condition` holds.
    pub(super) fn vector_float_compare(&mut self, condition: FloatCC, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        let result = self.builder.ins().fcmp(condition, left, right);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`: the right lane where it is less than the left
    /// one, else the left one.
    pub(super) fn pseudo_min(&mut self, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        self.select_if_less(right, left, right, left);
    }

    /// `[v128 v128] -> [v128]`: the right lane where the left one is less than
    /// it, else the left one.
    pub(super) fn pseudo_max(&mut self, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        self.select_if_less(left, right, right, left);
    }

    /// Pushes lanes of `then` where `left` is less than `right`, of `otherwise`
    /// elsewhere. x86 has one instruction for each way the operands can be those
    /// of the comparison.
    fn select_if_less(&mut self, left: Value, right: Value, then: Value, otherwise: Value) {
        let less = self.builder.ins().fcmp(FloatCC::LessThan, left, right);
        let less = self.as_vector(less, self.type_of(then));
        let result = self.builder.ins().bitselect(less, then, otherwise);
        self.stack.push(result);
    }
}
