//! Which operators go on elsewhere.

use wasmparser::Operator;

use crate::error::Result;
use crate::module::Body;

/// Whether a function calls any.
pub(super) fn calls(body: &Body<'_>) -> Result<bool> {
    for operator in body.code().get_operators_reader()? {
        if is_call(&operator?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an operator calls a function.
pub(super) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

/// Whether an operator branches, or ends the function, and is no call.
pub(super) fn is_jump(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::If { .. }
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::Return
            | Operator::Throw { .. }
            | Operator::ThrowRef
    )
}
