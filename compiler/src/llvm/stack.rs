//! What is added to LLVM's functions for the stack, when its passes are done.

use core::mem::offset_of;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::Context;
use inkwell::module::{Linkage, Module};
use inkwell::values::{
    CallSiteValue, FunctionValue, InstructionOpcode, InstructionValue, PointerValue,
};
use inkwell::{GlobalVisibility, IntPredicate};
use wasm_aot_abi::{self as abi, TrapCode};

use super::trap;
use super::write::{MARKER, symbol_name};
use crate::abi::Symbol;

/// Calls and instructions of a function that may use more stack than what is there
/// without looking.
const LARGE: usize = 192;

/// Adds to a function what no pass is to touch: that it looks how much stack there is, if
/// it may need any; and that its frame is there from its first instruction to its last,
/// so that the stack can be walked from wherever it traps.
pub(super) fn finish<'c>(
    context: &'c Context,
    module: &Module<'c>,
    function: FunctionValue<'c>,
    signals: bool,
) -> Result<(), String> {
    let Some(entry) = function.get_first_basic_block() else {
        return Ok(());
    };
    // What is said of the address sanitiser's functions is that their frames are not
    // moved to where they are needed; the sanitiser itself is a pass that does not run.
    let kind = Attribute::get_named_enum_kind_id("sanitize_hwaddress");
    let attribute = context.create_enum_attribute(kind, 0);
    function.add_attribute(AttributeLoc::Function, attribute);

    let mut markers = Vec::new();
    let mut ctx = None;
    let (mut calls, mut size) = (false, 0);
    for block in function.get_basic_blocks() {
        for instruction in instructions(block) {
            size += 1;
            match what(instruction) {
                What::Marker => {
                    if block == entry && ctx.is_none() {
                        ctx = Some((context_of(function)?, instruction.get_debug_location()));
                    }
                    markers.push(instruction);
                }
                What::Call => calls = true,
                What::Other => {}
            }
        }
    }
    if (calls || size > LARGE)
        && let Some((ctx, location)) = ctx
    {
        let check = context.prepend_basic_block(entry, "");
        let builder = context.create_builder();
        builder.position_at_end(check);
        for instruction in instructions(entry) {
            if instruction.get_opcode() == InstructionOpcode::Alloca {
                instruction.remove_from_basic_block();
                builder.insert_instruction(&instruction, None);
            }
        }
        if let Some(location) = location {
            builder.set_current_debug_location(location);
        }
        check_stack(context, module, function, &builder, ctx, entry)
            .and_then(|()| match signals {
                true => overflow_by_fault(context, &builder),
                false => overflow_by_call(context, module, &builder, ctx),
            })
            .map_err(|error| error.to_string())?;
    }
    for marker in markers {
        marker.erase_from_basic_block();
    }
    Ok(())
}

/// Compares the stack pointer with the store's limit, and goes on at `entry`, or where the
/// builder is then.
fn check_stack<'c>(
    context: &'c Context,
    module: &Module<'c>,
    function: FunctionValue<'c>,
    builder: &Builder<'c>,
    ctx: PointerValue<'c>,
    entry: BasicBlock<'c>,
) -> Result<(), BuilderError> {
    let i64 = context.i64_type();
    let metadata = context.metadata_type();
    let name = "llvm.read_register.i64";
    let register = module.get_function(name).unwrap_or_else(|| {
        let ty = i64.fn_type(&[metadata.into()], false);
        module.add_function(name, ty, Some(Linkage::External))
    });
    let rsp = context.metadata_node(&[context.metadata_string("rsp").into()]);
    let sp = builder.build_call(register, &[rsp.into()], "")?;
    let sp = sp.try_as_basic_value().unwrap_basic().into_int_value();

    let mut address = ctx;
    let fields = [
        offset_of!(abi::VmContext, store),
        offset_of!(abi::StoreContext, stack_limit),
    ];
    let mut value = i64.const_zero();
    for (position, offset) in fields.into_iter().enumerate() {
        if position > 0 {
            address = builder.build_int_to_ptr(value, ctx.get_type(), "")?;
        }
        let base = builder.build_ptr_to_int(address, i64, "")?;
        let sum = builder.build_int_add(base, i64.const_int(offset as u64, false), "")?;
        let field = builder.build_int_to_ptr(sum, ctx.get_type(), "")?;
        value = builder.build_load(i64, field, "")?.into_int_value();
    }
    let below = builder.build_int_compare(IntPredicate::ULT, sp, value, "")?;
    let overflow = context.append_basic_block(function, "");
    builder.build_conditional_branch(below, overflow, entry)?;

    builder.position_at_end(overflow);
    Ok(())
}

fn overflow_by_fault<'c>(context: &'c Context, builder: &Builder<'c>) -> Result<(), BuilderError> {
    let i32 = context.i32_type();
    let ty = context
        .void_type()
        .fn_type(&[i32.into(), i32.into()], false);
    let assembly = context.create_inline_asm(
        ty,
        trap::ASSEMBLY.replace("\\0A", "\n"),
        trap::CONSTRAINTS.to_owned(),
        true,
        false,
        None,
        false,
    );
    let code = i32.const_int(trap::encode(TrapCode::StackOverflow).into(), false);
    let nowhere = i32.const_zero();
    builder.build_indirect_call(ty, assembly, &[code.into(), nowhere.into()], "")?;
    builder.build_unreachable()?;
    Ok(())
}

fn overflow_by_call<'c>(
    context: &'c Context,
    module: &Module<'c>,
    builder: &Builder<'c>,
    ctx: PointerValue<'c>,
) -> Result<(), BuilderError> {
    let name = symbol_name(Symbol::Trap(TrapCode::StackOverflow as u32));
    let function = module.get_function(&name).unwrap_or_else(|| {
        let ty = context.void_type().fn_type(&[ctx.get_type().into()], false);
        let function = module.add_function(&name, ty, Some(Linkage::External));
        function
            .as_global_value()
            .set_visibility(GlobalVisibility::Hidden);
        function
    });
    builder.build_call(function, &[ctx.into()], "")?;
    builder.build_unreachable()?;
    Ok(())
}

enum What {
    /// See [`MARKER`].
    Marker,
    /// Calls a function.
    Call,
    Other,
}

fn what(instruction: InstructionValue<'_>) -> What {
    let Ok(call) = CallSiteValue::try_from(instruction) else {
        return What::Other;
    };
    let kind = Attribute::get_named_enum_kind_id("noreturn");
    if call
        .get_enum_attribute(AttributeLoc::Function, kind)
        .is_some()
    {
        return What::Other; // a trap
    }
    match call.get_called_fn_value() {
        Some(function) => match function.get_name().to_bytes() {
            name if name == MARKER.as_bytes() => What::Marker,
            name if name.starts_with(b"llvm.") => What::Other,
            _ => What::Call,
        },
        // Through an address.
        None => What::Call,
    }
}

/// The context of a function, whose parameters are not what they were: it is still the
/// first, since the marker uses it.
fn context_of(function: FunctionValue<'_>) -> Result<PointerValue<'_>, String> {
    match function.get_first_param() {
        Some(param) if param.is_pointer_value() => Ok(param.into_pointer_value()),
        _ => Err("a function has lost its context".to_owned()),
    }
}

fn instructions(block: BasicBlock<'_>) -> Vec<InstructionValue<'_>> {
    block.get_instructions().collect()
}
