//! Arithmetic and comparisons of integers, alone or in lanes.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, TrapCode, Type, Value, types};

use super::function::Writer;
use super::ty;

impl Writer<'_> {
    /// Writes an instruction, if it is of this family; whether it is.
    pub(super) fn integer(&mut self, inst: Inst, data: &InstructionData) -> bool {
        match *data {
            // Operands have it in them.
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                ..
            } => true,
            InstructionData::Binary { opcode, args } => self.integer_binary(inst, opcode, args),
            InstructionData::Unary { opcode, arg } => self.integer_unary(inst, opcode, arg),
            InstructionData::IntCompare { args, cond, .. } => {
                self.compare(inst, cond, args);
                true
            }
            InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } => {
                let to = ty(self.result_type(inst));
                let arg = self.typed(arg);
                self.define(inst, format_args!("bitcast {arg} to {to}"));
                true
            }
            _ => false,
        }
    }

    fn integer_binary(&mut self, inst: Inst, opcode: Opcode, [left, right]: [Value; 2]) -> bool {
        let ty = self.result_type(inst);
        let plain = match opcode {
            Opcode::Iadd => "add",
            Opcode::Isub => "sub",
            Opcode::Imul => "mul",
            Opcode::Band => "and",
            Opcode::Bor => "or",
            Opcode::Bxor => "xor",
            _ => "",
        };
        if !plain.is_empty() {
            let (left, right) = (self.typed(left), self.value(right));
            self.define(inst, format_args!("{plain} {left}, {right}"));
            return true;
        }
        match opcode {
            Opcode::Udiv | Opcode::Urem | Opcode::Sdiv | Opcode::Srem => {
                self.divide(inst, opcode, left, right);
            }
            Opcode::Ishl | Opcode::Ushr | Opcode::Sshr => {
                let operator = match opcode {
                    Opcode::Ishl => "shl",
                    Opcode::Ushr => "lshr",
                    _ => "ashr",
                };
                let (left, count) = (self.typed(left), self.count(right, ty));
                self.define(inst, format_args!("{operator} {left}, {count}"));
            }
            Opcode::Rotl | Opcode::Rotr => {
                let name = if opcode == Opcode::Rotl {
                    "fshl"
                } else {
                    "fshr"
                };
                let call = self.intrinsic_of(name, ty, 3);
                let count = self.count(right, ty);
                let (left, ty) = (self.typed(left), self::ty(ty));
                self.define(inst, format_args!("{call}({left}, {left}, {ty} {count})"));
            }
            Opcode::Smin | Opcode::Smax | Opcode::Umin | Opcode::Umax => {
                let name = match opcode {
                    Opcode::Smin => "smin",
                    Opcode::Smax => "smax",
                    Opcode::Umin => "umin",
                    _ => "umax",
                };
                self.call_of(inst, name, &[left, right], "");
            }
            Opcode::UaddSat => self.call_of(inst, "uadd.sat", &[left, right], ""),
            Opcode::SaddSat => self.call_of(inst, "sadd.sat", &[left, right], ""),
            Opcode::UsubSat => self.call_of(inst, "usub.sat", &[left, right], ""),
            Opcode::SsubSat => self.call_of(inst, "ssub.sat", &[left, right], ""),
            Opcode::Iconcat => {
                let (low, high) = (self.typed(left), self.typed(right));
                let low = self.temp(format_args!("zext {low} to i128"));
                let high = self.temp(format_args!("zext {high} to i128"));
                let high = self.temp(format_args!("shl i128 {high}, 64"));
                self.define(inst, format_args!("or i128 {low}, {high}"));
            }
            _ => return false,
        }
        true
    }

    fn integer_unary(&mut self, inst: Inst, opcode: Opcode, arg: Value) -> bool {
        let (from, to) = (self.type_of(arg), self.result_type(inst));
        let operand = self.typed(arg);
        match opcode {
            Opcode::Uextend | Opcode::Sextend | Opcode::Ireduce => {
                let cast = match opcode {
                    Opcode::Uextend => "zext",
                    Opcode::Sextend => "sext",
                    _ => "trunc",
                };
                let to = ty(to);
                self.define(inst, format_args!("{cast} {operand} to {to}"));
            }
            Opcode::Ineg => {
                let (ty, value) = (ty(from), self.value(arg));
                let zero = if from.is_vector() {
                    "zeroinitializer"
                } else {
                    "0"
                };
                self.define(inst, format_args!("sub {ty} {zero}, {value}"));
            }
            Opcode::Bnot => {
                let ones = self.ones(from);
                self.define(inst, format_args!("xor {operand}, {ones}"));
            }
            Opcode::Iabs => self.flagged(inst, "abs", arg),
            Opcode::Clz => self.flagged(inst, "ctlz", arg),
            Opcode::Ctz => self.flagged(inst, "cttz", arg),
            Opcode::Popcnt => self.call_of(inst, "ctpop", &[arg], ""),
            Opcode::Isplit => {
                let [low, high] = *self.func.dfg.inst_results(inst) else {
                    unreachable!("two halves");
                };
                self.define_value(low, format_args!("trunc {operand} to i64"));
                let upper = self.temp(format_args!("lshr {operand}, 64"));
                self.define_value(high, format_args!("trunc i128 {upper} to i64"));
            }
            _ => return false,
        }
        true
    }

    /// Calls an intrinsic whose operands all have the result's type.
    pub(super) fn call_of(&mut self, inst: Inst, name: &str, args: &[Value], more: &str) {
        let call = self.intrinsic_of(name, self.result_type(inst), args.len());
        let args: Vec<String> = args.iter().map(|&arg| self.typed(arg)).collect();
        let args = args.join(", ");
        self.define(inst, format_args!("{call}({args}{more})"));
    }

    /// Calls one that wants to know whether some operand makes poison. None does.
    fn flagged(&mut self, inst: Inst, name: &str, arg: Value) {
        let of = self.result_type(inst);
        let takes = ty(of);
        let name = format!("llvm.{name}.{}", super::suffix(of));
        let call = self.intrinsic(name, of, &[&takes, "i1"]);
        let arg = self.typed(arg);
        self.define(inst, format_args!("{call}({arg}, i1 false)"));
    }

    /// A division that traps where it has to, and LLVM's where that is defined.
    fn divide(&mut self, inst: Inst, opcode: Opcode, left: Value, right: Value) {
        let ty = self.result_type(inst);
        let divisor = self.constant(right);
        let text = self::ty(ty);
        let (dividend, mut value) = (self.typed(left), self.value(right));
        if divisor.is_none_or(|divisor| divisor == 0) {
            let zero = self.temp(format_args!("icmp eq {text} {value}, 0"));
            self.trap_where(&zero, true, TrapCode::INTEGER_DIVISION_BY_ZERO);
        }
        if divisor.is_none_or(|divisor| divisor == -1) {
            let minus = || format!("icmp eq {text} {value}, -1");
            match opcode {
                Opcode::Sdiv => {
                    let minus = self.temp(format_args!("{}", minus()));
                    let least = i64::MIN >> (64 - ty.bits());
                    let least = self.temp(format_args!("icmp eq {dividend}, {least}"));
                    let both = self.temp(format_args!("and i1 {minus}, {least}"));
                    self.trap_where(&both, true, TrapCode::INTEGER_OVERFLOW);
                }
                // Of everything, the rest is 0, as by 1.
                Opcode::Srem => {
                    let minus = self.temp(format_args!("{}", minus()));
                    value = self.temp(format_args!("select i1 {minus}, {text} 1, {text} {value}"));
                }
                _ => {}
            }
        }
        let operator = match opcode {
            Opcode::Udiv => "udiv",
            Opcode::Urem => "urem",
            Opcode::Sdiv => "sdiv",
            _ => "srem",
        };
        self.define(inst, format_args!("{operator} {dividend}, {value}"));
    }

    /// The count of a shift of a `ty`, modulo the width of its lanes.
    fn count(&mut self, count: Value, ty: Type) -> String {
        let lane = ty.lane_type();
        let mask = lane.bits() - 1;
        let mut value = match self.constant(count) {
            Some(count) => format!("{}", count & i64::from(mask)),
            None => {
                let (from, to) = (self.type_of(count), self::ty(lane));
                let mut value = self.value(count);
                if from != lane {
                    let cast = if from.bits() < lane.bits() {
                        "zext"
                    } else {
                        "trunc"
                    };
                    let from = self::ty(from);
                    value = self.temp(format_args!("{cast} {from} {value} to {to}"));
                }
                self.temp(format_args!("and {to} {value}, {mask}"))
            }
        };
        if ty.is_vector() {
            value = self.splatted(&value, ty);
        }
        value
    }

    /// A vector all of whose lanes are a value.
    pub(super) fn splatted(&mut self, lane: &str, ty: Type) -> String {
        let (vector, element, count) = (self::ty(ty), self::ty(ty.lane_type()), ty.lane_count());
        let first = self.temp(format_args!(
            "insertelement {vector} poison, {element} {lane}, i64 0"
        ));
        self.temp(format_args!(
            "shufflevector {vector} {first}, {vector} poison, <{count} x i32> zeroinitializer"
        ))
    }

    fn compare(&mut self, inst: Inst, cond: IntCC, [left, right]: [Value; 2]) {
        let predicate = match cond {
            IntCC::Equal => "eq",
            IntCC::NotEqual => "ne",
            IntCC::SignedLessThan => "slt",
            IntCC::SignedGreaterThanOrEqual => "sge",
            IntCC::SignedGreaterThan => "sgt",
            IntCC::SignedLessThanOrEqual => "sle",
            IntCC::UnsignedLessThan => "ult",
            IntCC::UnsignedGreaterThanOrEqual => "uge",
            IntCC::UnsignedGreaterThan => "ugt",
            IntCC::UnsignedLessThanOrEqual => "ule",
        };
        let (typed, right) = (self.typed(left), self.value(right));
        self.define_comparison(
            inst,
            left,
            format_args!("icmp {predicate} {typed}, {right}"),
        );
    }

    /// A comparison: of numbers, 0 or 1; of lanes, all zeros or ones.
    pub(super) fn define_comparison(
        &mut self,
        inst: Inst,
        left: Value,
        text: std::fmt::Arguments<'_>,
    ) {
        let of = self.type_of(left);
        if !of.is_vector() {
            return self.define_condition(inst, text);
        }
        let lanes = self.temp(text);
        let (count, to) = (of.lane_count(), ty(self.result_type(inst)));
        self.define(inst, format_args!("sext <{count} x i1> {lanes} to {to}"));
    }

    /// All bits one.
    pub(super) fn ones(&self, of: Type) -> String {
        if !of.is_vector() {
            return "-1".to_owned();
        }
        let lane = format!("{} -1", ty(of.lane_type()));
        let lanes = vec![lane; of.lane_count() as usize];
        format!("<{}>", lanes.join(", "))
    }

    /// Whether a vector of integers of this type is as wide as a register.
    pub(super) fn as_integers(of: Type) -> Type {
        match of {
            types::F32X4 => types::I32X4,
            types::F64X2 => types::I64X2,
            types::F32 => types::I32,
            types::F64 => types::I64,
            other => other,
        }
    }
}
