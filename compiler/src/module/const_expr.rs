//! Constant expressions (core, 3.3.10).

use wasmparser::{Operator, OperatorsReader};

use super::gc;
use crate::Feature;
use crate::error::{Error, Result};

/// A constant expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ConstExpr {
    /// A number of at most 64 bits, zero-extended.
    Number(u64),
    Vector(u128),
    GlobalGet(u32),
    RefNull,
    RefFunc(u32),
    /// Integer arithmetic on globals, in postfix order.
    Arithmetic(Box<[Step]>),
}

/// A step of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Number(u64),
    GlobalGet(u32),
    Operation(Operation),
}

/// Takes two operands, and gives one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

impl ConstExpr {
    /// Reads a validated expression. What can be computed is.
    pub(crate) fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let mut operators = expr.get_operators_reader();
        let mut steps = Vec::new();
        loop {
            let offset = operators.original_position();
            let step = match operators.read()? {
                Operator::End => break,
                Operator::V128Const { value } => {
                    return alone(ConstExpr::Vector(value.i128() as u128), operators);
                }
                Operator::RefNull { .. } => return alone(ConstExpr::RefNull, operators),
                Operator::RefFunc { function_index } => {
                    return alone(ConstExpr::RefFunc(function_index), operators);
                }
                Operator::I32Const { value } => Step::Number(u64::from(value as u32)),
                Operator::I64Const { value } => Step::Number(value as u64),
                Operator::F32Const { value } => Step::Number(u64::from(value.bits())),
                Operator::F64Const { value } => Step::Number(value.bits()),
                Operator::GlobalGet { global_index } => Step::GlobalGet(global_index),
                Operator::I32Add => Step::Operation(Operation::I32Add),
                Operator::I32Sub => Step::Operation(Operation::I32Sub),
                Operator::I32Mul => Step::Operation(Operation::I32Mul),
                Operator::I64Add => Step::Operation(Operation::I64Add),
                Operator::I64Sub => Step::Operation(Operation::I64Sub),
                Operator::I64Mul => Step::Operation(Operation::I64Mul),
                operator => return Err(unexpected(&operator, offset)),
            };
            push(&mut steps, step);
        }
        Ok(match steps[..] {
            [Step::Number(bits)] => ConstExpr::Number(bits),
            [Step::GlobalGet(index)] => ConstExpr::GlobalGet(index),
            _ => ConstExpr::Arithmetic(steps.into()),
        })
    }

    /// The value of an address, if it is known without an instance.
    pub(crate) fn as_address(&self) -> Option<u64> {
        match *self {
            ConstExpr::Number(bits) => Some(bits),
            _ => None,
        }
    }
}

/// Adds a step, or computes it if its operands are numbers.
fn push(steps: &mut Vec<Step>, step: Step) {
    if let Step::Operation(operation) = step
        && let [.., Step::Number(left), Step::Number(right)] = steps[..]
    {
        steps.truncate(steps.len() - 2);
        steps.push(Step::Number(operation.apply(left, right)));
    } else {
        steps.push(step);
    }
}

impl Operation {
    fn apply(self, left: u64, right: u64) -> u64 {
        let result = match self {
            Operation::I32Add | Operation::I64Add => left.wrapping_add(right),
            Operation::I32Sub | Operation::I64Sub => left.wrapping_sub(right),
            Operation::I32Mul | Operation::I64Mul => left.wrapping_mul(right),
        };
        match self {
            Operation::I32Add | Operation::I32Sub | Operation::I32Mul => u64::from(result as u32),
            _ => result,
        }
    }
}

/// A value that nothing is done with.
fn alone(value: ConstExpr, mut operators: OperatorsReader<'_>) -> Result<ConstExpr> {
    let offset = operators.original_position();
    match operators.read()? {
        Operator::End => Ok(value),
        operator => Err(unexpected(&operator, offset)),
    }
}

/// The validator lets nothing else pass with the features that are supported.
fn unexpected(operator: &Operator<'_>, offset: u64) -> Error {
    if gc::is_collected(operator) {
        let feature = Feature::gc();
        return Error::Unsupported { feature, offset };
    }
    Error::Invalid {
        offset,
        message: "unexpected constant expression".into(),
    }
}
