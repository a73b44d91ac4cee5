//! Conversions between lanes of different types.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Opcode, Type, Value, types};

use super::super::Translator;
use super::{Half, Sign};

impl Translator<'_, '_> {
    /// `[v128] -> [v128]`: every lane of a `from` becomes one of a `to`.
    /// Conversions to integers saturate, and make NaNs zero.
    pub(super) fn vector_convert(&mut self, opcode: Opcode, from: Type, to: Type) {
        let value = self.pop_vector(from);
        self.stack.push(value);
        self.convert(opcode, to);
    }

    /// `[v128] -> [v128]`: the first two 32-bit integers as doubles.
    pub(super) fn convert_low(&mut self, sign: Sign) {
        self.extend(Half::Low, sign, types::I32X4);
        let opcode = match sign {
            Sign::Signed => Opcode::FcvtFromSint,
            Sign::Unsigned => Opcode::FcvtFromUint,
        };
        self.convert(opcode, types::F64X2);
    }

    /// `[v128] -> [v128]`: two doubles as the first two 32-bit integers, with
    /// saturation; NaNs become zero, and so do the other two lanes.
    pub(super) fn truncate_zero(&mut self, sign: Sign) {
        let value = self.pop_vector(types::F64X2);
        // x86 has no code for any of these instructions but in this company.
        let ins = self.builder.ins();
        let wide = match sign {
            Sign::Signed => ins.fcvt_to_sint_sat(types::I64X2, value),
            Sign::Unsigned => ins.fcvt_to_uint_sat(types::I64X2, value),
        };
        let zeros = self.zero_vector(types::I64X2);
        let result = match sign {
            Sign::Signed => self.builder.ins().snarrow(wide, zeros),
            Sign::Unsigned => self.builder.ins().uunarrow(wide, zeros),
        };
        self.stack.push(result);
    }

    /// All bits zero.
    pub(in super::super) fn zero_vector(&mut self, ty: Type) -> Value {
        let zeros = ConstantData::from(&[0; 16][..]);
        let zeros = self.builder.func.dfg.constants.insert(zeros);
        self.builder.ins().vconst(ty, zeros)
    }
}
