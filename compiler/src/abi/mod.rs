//! The ABI in Cranelift's terms: the only place that turns the types of
//! [`wasm_aot_abi`] into CLIF.

mod access;
mod builtin;
mod clause;
mod kept;
mod signature;
mod symbol;
mod trap;
mod vmctx;

pub(crate) use access::{Access, Region};
pub(crate) use builtin::Builtin;
pub(crate) use clause::Clause;
pub(crate) use kept::Kept;
pub(crate) use signature::{
    ask_signature, clif_type, entry_signature, host_signature, throw_signature, typed_signature,
    wasm_signature,
};
pub(crate) use symbol::Symbol;
pub(crate) use trap::{clif_trap, trap_number, wasm_trap};
pub(crate) use vmctx::Vmctx;

use wasm_aot_abi as abi;
use wasmparser::{AbstractHeapType, HeapType, RefType, UnpackedIndex, ValType};

/// The wire form of a value type of a [`Module`](crate::module::Module).
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
        ValType::Ref(ty) => ref_type(ty),
    }
}

fn ref_type(ty: RefType) -> abi::ValType {
    use AbstractHeapType as Abstract;
    use abi::HeapType as To;
    let (heap, index) = match ty.heap_type() {
        HeapType::Abstract { shared: false, ty } => {
            let heap = match ty {
                Abstract::Func => To::Func,
                Abstract::NoFunc => To::NoFunc,
                Abstract::Extern => To::Extern,
                Abstract::NoExtern => To::NoExtern,
                Abstract::Any => To::Any,
                Abstract::Eq => To::Eq,
                Abstract::I31 => To::I31,
                Abstract::Struct => To::Struct,
                Abstract::Array => To::Array,
                Abstract::None => To::None,
                Abstract::Exn => To::Exn,
                Abstract::NoExn => To::NoExn,
                Abstract::Cont | Abstract::NoCont => {
                    unreachable!("heap type {ty:?} of an unsupported feature")
                }
            };
            (heap, 0)
        }
        HeapType::Concrete(UnpackedIndex::Module(index)) => (To::Function, index),
        other => unreachable!("heap type {other:?} of an unsupported feature"),
    };
    abi::ValType::reference(ty.is_nullable(), heap, index)
}
