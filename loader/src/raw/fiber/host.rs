//! Asynchronous host functions.

use std::ffi::c_void;

use wasm_aot_abi::HostContext;

use super::super::host::{HostBinding, HostFunction, Values, caller, guard, slots};
use super::super::values::WasmValues;
use super::Fiber;
use crate::asynchronous::HostFuture;
use crate::host::HostReturn;
use crate::intern::Interner;
use crate::{BoxError, Caller, FuncType, Val};

impl HostFunction {
    /// A closure that returns a future, with types known at compile time.
    pub(crate) fn typed_async<P, R, F>(function: F) -> HostFunction
    where
        P: WasmValues,
        R: HostReturn + 'static,
        F: for<'a> Fn(Caller<'a>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        let (params, results) = (P::TYPES, <R::Values as WasmValues>::TYPES);
        let ty = Interner::lock().intern(params.iter().copied(), results.iter().copied());
        HostFunction::new(ty, call_typed::<P, R, F>, function)
    }

    /// A closure that returns a future, with a type known at run time.
    pub(crate) fn dynamic_async<F>(ty: FuncType, function: F) -> HostFunction
    where
        F: for<'a> Fn(Caller<'a>, &'a [Val], &'a mut [Val]) -> HostFuture<'a, Result<(), BoxError>>
            + Send
            + Sync
            + 'static,
    {
        let (params, results) = (ty.params(), ty.results());
        let ty = Interner::lock().intern(params.iter().copied(), results.iter().copied());
        HostFunction::new(ty, call_dynamic::<F>, function)
    }
}

/// [`HostContext::call`] for closures of a type known at compile time.
unsafe extern "C" fn call_typed<P, R, F>(ctx: *mut HostContext, values: *mut c_void) -> u32
where
    P: WasmValues,
    R: HostReturn,
    F: for<'a> Fn(Caller<'a>, P) -> HostFuture<'a, R>,
{
    let len = P::TYPES.len().max(<R::Values as WasmValues>::TYPES.len());
    // SAFETY: the context is that of a binding whose closure belongs to this
    // function, and the array has a slot for each parameter and each result, and
    // holds the parameters.
    unsafe {
        let binding = &*ctx.cast::<HostBinding>();
        let closure = binding.closure::<F>();
        guard(binding, |handle| {
            let fiber = Fiber::current()?;
            let slots = slots(values, len);
            let params = P::load(slots, &*handle);
            let future = begin(|| closure(caller(binding, handle), params));
            let results = fiber.wait(handle, future)?.into_result()?;
            results.save(&*handle, slots);
            Ok(())
        })
    }
}

/// [`HostContext::call`] for closures of a type known at run time.
unsafe extern "C" fn call_dynamic<F>(ctx: *mut HostContext, values: *mut c_void) -> u32
where
    F: for<'a> Fn(Caller<'a>, &'a [Val], &'a mut [Val]) -> HostFuture<'a, Result<(), BoxError>>,
{
    // SAFETY: as for `call_typed`.
    unsafe {
        let binding = &*ctx.cast::<HostBinding>();
        let closure = binding.closure::<F>();
        let ty = binding.function().ty();
        guard(binding, |handle| {
            let fiber = Fiber::current()?;
            let slots = slots(values, ty.slots());
            let (mut params, mut results) = (Values::default(), Values::default());
            let params = params.load(ty.params(), slots, (*handle).raw());
            let results = results.of_types(ty.results());
            let future = begin(|| closure(caller(binding, handle), params, results));
            fiber.wait(handle, future)??;
            Values::save(results, ty.results(), slots, (*handle).raw());
            Ok(())
        })
    }
}

/// Calls the embedder's closure, which may touch thread-locals, in a function that
/// does not wait; see [the module](super).
#[inline(never)]
fn begin<T>(closure: impl FnOnce() -> T) -> T {
    closure()
}
