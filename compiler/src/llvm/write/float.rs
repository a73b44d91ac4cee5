//! Arithmetic, comparisons and conversions of floats, alone or in lanes.
//!
//! A result of arithmetic is never a signalling NaN, but LLVM thinks of that as an
//! accident: it makes `x` of `x * 1`. So it must not see that something is 1, or 0, or
//! the negation of these: such constants come out of an *arithmetic fence*, which is no
//! instruction in the end. Nor must it see that what is demoted has been promoted before.

use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, TrapCode, Type, Value, types};

use super::function::Writer;
use super::ty;

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    pub(super) fn float(&mut self, inst: Inst, data: &InstructionData) -> bool {
        match *data {
            InstructionData::UnaryIeee32 { imm, .. } => {
                let bits = imm.bits();
                let is_neutral = matches!(f32::from_bits(bits).abs(), 0.0 | 1.0);
                let constant = format!("bitcast (i32 {bits} to float)");
                self.define_float(inst, &constant, is_neutral);
                true
            }
            InstructionData::UnaryIeee64 { imm, .. } => {
                let bits = imm.bits();
                let is_neutral = matches!(f64::from_bits(bits).abs(), 0.0 | 1.0);
                let constant = format!("bitcast (i64 {bits} to double)");
                self.define_float(inst, &constant, is_neutral);
                true
            }
            InstructionData::Binary { opcode, args } => self.float_binary(inst, opcode, args),
            InstructionData::Unary { opcode, arg } => self.float_unary(inst, opcode, arg),
            InstructionData::Ternary {
                opcode: Opcode::Fma,
                args,
            } => {
                self.call_of(inst, "fma", &args, "");
                true
            }
            InstructionData::FloatCompare { args, cond, .. } => {
                self.float_compare(inst, cond, args);
                true
            }
            _ => false,
        }
    }

    /// A constant, which LLVM may look into unless it is neutral to arithmetic.
    pub(super) fn define_float(&mut self, inst: Inst, constant: &str, is_neutral: bool) {
        let of = self.result_type(inst);
        let text = ty(of);
        match is_neutral {
            true => {
                let fence = self.fence(of);
                self.define(inst, format_args!("{fence}({text} {constant})"));
            }
            false => self.define(inst, format_args!("bitcast {text} {constant} to {text}")),
        }
    }

    fn fence(&mut self, of: Type) -> String {
        self.intrinsic_of("arithmetic.fence", of, 1)
    }

    fn float_binary(&mut self, inst: Inst, opcode: Opcode, [left, right]: [Value; 2]) -> bool {
        let operator = match opcode {
            Opcode::Fadd => "fadd",
            Opcode::Fsub => "fsub",
            Opcode::Fmul => "fmul",
            Opcode::Fdiv => "fdiv",
            Opcode::Fcopysign => {
                self.call_of(inst, "copysign", &[left, right], "");
                return true;
            }
            Opcode::Fmin | Opcode::Fmax => {
                self.extreme(inst, opcode, left, right);
                return true;
            }
            _ => return false,
        };
        let (left, right) = (self.typed(left), self.value(right));
        self.define(inst, format_args!("{operator} {left}, {right}"));
        true
    }

    /// The lesser or the greater of two. Comparing selects the same from either side
    /// unless both are zeros, whose bits give the right one, or one is a NaN, for which
    /// the sum is a quiet one.
    fn extreme(&mut self, inst: Inst, opcode: Opcode, left: Value, right: Value) {
        let (predicate, both) = match opcode {
            Opcode::Fmin => ("olt", "or"),
            _ => ("ogt", "and"),
        };
        let of = self.type_of(left);
        let (text, bits) = (ty(of), ty(Self::as_integers(of)));
        let condition = match of.is_vector() {
            true => format!("<{} x i1>", of.lane_count()),
            false => "i1".to_owned(),
        };
        let (a, b) = (self.value(left), self.value(right));
        let mut halves = [(&a, &b), (&b, &a)].map(|(a, b)| {
            let holds = self.temp(format_args!("fcmp {predicate} {text} {a}, {b}"));
            let one = self.temp(format_args!(
                "select {condition} {holds}, {text} {a}, {text} {b}"
            ));
            self.temp(format_args!("bitcast {text} {one} to {bits}"))
        });
        let [first, second] = &mut halves;
        let combined = self.temp(format_args!("{both} {bits} {first}, {second}"));
        let combined = self.temp(format_args!("bitcast {bits} {combined} to {text}"));
        let sum = self.temp(format_args!("fadd {text} {a}, {b}"));
        let unordered = self.temp(format_args!("fcmp uno {text} {a}, {b}"));
        self.define(
            inst,
            format_args!("select {condition} {unordered}, {text} {sum}, {text} {combined}"),
        );
    }

    fn float_unary(&mut self, inst: Inst, opcode: Opcode, arg: Value) -> bool {
        let (from, to) = (self.type_of(arg), self.result_type(inst));
        let operand = self.typed(arg);
        let (from_text, to_text) = (ty(from), ty(to));
        match opcode {
            Opcode::Fneg => self.define(inst, format_args!("fneg {operand}")),
            Opcode::Fabs => self.call_of(inst, "fabs", &[arg], ""),
            Opcode::Sqrt => self.call_of(inst, "sqrt", &[arg], ""),
            Opcode::Ceil => self.call_of(inst, "ceil", &[arg], ""),
            Opcode::Floor => self.call_of(inst, "floor", &[arg], ""),
            Opcode::Trunc => self.call_of(inst, "trunc", &[arg], ""),
            Opcode::Nearest => self.call_of(inst, "roundeven", &[arg], ""),
            Opcode::FcvtFromSint | Opcode::FcvtFromUint => {
                let cast = match opcode {
                    Opcode::FcvtFromSint => "sitofp",
                    _ => "uitofp",
                };
                match self.constant(arg) {
                    // Not to be a constant that is neutral.
                    Some(_) if !to.is_vector() => {
                        let value = self.temp(format_args!("{cast} {operand} to {to_text}"));
                        let fence = self.fence(to);
                        self.define(inst, format_args!("{fence}({to_text} {value})"));
                    }
                    _ => self.define(inst, format_args!("{cast} {operand} to {to_text}")),
                }
            }
            Opcode::FcvtToSintSat | Opcode::FcvtToUintSat => {
                let name = match opcode {
                    Opcode::FcvtToSintSat => "fptosi",
                    _ => "fptoui",
                };
                let (from, to_suffix) = (super::suffix(from), super::suffix(to));
                let name = format!("llvm.{name}.sat.{to_suffix}.{from}");
                let call = self.intrinsic(name, to, &[&from_text]);
                self.define(inst, format_args!("{call}({operand})"));
            }
            Opcode::FcvtToSint | Opcode::FcvtToUint => self.truncate(inst, opcode, arg),
            Opcode::Fpromote => {
                self.define(inst, format_args!("fpext {operand} to {to_text}"));
            }
            Opcode::Fdemote => {
                let fence = self.fence(from);
                let value = self.temp(format_args!("{fence}({operand})"));
                self.define(
                    inst,
                    format_args!("fptrunc {from_text} {value} to {to_text}"),
                );
            }
            Opcode::Fvdemote => {
                let fence = self.fence(from);
                let value = self.temp(format_args!("{fence}({operand})"));
                let narrow = self.temp(format_args!("fptrunc <2 x double> {value} to <2 x float>"));
                self.define(
                    inst,
                    format_args!(
                        "shufflevector <2 x float> {narrow}, <2 x float> zeroinitializer, \
                         <4 x i32> <i32 0, i32 1, i32 2, i32 3>"
                    ),
                );
            }
            Opcode::FvpromoteLow => {
                let low = self.temp(format_args!(
                    "shufflevector {operand}, <4 x float> poison, <2 x i32> <i32 0, i32 1>"
                ));
                self.define(
                    inst,
                    format_args!("fpext <2 x float> {low} to <2 x double>"),
                );
            }
            _ => return false,
        }
        true
    }

    /// A float as an integer; traps if it is a NaN, and if it is too large.
    fn truncate(&mut self, inst: Inst, opcode: Opcode, arg: Value) {
        let (from, to) = (self.type_of(arg), self.result_type(inst));
        let operand = self.typed(arg);
        let value = self.value(arg);
        let nan = self.temp(format_args!("fcmp uno {operand}, {value}"));
        self.trap_where(&nan, true, TrapCode::BAD_CONVERSION_TO_INTEGER);

        // What is between these, without them, is in range when its fraction is gone.
        let signed = opcode == Opcode::FcvtToSint;
        let power = |bits: u32| 2f64.powi(bits as i32);
        let (below, or_equal, above) = match (signed, to.bits()) {
            (false, bits) => (-1.0, false, power(bits)),
            // -2^31 - 1 is a double.
            (true, 32) if from == types::F64 => (-power(31) - 1.0, false, power(31)),
            (true, bits) => (-power(bits - 1), true, power(bits - 1)),
        };
        let least = if or_equal { "oge" } else { "ogt" };
        let (below, above) = (float(below, from), float(above, from));
        let low = self.temp(format_args!("fcmp {least} {operand}, {below}"));
        let high = self.temp(format_args!("fcmp olt {operand}, {above}"));
        let inside = self.temp(format_args!("and i1 {low}, {high}"));
        self.trap_where(&inside, false, TrapCode::INTEGER_OVERFLOW);

        let cast = if signed { "fptosi" } else { "fptoui" };
        let to = ty(to);
        self.define(inst, format_args!("{cast} {operand} to {to}"));
    }

    fn float_compare(&mut self, inst: Inst, cond: FloatCC, [left, right]: [Value; 2]) {
        let predicate = match cond {
            FloatCC::Ordered => "ord",
            FloatCC::Unordered => "uno",
            FloatCC::Equal => "oeq",
            FloatCC::NotEqual => "une",
            FloatCC::OrderedNotEqual => "one",
            FloatCC::UnorderedOrEqual => "ueq",
            FloatCC::LessThan => "olt",
            FloatCC::LessThanOrEqual => "ole",
            FloatCC::GreaterThan => "ogt",
            FloatCC::GreaterThanOrEqual => "oge",
            FloatCC::UnorderedOrLessThan => "ult",
            FloatCC::UnorderedOrLessThanOrEqual => "ule",
            FloatCC::UnorderedOrGreaterThan => "ugt",
            FloatCC::UnorderedOrGreaterThanOrEqual => "uge",
        };
        let typed = self.seen(left);
        let (of, right) = (ty(self.type_of(left)), self.seen(right));
        self.define_comparison(
            inst,
            left,
            format_args!("fcmp {predicate} {of} {typed}, {right}"),
        );
    }

    /// A float as an operand of what LLVM may know the value in.
    fn seen(&self, value: Value) -> String {
        match self.definition(value) {
            Some(InstructionData::UnaryIeee32 { imm, .. }) => {
                format!("bitcast (i32 {} to float)", imm.bits())
            }
            Some(InstructionData::UnaryIeee64 { imm, .. }) => {
                format!("bitcast (i64 {} to double)", imm.bits())
            }
            _ => self.value(value),
        }
    }
}

/// A number that is exactly a float.
fn float(number: f64, of: Type) -> String {
    match of {
        types::F32 => format!("bitcast (i32 {} to float)", (number as f32).to_bits()),
        _ => format!("bitcast (i64 {} to double)", number.to_bits()),
    }
}
