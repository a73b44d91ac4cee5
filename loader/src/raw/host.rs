//! Host functions: from the C convention of exit trampolines to closures.

use std::ffi::c_void;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::Arc;

use wasm_aot_abi::{FuncRef, HostContext, STATUS_HOST};

use super::arch;
use super::builtins::BUILTINS;
use super::direct::CFunction;
use super::store::{Inner, Pending};
use super::values::{Slot, WasmValues};
use crate::host::HostReturn;
use crate::intern::Interner;
use crate::{BoxError, Caller, FuncType, Store, Val, ValType};

pub(super) type Call = unsafe extern "C" fn(ctx: *mut HostContext, values: *mut c_void) -> u32;

/// A closure with its type, of no store in particular.
pub struct HostFunction {
    ty: FuncType,
    /// Takes `closure` as what it is.
    call: Call,
    closure: NonNull<()>,
    drop: unsafe fn(NonNull<()>),
}

// SAFETY: the constructors take closures that are `Send`.
unsafe impl Send for HostFunction {}
// SAFETY: the constructors take closures that are `Sync`.
unsafe impl Sync for HostFunction {}

impl HostFunction {
    /// A closure with types known at compile time.
    pub(crate) fn typed<P, R, F>(function: F) -> HostFunction
    where
        P: WasmValues + 'static,
        R: HostReturn + 'static,
        F: Fn(Caller<'_>, P) -> R + Send + Sync + 'static,
    {
        let (params, results) = (P::TYPES, <R::Values as WasmValues>::TYPES);
        let ty = Interner::lock().intern(params.iter().copied(), results.iter().copied());
        HostFunction::new(ty, call_typed::<P, R, F>, function)
    }

    /// A closure with a type known at run time.
    pub(crate) fn dynamic<F>(ty: FuncType, function: F) -> HostFunction
    where
        F: Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        HostFunction::new(ty, call_dynamic::<F>, function)
    }

    /// A function of C; `call` is one for its type.
    pub(super) fn c(ty: FuncType, call: Call, function: CFunction) -> HostFunction {
        HostFunction::new(ty, call, function)
    }

    /// `call` takes an `F` as the closure.
    pub(super) fn new<F: Send + Sync + 'static>(
        ty: FuncType,
        call: Call,
        function: F,
    ) -> HostFunction {
        unsafe fn drop_closure<F>(closure: NonNull<()>) {
            // SAFETY: called once, by `drop`, with what `new` has leaked.
            drop(unsafe { Box::from_raw(closure.cast::<F>().as_ptr()) });
        }
        HostFunction {
            ty,
            call,
            closure: NonNull::from(Box::leak(Box::new(function))).cast(),
            drop: drop_closure::<F>,
        }
    }

    pub(crate) fn ty(&self) -> FuncType {
        self.ty
    }
}

impl Drop for HostFunction {
    fn drop(&mut self) {
        // SAFETY: it is the closure that belongs to `drop`, and not used again.
        unsafe { (self.drop)(self.closure) };
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostFunction").field(&self.ty).finish()
    }
}

/// What compiled code hands to a host function: which one it is, in which
/// store, and for whom. Never changed once it is there.
#[repr(C)]
pub(super) struct HostBinding {
    context: HostContext,
    closure: NonNull<()>,
    function: Arc<HostFunction>,
    /// The instance that has imported it, or [`NONE`](wasm_aot_abi::NONE).
    importer: u32,
}

// `CFunction` says so.
const _: () = assert!(std::mem::offset_of!(HostBinding, closure) == 24);

// SAFETY: what it points to belongs to the same store, or is shared and `Sync`.
unsafe impl Send for HostBinding {}

impl HostBinding {
    pub(super) fn new(
        store: *mut Inner,
        function: Arc<HostFunction>,
        importer: u32,
    ) -> HostBinding {
        HostBinding {
            context: HostContext {
                store: store.cast(),
                builtins: &BUILTINS,
                call: function.call,
            },
            closure: function.closure,
            importer,
            function,
        }
    }

    /// What stands beside its code pointer.
    pub(super) fn as_context(&self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }

    /// The closure, which is an `F`.
    ///
    /// # Safety
    ///
    /// It is one.
    #[inline]
    pub(super) unsafe fn closure<F>(&self) -> &F {
        // SAFETY: the caller says so; it lives as long as the function.
        unsafe { self.closure.cast::<F>().as_ref() }
    }

    pub(super) fn function(&self) -> &Arc<HostFunction> {
        &self.function
    }

    /// The reference to it: called through `exit`, or through what reports its
    /// absence.
    pub(super) fn func_ref(&self, exit: Option<*const u8>) -> FuncRef {
        FuncRef {
            code: exit.unwrap_or(arch::missing_exit as *const u8).cast(),
            ctx: self.as_context(),
            type_id: self.function.ty().id(),
            reserved: 0,
            entry: std::ptr::null(),
        }
    }
}

/// Stands for an entry trampoline when the host calls a host function: the same
/// without the way through compiled code.
pub(super) unsafe extern "C" fn enter_host(
    _code: *const c_void,
    ctx: *mut c_void,
    values: *mut c_void,
) -> u32 {
    let context: *mut HostContext = ctx.cast();
    // SAFETY: `ctx` belongs to a host function, and the values are its
    // parameters, as for an entry trampoline.
    unsafe { ((*context).call)(context, values) }
}

/// [`HostContext::call`] for closures of a type known at compile time.
unsafe extern "C" fn call_typed<P, R, F>(ctx: *mut HostContext, values: *mut c_void) -> u32
where
    P: WasmValues,
    R: HostReturn,
    F: Fn(Caller<'_>, P) -> R,
{
    let len = P::TYPES.len().max(<R::Values as WasmValues>::TYPES.len());
    // SAFETY: the context is that of a binding whose closure belongs to this
    // function, and the array has a slot for each parameter and each result, and
    // holds the parameters.
    unsafe {
        let binding = &*ctx.cast::<HostBinding>();
        let closure = binding.closure::<F>();
        guard(binding, |handle| {
            let slots = slots(values, len);
            let params = P::load(slots, &*handle);
            let results = closure(caller(binding, handle), params).into_result()?;
            results.save(&*handle, slots);
            Ok(())
        })
    }
}

/// [`HostContext::call`] for closures of a type known at run time.
unsafe extern "C" fn call_dynamic<F>(ctx: *mut HostContext, values: *mut c_void) -> u32
where
    F: Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), BoxError>,
{
    // SAFETY: as for `call_typed`.
    unsafe {
        let binding = &*ctx.cast::<HostBinding>();
        let closure = binding.closure::<F>();
        let ty = binding.function.ty();
        guard(binding, |handle| {
            let slots = slots(values, ty.slots());
            let (mut params, mut results) = (Values::default(), Values::default());
            let params = params.load(ty.params(), slots, (*handle).raw());
            let results = results.of_types(ty.results());
            closure(caller(binding, handle), params, results)?;
            Values::save(results, ty.results(), slots, (*handle).raw());
            Ok(())
        })
    }
}

/// Space for the parameters or results of a call: on the stack if they are few.
pub(super) struct Values {
    few: [Val; 8],
    many: Vec<Val>,
}

impl Default for Values {
    fn default() -> Values {
        Values {
            few: [Val::I32(0); 8],
            many: Vec::new(),
        }
    }
}

impl Values {
    /// Zeros and nulls of these types.
    pub(super) fn of_types(&mut self, types: &[ValType]) -> &mut [Val] {
        let values = match self.few.get_mut(..types.len()) {
            Some(values) => values,
            None => {
                self.many.resize(types.len(), Val::I32(0));
                &mut self.many
            }
        };
        for (value, &ty) in values.iter_mut().zip(types) {
            *value = Val::default_for(ty);
        }
        values
    }

    /// The parameters in `slots`.
    ///
    /// # Safety
    ///
    /// The slots hold values of these types that were made in `store`.
    pub(super) unsafe fn load(
        &mut self,
        types: &[ValType],
        slots: &[Slot],
        store: &Inner,
    ) -> &mut [Val] {
        let values = self.of_types(types);
        for ((value, &ty), slot) in values.iter_mut().zip(types).zip(slots) {
            // SAFETY: the caller says so.
            *value = unsafe { Val::from_slot(ty, slot, store) };
        }
        values
    }

    /// Puts results into `slots`.
    ///
    /// # Panics
    ///
    /// If one is not of its type, or a reference of another store.
    pub(super) fn save(values: &[Val], types: &[ValType], slots: &mut [Slot], store: &Inner) {
        for ((slot, value), &ty) in slots.iter_mut().zip(values).zip(types) {
            *slot = value.to_slot(ty, store);
        }
    }
}

/// # Safety
///
/// The array has `len` slots, which nobody else uses meanwhile.
#[inline]
pub(super) unsafe fn slots<'a>(values: *mut c_void, len: usize) -> &'a mut [Slot] {
    if len == 0 {
        return &mut [];
    }
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts_mut(values.cast(), len) }
}

/// # Safety
///
/// `handle` can be used for as long as the caller is.
#[inline]
pub(super) unsafe fn caller<'a>(binding: &HostBinding, handle: *mut Store) -> Caller<'a> {
    // SAFETY: the caller says so.
    Caller::new(unsafe { &mut *handle }, binding.importer)
}

/// Runs a host function: gives it the [`Store`] that the call was made with, and
/// keeps its error or panic for the host's edge of the call.
///
/// # Safety
///
/// Nobody else uses the store of `binding` while its code waits for us.
#[inline]
pub(super) unsafe fn guard(
    binding: &HostBinding,
    body: impl FnOnce(*mut Store) -> Result<(), BoxError>,
) -> u32 {
    let inner = Inner::of(binding.context.store);
    // SAFETY: the store is alive, and ours to use.
    let handle = unsafe { (*inner).handle() };
    if handle.is_null() {
        abort("a host function was called by compiled code that the host did not enter");
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| body(handle)));
    // SAFETY: the handle is that of a call around us, which has it borrowed.
    if !unsafe { (*handle).boxed().is(inner) } {
        abort("a host function has replaced the store that it was called in");
    }
    let pending = match outcome {
        Ok(Ok(())) => return 0,
        // SAFETY: as above.
        Ok(Err(error)) => Pending::error(unsafe { &*inner }, error),
        Err(payload) => Pending::Panic(payload),
    };
    // SAFETY: as above.
    unsafe { (*inner).pending = Some(pending) };
    STATUS_HOST
}

#[cold]
pub(super) fn abort(message: &str) -> ! {
    eprintln!("wasm-aot: {message}");
    std::process::abort()
}
