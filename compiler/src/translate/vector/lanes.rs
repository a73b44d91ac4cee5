//! Making, taking apart and rearranging vectors. Lane 0 holds the least
//! significant bits.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value, types};
use wasmparser::V128;

use super::super::Translator;
use super::Sign;

impl Translator<'_, '_> {
    /// `[] -> [v128]`
    pub(super) fn vector_const(&mut self, value: V128) {
        let vector = self.vector(u128::from_le_bytes(*value.bytes()));
        self.stack.push(vector);
    }

    /// `[v128 v128] -> [v128]`: each byte is the one of the 32 that `lanes`
    /// names.
    pub(super) fn shuffle(&mut self, lanes: &[u8; 16]) {
        let (left, right) = self.pop_vectors(types::I8X16);
        let lanes = ConstantData::from(&lanes[..]);
        let lanes = self.builder.func.dfg.immediates.push(lanes);
        let vector = self.builder.ins().shuffle(left, right, lanes);
        self.stack.push(vector);
    }

    /// `[t] -> [v128]`: every lane is the low bits of the operand.
    pub(super) fn splat(&mut self, ty: Type) {
        let value = self.stack.pop();
        let lane = self.narrowed(value, ty.lane_type());
        let vector = self.builder.ins().splat(ty, lane);
        self.stack.push(vector);
    }

    /// `[v128] -> [t]`: a lane that is a number.
    pub(super) fn extract_lane(&mut self, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.stack.push(value);
    }

    /// `[v128] -> [i32]`: a lane of fewer bits than a number.
    pub(super) fn extract_narrow_lane(&mut self, ty: Type, lane: u8, sign: Sign) {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        let number = match sign {
            Sign::Signed => self.builder.ins().sextend(types::I32, value),
            Sign::Unsigned => self.builder.ins().uextend(types::I32, value),
        };
        self.stack.push(number);
    }

    /// `[v128 t] -> [v128]`: one lane is the low bits of the second operand.
    pub(super) fn replace_lane(&mut self, ty: Type, lane: u8) {
        let value = self.stack.pop();
        let vector = self.pop_vector(ty);
        let value = self.narrowed(value, ty.lane_type());
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.stack.push(vector);
    }

    /// The low bits of a number: the whole of it unless lanes are narrower.
    fn narrowed(&mut self, value: Value, lane: Type) -> Value {
        if self.type_of(value) == lane {
            value
        } else {
            self.builder.ins().ireduce(lane, value)
        }
    }
}
