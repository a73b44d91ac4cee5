//! Value types.

use core::fmt;

use crate::wire::Wire;

/// A value type as it stands in the metadata block.
///
/// A number or vector type is the byte that the WebAssembly binary format gives
/// it (core, 5.3.1). A reference type is made of three parts:
///
/// | bits | |
/// |---|---|
/// | 0 to 6 | the heap type: the byte of the binary format (core, 5.3.3) if it is an abstract one; 0x63 for a function type of the module; 0x64, reserved, for one of its structs or arrays |
/// | 7 | set if the reference is never null |
/// | 8 to 31 | with 0x63 or 0x64 the index among [`Descriptor::types`], else zero |
///
/// So `funcref` is 0x70 and `externref` 0x6f as in the binary format, `(ref func)`
/// is 0xf0, and `(ref null $t)` of the module's type 5 is 0x563.
///
/// References to functions (`func`, `nofunc`, function types) are addresses of
/// [`FuncRef`](crate::FuncRef)s, those to exceptions (`exn`, `noexn`) addresses of
/// [`Exception`](crate::Exception)s. References below `extern` are opaque words of the
/// host. Those below `any` have no values but null in this version. Null is zero
/// for all.
///
/// [`Descriptor::types`]: crate::Descriptor::types
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
    pub const FUNCREF: ValType = ValType(HeapType::Func as u32);
    /// Nullable reference to a host object: an opaque 64-bit word, zero for
    /// null, whose meaning is the host's.
    pub const EXTERNREF: ValType = ValType(HeapType::Extern as u32);
    /// Nullable reference to an exception: the address of an
    /// [`Exception`](crate::Exception), or null.
    pub const EXNREF: ValType = ValType(HeapType::Exn as u32);

    /// Set in references that are never null.
    const NON_NULL: u32 = 0x80;
    /// The highest index of a type that can be referred to.
    pub const MAX_INDEX: u32 = (1 << 24) - 1;

    /// A reference to an abstract heap type, or to the function type `index` if
    /// that is [`HeapType::Function`]; else `index` is zero. It is at most
    /// [`MAX_INDEX`](ValType::MAX_INDEX).
    pub const fn reference(nullable: bool, heap: HeapType, index: u32) -> ValType {
        let non_null = if nullable { 0 } else { ValType::NON_NULL };
        ValType(index << 8 | non_null | heap as u32)
    }

    /// What references of this type refer to; `None` if it is no reference type
    /// that this version of the ABI knows.
    pub const fn heap(self) -> Option<HeapType> {
        let Some(heap) = HeapType::from_number(self.0 & 0x7f) else {
            return None;
        };
        match heap {
            HeapType::Function => Some(heap),
            _ if self.0 >> 8 == 0 => Some(heap),
            _ => None,
        }
    }

    /// The index of the function type, if it is a reference to one.
    pub const fn type_index(self) -> Option<u32> {
        match self.heap() {
            Some(HeapType::Function) => Some(self.0 >> 8),
            _ => None,
        }
    }

    /// Whether values of the type can be null.
    pub const fn is_nullable(self) -> bool {
        self.is_reference() && self.0 & ValType::NON_NULL == 0
    }

    /// Whether this version of the ABI knows the type. An index in it may still
    /// be out of bounds.
    pub const fn is_known(self) -> bool {
        matches!(self.0, 0x7b..=0x7f) || self.is_reference()
    }

    /// Whether values of the type are references.
    pub const fn is_reference(self) -> bool {
        self.heap().is_some()
    }

    /// Whether values of the type are references to functions.
    pub const fn is_function(self) -> bool {
        matches!(
            self.heap(),
            Some(HeapType::Func | HeapType::NoFunc | HeapType::Function)
        )
    }

    /// Whether values of the type are references to exceptions.
    pub const fn is_exception(self) -> bool {
        matches!(self.heap(), Some(HeapType::Exn | HeapType::NoExn))
    }

    /// Bytes that a global of this type takes in the vmctx, and its alignment.
    pub const fn global_size(self) -> u32 {
        if self.0 == ValType::V128.0 { 16 } else { 8 }
    }

    /// Bytes that an element of this reference type takes in a table.
    pub const fn element_size(self) -> u32 {
        if self.is_function() {
            size_of::<crate::TableElement>() as u32
        } else {
            8
        }
    }
}

/// What a reference refers to. A number that is missing here but that the binary
/// format has is reserved for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum HeapType {
    /// Any function.
    Func = 0x70,
    /// No function: only null.
    NoFunc = 0x73,
    /// Any object of the host.
    Extern = 0x6f,
    /// No object of the host: only null.
    NoExtern = 0x72,
    /// Anything that can be garbage-collected.
    Any = 0x6e,
    /// What can be compared.
    Eq = 0x6d,
    /// An integer of 31 bits.
    I31 = 0x6c,
    /// Any struct.
    Struct = 0x6b,
    /// Any array.
    Array = 0x6a,
    /// Nothing that can be garbage-collected: only null.
    None = 0x71,
    /// Any exception.
    Exn = 0x69,
    /// No exception: only null.
    NoExn = 0x74,
    /// A function of a type of the module, or of a subtype of that.
    Function = 0x63,
}

impl HeapType {
    const ALL: [HeapType; 13] = [
        HeapType::Func,
        HeapType::NoFunc,
        HeapType::Extern,
        HeapType::NoExtern,
        HeapType::Any,
        HeapType::Eq,
        HeapType::I31,
        HeapType::Struct,
        HeapType::Array,
        HeapType::None,
        HeapType::Exn,
        HeapType::NoExn,
        HeapType::Function,
    ];

    const fn from_number(number: u32) -> Option<HeapType> {
        let mut index = 0;
        while index < HeapType::ALL.len() {
            if HeapType::ALL[index] as u32 == number {
                return Some(HeapType::ALL[index]);
            }
            index += 1;
        }
        None
    }

    /// The name of an abstract heap type in the text format.
    const fn name(self) -> &'static str {
        match self {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
            HeapType::Function => "function",
        }
    }
}

/// The type as the WebAssembly text format has it.
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
            other => {
                let null = if other.is_nullable() { "null " } else { "" };
                return match (other.heap(), other.type_index()) {
                    (None, _) => write!(f, "type {:#x}", other.0),
                    (_, Some(index)) => write!(f, "(ref {null}{index})"),
                    (Some(heap), None) => write!(f, "(ref {null}{})", heap.name()),
                };
            }
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
