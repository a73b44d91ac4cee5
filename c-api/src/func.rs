//! Functions.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use wasm_aot_loader::{BoxError, Caller, Func, FuncType, Val, ValType};

use crate::error;
use crate::raw::{Callback, Finalizer, HostInfo, Plain, Value, Vector, WithEnv};
use crate::reference::Ref;
use crate::store::{Inner, StoreHandle};
use crate::trap::{self, HostTrap, TrapData};
use crate::types::Type;
use crate::value::{self, Values, from_val, to_val};

/// Makes a function of the host in a store.
fn define(store: &StoreHandle, ty: FuncType, callback: Callback) -> Option<Box<Ref>> {
    let mut types = ty.params().iter().chain(ty.results());
    if types.any(|&ty| ty == ValType::V128) {
        error::set("a v128 cannot be given by this interface");
        return None;
    }
    let weak = Arc::downgrade(&store.inner);
    let func = store.inner.with(|store| {
        let types = ty;
        Func::new(store, ty, move |caller, args, results| {
            call_host(&weak, &types, &callback, caller, args, results)
        })
    });
    Some(Ref::of_extern(&store.inner, func))
}

/// Calls a function of the host.
fn call_host(
    owner: &Weak<Inner>,
    ty: &FuncType,
    callback: &Callback,
    mut caller: Caller<'_>,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), BoxError> {
    let inner = owner.upgrade().expect("who calls keeps the store alive");
    let (mut values, mut returned) = (Values::new(args.len()), Values::new(results.len()));
    let (values, returned) = (values.first(args.len()), returned.first(results.len()));
    for (value, arg) in values.iter_mut().zip(args) {
        *value = from_val(*arg, &inner, &caller);
    }
    for (value, result) in returned.iter_mut().zip(&*results) {
        *value = from_val(*result, &inner, &caller);
    }
    let trap = inner.lend(&mut caller, || callback.call(values, returned));
    if let Some(trap) = trap {
        return Err(HostTrap(trap.trap().clone()).into());
    }
    for (nth, (result, &ty)) in results.iter_mut().zip(ty.results()).enumerate() {
        *result = to_val(&returned[nth], ty, &inner, &mut caller).map_err(|problem| {
            let message = format!("result {nth} of a function of the host: {problem}");
            HostTrap(Arc::new(TrapData::new(message)))
        })?;
    }
    Ok(())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_new(store: &StoreHandle, ty: &Type, code: Plain) -> Option<Box<Ref>> {
    define(store, ty.func(), Callback::plain(code))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_new_with_env(
    store: &StoreHandle,
    ty: &Type,
    code: WithEnv,
    env: *mut c_void,
    finalizer: Option<Finalizer>,
) -> Option<Box<Ref>> {
    let env = HostInfo::new(env, finalizer);
    define(store, ty.func(), Callback::with_env(code, env))
}

fn func_type(func: &Ref) -> FuncType {
    func.store.with(|store| func.func().ty(store))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_type(func: &Ref) -> Box<Type> {
    Box::new(Type::from(wasm_aot_loader::ExternType::Func(func_type(
        func,
    ))))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_param_arity(func: &Ref) -> usize {
    func_type(func).params().len()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_result_arity(func: &Ref) -> usize {
    func_type(func).results().len()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_func_call(
    func: &Ref,
    args: Option<&Vector<Value>>,
    results: Option<&Vector<Value>>,
) -> Option<Box<Ref>> {
    // What is called may delete the handle.
    let (inner, func) = (func.store.clone(), func.func());
    call_guarded(&inner, func, args, results).err()
}

/// Calls a function; a panic becomes a trap.
pub(crate) fn call_guarded(
    inner: &Arc<Inner>,
    func: Func,
    args: Option<&Vector<Value>>,
    results: Option<&Vector<Value>>,
) -> Result<(), Box<Ref>> {
    let call = || call(inner, func, args, results);
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|payload| Err(trap::of_panic(inner, payload)))
}

fn call(
    inner: &Arc<Inner>,
    func: Func,
    args: Option<&Vector<Value>>,
    results: Option<&Vector<Value>>,
) -> Result<(), Box<Ref>> {
    inner.with(|store| {
        let args = value::values(args);
        let refuse = |problem: String| trap::message(inner, problem);
        let ty = func.ty(store);
        let (params, count) = (ty.params(), ty.results().len());
        if args.len() != params.len() {
            let (expected, found) = (params.len(), args.len());
            return Err(refuse(format!(
                "expected {expected} arguments, got {found}"
            )));
        }
        if ty.results().contains(&ValType::V128) {
            return Err(refuse("a v128 cannot be returned by this interface".into()));
        }
        let (mut vals, mut returned) = (Values::new(args.len()), Values::new(count));
        let (vals, returned) = (vals.first(args.len()), returned.first(count));
        for (nth, (arg, &ty)) in args.iter().zip(params).enumerate() {
            vals[nth] = to_val(arg, ty, inner, store)
                .map_err(|problem| refuse(format!("argument {nth}: {problem}")))?;
        }
        func.call(store, vals, returned)
            .map_err(|error| trap::of_call(inner, error))?;
        if let Some(results) = results {
            for (nth, &val) in returned.iter().enumerate() {
                results.overwrite(nth, from_val(val, inner, store));
            }
        }
        Ok(())
    })
}
