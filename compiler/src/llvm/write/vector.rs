//! Vectors: making them, taking them apart, and what acts on several lanes at a time.

use cranelift_codegen::ir::{ConstantData, Inst, InstructionData, Opcode, Type, Value, types};

use super::function::Writer;
use super::{suffix, ty};

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    pub(super) fn vector(&mut self, inst: Inst, data: &InstructionData) -> bool {
        match *data {
            InstructionData::UnaryConst {
                opcode: Opcode::Vconst,
                constant_handle,
            } => {
                let data = self.func.dfg.constants.get(constant_handle).clone();
                self.constant_vector(inst, &data);
            }
            InstructionData::Shuffle {
                args: [left, right],
                imm,
                ..
            } => {
                let lanes = self.func.dfg.immediates[imm].as_slice().iter();
                let lanes: Vec<String> = lanes.map(|lane| format!("i32 {lane}")).collect();
                let lanes = lanes.join(", ");
                let (left, right) = (self.typed(left), self.typed(right));
                self.define(
                    inst,
                    format_args!("shufflevector {left}, {right}, <16 x i32> <{lanes}>"),
                );
            }
            InstructionData::BinaryImm8 {
                opcode: Opcode::Extractlane,
                arg,
                imm,
            } => {
                let vector = self.typed(arg);
                self.define(inst, format_args!("extractelement {vector}, i64 {imm}"));
            }
            InstructionData::TernaryImm8 {
                opcode: Opcode::Insertlane,
                args: [vector, lane],
                imm,
            } => {
                let (vector, lane) = (self.typed(vector), self.typed(lane));
                self.define(
                    inst,
                    format_args!("insertelement {vector}, {lane}, i64 {imm}"),
                );
            }
            InstructionData::Ternary { opcode, args } => {
                return self.vector_ternary(inst, opcode, args);
            }
            InstructionData::Binary { opcode, args } => {
                return self.vector_binary(inst, opcode, args);
            }
            InstructionData::Unary { opcode, arg } => return self.vector_unary(inst, opcode, arg),
            _ => return false,
        }
        true
    }

    fn constant_vector(&mut self, inst: Inst, data: &ConstantData) {
        let of = self.result_type(inst);
        let lane = of.lane_type();
        let mut is_neutral = false;
        let lanes = data.as_slice().chunks(lane.bytes() as usize).map(|bytes| {
            let mut wide = [0; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            let bits = u64::from_le_bytes(wide);
            let text = ty(lane);
            is_neutral |= match lane {
                types::F32 => matches!(f32::from_bits(bits as u32).abs(), 0.0 | 1.0),
                types::F64 => matches!(f64::from_bits(bits).abs(), 0.0 | 1.0),
                _ => false,
            };
            match lane.is_float() {
                true => format!("{text} bitcast (i{} {bits} to {text})", lane.bits()),
                false => format!("{text} {bits}"),
            }
        });
        let lanes: Vec<String> = lanes.collect();
        let constant = format!("<{}>", lanes.join(", "));
        self.define_float(inst, &constant, is_neutral);
    }

    fn vector_ternary(&mut self, inst: Inst, opcode: Opcode, [a, b, c]: [Value; 3]) -> bool {
        match opcode {
            Opcode::Bitselect => {
                let of = self.result_type(inst);
                let bits = Self::as_integers(of);
                let [mask, ones, zeros] = [a, b, c].map(|value| self.as_bits(value));
                let (text, all) = (ty(bits), self.ones(bits));
                let ones = self.temp(format_args!("and {text} {mask}, {ones}"));
                let inverse = self.temp(format_args!("xor {text} {mask}, {all}"));
                let zeros = self.temp(format_args!("and {text} {inverse}, {zeros}"));
                match bits == of {
                    true => self.define(inst, format_args!("or {text} {ones}, {zeros}")),
                    false => {
                        let both = self.temp(format_args!("or {text} {ones}, {zeros}"));
                        let to = ty(of);
                        self.define(inst, format_args!("bitcast {text} {both} to {to}"));
                    }
                }
            }
            Opcode::Blendv => {
                let of = self.type_of(a);
                let (count, mask) = (of.lane_count(), self.as_bits(a));
                let bits = ty(Self::as_integers(of));
                let taken = self.temp(format_args!("icmp slt {bits} {mask}, zeroinitializer"));
                let (ones, zeros) = (self.typed(b), self.typed(c));
                self.define(
                    inst,
                    format_args!("select <{count} x i1> {taken}, {ones}, {zeros}"),
                );
            }
            _ => return false,
        }
        true
    }

    /// A vector as one of integers.
    fn as_bits(&mut self, value: Value) -> String {
        let of = self.type_of(value);
        let bits = Self::as_integers(of);
        if bits == of {
            return self.value(value);
        }
        let (value, to) = (self.typed(value), ty(bits));
        self.temp(format_args!("bitcast {value} to {to}"))
    }

    fn vector_binary(&mut self, inst: Inst, opcode: Opcode, [left, right]: [Value; 2]) -> bool {
        let of = self.type_of(left);
        match opcode {
            Opcode::Swizzle => {
                // What is beyond the 16 bytes gets its highest bit.
                let call = self.intrinsic_of("uadd.sat", of, 2);
                let right = self.typed(right);
                let lanes = vec!["i8 112"; 16].join(", ");
                let lanes = self.temp(format_args!("{call}({right}, <16 x i8> <{lanes}>)"));
                self.x86(
                    inst,
                    "ssse3.pshuf.b.128",
                    left,
                    &format!("<16 x i8> {lanes}"),
                );
            }
            Opcode::X86Pshufb => {
                let right = self.typed(right);
                self.x86(inst, "ssse3.pshuf.b.128", left, &right);
            }
            Opcode::X86Pmulhrsw => {
                let right = self.typed(right);
                self.x86(inst, "ssse3.pmul.hr.sw.128", left, &right);
            }
            // The bytes with a sign come second to the machine.
            Opcode::X86Pmaddubsw => {
                let left = self.typed(left);
                self.x86(inst, "ssse3.pmadd.ub.sw.128", right, &left);
            }
            Opcode::SqmulRoundSat => self.multiply_fractions(inst, left, right),
            Opcode::AvgRound => {
                let lane = of.lane_type().double_width().expect("of 8 or 16 bits");
                let lanes = lane.by(of.lane_count()).expect("as many lanes");
                let (wide, one) = (ty(lanes), splat(1, lanes));
                let (left, right) = (self.typed(left), self.typed(right));
                let left = self.temp(format_args!("zext {left} to {wide}"));
                let right = self.temp(format_args!("zext {right} to {wide}"));
                let sum = self.temp(format_args!("add {wide} {left}, {right}"));
                let sum = self.temp(format_args!("add {wide} {sum}, {one}"));
                let half = self.temp(format_args!("lshr {wide} {sum}, {one}"));
                let of = ty(of);
                self.define(inst, format_args!("trunc {wide} {half} to {of}"));
            }
            Opcode::IaddPairwise => {
                let count = of.lane_count();
                let (left, right) = (self.typed(left), self.typed(right));
                let mut lanes = |first: u32| {
                    let lanes = (0..count).map(|lane| format!("i32 {}", 2 * lane + first));
                    let lanes = lanes.collect::<Vec<_>>().join(", ");
                    self.temp(format_args!(
                        "shufflevector {left}, {right}, <{count} x i32> <{lanes}>"
                    ))
                };
                let (even, odd) = (lanes(0), lanes(1));
                let of = ty(of);
                self.define(inst, format_args!("add {of} {even}, {odd}"));
            }
            Opcode::Snarrow | Opcode::Unarrow | Opcode::Uunarrow => {
                self.narrow(inst, opcode, left, right);
            }
            _ => return false,
        }
        true
    }

    /// Calls one of x86's own intrinsics.
    fn x86(&mut self, inst: Inst, name: &str, left: Value, right: &str) {
        let to = self.result_type(inst);
        let takes = ty(self.type_of(left));
        let call = self.intrinsic(format!("llvm.x86.{name}"), to, &[&takes, &takes]);
        let left = self.typed(left);
        self.define(inst, format_args!("{call}({left}, {right})"));
    }

    /// Products of fractions of 16 bits, rounded: the one instruction does not saturate
    /// -1 * -1, which is the only way to get its result.
    fn multiply_fractions(&mut self, inst: Inst, left: Value, right: Value) {
        let name = "llvm.x86.ssse3.pmul.hr.sw.128".to_owned();
        let text = "<8 x i16>";
        let call = self.intrinsic(name, types::I16X8, &[text, text]);
        let (left, right) = (self.typed(left), self.typed(right));
        let product = self.temp(format_args!("{call}({left}, {right})"));
        let least = splat(-0x8000, types::I16X8);
        let wrong = self.temp(format_args!("icmp eq {text} {product}, {least}"));
        let wrong = self.temp(format_args!("sext <8 x i1> {wrong} to {text}"));
        self.define(inst, format_args!("xor {text} {product}, {wrong}"));
    }

    /// Lanes of two vectors as lanes of half the width, with saturation.
    fn narrow(&mut self, inst: Inst, opcode: Opcode, left: Value, right: Value) {
        let (from, to) = (self.type_of(left), self.result_type(inst));
        let bits = to.lane_bits();
        let (least, most) = match opcode {
            Opcode::Snarrow => (-1_i64 << (bits - 1), (1_i64 << (bits - 1)) - 1),
            _ => (0, (1_i64 << bits) - 1),
        };
        let count = to.lane_count();
        let lanes: Vec<String> = (0..count).map(|lane| format!("i32 {lane}")).collect();
        let lanes = lanes.join(", ");
        let (left, right) = (self.typed(left), self.typed(right));
        let both = self.temp(format_args!(
            "shufflevector {left}, {right}, <{count} x i32> <{lanes}>"
        ));
        let wide = from.lane_type().by(count).expect("twice as many lanes");
        let text = ty(wide);
        let limit = |this: &mut Self, name: &str, value: &str, limit: i64| {
            let name = format!("llvm.{name}.{}", suffix(wide));
            let call = this.intrinsic_wide(name, &text);
            let limit = splat(limit, wide);
            this.temp(format_args!("{call}({text} {value}, {text} {limit})"))
        };
        let mut value = both;
        if opcode == Opcode::Uunarrow {
            value = limit(self, "umin", &value, most);
        } else {
            value = limit(self, "smax", &value, least);
            value = limit(self, "smin", &value, most);
        }
        let to = ty(to);
        self.define(inst, format_args!("trunc {text} {value} to {to}"));
    }

    /// An intrinsic of two operands, of a type that CLIF may not have.
    fn intrinsic_wide(&mut self, name: String, text: &str) -> String {
        let call = format!("call {text} @{name}");
        self.uses.declare(name, text, &[text, text]);
        call
    }

    fn vector_unary(&mut self, inst: Inst, opcode: Opcode, arg: Value) -> bool {
        let (from, to) = (self.type_of(arg), self.result_type(inst));
        let operand = self.typed(arg);
        let count = from.lane_count();
        match opcode {
            Opcode::Splat => {
                let value = self.value(arg);
                let (vector, element, count) = (ty(to), ty(from), to.lane_count());
                let first = self.temp(format_args!(
                    "insertelement {vector} poison, {element} {value}, i64 0"
                ));
                self.define(
                    inst,
                    format_args!(
                        "shufflevector {vector} {first}, {vector} poison, \
                         <{count} x i32> zeroinitializer"
                    ),
                );
            }
            Opcode::ScalarToVector => {
                let vector = ty(to);
                self.define(
                    inst,
                    format_args!("insertelement {vector} zeroinitializer, {operand}, i64 0"),
                );
            }
            Opcode::VanyTrue => {
                let whole = self.temp(format_args!("bitcast {operand} to i128"));
                self.define_condition(inst, format_args!("icmp ne i128 {whole}, 0"));
            }
            Opcode::VallTrue => {
                let lanes = self.temp(format_args!("icmp ne {operand}, zeroinitializer"));
                let whole = self.temp(format_args!("bitcast <{count} x i1> {lanes} to i{count}"));
                self.define_condition(inst, format_args!("icmp eq i{count} {whole}, -1"));
            }
            Opcode::VhighBits => {
                let lanes = self.temp(format_args!("icmp slt {operand}, zeroinitializer"));
                let bits = self.temp(format_args!("bitcast <{count} x i1> {lanes} to i{count}"));
                let to = ty(to);
                self.define(inst, format_args!("zext i{count} {bits} to {to}"));
            }
            Opcode::SwidenLow | Opcode::SwidenHigh | Opcode::UwidenLow | Opcode::UwidenHigh => {
                let half = count / 2;
                let first = match opcode {
                    Opcode::SwidenLow | Opcode::UwidenLow => 0,
                    _ => half,
                };
                let extend = match opcode {
                    Opcode::SwidenLow | Opcode::SwidenHigh => "sext",
                    _ => "zext",
                };
                let lanes: Vec<String> = (first..first + half)
                    .map(|lane| format!("i32 {lane}"))
                    .collect();
                let (lanes, of) = (lanes.join(", "), ty(from));
                let part = self.temp(format_args!(
                    "shufflevector {operand}, {of} poison, <{half} x i32> <{lanes}>"
                ));
                let (element, to) = (ty(from.lane_type()), ty(to));
                self.define(
                    inst,
                    format_args!("{extend} <{half} x {element}> {part} to {to}"),
                );
            }
            Opcode::X86Cvtt2dq => return self.truncate_natively(inst, arg),
            _ => return false,
        }
        true
    }

    /// Floats as integers of 32 bits, as x86 does it: what does not fit is the least one.
    /// Of doubles, two of those are made wide again: see `relaxed_truncate_zero`.
    fn truncate_natively(&mut self, inst: Inst, arg: Value) -> bool {
        let operand = self.typed(arg);
        match self.type_of(arg) {
            types::F32X4 => {
                let name = "llvm.x86.sse2.cvttps2dq".to_owned();
                let call = self.intrinsic(name, types::I32X4, &["<4 x float>"]);
                self.define(inst, format_args!("{call}({operand})"));
            }
            types::F64X2 => {
                let name = "llvm.x86.sse2.cvttpd2dq".to_owned();
                let call = self.intrinsic(name, types::I32X4, &["<2 x double>"]);
                let all = self.temp(format_args!("{call}({operand})"));
                let low = self.temp(format_args!(
                    "shufflevector <4 x i32> {all}, <4 x i32> poison, <2 x i32> <i32 0, i32 1>"
                ));
                self.define(inst, format_args!("sext <2 x i32> {low} to <2 x i64>"));
            }
            _ => return false,
        }
        true
    }
}

/// A constant all of whose lanes are a number.
fn splat(number: i64, of: Type) -> String {
    let lane = format!("{} {number}", ty(of.lane_type()));
    let lanes = vec![lane; of.lane_count() as usize];
    format!("<{}>", lanes.join(", "))
}
