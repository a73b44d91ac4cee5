//! Floating-point arithmetic (core, 4.3.3). Each method serves both widths.
//!
//! The specification leaves the payload of a NaN result open within bounds that
//! the hardware keeps, so nothing is canonicalised.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::FloatCC;

use super::Translator;

impl Translator<'_, '_> {
    /// `[t t] -> [i32]`; false if either is a NaN, but for `ne`.
    pub(super) fn float_compare(&mut self, condition: FloatCC) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        let result = self.builder.ins().fcmp(condition, left, right);
        self.push_bool(result);
    }
}
