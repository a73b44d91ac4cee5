//! Value types.

use core::fmt;

use crate::wire::Wire;

/// A value type as it stands in the metadata block: the byte that the
/// WebAssembly binary format gives it (core, 5.3.1) in the low eight bits. The
/// upper 24 bits are zero; they are for the index of a concrete heap type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct ValType(pub u32);

impl ValType {
    /// 32-bit integer.
    pub const I32: ValType = ValType(0x7f);
    /// 64-bit integer.
    pub const I64: ValType = ValType(0x7e);
    /// 32-bit IEEE 754 float.
    pub const F32: ValType = ValType(0x7d);
    /// 64-bit IEEE 754 float.
    pub const F64: ValType = ValType(0x7c);
    /// 128-bit vector.
    pub const V128: ValType = ValType(0x7b);
    /// Nullable reference to any function: the address of a
    /// [`FuncRef`](crate::FuncRef), or null.
    pub const FUNCREF: ValType = ValType(0x70);
    /// Nullable reference to a host object: an opaque 64-bit word, zero for
    /// null, whose meaning is the host's.
    pub const EXTERNREF: ValType = ValType(0x6f);

    /// Nullable reference to an exception: the address of an
    /// [`Exception`](crate::Exception), or null.
    pub const EXNREF: ValType = ValType(0x69);

    /// Whether this version of the ABI knows the type.
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0x7b..=0x7f | 0x6f | 0x70 | 0x69)
    }

    /// Whether values of the type are references.
    pub const fn is_reference(self) -> bool {
        matches!(self.0, 0x6f | 0x70 | 0x69)
    }

    /// Bytes that a global of this type takes in the vmctx, and its alignment.
    pub const fn global_size(self) -> u32 {
        if self.0 == ValType::V128.0 { 16 } else { 8 }
    }

    /// Bytes that an element of this reference type takes in a table.
    pub const fn element_size(self) -> u32 {
        if self.0 == ValType::FUNCREF.0 {
            size_of::<crate::TableElement>() as u32
        } else {
            8
        }
    }
}

/// The name that the WebAssembly text format has for the type.
impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::FUNCREF => "funcref",
            ValType::EXTERNREF => "externref",
            ValType::EXNREF => "exnref",
            ValType(other) => return write!(f, "type {other:#x}"),
        })
    }
}

impl Wire for ValType {
    const SIZE: usize = 4;
    fn encode(&self, out: &mut [u8]) {
        self.0.encode(out);
    }
    fn decode(bytes: &[u8]) -> Self {
        ValType(u32::decode(bytes))
    }
}
