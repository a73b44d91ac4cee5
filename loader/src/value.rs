//! Values.

use std::any::Any;

use crate::raw::Origin;
use crate::{ExnRef, Func, Store, ValType};

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
/// assert_eq!(Val::default_for(ValType::FuncRef), Val::FuncRef(None));
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
    /// A reference to an exception.
    ExnRef(Option<ExnRef>),
}

impl Val {
    /// The value's type.
    pub const fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::FuncRef,
            Val::ExternRef(_) => ValType::ExternRef,
            Val::ExnRef(_) => ValType::ExnRef,
        }
    }

    /// Zero, or null.
    pub const fn default_for(ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(0),
            ValType::FuncRef => Val::FuncRef(None),
            ValType::ExternRef => Val::ExternRef(None),
            ValType::ExnRef => Val::ExnRef(None),
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
