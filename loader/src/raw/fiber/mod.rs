//! Calls that wait: WebAssembly on a stack of its own.
//!
//! A call made with `call_async` runs on a *fiber*, a coroutine with its own
//! stack. An asynchronous host function polls its future there, with the context
//! of whoever polls the call. While that is pending the fiber is *suspended*:
//! control goes back to the poller, which may resume it on another thread.
//!
//! What makes that sound:
//!
//! * Only an asynchronous host function suspends, and only if the innermost call
//!   of the thread is the fiber's own. So between the poller and the suspension
//!   there are no frames but ours, compiled code's, and the future's poll, which
//!   has returned; and everything on the fiber's stack may move between threads.
//!   A synchronous call, whose host may hold anything in its frames, is never
//!   suspended.
//! * A fiber belongs to the future that started it, which has the store borrowed.
//!   Fibers nest as the polls of their futures do.
//! * Whatever a thread or store knows of the running call is exchanged when a
//!   fiber [arrives](Fiber::arrive) and [leaves](Fiber::leave). A suspended fiber
//!   that is forgotten leaves both as if it had never been.
//! * A compiler may keep the address of a thread-local in a register. So nothing
//!   that may touch one is inlined into a function that waits.

mod call;
mod host;
mod stack;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use corosensei::Yielder;

use super::enter::Code;
use super::host::abort;
use super::store::CallState;
use super::thread::{self, Activation, Bounds};
use super::values::Slot;
use crate::asynchronous::{HostFuture, SynchronousCall};
use crate::{BoxError, Store};

use wasm_aot_abi::{StoreContext, TrapCode};

pub(crate) use call::call_dynamic_async;

/// What a fiber is resumed with: the context of the poll, or null if the call is
/// cancelled.
type Poller = *mut Context<'static>;

/// A call on a stack of its own, as that stack sees it.
pub(super) struct Fiber {
    /// The call, innermost on its thread when it may be suspended.
    activation: Activation,
    /// The fiber and the stack that it runs on top of, while it runs.
    outer: Cell<(*const Fiber, Bounds)>,
    /// What the store knows of the call, while it is suspended; and while it
    /// runs, what the store knew before.
    call: Cell<CallState>,
    bounds: Bounds,
    yielder: *const Yielder<Poller, ()>,
    poller: Cell<Poller>,
}

/// What a fiber runs.
#[derive(Clone, Copy)]
struct Start {
    store: *mut Store,
    code: Code,
    values: *mut Slot,
    bounds: Bounds,
    /// How much of its stack WebAssembly code may use, in bytes.
    allowance: usize,
}

/// Runs a call on its fiber, and returns its status.
///
/// # Safety
///
/// 1. It runs on a stack with the bounds of `start`, that `yielder` leaves and
///    `poller` has entered.
/// 2. The store is borrowed by a future that drives the fiber to its end, or is
///    forgotten.
/// 3. As for [`Code::run`], for as long.
unsafe fn run(start: Start, yielder: &Yielder<Poller, ()>, poller: Poller) -> u32 {
    // SAFETY: 2.
    let inner = unsafe { (*start.store).boxed().as_ptr() };
    let sp = (&raw const inner).addr();
    let stack_limit = start.bounds.limit.max(sp.saturating_sub(start.allowance));
    // SAFETY: 2; whatever runs in the store waits for us.
    let context = unsafe { (*inner).context() };
    let fiber = Fiber {
        activation: Activation {
            store: inner,
            previous: Cell::new(ptr::null()),
        },
        outer: Cell::new((ptr::null(), start.bounds)),
        call: Cell::new(CallState {
            context: StoreContext {
                stack_limit,
                entry: context.entry,
                exit_fp: context.exit_fp,
                // C has not entered it here yet.
                stack_size: 0,
                // Not the call's.
                fuel: 0,
            },
            handle: start.store,
        }),
        bounds: start.bounds,
        yielder,
        poller: Cell::new(poller),
    };
    if sp < stack_limit {
        return TrapCode::StackOverflow as u32;
    }
    fiber.arrive();
    // SAFETY: 3; arriving has set the store up.
    let status = unsafe { start.code.run(start.values) };
    fiber.leave();
    status
}

impl Fiber {
    /// The fiber that an asynchronous host function may suspend.
    #[inline(never)]
    fn current<'a>() -> Result<&'a Fiber, SynchronousCall> {
        let thread = thread::current();
        // SAFETY: it is null, or of a fiber that is running, which ends only after
        // the host functions that it leads to.
        let fiber = unsafe { thread.fiber.get().as_ref() };
        fiber
            .filter(|fiber| ptr::eq(thread.active.get(), &fiber.activation))
            .filter(|fiber| fiber.has_one_entry())
            .ok_or(SynchronousCall)
    }

    /// Whether the fiber's own entry, or a host function that it called at once,
    /// is the innermost in the store: not one that somebody has made through a C
    /// symbol.
    fn has_one_entry(&self) -> bool {
        // SAFETY: we run, so nobody else uses the store; entries are on stacks that
        // wait for us.
        unsafe {
            let outer = (*self.call.as_ptr()).context.entry;
            let entry = (*self.activation.store).context().entry;
            entry == outer || (*entry).previous == outer
        }
    }

    /// Takes thread and store over.
    #[inline(never)]
    fn arrive(&self) {
        let thread = thread::current();
        let bounds = thread.replace_bounds(self.bounds);
        self.outer.set((thread.fiber.replace(self), bounds));
        let active = thread.active.replace(&self.activation);
        self.activation.previous.set(active);
        self.swap_call();
    }

    /// Gives thread and store back as they were.
    #[inline(never)]
    fn leave(&self) {
        self.swap_call();
        let thread = thread::current();
        thread.active.set(self.activation.previous.get());
        let (fiber, bounds) = self.outer.get();
        thread.fiber.set(fiber);
        thread.replace_bounds(bounds);
    }

    fn swap_call(&self) {
        let inner = self.activation.store;
        // SAFETY: the future that drives us has the store borrowed, and nobody
        // else has a reference to `call`.
        unsafe { (*inner).swap_call(&mut *self.call.as_ptr()) };
    }

    /// Waits until the future of a host function is ready; it was given the store
    /// behind `handle`. An error if the call is cancelled.
    #[inline(never)]
    fn wait<T>(&self, handle: *mut Store, future: HostFuture<'_, T>) -> Result<T, BoxError> {
        let mut future = Polled(Some(future));
        loop {
            // SAFETY: the poll is going on.
            let context = unsafe { &mut *self.poller.get() };
            if let Poll::Ready(value) = future.poll(context) {
                return Ok(value);
            }
            self.check_store(handle);
            if !self.suspend() {
                return Err(Cancelled.into());
            }
        }
    }

    /// Has the poller come back.
    #[inline(never)]
    fn wake(&self) {
        // SAFETY: the poll is going on.
        unsafe { (*self.poller.get()).waker().wake_by_ref() };
    }

    /// The future that drives us has borrowed the store at its place. If it could
    /// be elsewhere now, somebody else could use it at the same time.
    fn check_store(&self, handle: *mut Store) {
        // SAFETY: the handle is that of the call that we run.
        if !unsafe { (*handle).boxed().is(self.activation.store) } {
            abort("an asynchronous host function has replaced the store that it was called in");
        }
    }

    /// Goes back to the poller, until the next poll. Returns whether there is
    /// one: `false` if the call is cancelled.
    #[inline(never)]
    fn suspend(&self) -> bool {
        self.leave();
        // SAFETY: it is that of the coroutine that we run on.
        let poller = unsafe { (*self.yielder).suspend(()) };
        self.poller.set(poller);
        self.arrive();
        !poller.is_null()
    }
}

/// Lets other tasks run, if compiled code that is in the middle of a function may wait;
/// it was called with `handle`. An error if the call is cancelled.
pub(super) fn yield_now(handle: *mut Store) -> Result<(), BoxError> {
    let Ok(fiber) = Fiber::current() else {
        return Ok(());
    };
    fiber.wake();
    fiber.check_store(handle);
    match fiber.suspend() {
        true => Ok(()),
        false => Err(Cancelled.into()),
    }
}

/// A future of a host function. What the embedder has written is run in functions
/// that are not inlined.
struct Polled<'a, T>(Option<HostFuture<'a, T>>);

impl<T> Polled<'_, T> {
    #[inline(never)]
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<T> {
        let future = self.0.as_mut().expect("it is there until dropped");
        Pin::new(future).poll(context)
    }
}

impl<T> Drop for Polled<'_, T> {
    #[inline(never)]
    fn drop(&mut self) {
        self.0 = None;
    }
}

/// Ends the frames of a call whose future was dropped; nobody sees it.
#[derive(Debug, thiserror::Error)]
#[error("the call was cancelled")]
struct Cancelled;
