//! Signatures of functions and trampolines.

use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, Signature, Type, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
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

/// An entry trampoline: `(code, ctx, values) -> status`.
pub(crate) fn entry_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 3];
    signature.returns = vec![AbiParam::new(types::I32)];
    signature
}

/// The host's side of an exit: `(ctx, values) -> status`.
pub(crate) fn host_signature(isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params = vec![AbiParam::new(types::I64); 2];
    signature.returns = vec![AbiParam::new(types::I32)];
    signature
}

/// The C symbol of an export: `(vmctx, params..., result pointers...) ->
/// status`, where a vector parameter is passed by pointer.
pub(crate) fn typed_signature(ty: &FuncType, isa: &dyn TargetIsa) -> Signature {
    let mut signature = Signature::new(isa.default_call_conv());
    signature.params.push(AbiParam::new(types::I64));
    signature.params.extend(ty.params().iter().map(|&ty| {
        AbiParam::new(match ty {
            ValType::V128 => types::I64,
            scalar => clif_type(scalar),
        })
    }));
    signature
        .params
        .extend(ty.results().iter().map(|_| AbiParam::new(types::I64)));
    signature.returns = vec![AbiParam::new(types::I32)];
    signature
}
