//! The host's edge of a call.

use std::cell::Cell;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::resume_unwind;

use wasm_aot_abi::{STATUS_HOST, TrapCode};

use super::host::enter_host;
use super::store::{Inner, Pending, StoreId};
use super::thread::{self, Activation};
use super::values::{Slot, WasmValues};
use crate::traced;
use crate::{
    ArgumentError, BoxError, CallError, Exception, Func, FuncType, HostError, InstantiationError,
    Store, TableError, Trap, Val, ValType,
};

type Entry =
    unsafe extern "C" fn(code: *const c_void, ctx: *mut c_void, values: *mut c_void) -> u32;

/// What it takes to call a function, looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    entry: Entry,
    code: *const c_void,
    ctx: *mut c_void,
    store: StoreId,
}

// SAFETY: the pointers are used only together with the store, which they belong
// to, and which only one thread can use.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Code {
    /// A WebAssembly function.
    ///
    /// # Safety
    ///
    /// `entry` is an entry trampoline for the type of the function that `code`
    /// and `ctx` are of, and all three stay valid as long as the store lives.
    pub(super) unsafe fn wasm(
        store: StoreId,
        entry: *const u8,
        code: *const u8,
        ctx: *mut c_void,
    ) -> Code {
        Code {
            // SAFETY: the caller says that it is one.
            entry: unsafe { std::mem::transmute::<*const u8, Entry>(entry) },
            code: code.cast(),
            ctx,
            store,
        }
    }

    /// A host function.
    ///
    /// # Safety
    ///
    /// `ctx` is its context, and stays valid as long as the store lives.
    pub(super) unsafe fn host(store: StoreId, ctx: *mut c_void) -> Code {
        Code {
            entry: enter_host,
            code: std::ptr::null(),
            ctx,
            store,
        }
    }

    #[inline]
    pub(super) fn store(&self) -> StoreId {
        self.store
    }

    /// Runs the function, in the activation that was made for it.
    ///
    /// # Safety
    ///
    /// 1. The store that it belongs to is ours to use, and its context set up.
    /// 2. `values` has a slot for each parameter and each result of the
    ///    function, and holds the parameters.
    #[inline]
    pub(super) unsafe fn run(&self, values: *mut Slot) -> u32 {
        // SAFETY: whoever has made us vouches for the pointers; the rest is the
        // caller's.
        unsafe { (self.entry)(self.code, self.ctx, values.cast()) }
    }
}

/// A function that takes `P` and returns `R`, ready to be called.
#[derive(Debug)]
pub(crate) struct Callable<P, R> {
    pub(super) code: Code,
    signature: PhantomData<fn(P) -> R>,
}

impl<P, R> Clone for Callable<P, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, R> Copy for Callable<P, R> {}

impl<P: WasmValues, R: WasmValues> Callable<P, R> {
    /// `None` if the function does not take `P` or may return something else than
    /// `R`.
    pub(crate) fn new(store: &Store, func: Func) -> Option<Callable<P, R>> {
        let ty = store.raw().func_type(func);
        let all = |from: &[ValType], to: &[ValType]| {
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| from.matches(*to))
        };
        (all(P::TYPES, ty.params()) && all(ty.results(), R::TYPES)).then(|| Callable {
            code: store.raw().code(func),
            signature: PhantomData,
        })
    }

    /// # Safety
    ///
    /// The function is of this type.
    pub(super) unsafe fn new_unchecked(code: Code) -> Callable<P, R> {
        Callable {
            code,
            signature: PhantomData,
        }
    }

    /// Calls the function.
    #[inline]
    pub(crate) fn call(&self, store: &mut Store, params: P) -> Result<R, CallError> {
        // Most signatures are small: do not clear more than they need.
        if P::TYPES.len() <= 4 && R::TYPES.len() <= 4 {
            self.call_with::<4>(store, params)
        } else {
            self.call_with::<16>(store, params)
        }
    }

    /// As [`call`](Callable::call), with an array of `N` slots, which is enough.
    #[inline]
    fn call_with<const N: usize>(&self, store: &mut Store, params: P) -> Result<R, CallError> {
        let mut slots = [Slot::ZERO; N];
        params.save(store, &mut slots);
        // SAFETY: the slots hold parameters of the function's type, and there are
        // enough for its results.
        let status = unsafe { enter(store, &self.code, slots.as_mut_ptr()) };
        if status != 0 {
            return Err(failure(store.raw_mut(), status));
        }
        // SAFETY: now they hold results of its type.
        Ok(unsafe { R::load(&slots, store) })
    }
}

/// Calls a function with values whose types are checked.
pub(crate) fn call_dynamic(
    store: &mut Store,
    func: Func,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), CallError> {
    let inner = store.raw();
    let ty = inner.func_type(func);
    ArgumentError::check(ty, arguments, results, inner).map_err(CallError::Arguments)?;
    let code = inner.code(func);
    let mut small = [Slot::ZERO; 8];
    let mut large = Vec::new();
    let slots = match small.get_mut(..ty.slots()) {
        Some(slots) => slots,
        None => {
            large.resize(ty.slots(), Slot::ZERO);
            &mut large
        }
    };
    save_values(inner, &ty, arguments, slots);
    // SAFETY: the slots hold parameters of the function's type, and there are
    // enough for its results.
    let status = unsafe { enter(store, &code, slots.as_mut_ptr()) };
    if status != 0 {
        return Err(failure(store.raw_mut(), status));
    }
    // SAFETY: now they hold results of its type.
    unsafe { load_values(store.raw(), &ty, slots, results) };
    Ok(())
}

/// Puts arguments whose types are checked into slots.
pub(super) fn save_values(store: &Inner, ty: &FuncType, arguments: &[Val], slots: &mut [Slot]) {
    for ((slot, &value), &ty) in slots.iter_mut().zip(arguments).zip(ty.params()) {
        *slot = value.to_slot(ty, store);
    }
}

/// Takes results out of slots.
///
/// # Safety
///
/// The slots hold results of a function of type `ty` of this store.
pub(super) unsafe fn load_values(
    store: &Inner,
    ty: &FuncType,
    slots: &[Slot],
    results: &mut [Val],
) {
    for ((slot, value), &ty) in slots.iter().zip(results).zip(ty.results()) {
        // SAFETY: the caller says so.
        *value = unsafe { Val::from_slot(ty, slot, store) };
    }
}

/// Calls a function with its parameters in `values`; if the status that it
/// returns is 0, they then hold its results.
///
/// # Safety
///
/// `values` has a slot for each parameter and each result of the function, and
/// holds the parameters.
#[inline]
unsafe fn enter(store: &mut Store, code: &Code, values: *mut Slot) -> u32 {
    let inner = store.boxed().as_ptr();
    let thread = thread::current();
    // SAFETY: we have borrowed the store. While compiled code runs, we touch it
    // by this pointer only, as does what the code calls. The caller vouches for
    // the values, and whoever has made `code` for the rest.
    unsafe {
        let ours = (*inner).id() == code.store();
        assert!(ours, "the function belongs to another store");
        let context = Inner::context_of(inner);
        let outer_handle = (*inner).replace_handle(store);
        let outer_limit = (*context).stack_limit;
        let activation = Activation {
            store: inner,
            previous: Cell::new(thread.active.get()),
        };
        let sp = (&raw const activation).addr();
        // A call that leads back here, on the same stack, keeps its limit.
        let outer = activation.previous.get().as_ref();
        if outer.is_none_or(|outer| outer.store != inner) {
            let size = (*inner).max_wasm_stack();
            (*context).stack_limit = thread.stack_limit(sp, size);
        }
        let status = if sp < (*context).stack_limit {
            TrapCode::StackOverflow as u32
        } else {
            thread.active.set(&activation);
            let status = code.run(values);
            thread.active.set(activation.previous.get());
            status
        };
        (*context).stack_limit = outer_limit;
        (*inner).replace_handle(outer_handle);
        status
    }
}

/// What a call has ended with.
///
/// # Panics
///
/// If a host function has.
#[cold]
pub(super) fn failure(store: &mut Inner, status: u32) -> CallError {
    let backtrace = store.take_backtrace();
    if let Ok(code) = TrapCode::try_from(status) {
        let trap = Trap::new(code, backtrace);
        traced::trap(&trap);
        return CallError::Trap(trap);
    }
    let pending = (status == STATUS_HOST)
        .then(|| store.pending.take())
        .flatten();
    let error = match pending {
        Some(Pending::Panic(payload)) => resume_unwind(payload),
        Some(Pending::Error(error)) => error,
        Some(Pending::Exception(mut exception)) => {
            if exception.backtrace().frames().is_empty() {
                *exception.backtrace_mut() = backtrace;
            }
            return CallError::Exception(exception);
        }
        None => format!("a call has ended with the unknown status {status}").into(),
    };
    match inner_failure(error) {
        Ok(CallError::Trap(mut trap)) => {
            if trap.backtrace().frames().is_empty() {
                *trap.backtrace_mut() = backtrace;
                traced::trap(&trap);
            }
            CallError::Trap(trap)
        }
        Ok(error) => error,
        Err(error) => CallError::Host(HostError::new(error, backtrace)),
    }
}

/// A host function may pass the failure of a call of its own on: then that is
/// what has happened.
fn inner_failure(error: BoxError) -> Result<CallError, BoxError> {
    let error = match error.downcast::<Trap>() {
        Ok(trap) => return Ok(CallError::Trap(*trap)),
        Err(error) => error,
    };
    let error = match error.downcast::<Exception>() {
        Ok(exception) => return Ok(CallError::Exception(*exception)),
        Err(error) => error,
    };
    let error = match error.downcast::<HostError>() {
        Ok(error) => return Ok(CallError::Host(*error)),
        Err(error) => error,
    };
    let error = match error.downcast::<CallError>() {
        Ok(error) => match *error {
            CallError::Arguments(error) => return Err(error.into()),
            error => return Ok(error),
        },
        Err(error) => error,
    };
    let error = match error.downcast::<TableError>() {
        Ok(error) => match *error {
            TableError::Trap(trap) => return Ok(CallError::Trap(trap)),
            error => return Err(error.into()),
        },
        Err(error) => error,
    };
    match *error.downcast::<InstantiationError>()? {
        InstantiationError::Trap(trap) => Ok(CallError::Trap(trap)),
        InstantiationError::Host(error) => Ok(CallError::Host(error)),
        InstantiationError::Exception(exception) => Ok(CallError::Exception(exception)),
        error => Err(error.into()),
    }
}
