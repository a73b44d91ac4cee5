//! Relaxed vector instructions: where the specification leaves a choice (core,
//! 4.3.7), either the first one, which is the same on all machines, or the one
//! that the target has an instruction for.

use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};

use super::super::Translator;
use super::{Half, Sign};
use crate::RelaxedSimd;

impl Translator<'_, '_> {
    /// Whether the target's own instructions may be used.
    fn native(&self) -> bool {
        self.relaxed == RelaxedSimd::Native
    }

    /// Whether the target has `cvttps2dq`, `minps` and their kind.
    fn native_x86(&self) -> bool {
        self.native() && self.isa.triple().architecture == target_lexicon::Architecture::X86_64
    }

    /// `[v128 v128] -> [v128]`: bytes of the first operand as the second says.
    pub(super) fn relaxed_swizzle(&mut self) {
        match self.native() && self.isa.has_x86_pshufb_lowering() {
            true => self.vector_binary(Opcode::X86Pshufb, types::I8X16),
            false => self.vector_binary(Opcode::Swizzle, types::I8X16),
        }
    }

    /// `[v128] -> [v128]`: floats as integers.
    pub(super) fn relaxed_truncate(&mut self, sign: Sign) {
        let opcode = match sign {
            Sign::Signed if self.native_x86() => Opcode::X86Cvtt2dq,
            Sign::Signed => Opcode::FcvtToSintSat,
            Sign::Unsigned => Opcode::FcvtToUintSat,
        };
        self.vector_convert(opcode, types::F32X4, types::I32X4);
    }

    /// `[v128] -> [v128]`: two doubles as the first two 32-bit integers; the
    /// others are zero.
    pub(super) fn relaxed_truncate_zero(&mut self, sign: Sign) {
        if sign == Sign::Unsigned || !self.native_x86() {
            return self.truncate_zero(sign);
        }
        let value = self.pop_vector(types::F64X2);
        // x86 has code for these in this company alone.
        let wide = self.builder.ins().x86_cvtt2dq(types::I64X2, value);
        let zeros = self.zero_vector(types::I64X2);
        let result = self.builder.ins().snarrow(wide, zeros);
        self.stack.push(result);
    }

    /// `[v128 v128 v128] -> [v128]`: the product of the first two, or its
    /// negation, and the third.
    pub(super) fn relaxed_multiply_add(&mut self, negate: bool, ty: Type) {
        let addend = self.pop_vector(ty);
        let (left, right) = self.pop_vectors(ty);
        let left = match negate {
            true => self.builder.ins().fneg(left),
            false => left,
        };
        let result = if self.native() && self.isa.has_native_fma() {
            self.builder.ins().fma(left, right, addend)
        } else {
            let product = self.builder.ins().fmul(left, right);
            self.builder.ins().fadd(product, addend)
        };
        self.stack.push(result);
    }

    /// `[v128 v128 v128] -> [v128]`: lanes of the first operand where the third
    /// has ones, of the second where it has zeros.
    pub(super) fn relaxed_lane_select(&mut self, ty: Type) {
        if !(self.native() && self.isa.has_blendv_lowering(ty)) {
            return self.bitselect();
        }
        let mask = self.pop_vector(ty);
        let (ones, zeros) = self.pop_vectors(ty);
        let result = self.builder.ins().blendv(mask, ones, zeros);
        self.stack.push(result);
    }

    /// `[v128 v128] -> [v128]`: the lesser of each two lanes.
    pub(super) fn relaxed_min(&mut self, ty: Type) {
        match self.native_x86() {
            true => self.pseudo_min(ty),
            false => self.vector_binary(Opcode::Fmin, ty),
        }
    }

    /// `[v128 v128] -> [v128]`: the greater of each two lanes.
    pub(super) fn relaxed_max(&mut self, ty: Type) {
        match self.native_x86() {
            true => self.pseudo_max(ty),
            false => self.vector_binary(Opcode::Fmax, ty),
        }
    }

    /// `[v128 v128] -> [v128]`: products of 16-bit fractions.
    pub(super) fn relaxed_multiply_fractions(&mut self) {
        match self.native() && self.isa.has_x86_pmulhrsw_lowering() {
            true => self.vector_binary(Opcode::X86Pmulhrsw, types::I16X8),
            false => self.vector_binary(Opcode::SqmulRoundSat, types::I16X8),
        }
    }

    /// `[v128 v128] -> [v128]`: the products of bytes, those of the second
    /// operand of seven bits, added to those of their neighbours.
    pub(super) fn relaxed_dot(&mut self) {
        let (left, right) = self.pop_vectors(types::I8X16);
        let sums = self.dot_bytes(left, right);
        self.stack.push(sums);
    }

    /// `[v128 v128 v128] -> [v128]`: as before, in groups of four, and added to
    /// the third operand.
    pub(super) fn relaxed_dot_add(&mut self) {
        let addend = self.pop_vector(types::I32X4);
        let (left, right) = self.pop_vectors(types::I8X16);
        let pairs = self.dot_bytes(left, right);
        let groups = self.pairwise_sums(pairs);
        let result = self.builder.ins().iadd(groups, addend);
        self.stack.push(result);
    }

    fn dot_bytes(&mut self, left: Value, right: Value) -> Value {
        if self.native() && self.isa.has_x86_pmaddubsw_lowering() {
            return self.builder.ins().x86_pmaddubsw(left, right);
        }
        let mut sums = |half| {
            let left = self.widened(left, half, Sign::Signed);
            let right = self.widened(right, half, Sign::Signed);
            let products = self.builder.ins().imul(left, right);
            self.pairwise_sums(products)
        };
        let (low, high) = (sums(Half::Low), sums(Half::High));
        // The sum of two products can be one too large for 16 bits.
        self.builder.ins().snarrow(low, high)
    }

    /// The sums of neighbours of signed lanes, without loss.
    fn pairwise_sums(&mut self, value: Value) -> Value {
        let low = self.widened(value, Half::Low, Sign::Signed);
        let high = self.widened(value, Half::High, Sign::Signed);
        self.builder.ins().iadd_pairwise(low, high)
    }
}
