//! The host's services, seen from compiled code.

use core::mem::offset_of;

use cranelift_codegen::ir::{AbiParam, Signature, Type, types};
use cranelift_codegen::isa::TargetIsa;
use wasm_aot_abi::Builtins;

use super::signature::c_int;

/// A function of [`Builtins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Builtin {
    Raise,
    MemoryGrow,
    MemoryCopy,
    MemoryFill,
    MemoryInit,
    DataDrop,
    TableGrow,
    TableFill,
    TableCopy,
    TableInit,
    ElemDrop,
    FuncRef,
    Attach,
    IsSubtype,
    MemoryAtomicWait32,
    MemoryAtomicWait64,
    MemoryAtomicNotify,
    Exception,
    Throw,
    Trap,
    Interrupted,
}

impl Builtin {
    /// Offset of its address in the table, bytes.
    pub(crate) fn offset(self) -> i32 {
        let offset = match self {
            Builtin::Raise => offset_of!(Builtins, raise),
            Builtin::MemoryGrow => offset_of!(Builtins, memory_grow),
            Builtin::MemoryCopy => offset_of!(Builtins, memory_copy),
            Builtin::MemoryFill => offset_of!(Builtins, memory_fill),
            Builtin::MemoryInit => offset_of!(Builtins, memory_init),
            Builtin::DataDrop => offset_of!(Builtins, data_drop),
            Builtin::TableGrow => offset_of!(Builtins, table_grow),
            Builtin::TableFill => offset_of!(Builtins, table_fill),
            Builtin::TableCopy => offset_of!(Builtins, table_copy),
            Builtin::TableInit => offset_of!(Builtins, table_init),
            Builtin::ElemDrop => offset_of!(Builtins, elem_drop),
            Builtin::FuncRef => offset_of!(Builtins, func_ref),
            Builtin::Attach => offset_of!(Builtins, attach),
            Builtin::IsSubtype => offset_of!(Builtins, is_subtype),
            Builtin::MemoryAtomicWait32 => offset_of!(Builtins, memory_atomic_wait32),
            Builtin::MemoryAtomicWait64 => offset_of!(Builtins, memory_atomic_wait64),
            Builtin::MemoryAtomicNotify => offset_of!(Builtins, memory_atomic_notify),
            Builtin::Exception => offset_of!(Builtins, exception),
            Builtin::Throw => offset_of!(Builtins, throw),
            Builtin::Trap => offset_of!(Builtins, trap),
            Builtin::Interrupted => offset_of!(Builtins, interrupted),
        };
        offset as i32
    }

    /// Its signature in the C convention.
    pub(crate) fn signature(self, isa: &dyn TargetIsa) -> Signature {
        const PTR: Type = types::I64;
        use types::{I8, I32, I64};
        let (params, result): (&[Type], Option<Type>) = match self {
            Builtin::Raise => (&[PTR, I32], None),
            Builtin::MemoryGrow => (&[PTR, I32, I64], Some(I64)),
            Builtin::MemoryCopy => (&[PTR, PTR, I64], None),
            Builtin::MemoryFill => (&[PTR, I32, I64], None),
            Builtin::MemoryInit | Builtin::TableInit => (&[PTR, I32, I32, I64, I32, I32], Some(I8)),
            Builtin::DataDrop | Builtin::ElemDrop => (&[PTR, I32], None),
            Builtin::TableGrow => (&[PTR, I32, PTR, I64], Some(I64)),
            Builtin::TableFill => (&[PTR, I32, I64, PTR, I64], Some(I8)),
            Builtin::TableCopy => (&[PTR, I32, I32, I64, I64, I64], Some(I8)),
            Builtin::FuncRef => (&[PTR, I32], Some(PTR)),
            Builtin::Attach => (&[PTR], Some(I32)),
            Builtin::IsSubtype => (&[PTR, I32, I32], Some(I8)),
            Builtin::MemoryAtomicWait32 => (&[PTR, PTR, I32, I64], Some(I32)),
            Builtin::MemoryAtomicWait64 => (&[PTR, PTR, I64, I64], Some(I32)),
            Builtin::MemoryAtomicNotify => (&[PTR, PTR, I32], Some(I32)),
            Builtin::Exception => (&[PTR, I32], Some(PTR)),
            Builtin::Throw => (&[PTR, PTR], None),
            Builtin::Trap | Builtin::Interrupted => (&[PTR], None),
        };
        let mut signature = Signature::new(isa.default_call_conv());
        signature.params = params
            .iter()
            .map(|&ty| match ty {
                I32 => c_int(isa),
                _ => AbiParam::new(ty),
            })
            .collect();
        signature.returns = result.map(AbiParam::new).into_iter().collect();
        signature
    }
}
