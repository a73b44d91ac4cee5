//! The poller's edge of a call on a fiber.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use corosensei::{Coroutine, CoroutineResult};
use wasm_aot_abi::TrapCode;

use super::super::enter::{Callable, Code, failure, load_values, save_values};
use super::super::host::abort;
use super::super::store::Pending;
use super::super::thread;
use super::super::values::{Slot, WasmValues};
use super::stack::Stack;
use super::{Poller, Start, run};
use crate::{ArgumentError, CallError, Func, ResourceError, Store, Val};

impl<P: WasmValues, R: WasmValues> Callable<P, R> {
    /// Calls the function on a fiber.
    pub(crate) async fn call_async(self, store: &mut Store, params: P) -> Result<R, CallError> {
        let mut slots = [Slot::ZERO; 16];
        params.save(store, &mut slots);
        // SAFETY: the slots hold parameters of the function's type, there are
        // enough for its results, and they stay where they are: this future is
        // pinned.
        let call = unsafe { Call::new(store, self.code, slots.as_mut_ptr()) };
        let status = call.await.map_err(CallError::Resource)?;
        if status != 0 {
            return Err(failure(store.raw_mut(), status));
        }
        // SAFETY: now they hold results of its type.
        Ok(unsafe { R::load(&slots, store) })
    }
}

/// Calls a function on a fiber, with values whose types are checked.
pub(crate) async fn call_dynamic_async(
    store: &mut Store,
    func: Func,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), CallError> {
    let ty = store.raw().func_type(func);
    ArgumentError::check(ty, arguments, results, store.raw()).map_err(CallError::Arguments)?;
    let code = store.raw().code(func);
    let mut slots = vec![Slot::ZERO; ty.slots()];
    save_values(store.raw(), &ty, arguments, &mut slots);
    // SAFETY: the slots hold parameters of the function's type, there are enough
    // for its results, and they stay where they are.
    let call = unsafe { Call::new(store, code, slots.as_mut_ptr()) };
    let status = call.await.map_err(CallError::Resource)?;
    if status != 0 {
        return Err(failure(store.raw_mut(), status));
    }
    // SAFETY: now they hold results of its type.
    unsafe { load_values(store.raw(), &ty, &slots, results) };
    Ok(())
}

/// A call on a fiber: its status, once it has ended. Dropping it cancels the call.
struct Call<'a> {
    store: *mut Store,
    code: Code,
    values: *mut Slot,
    /// From the first poll until the call has ended.
    fiber: Option<Coroutine<Poller, (), u32, Stack>>,
    borrow: PhantomData<&'a mut Store>,
}

// SAFETY: a `&mut Store` is `Send`. The values are plain, and used by us alone.
// On the stack of a suspended fiber there are, besides frames of compiled code
// and of this crate, whose pointers are to the same store, only what an
// asynchronous host function has put into its future, which is `Send`, and a
// reference to its closure, which is `Sync`.
unsafe impl Send for Call<'_> {}

impl<'a> Call<'a> {
    /// # Safety
    ///
    /// As for [`Code::run`], until this is dropped, or for ever if it is
    /// forgotten.
    unsafe fn new(store: &'a mut Store, code: Code, values: *mut Slot) -> Call<'a> {
        Call {
            store,
            code,
            values,
            fiber: None,
            borrow: PhantomData,
        }
    }

    /// How much stack the call may use. What a call around it in the same store
    /// has used counts, although that is on another stack.
    fn allowance(&self) -> usize {
        let here = 0u8;
        let sp = (&raw const here).addr();
        // SAFETY: we have the store borrowed; the activation is null, or that of a
        // call that runs on this thread.
        unsafe {
            let inner = (*self.store).boxed().as_ptr();
            match thread::current().active.get().as_ref() {
                Some(active) if active.store == inner => {
                    sp.saturating_sub((*inner).context().stack_limit)
                }
                _ => (*inner).max_wasm_stack(),
            }
        }
    }

    fn start(&self, allowance: usize) -> Result<Coroutine<Poller, (), u32, Stack>, ResourceError> {
        // SAFETY: we have the store borrowed.
        let inner = unsafe { &*(*self.store).boxed().as_ptr() };
        assert!(
            inner.id() == self.code.store(),
            "the function belongs to another store"
        );
        let stack = Stack::take(inner.max_wasm_stack())?;
        let start = Start {
            store: self.store,
            code: self.code,
            values: self.values,
            bounds: stack.bounds(),
            allowance,
        };
        // SAFETY: what is borrowed is borrowed until we are dropped, by when the
        // call has ended, or for ever; whoever has made us vouches for the rest.
        unsafe {
            Ok(Coroutine::with_stack_unchecked(
                stack,
                move |yielder, poller| run(start, yielder, poller),
            ))
        }
    }

    /// Goes on with the call. Its status, if it has ended.
    fn resume(&mut self, poller: Poller) -> Option<u32> {
        let fiber = self.fiber.as_mut().expect("the call is running");
        match fiber.resume(poller) {
            CoroutineResult::Yield(()) => None,
            CoroutineResult::Return(status) => {
                if let Some(fiber) = self.fiber.take() {
                    fiber.into_stack().give();
                }
                Some(status)
            }
        }
    }
}

impl Future for Call<'_> {
    type Output = Result<u32, ResourceError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.fiber.is_none() {
            let allowance = self.allowance();
            if allowance == 0 {
                return Poll::Ready(Ok(TrapCode::StackOverflow as u32));
            }
            self.fiber = Some(self.start(allowance)?);
        }
        match self.resume(ptr::from_mut(context).cast()) {
            Some(status) => Poll::Ready(Ok(status)),
            None => Poll::Pending,
        }
    }
}

/// Cancels the call: its host function's future is dropped, then its frames end
/// as if the host function had failed.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.fiber.is_none() {
            return;
        }
        if self.resume(ptr::null_mut()).is_none() {
            abort("a cancelled call waits");
        }
        // SAFETY: we have the store borrowed, and the call has ended.
        let pending = unsafe {
            let inner = (*self.store).boxed().as_ptr();
            drop((*inner).take_backtrace());
            (*inner).pending.take()
        };
        match pending {
            // The future has panicked when it was dropped.
            Some(Pending::Panic(payload)) if !std::thread::panicking() => resume_unwind(payload),
            _ => {}
        }
    }
}
