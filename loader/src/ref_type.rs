//! Types of references (core, 2.3.3 and 2.3.4).

use std::fmt;

use crate::FuncType;

/// The type of a reference: what it refers to, and whether it can be null.
///
/// ```
/// use wasm_aot_loader::{FuncType, HeapType, RefType, ValType};
///
/// let ty = HeapType::ConcreteFunc(FuncType::new([ValType::I32], []));
/// let function = RefType::new(false, ty);
/// assert_eq!(function.to_string(), "(ref (func (param i32)))");
/// assert!(function.matches(RefType::new(true, ty)));
/// assert!(function.matches(RefType::FUNCREF));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefType {
    nullable: bool,
    pub(crate) heap: HeapType,
}

/// What a reference refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeapType {
    /// Any function.
    Func,
    /// A function of this type, or of a declared subtype.
    ConcreteFunc(FuncType),
    /// No function: such references are null.
    NoFunc,
    /// Any object of the host.
    Extern,
    /// No object of the host: such references are null.
    NoExtern,
    /// Anything that is garbage-collected. In this version, references of this type
    /// and those below are null.
    Any,
    /// What can be compared.
    Eq,
    /// An integer of 31 bits.
    I31,
    /// Any struct.
    Struct,
    /// Any array.
    Array,
    /// Nothing that is garbage-collected: such references are null.
    None,
    /// Any exception.
    Exn,
    /// No exception: such references are null.
    NoExn,
}

impl RefType {
    /// Nullable reference to a function.
    pub const FUNCREF: RefType = RefType::new(true, HeapType::Func);
    /// Nullable reference to an object of the host.
    pub const EXTERNREF: RefType = RefType::new(true, HeapType::Extern);
    /// Nullable reference to an exception.
    pub const EXNREF: RefType = RefType::new(true, HeapType::Exn);

    /// A reference to `heap`, which can be null if it is `nullable`.
    pub const fn new(nullable: bool, heap: HeapType) -> RefType {
        RefType { nullable, heap }
    }

    /// Whether it can be null.
    pub const fn is_nullable(self) -> bool {
        self.nullable
    }

    /// What it refers to.
    pub const fn heap(self) -> HeapType {
        self.heap
    }

    /// Whether every reference of the type is one of type `expected`, too.
    pub fn matches(self, expected: RefType) -> bool {
        (expected.nullable || !self.nullable) && self.heap.matches(expected.heap)
    }
}

impl HeapType {
    /// Whether everything of the type is of type `expected`, too.
    pub fn matches(self, expected: HeapType) -> bool {
        use HeapType::{
            Any, Array, ConcreteFunc, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None,
            Struct,
        };
        match (self, expected) {
            (ConcreteFunc(ty), ConcreteFunc(expected)) => ty.matches(expected),
            (ConcreteFunc(_) | NoFunc, Func) => true,
            (NoFunc, ConcreteFunc(_)) => true,
            (NoExtern, Extern) => true,
            (NoExn, Exn) => true,
            (Eq | I31 | Struct | Array | None, Any) => true,
            (I31 | Struct | Array | None, Eq) => true,
            (None, I31 | Struct | Array) => true,
            (ty, expected) => ty == expected,
        }
    }

    /// The type that all related ones match: `Func`, `Extern`, `Exn` or `Any`.
    pub const fn top(self) -> HeapType {
        match self {
            HeapType::Func | HeapType::ConcreteFunc(_) | HeapType::NoFunc => HeapType::Func,
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            HeapType::Exn | HeapType::NoExn => HeapType::Exn,
            HeapType::Any
            | HeapType::Eq
            | HeapType::I31
            | HeapType::Struct
            | HeapType::Array
            | HeapType::None => HeapType::Any,
        }
    }

    /// The type that matches all related ones.
    pub const fn bottom(self) -> HeapType {
        match self.top() {
            HeapType::Func => HeapType::NoFunc,
            HeapType::Extern => HeapType::NoExtern,
            HeapType::Exn => HeapType::NoExn,
            _ => HeapType::None,
        }
    }
}

/// As in the text format, but with types of functions in place of their indices.
impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::Func) => f.write_str("funcref"),
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::Exn) => f.write_str("exnref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

/// As in the text format, but with types of functions in place of their indices.
impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeapType::Func => "func",
            HeapType::ConcreteFunc(ty) => return ty.fmt_within(f),
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::HeapType::{
        Any, Array, ConcreteFunc, Eq, Exn, Extern, Func, I31, NoExn, NoExtern, NoFunc, None, Struct,
    };
    use super::*;
    use crate::ValType;

    #[test]
    fn heap_types_match_along_the_lattice_only() {
        let concrete = ConcreteFunc(FuncType::new([ValType::I32], []));
        let other = ConcreteFunc(FuncType::new([ValType::I64], []));
        let all = [
            Func, concrete, other, NoFunc, Extern, NoExtern, Any, Eq, I31, Struct, Array, None,
            Exn, NoExn,
        ];
        let below = |ty| match ty {
            Func => vec![Func, concrete, other, NoFunc],
            ConcreteFunc(_) => vec![ty, NoFunc],
            Extern => vec![Extern, NoExtern],
            Exn => vec![Exn, NoExn],
            Any => vec![Any, Eq, I31, Struct, Array, None],
            Eq => vec![Eq, I31, Struct, Array, None],
            I31 | Struct | Array => vec![ty, None],
            bottom => vec![bottom],
        };
        for expected in all {
            let matching: Vec<_> = all.into_iter().filter(|ty| ty.matches(expected)).collect();
            assert_eq!(matching, below(expected), "below {expected}");
            assert!(expected.matches(expected.top()));
            assert!(expected.bottom().matches(expected));
        }
    }

    #[test]
    fn a_nullable_reference_is_not_one_that_is_never_null() {
        let (nullable, never) = (RefType::FUNCREF, RefType::new(false, Func));
        assert!(never.matches(nullable) && !nullable.matches(never));
        assert!(!never.matches(RefType::EXTERNREF));
    }
}
