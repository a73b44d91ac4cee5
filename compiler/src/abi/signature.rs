//! Signatures of functions and trampolines.

use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use target_lexicon::Architecture;
use wasmparser::{FuncType, ValType};

/// The CLIF type of a WebAssembly value. Vectors travel as bytes.
pub(crate) fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 | ValType::Ref(_) => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
    }
}

/// A function in the wasm convention: context, then parameters.
pub(crate) fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature
        .params
        .push(AbiParam::special(types::I64, ArgumentPurpose::VMContext));
    signature
        .params
        .extend(ty.params().iter().map(|&ty| AbiParam::new(clif_type(ty))));
    signature
        .returns
        .extend(ty.results().iter().map(|&ty| AbiParam::new(clif_type(ty))));
    signature
}

/// The function of the text that throws, in the wasm convention: `(vmctx,
/// exception)`. It does not return.
pub(crate) fn throw_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    let vmctx = AbiParam::special(types::I64, ArgumentPurpose::VMContext);
    signature.params = vec![vmctx, AbiParam::new(types::I64)];
    signature
}

/// Functions of the text that call the host for a function of the module, with its
/// `vmctx` alone.
pub(crate) fn ask_signature() -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    let vmctx = AbiParam::special(types::I64, ArgumentPurpose::VMContext);
    signature.params = vec![vmctx];
    signature
}

/// A `uint32_t` or `int32_t` parameter of a C function. Most conventions leave
/// the upper half of the register open, but that of RISC-V has the caller extend
/// the sign, whatever the type.
pub(crate) fn c_int(isa: &dyn TargetIsa) -> AbiParam {
    AbiParam {
        extension: isa.default_argument_extension(),
        ..AbiParam::new(types::I32)
    }
}

/// The status that a C function returns.
fn status(isa: &dyn TargetIsa) -> AbiParam {
    let param = AbiParam::new(types::I32);
    match isa.default_argument_extension() {
        ArgumentExtension::Sext => param.sext(),
        ArgumentExtension::Uext | ArgumentExtension::None => param,
    }
}

/// An entry trampoline: `(code, ctx, values) -> status`.
pub(crate) fn entry_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 3];
    signature.returns = vec![status(isa)];
    signature
}

/// The host's side of an exit: `(ctx, values) -> status`.
pub(crate) fn host_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 2];
    signature.returns = vec![status(isa)];
    signature
}

/// The C symbol of an export: `(vmctx, params..., result pointers...) ->
/// status`, where a vector parameter is passed by pointer.
///
/// RISC-V passes the floats for which no float register is left as integers, if
/// there is a register for one; Cranelift would use the stack. So those have the
/// type of an integer of their size.
pub(crate) fn typed_signature(ty: &FuncType, isa: &dyn TargetIsa) -> Signature {
    const RISCV_REGISTERS: usize = 8;
    let is_riscv = matches!(isa.triple().architecture, Architecture::Riscv64(_));
    let mut floats = 0;
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.push(AbiParam::new(types::I64));
    signature.params.extend(ty.params().iter().map(|&ty| {
        floats += usize::from(matches!(ty, ValType::F32 | ValType::F64));
        AbiParam::new(match ty {
            ValType::V128 => types::I64,
            ValType::F32 | ValType::F64 if is_riscv && floats > RISCV_REGISTERS => {
                clif_type(ty).as_int()
            }
            scalar => clif_type(scalar),
        })
    }));
    signature
        .params
        .extend(ty.results().iter().map(|_| AbiParam::new(types::I64)));
    signature.returns = vec![status(isa)];
    signature
}
