//! Types of values, functions, memories, tables, globals and tags (core, 2.3).
//!
//! `Display` writes them as the WebAssembly text format does.

use std::fmt;
use std::sync::Arc;

use wasm_aot_abi as abi;

/// The type of a value.
///
/// ```
/// use wasm_aot_loader::{FuncType, ValType};
///
/// let ty = FuncType::new([ValType::I32, ValType::ExternRef], []);
/// assert_eq!(ty.params()[1], ValType::ExternRef);
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
    /// Nullable reference to a function.
    FuncRef,
    /// Nullable reference to an object of the host.
    ExternRef,
    /// Nullable reference to an exception.
    ExnRef,
}

impl ValType {
    /// Whether values of the type are references.
    pub const fn is_reference(self) -> bool {
        matches!(
            self,
            ValType::FuncRef | ValType::ExternRef | ValType::ExnRef
        )
    }

    pub(crate) const fn from_abi(ty: abi::ValType) -> Option<ValType> {
        Some(match ty {
            abi::ValType::I32 => ValType::I32,
            abi::ValType::I64 => ValType::I64,
            abi::ValType::F32 => ValType::F32,
            abi::ValType::F64 => ValType::F64,
            abi::ValType::V128 => ValType::V128,
            abi::ValType::FUNCREF => ValType::FuncRef,
            abi::ValType::EXTERNREF => ValType::ExternRef,
            abi::ValType::EXNREF => ValType::ExnRef,
            _ => return None,
        })
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
            ValType::FuncRef => "funcref",
            ValType::ExternRef => "externref",
            ValType::ExnRef => "exnref",
        })
    }
}

/// The type of a function: its parameters and results. Cheap to clone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{FuncType, ValType};
///
/// let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::I64]);
/// assert_eq!(ty.params(), [ValType::I32, ValType::F64]);
/// assert_eq!(ty.results(), [ValType::I64]);
/// assert_eq!(ty.to_string(), "(func (param i32 f64) (result i64))");
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FuncType {
    /// Parameters, then results.
    types: Arc<[ValType]>,
    params: usize,
}

impl FuncType {
    /// A function type.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len();
        types.extend(results);
        FuncType {
            types: types.into(),
            params,
        }
    }

    /// The types of the parameters.
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.params]
    }

    /// The types of the results.
    pub fn results(&self) -> &[ValType] {
        &self.types[self.params..]
    }

    /// How many slots the `values` array of a call takes.
    pub(crate) fn slots(&self) -> usize {
        self.params.max(self.types.len() - self.params)
    }
}

/// `(func (param i32 i64) (result f32))`.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (keyword, types) in [("param", self.params()), ("result", self.results())] {
            if !types.is_empty() {
                write!(f, " ({keyword}")?;
                for ty in types {
                    write!(f, " {ty}")?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The type of a linear memory with 32-bit addresses.
///
/// ```
/// let ty = wasm_aot_loader::MemoryType::new(1, Some(16));
/// assert_eq!((ty.min(), ty.max()), (1, Some(16)));
/// assert_eq!(ty.to_string(), "(memory 1 16)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    min: u64,
    max: Option<u64>,
}

impl MemoryType {
    /// A memory of at least `min` and at most `max` pages of 64 KiB.
    pub const fn new(min: u64, max: Option<u64>) -> MemoryType {
        MemoryType { min, max }
    }

    /// Pages at first.
    pub const fn min(&self) -> u64 {
        self.min
    }

    /// Pages at most; `None` leaves it to the address space (65536 pages).
    pub const fn max(&self) -> Option<u64> {
        self.max
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(memory {})", Limits(self.min, self.max))
    }
}

/// The type of a table.
///
/// ```
/// use wasm_aot_loader::{TableType, ValType};
///
/// let ty = TableType::new(ValType::FuncRef, 10, None);
/// assert_eq!(ty.element(), ValType::FuncRef);
/// assert_eq!(ty.to_string(), "(table 10 funcref)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    element: ValType,
    min: u64,
    max: Option<u64>,
}

impl TableType {
    /// A table of at least `min` and at most `max` elements.
    ///
    /// # Panics
    ///
    /// If `element` is not a reference type.
    pub const fn new(element: ValType, min: u64, max: Option<u64>) -> TableType {
        assert!(element.is_reference(), "a table holds references");
        TableType { element, min, max }
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
        write!(f, "(table {} {})", Limits(self.min, self.max), self.element)
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
/// let ty = TagType::new([ValType::I32, ValType::ExnRef]);
/// assert_eq!(ty.params().len(), 2);
/// assert_eq!(ty.to_string(), "(tag (param i32 exnref))");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
        use ValType::{ExternRef, F64, FuncRef, I32, I64, V128};
        let text = |ty: ExternType| ty.to_string();
        assert_eq!(text(FuncType::new([], []).into()), "(func)");
        assert_eq!(
            text(FuncType::new([I32, V128], [ExternRef]).into()),
            "(func (param i32 v128) (result externref))"
        );
        assert_eq!(
            text(FuncType::new([], [I64, F64]).into()),
            "(func (result i64 f64))"
        );
        assert_eq!(text(MemoryType::new(1, Some(2)).into()), "(memory 1 2)");
        assert_eq!(
            text(TableType::new(FuncRef, 3, None).into()),
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
