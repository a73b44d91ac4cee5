//! What LLVM would make one instruction of, when it generates code, and has but one place
//! in the source for.
//!
//! What may be one with a load, since it uses what was loaded, is said to be where the load
//! is: the one has the place of the last, and traps as the first. Accesses that blocks end
//! with are not to be one at all, which would come from neither place.

use inkwell::basic_block::BasicBlock;
use inkwell::builder::BuilderError;
use inkwell::context::Context;
use inkwell::debug_info::DILocation;
use inkwell::values::{
    AnyValue as _, AnyValueEnum, BasicValueEnum, BasicValueUse, CallSiteValue, FunctionValue,
    InstructionOpcode as Opcode, InstructionValue, Operand,
};

/// How many instructions one can be made of, behind the load: an extension, a mask, a
/// comparison and a branch.
const LONGEST: usize = 4;

/// Changes the places of a function's instructions, and adds some of no effect that keep
/// blocks apart.
///
/// # Errors
///
/// LLVM's message.
pub(super) fn keep_apart<'c>(
    context: &'c Context,
    function: FunctionValue<'c>,
) -> Result<(), BuilderError> {
    let mut ends = Vec::new();
    for block in function.get_basic_blocks() {
        let mut traps = false;
        // Those with later loads are last.
        for instruction in block.get_instructions() {
            let is_volatile = instruction.get_volatile() == Ok(true);
            traps |= is_volatile;
            if is_volatile
                && instruction.get_opcode() == Opcode::Load
                && let Some(place) = instruction.get_debug_location()
            {
                follow(block, instruction, place);
            }
        }
        ends.extend(block.get_terminator().filter(|end| {
            let goes_on = end.get_opcode() == Opcode::Br && end.get_num_operands() == 1;
            traps && (goes_on || end.get_opcode() == Opcode::Return)
        }));
    }
    if ends.len() < 2 {
        return Ok(());
    }
    let ty = context.void_type().fn_type(&[], false);
    let nothing = String::new;
    let assembly = context.create_inline_asm(ty, nothing(), nothing(), true, false, None, false);
    let builder = context.create_builder();
    for end in ends {
        builder.position_before(&end);
        builder.build_indirect_call(ty, assembly, &[], "")?;
    }
    Ok(())
}

fn follow<'c>(block: BasicBlock<'c>, load: InstructionValue<'c>, place: DILocation<'c>) {
    let pointer = operand(load, 0);
    let mut from = load;
    for _ in 0..LONGEST {
        // What is read, changed and written at once.
        for user in uses(from).filter_map(user) {
            if user.get_opcode() == Opcode::Store && operand(user, 1) == pointer {
                user.set_debug_location(Some(place));
            }
        }
        let mut uses = uses(from);
        let (Some(only), None) = (uses.next(), uses.next()) else {
            return;
        };
        let Some(user) = user(only) else { return };
        // Extensions are moved to where loads are.
        let is_near = match user.get_opcode() {
            Opcode::ZExt | Opcode::SExt => true,
            Opcode::Phi | Opcode::Store | Opcode::Load | Opcode::Return => false,
            Opcode::Call => is_intrinsic(user) && user.get_parent() == Some(block),
            _ => user.get_parent() == Some(block),
        };
        if !is_near {
            return;
        }
        user.set_debug_location(Some(place));
        from = user;
    }
}

fn operand<'c>(instruction: InstructionValue<'c>, index: u32) -> Option<BasicValueEnum<'c>> {
    instruction.get_operand(index).and_then(Operand::value)
}

fn uses<'c>(instruction: InstructionValue<'c>) -> impl Iterator<Item = BasicValueUse<'c>> {
    std::iter::successors(instruction.get_first_use(), |it| it.get_next_use())
}

/// The instruction that uses something.
fn user<'c>(of: BasicValueUse<'c>) -> Option<InstructionValue<'c>> {
    match of.get_user().as_any_value_enum() {
        AnyValueEnum::IntValue(value) => value.as_instruction(),
        AnyValueEnum::FloatValue(value) => value.as_instruction(),
        AnyValueEnum::PointerValue(value) => value.as_instruction(),
        AnyValueEnum::VectorValue(value) => value.as_instruction(),
        AnyValueEnum::InstructionValue(value) => Some(value),
        _ => None,
    }
}

/// Whether an instruction is the call of a function that LLVM has an instruction for.
fn is_intrinsic(call: InstructionValue<'_>) -> bool {
    let called = CallSiteValue::try_from(call).ok();
    let called = called.and_then(|call| call.get_called_fn_value());
    called.is_some_and(|function| function.get_name().to_bytes().starts_with(b"llvm."))
}
