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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Func {
    pub(crate) origin: Origin,
}

impl Func {
    /// A host function whose type is known only at run time.
    ///
    /// `function` gets one value for each parameter, and a slice with one zero
    /// or null for each result, which it overwrites. If it fails, the call into
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
    /// If the function has another type.
    pub fn typed<P, R>(self, store: &Store) -> Result<TypedFunc<P, R>, FuncTypeError>
    where
        P: WasmValues,
        R: WasmValues,
    {
        TypedFunc::new(store, self)
    }
}
