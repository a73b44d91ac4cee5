//! Types of values, functions, memories, tables, globals and tags (core, 2.3).
//!
//! `Display` writes them as the WebAssembly text format does.

use std::fmt;

pub use crate::func_type::FuncType;
pub use crate::ref_type::{HeapType, RefType};

/// The type of a value.
///
/// ```
/// use wasm_aot_loader::{FuncType, ValType};
///
/// let ty = FuncType::new([ValType::I32, ValType::EXTERNREF], []);
/// assert_eq!(ty.params()[1], ValType::EXTERNREF);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// Reference.
    Ref(RefType),
}

impl ValType {
    /// Nullable reference to a function.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// Nullable reference to an object of the host.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);
    /// Nullable reference to an exception.
    pub const EXNREF: ValType = ValType::Ref(RefType::EXNREF);

    /// Whether values of the type are references.
    pub const fn is_reference(self) -> bool {
        matches!(self, ValType::Ref(_))
    }

    /// Whether every value of the type is one of type `expected`, too (core, 3.3).
    ///
    /// ```
    /// use wasm_aot_loader::{HeapType, RefType, ValType};
    ///
    /// let function = ValType::from(RefType::new(false, HeapType::Func));
    /// assert!(function.matches(ValType::FUNCREF));
    /// assert!(!ValType::FUNCREF.matches(function));
    /// ```
    pub fn matches(self, expected: ValType) -> bool {
        match (self, expected) {
            (ValType::Ref(ty), ValType::Ref(expected)) => ty.matches(expected),
            _ => self == expected,
        }
    }

    /// Whether values of the type are references to functions.
    pub(crate) fn is_function(self) -> bool {
        matches!(self, ValType::Ref(ty) if ty.heap.top() == HeapType::Func)
    }
}

impl From<RefType> for ValType {
    fn from(ty: RefType) -> ValType {
        ValType::Ref(ty)
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(ty) => return ty.fmt(f),
        })
    }
}

/// The type of a linear memory.
///
/// ```
/// use wasm_aot_loader::MemoryType;
///
/// let ty = MemoryType::new(1, Some(16));
/// assert_eq!((ty.min(), ty.max(), ty.page_size()), (1, Some(16), 65536));
/// assert_eq!(ty.to_string(), "(memory 1 16)");
/// let bytes = MemoryType::new(100, None).with_page_size(1);
/// assert_eq!(bytes.to_string(), "(memory 100 (pagesize 1))");
/// let large = MemoryType::new64(1, None);
/// assert!(large.is_64() && !ty.is_64());
/// assert_eq!(large.to_string(), "(memory i64 1)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    min: u64,
    max: Option<u64>,
    page_size_log2: u8,
    is_64: bool,
    shared: bool,
}

impl MemoryType {
    /// A memory with 32-bit addresses, of at least `min` and at most `max` pages of
    /// 64 KiB.
    pub const fn new(min: u64, max: Option<u64>) -> MemoryType {
        MemoryType {
            min,
            max,
            page_size_log2: 16,
            is_64: false,
            shared: false,
        }
    }

    /// A memory that threads share, of at least `min` and at most `max` pages of
    /// 64 KiB.
    ///
    /// ```
    /// let ty = wasm_aot_loader::MemoryType::shared(1, 16);
    /// assert!(ty.is_shared());
    /// assert_eq!(ty.to_string(), "(memory 1 16 shared)");
    /// ```
    pub const fn shared(min: u64, max: u64) -> MemoryType {
        MemoryType::new(min, Some(max)).with_shared()
    }

    /// The same, shared by threads.
    ///
    /// # Panics
    ///
    /// If it has no maximum.
    #[must_use]
    pub const fn with_shared(self) -> MemoryType {
        assert!(self.max.is_some(), "a shared memory has a maximum");
        MemoryType {
            shared: true,
            ..self
        }
    }

    /// The same, with 64-bit addresses.
    pub const fn new64(min: u64, max: Option<u64>) -> MemoryType {
        MemoryType {
            is_64: true,
            ..MemoryType::new(min, max)
        }
    }

    /// The same, in pages of so many bytes.
    ///
    /// # Panics
    ///
    /// If that is neither 1 nor 65536: there are no other pages.
    #[must_use]
    pub const fn with_page_size(self, bytes: u64) -> MemoryType {
        assert!(bytes == 1 || bytes == 65536, "pages of 1 or 65536 bytes");
        MemoryType {
            page_size_log2: bytes.trailing_zeros() as u8,
            ..self
        }
    }

    /// Size of a page in bytes: 65536 or 1.
    pub const fn page_size(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// Whether addresses have 64 bits, and not 32.
    pub const fn is_64(&self) -> bool {
        self.is_64
    }

    /// Pages at first.
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// Pages at most; `None` leaves it to the addresses: 4 GiB, or what address space
    /// there is for a memory with 64-bit addresses.
    pub const fn max(&self) -> Option<u64> {
        self.max
    }

    /// Whether threads share it. Such a memory always has a maximum.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    pub(crate) const fn with_min(self, min: u64) -> MemoryType {
        MemoryType { min, ..self }
    }

    /// The most pages that a type can have.
    pub(crate) const fn max_pages(&self) -> u64 {
        let bits = if self.is_64 { 64 } else { 32 };
        match bits - self.page_size_log2 {
            // One less than there are addresses: `memory.size` is an address.
            64 => u64::MAX,
            32 if self.page_size_log2 == 0 => u32::MAX as u64,
            log2 => 1 << log2,
        }
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "(memory {}{}{}",
            index(self.is_64),
            Limits(self.min, self.max),
            if self.shared { " shared" } else { "" },
        )?;
        match self.page_size() {
            65536 => f.write_str(")"),
            size => write!(f, " (pagesize {size}))"),
        }
    }
}

/// The type of a table.
///
/// ```
/// use wasm_aot_loader::{TableType, ValType};
///
/// let ty = TableType::new(ValType::FUNCREF, 10, None);
/// assert_eq!(ty.element(), ValType::FUNCREF);
/// assert_eq!(ty.to_string(), "(table 10 funcref)");
/// let large = TableType::new64(ValType::FUNCREF, 10, None);
/// assert_eq!(large.to_string(), "(table i64 10 funcref)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    element: ValType,
    min: u64,
    max: Option<u64>,
    is_64: bool,
}

impl TableType {
    /// A table with 32-bit indices, of at least `min` and at most `max` elements.
    ///
    /// # Panics
    ///
    /// If `element` is not a reference type.
    pub const fn new(element: ValType, min: u64, max: Option<u64>) -> TableType {
        assert!(element.is_reference(), "a table holds references");
        TableType {
            element,
            min,
            max,
            is_64: false,
        }
    }

    /// The same, with 64-bit indices.
    ///
    /// # Panics
    ///
    /// If `element` is not a reference type.
    pub const fn new64(element: ValType, min: u64, max: Option<u64>) -> TableType {
        TableType {
            is_64: true,
            ..TableType::new(element, min, max)
        }
    }

    /// Whether indices have 64 bits, and not 32.
    pub const fn is_64(&self) -> bool {
        self.is_64
    }

    pub(crate) const fn with_min(self, min: u64) -> TableType {
        TableType { min, ..self }
    }

    /// The type of its elements.
    pub const fn element(&self) -> ValType {
        self.element
    }

    /// Elements at first.
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// Elements at most.
    pub const fn max(&self) -> Option<u64> {
        self.max
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = Limits(self.min, self.max);
        write!(f, "(table {}{limits} {})", index(self.is_64), self.element)
    }
}

/// The type of a global.
///
/// ```
/// use wasm_aot_loader::{GlobalType, ValType};
///
/// let ty = GlobalType::new(ValType::F64, true);
/// assert!(ty.mutable());
/// assert_eq!(ty.to_string(), "(global (mut f64))");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    content: ValType,
    mutable: bool,
}

impl GlobalType {
    /// A global that holds a `content`.
    pub const fn new(content: ValType, mutable: bool) -> GlobalType {
        GlobalType { content, mutable }
    }

    /// The type of its value.
    pub const fn content(&self) -> ValType {
        self.content
    }

    /// Whether the value can change.
    pub const fn mutable(&self) -> bool {
        self.mutable
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mutable {
            write!(f, "(global (mut {}))", self.content)
        } else {
            write!(f, "(global {})", self.content)
        }
    }
}

/// The type of a tag: what its exceptions carry. Cheap to clone.
///
/// ```
/// use wasm_aot_loader::{TagType, ValType};
///
/// let ty = TagType::new([ValType::I32, ValType::EXNREF]);
/// assert_eq!(ty.params().len(), 2);
/// assert_eq!(ty.to_string(), "(tag (param i32 exnref))");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TagType {
    /// Without results.
    ty: FuncType,
}

impl TagType {
    /// A tag for exceptions that carry values of these types.
    pub fn new(params: impl IntoIterator<Item = ValType>) -> TagType {
        TagType {
            ty: FuncType::new(params, []),
        }
    }

    /// The type of a tag that is described by a function type.
    pub(crate) fn of(ty: FuncType) -> TagType {
        debug_assert!(ty.results().is_empty());
        TagType { ty }
    }

    /// The types of the values.
    pub fn params(&self) -> &[ValType] {
        self.ty.params()
    }
}

impl fmt::Display for TagType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(tag")?;
        if !self.params().is_empty() {
            f.write_str(" (param")?;
            for ty in self.params() {
                write!(f, " {ty}")?;
            }
            f.write_str(")")?;
        }
        f.write_str(")")
    }
}

/// The type of an import or export.
///
/// ```
/// use wasm_aot_loader::{ExternType, MemoryType};
///
/// let ty = ExternType::from(MemoryType::new(1, None));
/// assert_eq!(ty, ExternType::Memory(MemoryType::new(1, None)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag.
    Tag(TagType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => ty.fmt(f),
            ExternType::Table(ty) => ty.fmt(f),
            ExternType::Memory(ty) => ty.fmt(f),
            ExternType::Global(ty) => ty.fmt(f),
            ExternType::Tag(ty) => ty.fmt(f),
        }
    }
}

macro_rules! into_extern_type {
    ($($variant:ident $ty:ident)*) => {$(
        impl From<$ty> for ExternType {
            fn from(ty: $ty) -> ExternType {
                ExternType::$variant(ty)
            }
        }
    )*};
}

into_extern_type!(Func FuncType Table TableType Memory MemoryType Global GlobalType Tag TagType);

/// What stands before the limits of a memory or table.
fn index(is_64: bool) -> &'static str {
    if is_64 { "i64 " } else { "" }
}

struct Limits(u64, Option<u64>);

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(max) => write!(f, "{} {max}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_in_the_text_format() {
        use ValType::{F64, I32, I64, V128};
        let text = |ty: ExternType| ty.to_string();
        assert_eq!(text(FuncType::new([], []).into()), "(func)");
        assert_eq!(
            text(FuncType::new([I32, V128], [ValType::EXTERNREF]).into()),
            "(func (param i32 v128) (result externref))"
        );
        assert_eq!(
            text(FuncType::new([], [I64, F64]).into()),
            "(func (result i64 f64))"
        );
        let memory = MemoryType::new(1, Some(2));
        assert_eq!(text(memory.into()), "(memory 1 2)");
        let bytes = memory.with_page_size(1);
        assert_eq!(text(bytes.into()), "(memory 1 2 (pagesize 1))");
        assert_eq!(
            text(TableType::new(ValType::FUNCREF, 3, None).into()),
            "(table 3 funcref)"
        );
        assert_eq!(
            text(GlobalType::new(I32, true).into()),
            "(global (mut i32))"
        );
        assert_eq!(text(GlobalType::new(F64, false).into()), "(global f64)");
        assert_eq!(text(TagType::new([]).into()), "(tag)");
        assert_eq!(text(TagType::new([F64]).into()), "(tag (param f64))");
    }

    #[test]
    fn where_parameters_end_is_part_of_a_function_type() {
        let a = FuncType::new([ValType::I32], []);
        let b = FuncType::new([], [ValType::I32]);
        assert_ne!(a, b);
    }
}
