//! Calls with types known at compile time.

use std::fmt;

use crate::raw::Callable;
pub use crate::raw::{WasmType, WasmValues};
use crate::{CallError, Func, FuncType, FuncTypeError, Store};

/// A [`Func`] whose type is known at compile time: `P` are the parameters, `R`
/// the results, each a single [`WasmType`] or a tuple of up to 16.
///
/// A call takes a few nanoseconds: no allocation, no lock, no look-up.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Func, Imports, Instance, Store, TypedFunc};
///
/// let module = compile(r#"(module (func (export "divide") (param i32 i32) (result i32 i32)
///   (i32.div_s (local.get 0) (local.get 1)) (i32.rem_s (local.get 0) (local.get 1))))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let divide: TypedFunc<(i32, i32), (i32, i32)> = instance.get_typed_func(&store, "divide")?;
/// assert_eq!(divide.call(&mut store, (17, 5))?, (3, 2));
/// # Ok(()) }
/// ```
pub struct TypedFunc<P, R> {
    callable: Callable<P, R>,
    func: Func,
}

impl<P: WasmValues, R: WasmValues> TypedFunc<P, R> {
    pub(crate) fn new(store: &Store, func: Func) -> Result<TypedFunc<P, R>, FuncTypeError> {
        let callable = Callable::new(store, func).ok_or_else(|| FuncTypeError {
            expected: FuncType::new(P::TYPES.iter().copied(), R::TYPES.iter().copied()),
            found: func.ty(store),
        })?;
        Ok(TypedFunc { callable, func })
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// [`CallError::Trap`] or [`CallError::Host`].
    ///
    /// # Panics
    ///
    /// If `store` is not the function's, or if a host function panics.
    #[inline]
    pub fn call(&self, store: &mut Store, params: P) -> Result<R, CallError> {
        self.callable.call(store, params)
    }

    #[cfg(feature = "async")]
    pub(crate) fn callable(&self) -> Callable<P, R> {
        self.callable
    }

    /// The function itself.
    pub fn func(&self) -> Func {
        self.func
    }
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for TypedFunc<P, R> {}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}
