//! Constant expressions (core, 3.3.10).

use wasmparser::Operator;

use super::gc;
use crate::Feature;
use crate::error::{Error, Result};

/// A constant expression of WebAssembly 2.0: always a single value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConstExpr {
    /// A number of at most 64 bits, zero-extended.
    Number(u64),
    Vector(u128),
    GlobalGet(u32),
    RefNull,
    RefFunc(u32),
}

impl ConstExpr {
    /// Reads a validated expression.
    pub(crate) fn read(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr> {
        let mut operators = expr.get_operators_reader();
        let offset = operators.original_position();
        let value = match operators.read()? {
            Operator::I32Const { value } => ConstExpr::Number(u64::from(value as u32)),
            Operator::I64Const { value } => ConstExpr::Number(value as u64),
            Operator::F32Const { value } => ConstExpr::Number(u64::from(value.bits())),
            Operator::F64Const { value } => ConstExpr::Number(value.bits()),
            Operator::V128Const { value } => ConstExpr::Vector(value.i128() as u128),
            Operator::GlobalGet { global_index } => ConstExpr::GlobalGet(global_index),
            Operator::RefNull { .. } => ConstExpr::RefNull,
            Operator::RefFunc { function_index } => ConstExpr::RefFunc(function_index),
            operator if gc::is_collected(&operator) => {
                let feature = Feature::gc();
                return Err(Error::Unsupported { feature, offset });
            }
            _ => return Err(unexpected(offset)),
        };
        match operators.read()? {
            Operator::End => Ok(value),
            _ => Err(unexpected(offset)),
        }
    }

    /// The value, if it is an `i32` known without an instance.
    pub(crate) fn as_u32(self) -> Option<u32> {
        match self {
            ConstExpr::Number(bits) => u32::try_from(bits).ok(),
            _ => None,
        }
    }
}

/// The validator lets nothing else pass with the features that are supported.
fn unexpected(offset: u64) -> Error {
    Error::Invalid {
        offset,
        message: "unexpected constant expression".into(),
    }
}
