//! Values.

use std::any::Any;

use crate::raw::{Inner, Origin};
use crate::{ExnRef, Func, HeapType, RefType, Store, ValType, ValTypeError};

/// A WebAssembly value. Floats are kept as their bits, so that NaNs survive.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{Val, ValType};
///
/// let values: [Val; 4] = [1.into(), 2u64.into(), 0.5f32.into(), (1u128 << 100).into()];
/// assert_eq!(values[0], Val::I32(1));
/// assert_eq!(values[1].ty(), ValType::I64);
/// assert_eq!(values[2], Val::F32(0.5f32.to_bits()));
/// assert_eq!(Val::default_for(ValType::FUNCREF), Val::FuncRef(None));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Val {
    /// 32-bit integer.
    I32(i32),
    /// 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// A vector; its lowest lane is in the lowest bits.
    V128(u128),
    /// A function, or null.
    FuncRef(Option<Func>),
    /// An object of the host, or null.
    ExternRef(Option<ExternRef>),
    /// A reference to an exception, or null.
    ExnRef(Option<ExnRef>),
    /// Null of a type below `any`.
    AnyRef(Option<AnyRef>),
}

/// Something garbage-collected. In this version there is no such thing, so
/// references to it are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnyRef {}

impl Val {
    /// The value's type; of a reference the most general one that it can have:
    /// `funcref`, `externref`, `exnref` or `anyref`.
    pub const fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FUNCREF,
            Val::ExternRef(_) => ValType::EXTERNREF,
            Val::ExnRef(_) => ValType::EXNREF,
            Val::AnyRef(_) => ValType::Ref(RefType::new(true, HeapType::Any)),
        }
    }

    /// Zero, or null. For the type of a reference that is never null, it is no value
    /// of that type, but one that can stand in its place until there is one.
    pub const fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::Ref(ty) => match ty.heap().top() {
                HeapType::Func => Val::FuncRef(None),
                HeapType::Extern => Val::ExternRef(None),
                HeapType::Exn => Val::ExnRef(None),
                _ => Val::AnyRef(None),
            },
        }
    }

    /// Whether it is of type `ty`. What a function of `store` is depends on its type.
    ///
    /// ```
    /// use wasm_aot_loader::{Func, FuncType, HeapType, RefType, Store, Val, ValType};
    ///
    /// let mut store = Store::new();
    /// let func = Val::from(Func::wrap(&mut store, |_: i32| ()));
    /// let ty = FuncType::new([ValType::I32], []);
    /// let ty = ValType::Ref(RefType::new(false, HeapType::ConcreteFunc(ty)));
    /// assert!(func.matches(ty, &store) && func.matches(ValType::FUNCREF, &store));
    /// assert!(!Val::FuncRef(None).matches(ty, &store));
    /// ```
    ///
    /// # Panics
    ///
    /// If it is a function of another store.
    pub fn matches(self, ty: ValType, store: &Store) -> bool {
        self.check(ty, store.raw()).is_ok()
    }

    /// Fails unless it is of type `expected`.
    pub(crate) fn ensure(self, expected: ValType, store: &Store) -> Result<(), ValTypeError> {
        let checked = self.check(expected, store.raw());
        checked.map_err(|found| ValTypeError { expected, found })
    }

    /// The narrowest type of the value.
    fn exact_type(self, store: &Inner) -> ValType {
        let ty = match self {
            Val::FuncRef(None) => RefType::new(true, HeapType::NoFunc),
            Val::FuncRef(Some(func)) => {
                RefType::new(false, HeapType::ConcreteFunc(store.func_type(func)))
            }
            Val::ExternRef(None) => RefType::new(true, HeapType::NoExtern),
            Val::ExternRef(Some(_)) => RefType::new(false, HeapType::Extern),
            Val::ExnRef(None) => RefType::new(true, HeapType::NoExn),
            Val::ExnRef(Some(_)) => RefType::new(false, HeapType::Exn),
            Val::AnyRef(None) => RefType::new(true, HeapType::None),
            Val::AnyRef(Some(never)) => match never {},
            number => return number.ty(),
        };
        ty.into()
    }

    /// Whether it is of type `expected`; else the type that it has.
    ///
    /// # Panics
    ///
    /// If it is a function of another store.
    pub(crate) fn check(self, expected: ValType, store: &Inner) -> Result<(), ValType> {
        let general = self.ty();
        if general == expected {
            return Ok(());
        }
        if !expected.is_reference() || !Val::default_for(expected).ty().matches(general) {
            return Err(general);
        }
        let found = self.exact_type(store);
        match found.matches(expected) {
            true => Ok(()),
            false => Err(found),
        }
    }
}

macro_rules! into_val {
    ($($ty:ty, $value:ident => $val:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Val {
                $val
            }
        }
    )*};
}

into_val! {
    i32, value => Val::I32(value);
    u32, value => Val::I32(value as i32);
    i64, value => Val::I64(value);
    u64, value => Val::I64(value as i64);
    f32, value => Val::F32(value.to_bits());
    f64, value => Val::F64(value.to_bits());
    u128, value => Val::V128(value);
    Func, value => Val::FuncRef(Some(value));
    Option<Func>, value => Val::FuncRef(value);
    ExternRef, value => Val::ExternRef(Some(value));
    Option<ExternRef>, value => Val::ExternRef(value);
    ExnRef, value => Val::ExnRef(Some(value));
    Option<ExnRef>, value => Val::ExnRef(value);
}

/// A non-null reference to an object that the host gave to a store. Equal if
/// they refer to the same object.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{ExternRef, Imports, Instance, Store};
///
/// let module = compile(r#"(module (func (export "same") (param externref) (result externref)
///   (local.get 0)))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let same = instance.get_typed_func::<Option<ExternRef>, Option<ExternRef>>(&store, "same")?;
/// let text = ExternRef::new(&mut store, String::from("of the host"));
/// let back = same.call(&mut store, Some(text))?.unwrap();
/// assert_eq!(back, text);
/// back.get_mut::<String>(&mut store).unwrap().push('!');
/// assert_eq!(text.get::<String>(&store).unwrap(), "of the host!");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    pub(crate) origin: Origin,
}

impl ExternRef {
    /// Gives `object` to `store`, which keeps it until it is dropped itself.
    ///
    /// # Panics
    ///
    /// If the store has 2³² - 1 objects already.
    pub fn new<T: Any + Send>(store: &mut Store, object: T) -> ExternRef {
        store.raw_mut().add_object(Box::new(object))
    }

    /// The object, if it is a `T`.
    pub fn get<T: Any>(self, store: &Store) -> Option<&T> {
        store.raw().object(self).downcast_ref()
    }

    /// The object, if it is a `T`.
    pub fn get_mut<T: Any>(self, store: &mut Store) -> Option<&mut T> {
        store.raw_mut().object_mut(self).downcast_mut()
    }
}
