//! Types of functions (core, 2.3.9).

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::ValType;
use crate::intern::{Definition, Interner};

/// The type of a function: its parameters and results, and what was declared of it.
///
/// It is a handle: types are kept for the life of the process, each once. Two are
/// equal if they are the same type (core, 3.1.3): with equal parameters and results
/// they can still differ, if a module has declared them in different recursion
/// groups or as subtypes.
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
#[derive(Clone, Copy)]
pub struct FuncType(pub(crate) &'static Definition);

impl FuncType {
    /// The final type with these parameters and results, in a recursion group of
    /// its own: what a module has that declares nothing else.
    ///
    /// # Panics
    ///
    /// If the process has 2³² - 1 types already.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        // They may intern types themselves.
        let params: Vec<ValType> = params.into_iter().collect();
        let results: Vec<ValType> = results.into_iter().collect();
        Interner::lock().intern(params, results)
    }

    /// The types of the parameters.
    pub fn params(&self) -> &'static [ValType] {
        let contents = self.0.contents();
        &contents.types[..contents.params]
    }

    /// The types of the results.
    pub fn results(&self) -> &'static [ValType] {
        let contents = self.0.contents();
        &contents.types[contents.params..]
    }

    /// The type that it is declared to be a subtype of.
    pub fn supertype(&self) -> Option<FuncType> {
        self.0.contents().supertype
    }

    /// Whether other types can be declared as its subtypes; most are final.
    pub fn is_final(&self) -> bool {
        !self.0.contents().open
    }

    /// Whether functions of the type can be used as ones of type `expected`: if it
    /// is the same, or declared to be a subtype, perhaps by way of others.
    pub fn matches(self, expected: FuncType) -> bool {
        let mut supertypes = std::iter::successors(Some(self), FuncType::supertype);
        supertypes.any(|ty| ty == expected)
    }

    /// What compiled code compares: never 0.
    pub(crate) fn id(&self) -> u32 {
        self.0.id
    }

    /// How many slots the `values` array of a call takes.
    pub(crate) fn slots(&self) -> usize {
        self.params().len().max(self.results().len())
    }

    /// As part of another type. Types of functions in it are left out: they may
    /// well lead back here.
    pub(crate) fn fmt_within(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, |ty, f| match ty {
            ValType::Ref(ty) if matches!(ty.heap(), crate::HeapType::ConcreteFunc(_)) => f
                .write_str(match ty.is_nullable() {
                    true => "(ref null (func ...))",
                    false => "(ref (func ...))",
                }),
            other => fmt::Display::fmt(other, f),
        })
    }

    fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        value: impl Fn(&ValType, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        f.write_str("(func")?;
        for (keyword, types) in [("param", self.params()), ("result", self.results())] {
            if !types.is_empty() {
                write!(f, " ({keyword}")?;
                for ty in types {
                    f.write_str(" ")?;
                    value(ty, f)?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

impl PartialEq for FuncType {
    fn eq(&self, other: &FuncType) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for FuncType {}

impl Hash for FuncType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

/// `(func (param i32 i64) (result f32))`.
impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, fmt::Display::fmt)
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
