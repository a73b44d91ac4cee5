//! Vectors (core, 4.3.5 and 4.4.3).
//!
//! WebAssembly has one vector type, Cranelift one for every kind of lanes. An
//! operand has whatever lanes the instruction made that it comes from; who takes
//! it says which lanes it needs. Where values of different origin meet (blocks,
//! functions, locals, globals), all vectors are bytes.

mod bitwise;
mod conversion;
mod dispatch;
mod float;
mod integer;
mod lanes;
mod memory;
mod relaxed;

use cranelift_codegen::ir::{
    Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value, ValueDef, types,
};

use super::Translator;

/// Whether the lanes of integers have a sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Signed,
    Unsigned,
}

/// Which lanes of a vector are widened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Low,
    High,
}

impl Translator<'_, '_> {
    /// `value`, as bytes if it is a vector: the way values pass between blocks
    /// and functions.
    pub(super) fn as_plain(&mut self, value: Value) -> Value {
        if self.type_of(value).is_vector() {
            self.as_vector(value, types::I8X16)
        } else {
            value
        }
    }

    /// The vector `value` with lanes of type `ty`.
    ///
    /// Conversions do not pile up, and constants are made with the lanes that
    /// are needed: the code generator looks for neither behind a `bitcast`.
    pub(super) fn as_vector(&mut self, value: Value, ty: Type) -> Value {
        if self.type_of(value) == ty {
            return value;
        }
        let value = self.without_bitcasts(value);
        if self.type_of(value) == ty {
            return value;
        }
        if let Some(InstructionData::UnaryConst {
            opcode: Opcode::Vconst,
            constant_handle,
        }) = self.definition(value)
        {
            return self.builder.ins().vconst(ty, constant_handle);
        }
        let little = MemFlagsData::new().with_endianness(Endianness::Little);
        self.builder.ins().bitcast(ty, little, value)
    }

    /// The vector that `value` is a mere view of.
    fn without_bitcasts(&self, value: Value) -> Value {
        let mut value = value;
        while let Some(InstructionData::LoadNoOffset {
            opcode: Opcode::Bitcast,
            arg,
            ..
        }) = self.definition(value)
            && self.type_of(arg).is_vector()
        {
            value = arg;
        }
        value
    }

    /// The instruction that computes `value`.
    pub(super) fn definition(&self, value: Value) -> Option<InstructionData> {
        let dfg = &self.builder.func.dfg;
        match dfg.value_def(value) {
            ValueDef::Result(inst, _) => Some(dfg.insts[inst]),
            _ => None,
        }
    }

    pub(super) fn type_of(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    fn pop_vector(&mut self, ty: Type) -> Value {
        let value = self.stack.pop();
        self.as_vector(value, ty)
    }

    /// Pops the right operand, then the left one, and returns them from left to
    /// right.
    fn pop_vectors(&mut self, ty: Type) -> (Value, Value) {
        let right = self.pop_vector(ty);
        let left = self.pop_vector(ty);
        (left, right)
    }

    /// `[v128] -> [v128]`: `opcode` applied to a vector of type `ty`.
    fn vector_unary(&mut self, opcode: Opcode, ty: Type) {
        let value = self.pop_vector(ty);
        let result = self.unary_value(opcode, value);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`: `opcode` applied to vectors of type `ty`.
    fn vector_binary(&mut self, opcode: Opcode, ty: Type) {
        let (left, right) = self.pop_vectors(ty);
        let result = self.binary_value(opcode, left, right);
        self.stack.push(result);
    }
}
