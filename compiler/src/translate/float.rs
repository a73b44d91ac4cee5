//! Floating-point arithmetic (core, 4.3.3). Each method serves both widths.
//!
//! The specification leaves the payload of a NaN result open within bounds that
//! the hardware keeps, so nothing is canonicalised.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{InstBuilder, Opcode, Value, types};

use super::Translator;

impl Translator<'_, '_> {
    /// `[t t] -> [i32]`; false if either is a NaN, but for `ne`.
    pub(super) fn float_compare(&mut self, condition: FloatCC) {
        let right = self.stack.pop();
        let left = self.stack.pop();
        let result = self.builder.ins().fcmp(condition, left, right);
        self.push_bool(result);
    }

    /// `[t] -> [t]`: rounds to an integer. `opcode` says which way.
    pub(super) fn round(&mut self, opcode: Opcode) {
        let value = self.stack.pop();
        let result = if self.isa.has_round() {
            self.unary_value(opcode, value)
        } else {
            self.round_by_adding(opcode, value)
        };
        self.stack.push(result);
    }

    /// Rounding out of additions, comparisons and bits, which is what SSE2 has.
    /// At 2^52 (2^23) the distance of two doubles (floats) is 1, so that adding
    /// and subtracting that rounds what is smaller to the nearest, even if in
    /// doubt; what is larger is an integer already.
    fn round_by_adding(&mut self, opcode: Opcode, value: Value) -> Value {
        let ty = self.type_of(value);
        let limit = match ty {
            types::F32 => f64::from(1_u32 << 23),
            _ => (1_u64 << 52) as f64,
        };
        let limit = self.float(limit, value);
        let one = self.float(1.0, value);
        let zero = self.float(0.0, value);

        let magnitude = self.builder.ins().fabs(value);
        let sum = self.builder.ins().fadd(magnitude, limit);
        let nearest = self.builder.ins().fsub(sum, limit);
        // Too far by one, if at all.
        let rounded = match opcode {
            Opcode::Trunc => {
                let far = self.choose(FloatCC::GreaterThan, nearest, magnitude, one, zero);
                self.builder.ins().fsub(nearest, far)
            }
            Opcode::Floor => {
                let nearest = self.builder.ins().fcopysign(nearest, value);
                let far = self.choose(FloatCC::GreaterThan, nearest, value, one, zero);
                self.builder.ins().fsub(nearest, far)
            }
            Opcode::Ceil => {
                let nearest = self.builder.ins().fcopysign(nearest, value);
                let far = self.choose(FloatCC::LessThan, nearest, value, one, zero);
                self.builder.ins().fadd(nearest, far)
            }
            _ => nearest,
        };
        // Zero has the sign of what was rounded to it.
        let rounded = self.builder.ins().fcopysign(rounded, value);
        // An addition, for it makes signalling NaNs quiet.
        let whole = self.builder.ins().fadd(value, zero);
        self.choose(FloatCC::LessThan, magnitude, limit, rounded, whole)
    }

    /// A number in the type of `like`.
    pub(super) fn float(&mut self, number: f64, like: Value) -> Value {
        match self.type_of(like) {
            types::F32 => self.builder.ins().f32const(number as f32),
            _ => self.builder.ins().f64const(number),
        }
    }

    /// `then` where the condition holds, else `otherwise`.
    fn choose(
        &mut self,
        condition: FloatCC,
        left: Value,
        right: Value,
        then: Value,
        otherwise: Value,
    ) -> Value {
        let holds = self.builder.ins().fcmp(condition, left, right);
        self.builder.ins().select(holds, then, otherwise)
    }
}
