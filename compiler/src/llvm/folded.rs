//! Says of instructions that LLVM may make one of with a load that they are where the load
//! is in the source: the one has the place of the last, and traps as the first.

use inkwell::basic_block::BasicBlock;
use inkwell::debug_info::DILocation;
use inkwell::values::{
    AnyValue as _, AnyValueEnum, BasicValueEnum, BasicValueUse, CallSiteValue, FunctionValue,
    InstructionOpcode as Opcode, InstructionValue, Operand,
};

/// How many instructions one can be made of, behind the load: an extension, a mask, a
/// comparison and a branch.
const LONGEST: usize = 4;

/// Changes the places of a function's instructions. Those with later loads are last.
pub(super) fn locate(function: FunctionValue<'_>) {
    for block in function.get_basic_blocks() {
        for load in block.get_instructions() {
            if load.get_opcode() == Opcode::Load
                && load.get_volatile() == Ok(true)
                && let Some(place) = load.get_debug_location()
            {
                follow(block, load, place);
            }
        }
    }
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
