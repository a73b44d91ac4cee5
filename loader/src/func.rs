//! Functions.

use crate::host::IntoHostFunc;
use crate::raw::{self, HostFunction, Origin};
use crate::typed::{TypedFunc, WasmValues};
use crate::{BoxError, CallError, Caller, FuncType, FuncTypeError, Store, Val};

/// A function of a store: WebAssembly's or the host's.
///
/// Two are equal if they are the same function, whether they come from an
/// export, a table, a global or a result. A host function that is exported
/// again is still itself; the same definition of an
/// [`Imports`](crate::Imports) is one function in a store, whoever imports it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Func, FuncType, Imports, Instance, Store, Val, ValType};
///
/// let module = compile(r#"(module (func (export "add") (param i32 i32) (result i32)
///   (i32.add (local.get 0) (local.get 1))))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
///
/// // With types that are known at compile time, or not.
/// let add = instance.get_func(&store, "add")?;
/// assert_eq!(add.typed::<(i32, i32), i32>(&store)?.call(&mut store, (2, 3))?, 5);
/// let mut results = [Val::I32(0)];
/// add.call(&mut store, &[2.into(), 3.into()], &mut results)?;
/// assert_eq!(results, [Val::I32(5)]);
///
/// // The same for functions of the host.
/// let double = Func::wrap(&mut store, |x: i64| 2 * x);
/// let ty = FuncType::new([ValType::I64], [ValType::I64]);
/// assert_eq!(double.ty(&store), ty);
/// let negate = Func::new(&mut store, ty, |_caller, params, results| {
///     let Val::I64(value) = params[0] else { unreachable!("its type says so") };
///     results[0] = Val::I64(-value);
///     Ok(())
/// });
/// assert_eq!(negate.typed::<i64, i64>(&store)?.call(&mut store, 8)?, -8);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) origin: Origin,
}

impl Func {
    /// A host function whose type is known only at run time.
    ///
    /// `function` gets one value for each parameter, and a slice with one zero
    /// or null for each result, which it overwrites (it must, if the result is a
    /// reference that is never null). If it fails, the call into
    /// WebAssembly that led to it ends with [`CallError::Host`].
    ///
    /// # Panics
    ///
    /// A call panics if a result is not of the type that `ty` says. (As every
    /// panic in a host function, this one takes away the WebAssembly frames and
    /// goes on in the host's code that called them.)
    pub fn new<F>(store: &mut Store, ty: FuncType, function: F) -> Func
    where
        F: Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        store
            .raw_mut()
            .add_host_function(HostFunction::dynamic(ty, function))
    }

    /// A host function with the type of a closure.
    ///
    /// Its parameters are [`WasmType`](crate::WasmType)s, at most 16, with an
    /// optional [`Caller`] before them. It returns nothing, a value, a tuple, or
    /// a `Result` of those whose error converts to [`BoxError`].
    pub fn wrap<P, R>(store: &mut Store, function: impl IntoHostFunc<P, R>) -> Func {
        store
            .raw_mut()
            .add_host_function(function.into_host_function())
    }

    /// The function's type.
    pub fn ty(self, store: &Store) -> FuncType {
        store.raw().func_type(self)
    }

    /// Calls it.
    ///
    /// # Errors
    ///
    /// [`CallError::Arguments`] if `arguments` or `results` are not what the
    /// function's type says, else how the call ended.
    ///
    /// # Panics
    ///
    /// If a host function panics.
    pub fn call(
        self,
        store: &mut Store,
        arguments: &[Val],
        results: &mut [Val],
    ) -> Result<(), CallError> {
        raw::call_dynamic(store, self, arguments, results)
    }

    /// A handle with the type known at compile time, which makes calls fast.
    ///
    /// # Errors
    ///
    /// If the function has another type: if it does not take every `P`, or may return
    /// something else than `R`.
    pub fn typed<P, R>(self, store: &Store) -> Result<TypedFunc<P, R>, FuncTypeError>
    where
        P: WasmValues,
        R: WasmValues,
    {
        TypedFunc::new(store, self)
    }
}
