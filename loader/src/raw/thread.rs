//! What each thread has: the calls that are running on it, the bounds of the
//! stack that it is on, and a stack for signal handlers.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::ptr;

use super::direct::Home;
#[cfg(feature = "async")]
use super::fiber::Fiber;
use super::signal;
use super::store::Inner;

/// Stack that is left to host functions, below what WebAssembly code may use:
/// this much, or half of a stack that is smaller than twice as large.
const HOST_RESERVE: usize = 128 * 1024;

/// What is left in any case: enough for a host function that does little, above
/// what compiled code does not check.
const LEAST_RESERVE: usize = 2 * wasm_aot_abi::STACK_RESERVE as usize;

/// The least that a stack for signal handlers is given. Handlers that ours
/// passes faults on to run there too.
const SIGNAL_STACK: usize = 64 * 1024;

/// A call from the host into a store, as long as it runs.
#[derive(Debug)]
pub(super) struct Activation {
    pub(super) store: *mut Inner,
    /// The one around it.
    pub(super) previous: Cell<*const Activation>,
}

/// A stack, and the lowest address of it for WebAssembly code. All are 0 until
/// the first call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) limit: usize,
}

impl Bounds {
    const UNKNOWN: Bounds = Bounds {
        low: 0,
        high: 0,
        limit: 0,
    };

    /// When nothing is known: as for a stack that is not the thread's.
    const OF_ANOTHER: Bounds = Bounds {
        low: usize::MAX - 1,
        high: usize::MAX,
        limit: 0,
    };
}

/// What a signal handler may use: plain words, without a destructor.
#[derive(Debug)]
pub(super) struct Thread {
    /// The innermost activation, or null.
    pub(super) active: Cell<*const Activation>,
    /// Stores that C has entered on this thread, or null.
    pub(super) home: Cell<*const Home>,
    /// The stack that the thread is on: its own, or that of [`Thread::fiber`].
    bounds: Cell<Bounds>,
    /// Whether it was given a stack for signal handlers, if it needed one.
    has_signal_stack: Cell<bool>,
    /// The innermost fiber that runs, or null.
    #[cfg(feature = "async")]
    pub(super) fiber: Cell<*const Fiber>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread {
            active: Cell::new(ptr::null()),
            home: Cell::new(ptr::null()),
            bounds: Cell::new(Bounds::UNKNOWN),
            has_signal_stack: Cell::new(false),
            #[cfg(feature = "async")]
            fiber: Cell::new(ptr::null()),
        }
    };

    static SIGNAL_STACK_OF_THREAD: RefCell<Option<SignalStack>> = const { RefCell::new(None) };
}

/// The state of this thread.
#[inline]
pub(super) fn current<'a>() -> &'a Thread {
    let thread = THREAD.with(ptr::from_ref);
    // SAFETY: having no destructor, it stays until the thread ends; and being
    // neither `Send` nor `Sync`, it does not leave the thread.
    unsafe { &*thread }
}

impl Thread {
    /// The lowest stack address for code that may use `size` bytes from about
    /// `sp` on.
    #[inline]
    pub(super) fn stack_limit(&self, sp: usize, size: usize) -> usize {
        if self.bounds.get().high == 0 {
            self.prepare();
        }
        let bounds = self.bounds.get();
        let limit = sp.saturating_sub(size);
        // Elsewhere we are on a stack that we know nothing about, an embedder's
        // fiber's.
        let known = (bounds.low..bounds.high).contains(&sp);
        if known {
            limit.max(bounds.limit)
        } else {
            limit
        }
    }

    /// Says which stack the thread is on from now on, and returns what it was
    /// on.
    #[cfg(feature = "async")]
    pub(super) fn replace_bounds(&self, bounds: Bounds) -> Bounds {
        if self.bounds.get().high == 0 {
            self.prepare();
        }
        self.bounds.replace(bounds)
    }

    /// Whether an address is on the stack that the thread is on.
    pub(super) fn owns(&self, address: usize) -> bool {
        let bounds = self.bounds.get();
        (bounds.low..bounds.high).contains(&address)
    }

    /// The end of the stack that `sp` is on; of a stack that we know nothing
    /// about, one a bit further than `sp`.
    pub(super) fn stack_top(&self, sp: usize) -> usize {
        if self.owns(sp) {
            self.bounds.get().high
        } else {
            sp.saturating_add(4096)
        }
    }

    #[cold]
    fn prepare(&self) {
        if cfg!(miri) {
            // Which has neither signals nor a stack with bounds.
            self.bounds.set(Bounds::OF_ANOTHER);
            return;
        }
        let (low, high) = stack_bounds();
        let reserve = HOST_RESERVE.min((high - low) / 2).max(LEAST_RESERVE);
        self.bounds.set(Bounds {
            low,
            high,
            limit: low.saturating_add(reserve),
        });
        if signal::are_ours() {
            self.take_signal_stack();
        }
    }

    /// Gives the thread a stack for signal handlers, if it needs one.
    #[inline]
    pub(super) fn take_signal_stack(&self) {
        if !self.has_signal_stack.replace(true) {
            // While the thread's own values are being destroyed it must do without.
            let _ = SIGNAL_STACK_OF_THREAD.try_with(|stack| {
                *stack.borrow_mut() = SignalStack::install();
            });
        }
    }
}

/// The thread's stack, without its guard.
fn stack_bounds() -> (usize, usize) {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size) = (ptr::null_mut(), 0);
    // SAFETY: initialises the attributes, reads two words of them, and frees
    // them again.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            // Nothing is known: as for a stack that is not the thread's.
            return (usize::MAX - 1, usize::MAX);
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    (low.addr(), low.addr() + size)
}

/// A stack for signal handlers, taken away when the thread ends.
struct SignalStack {
    /// Our mapping: a guard page and the stack.
    start: *mut libc::c_void,
    size: usize,
    /// What the thread had before.
    previous: libc::stack_t,
}

impl SignalStack {
    /// Gives the thread one if it has none, or too small a one.
    fn install() -> Option<SignalStack> {
        let guard = super::pages::size();
        let size = guard + SIGNAL_STACK;
        let mut previous = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: the first call only reads the present state; the mapping is
        // fresh; the stack handed over lies in it and stays until the thread ends.
        unsafe {
            if libc::sigaltstack(ptr::null(), previous.as_mut_ptr()) != 0 {
                return None;
            }
            let previous = previous.assume_init();
            let absent = previous.ss_flags & libc::SS_DISABLE != 0;
            if !absent && previous.ss_size >= SIGNAL_STACK {
                return None;
            }
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
            let start = libc::mmap(ptr::null_mut(), size, protection, flags, -1, 0);
            if start == libc::MAP_FAILED {
                return None;
            }
            let stack = SignalStack {
                start,
                size,
                previous,
            };
            let ours = libc::stack_t {
                ss_sp: start.byte_add(guard),
                ss_flags: 0,
                ss_size: SIGNAL_STACK,
            };
            // Without either, signals are handled as before.
            let guarded = libc::mprotect(start, guard, libc::PROT_NONE) == 0;
            if !guarded || libc::sigaltstack(&ours, ptr::null_mut()) != 0 {
                libc::munmap(start, size);
                std::mem::forget(stack);
                return None;
            }
            Some(stack)
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let mut present = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: the mapping is ours, and unmapped only once the thread does not
        // use it as its signal stack any more.
        unsafe {
            if libc::sigaltstack(ptr::null(), present.as_mut_ptr()) == 0 {
                let present = present.assume_init().ss_sp;
                let ours = self.start.byte_add(self.size - SIGNAL_STACK);
                if present == ours && libc::sigaltstack(&self.previous, ptr::null_mut()) != 0 {
                    return;
                }
            }
            libc::munmap(self.start, self.size);
        }
    }
}
