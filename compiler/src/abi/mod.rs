//! The ABI in Cranelift's terms: the only place that turns the types of
//! [`wasm_aot_abi`] into CLIF.

mod access;
mod builtin;
mod clause;
mod signature;
mod symbol;
mod trap;
mod vmctx;

pub(crate) use access::{Access, Region};
pub(crate) use builtin::Builtin;
pub(crate) use clause::Clause;
pub(crate) use signature::{
    clif_type, entry_signature, host_signature, throw_signature, typed_signature, wasm_signature,
};
pub(crate) use symbol::Symbol;
pub(crate) use trap::{clif_trap, wasm_trap};
pub(crate) use vmctx::Vmctx;

use wasm_aot_abi as abi;
use wasmparser::ValType;

/// The wire form of a value type.
///
/// # Panics
///
/// On a type of a feature that is not supported; the validator lets none pass.
pub(crate) fn val_type(ty: ValType) -> abi::ValType {
    match ty {
        ValType::I32 => abi::ValType::I32,
        ValType::I64 => abi::ValType::I64,
        ValType::F32 => abi::ValType::F32,
        ValType::F64 => abi::ValType::F64,
        ValType::V128 => abi::ValType::V128,
        ValType::FUNCREF => abi::ValType::FUNCREF,
        ValType::EXTERNREF => abi::ValType::EXTERNREF,
        ValType::EXNREF => abi::ValType::EXNREF,
        ValType::Ref(other) => unreachable!("reference type {other} of an unsupported feature"),
    }
}
