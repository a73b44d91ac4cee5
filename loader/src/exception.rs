//! Exceptions.

use std::error::Error;
use std::fmt;

use crate::raw::Origin;
use crate::{Backtrace, Store, Tag, Val};

/// An exception that nobody has caught, or that a host function throws: a tag, and
/// the values that its type says.
///
/// A host function that fails with one throws it: the WebAssembly code that has
/// called the function may catch it, and otherwise the call from the host fails
/// with [`CallError::Exception`](crate::CallError). So does a host function that
/// passes on the failure of a call of its own. Traps and other errors of host
/// functions are never caught by WebAssembly.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Caller, Exception, Imports, Instance, Store, Tag, TagType, ValType};
///
/// let module = compile(r#"(module
///   (import "host" "bad" (tag $bad (param i32)))
///   (import "host" "fail" (func $fail))
///   (func (export "run") (result i32)
///     (block $caught (result i32)
///       (try_table (catch $bad $caught) (call $fail))
///       (i32.const 0))))"#)?;
/// let mut store = Store::new();
/// let bad = Tag::new(&mut store, TagType::new([ValType::I32]));
/// let mut imports = Imports::new();
/// imports.define("host", "bad", bad);
/// imports.func("host", "fail", move |caller: Caller<'_>| {
///     Err::<(), _>(Exception::new(&caller, bad, [42.into()]))
/// });
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// let run = instance.get_typed_func::<(), i32>(&store, "run")?;
/// assert_eq!(run.call(&mut store, ())?, 42);
/// # Ok(()) }
/// ```
pub struct Exception {
    inner: Box<Inner>,
}

struct Inner {
    tag: Tag,
    /// For messages.
    name: String,
    values: Box<[Val]>,
    backtrace: Backtrace,
}

impl Exception {
    /// An exception that nobody has thrown yet.
    ///
    /// # Panics
    ///
    /// If the values are not of the types that the tag's type says, or belong to
    /// another store, as the tag may.
    pub fn new(store: &Store, tag: Tag, values: impl Into<Vec<Val>>) -> Exception {
        store.raw().exception(tag, values.into())
    }

    pub(crate) fn of(tag: Tag, name: String, values: Vec<Val>) -> Exception {
        Exception {
            inner: Box::new(Inner {
                tag,
                name,
                values: values.into(),
                backtrace: Backtrace::default(),
            }),
        }
    }

    /// What kind of exception it is.
    pub fn tag(&self) -> Tag {
        self.inner.tag
    }

    /// What it carries.
    pub fn values(&self) -> &[Val] {
        &self.inner.values
    }

    /// The frames that it was thrown in, youngest first. Empty if no code has.
    pub fn backtrace(&self) -> &Backtrace {
        &self.inner.backtrace
    }

    pub(crate) fn backtrace_mut(&mut self) -> &mut Backtrace {
        &mut self.inner.backtrace
    }

    /// The tag and the values, in a line: as a module calls the tag that exports or
    /// imports it.
    pub fn message(&self) -> String {
        let values: Vec<_> = self.values().iter().map(value).collect();
        format!("{}({})", self.inner.name, values.join(", "))
    }
}

fn value(value: &Val) -> String {
    match *value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(bits).to_string(),
        Val::F64(bits) => f64::from_bits(bits).to_string(),
        Val::V128(bits) => format!("{bits:#034x}"),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) => "null".to_owned(),
        reference => reference.ty().to_string(),
    }
}

impl Error for Exception {}

/// The message, then the backtrace, a frame a line.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uncaught exception {}", self.message())?;
        if self.backtrace().frames().is_empty() {
            return Ok(());
        }
        write!(f, "\n{}", self.backtrace())
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exception")
            .field("tag", &self.inner.name)
            .field("values", &self.values())
            .field("backtrace", self.backtrace())
            .finish()
    }
}

/// A non-null reference to an exception, as WebAssembly code has them. Two may be
/// references to the same one and differ.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Exception, ExnRef, Imports, Instance, Store};
///
/// let module = compile(r#"(module (tag $t (export "t") (param i32))
///   (func (export "catch") (param i32) (result exnref)
///     (block $caught (result exnref)
///       (try_table (catch_all_ref $caught) (throw $t (local.get 0)))
///       unreachable))
///   (func (export "throw") (param exnref) (throw_ref (local.get 0))))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let catch = instance.get_typed_func::<i32, Option<ExnRef>>(&store, "catch")?;
/// let caught = catch.call(&mut store, 5)?.unwrap();
/// assert_eq!(caught.exception(&store).values(), [5.into()]);
///
/// let tag = instance.get_tag(&store, "t")?;
/// let other = Exception::new(&store, tag, [6.into()]);
/// let other = ExnRef::new(&mut store, &other);
/// let throw = instance.get_typed_func::<Option<ExnRef>, ()>(&store, "throw")?;
/// let error = throw.call(&mut store, Some(other)).unwrap_err();
/// assert!(error.to_string().starts_with("uncaught exception t(6)"));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExnRef {
    pub(crate) origin: Origin,
}

impl ExnRef {
    /// Gives an exception to `store`, which keeps it until it is dropped itself.
    ///
    /// # Panics
    ///
    /// If its tag belongs to another store.
    pub fn new(store: &mut Store, exception: &Exception) -> ExnRef {
        store.raw_mut().keep_exception(exception)
    }

    /// What it refers to.
    pub fn exception(self, store: &Store) -> Exception {
        store.raw().kept_exception(self)
    }
}
