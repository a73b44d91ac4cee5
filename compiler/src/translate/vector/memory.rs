//! Loads and stores of vectors and of single lanes (core, 4.4.7). Whole vectors
//! are loaded, stored and extended like numbers. `it` is
//! the type of the memory's addresses.

use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::MemArg;

use super::super::Translator;

impl Translator<'_, '_> {
    /// `[it] -> [v128]`: every lane is what is loaded; traps out of bounds.
    pub(super) fn load_splat(&mut self, memarg: &MemArg, ty: Type) {
        let lane = self.load_lane_value(memarg, ty);
        let vector = self.builder.ins().splat(ty, lane);
        self.stack.push(vector);
    }

    /// `[it] -> [v128]`: the first lane is what is loaded, the others are zero;
    /// traps out of bounds.
    pub(super) fn load_zero(&mut self, memarg: &MemArg, ty: Type) {
        let lane = self.load_lane_value(memarg, ty);
        let vector = self.builder.ins().scalar_to_vector(ty, lane);
        self.stack.push(vector);
    }

    /// `[it v128] -> [v128]`: one lane is what is loaded; traps out of bounds.
    pub(super) fn load_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.load_lane_value(memarg, ty);
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.stack.push(vector);
    }

    /// `[it v128] -> []`: stores one lane; traps out of bounds.
    pub(super) fn store_lane(&mut self, memarg: &MemArg, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.stack.push(value);
        self.store_memory(memarg);
    }

    /// Pops an index and loads a lane of a `ty`.
    fn load_lane_value(&mut self, memarg: &MemArg, ty: Type) -> Value {
        self.load_memory(memarg, ty.lane_type());
        self.stack.pop()
    }
}
