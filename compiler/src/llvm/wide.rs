//! Divisions of 128 bits, for which LLVM would call a function that artefacts do not have.
//!
//! The vectoriser makes them, by small constants, to know how often a loop goes round that
//! may be left in several ways, as those are that compare addresses with a memory's length.

use inkwell::builder::{Builder, BuilderError};
use inkwell::context::Context;
use inkwell::values::{BasicValueEnum, FunctionValue, InstructionOpcode, IntValue, Operand};

/// Bits of a digit: a remainder and a digit are divided at a time.
const DIGIT: u32 = 32;

/// Replaces the divisions of a function by constants of a digit.
///
/// # Errors
///
/// LLVM's message.
pub(super) fn divide_by_digits<'c>(
    context: &'c Context,
    function: FunctionValue<'c>,
) -> Result<(), BuilderError> {
    let builder = context.create_builder();
    for block in function.get_basic_blocks() {
        let all: Vec<_> = block.get_instructions().collect();
        for instruction in all {
            if instruction.get_opcode() != InstructionOpcode::UDiv {
                continue;
            }
            let operand = |index| match instruction.get_operand(index).and_then(Operand::value) {
                Some(BasicValueEnum::IntValue(value)) => Some(value),
                _ => None,
            };
            if let (Some(dividend), Some(divisor)) = (operand(0), operand(1))
                && dividend.get_type().get_bit_width() == 128
                && let Some(divisor) = digit(context, divisor)
            {
                builder.position_before(&instruction);
                let quotient = divide(context, &builder, dividend, divisor)?;
                let quotient = quotient.as_instruction().expect("no constant is divided");
                instruction.replace_all_uses_with(&quotient);
                instruction.erase_from_basic_block();
            }
        }
    }
    Ok(())
}

/// What a constant of 128 bits is, if a digit is enough for it.
fn digit(context: &Context, value: IntValue<'_>) -> Option<u64> {
    if !value.is_const() {
        return None;
    }
    let low = value.const_truncate(context.i64_type());
    let low = low.get_zero_extended_constant()?;
    let is_all = value == value.get_type().const_int(low, false);
    (is_all && low != 0 && low >> DIGIT == 0).then_some(low)
}

fn divide<'c>(
    context: &'c Context,
    builder: &Builder<'c>,
    dividend: IntValue<'c>,
    divisor: u64,
) -> Result<IntValue<'c>, BuilderError> {
    let (narrow, wide) = (context.i64_type(), dividend.get_type());
    let (divisor, bits) = (narrow.const_int(divisor, false), u64::from(DIGIT));
    let mut quotient = wide.const_zero();
    let mut rest = narrow.const_zero();
    for digit in (0..128 / DIGIT).rev() {
        let place = wide.const_int(u64::from(digit * DIGIT), false);
        let own = builder.build_right_shift(dividend, place, false, "")?;
        let own = builder.build_int_truncate(own, narrow, "")?;
        let own = builder.build_and(own, narrow.const_int(u64::from(u32::MAX), false), "")?;
        let above = builder.build_left_shift(rest, narrow.const_int(bits, false), "")?;
        let both = builder.build_or(above, own, "")?;
        rest = builder.build_int_unsigned_rem(both, divisor, "")?;
        let part = builder.build_int_unsigned_div(both, divisor, "")?;
        let part = builder.build_int_z_extend(part, wide, "")?;
        let part = builder.build_left_shift(part, place, "")?;
        quotient = builder.build_or(quotient, part, "")?;
    }
    Ok(quotient)
}
