//! Stores that C code enters by itself: it calls the typed symbols of exports,
//! and no code of ours runs before and after.
//!
//! What [`enter`](super::enter) does around every call is done here once for
//! each thread that a store is used on. A typed symbol sees by the stack pointer
//! whether that has happened, and calls [`attach`] if not. From then on the thread
//! has the store in a list, until another thread attaches it, or until store or
//! thread are gone. The fault handler looks for the store that runs in the list.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_aot_abi::{EntryRecord, HostContext, StoreContext, TrapCode, VmContext};

use super::enter::failure;
use super::host::HostFunction;
use super::store::Inner;
use super::thread::{self, Thread};
use super::trap::caller;
use crate::{CallError, Definition, FuncType, Global, Instance, Store};

/// A store whose instances are called from C: through the typed symbols that an
/// artefact has for its exports, with the [context](DirectStore::context) of an
/// instance as the first argument.
///
/// Such calls follow the rules of `&mut Store`: only one thread at a time makes
/// them, and none while somebody else uses the store, but for host functions that
/// the call itself has led to. Which thread that is may change.
pub struct DirectStore {
    store: NonNull<Store>,
}

// SAFETY: it owns a `Store`, which is.
unsafe impl Send for DirectStore {}

impl DirectStore {
    /// Takes a store, which from now on stays where it is.
    pub fn new(store: Store) -> DirectStore {
        let store = NonNull::from(Box::leak(Box::new(store)));
        // SAFETY: nobody else has it. Host functions find the store by this handle;
        // calls through `enter` put it back.
        unsafe { (*store.as_ptr()).raw_mut().replace_handle(store.as_ptr()) };
        DirectStore { store }
    }

    /// The store. It may be used while no call from C runs, and by host functions
    /// that such a call has led to.
    pub fn as_ptr(&self) -> *mut Store {
        self.store.as_ptr()
    }

    /// What the typed symbols of an instance's exports take. It stays where it is
    /// as long as the store lives.
    ///
    /// # Panics
    ///
    /// If the instance belongs to another store.
    pub fn context(&self, instance: Instance) -> *mut VmContext {
        // SAFETY: nobody else uses the store, by the rules of `DirectStore`.
        let store = unsafe { self.store.as_ref() };
        store.raw().instance(instance.origin).vmctx()
    }

    /// Where the value of a global is: as many bytes as its type has, at an address
    /// that stays as long as the store lives.
    ///
    /// # Panics
    ///
    /// If the global belongs to another store.
    pub fn global(&self, global: Global) -> *mut c_void {
        // SAFETY: nobody else uses the store, by the rules of `DirectStore`.
        let store = unsafe { self.store.as_ref() };
        store.raw().global_ptr(global)
    }

    /// What a call from C has ended with, by its status; `None` if that is 0. What
    /// is known besides, as the backtrace, is told once, and only of the last
    /// call. A panic of a host function is resumed.
    pub fn failure(&self, status: u32) -> Option<CallError> {
        // SAFETY: nobody else uses the store, by the rules of `DirectStore`.
        let store = unsafe { &mut *self.store.as_ptr() };
        (status != 0).then(|| failure(store.raw_mut(), status))
    }
}

impl Drop for DirectStore {
    fn drop(&mut self) {
        // SAFETY: it was leaked by `new`, and nobody uses it any more; no call runs.
        unsafe {
            let mut store = Box::from_raw(self.store.as_ptr());
            store.raw_mut().replace_handle(ptr::null_mut());
        }
    }
}

impl fmt::Debug for DirectStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectStore").finish_non_exhaustive()
    }
}

/// A function of C as an import, and what it is called with. Behind the
/// [`HostContext`] that [`HostContext::call`] takes, at offset 24, stands the
/// address of one of these.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CFunction {
    /// The function.
    pub function: *const c_void,
    /// What it takes first.
    pub env: *mut c_void,
}

// SAFETY: whoever hands it to `Definition::func_c` vouches for what it points to.
unsafe impl Send for CFunction {}
// SAFETY: as above.
unsafe impl Sync for CFunction {}

impl Definition {
    /// A host function in the C convention of exit trampolines: `call`, which
    /// finds `function` behind its context.
    ///
    /// # Safety
    ///
    /// `call` does what the ABI asks of [`HostContext::call`] for a function of
    /// type `ty`, on whatever thread it is called, as long as the definition, what
    /// it was given to, and the stores that it was used in live.
    pub unsafe fn func_c(
        ty: &FuncType,
        call: unsafe extern "C" fn(*mut HostContext, *mut c_void) -> u32,
        function: CFunction,
    ) -> Definition {
        Definition::host(HostFunction::c(*ty, call, function))
    }
}

/// What a thread has of this.
#[derive(Debug)]
pub(super) struct Home {
    /// The first of its slots.
    slots: AtomicPtr<Slot>,
    /// Slots without a store.
    free: Mutex<Vec<NonNull<Slot>>>,
    /// Whether the thread is looking at the stores in the slots.
    looking: AtomicBool,
}

/// A place for a store; there as long as its [`Home`] is.
#[derive(Debug)]
struct Slot {
    store: AtomicPtr<Inner>,
    next: *const Slot,
}

// SAFETY: slots are shared by their atomic pointers only.
unsafe impl Send for Home {}
// SAFETY: as above.
unsafe impl Sync for Home {}

/// That a store is attached to a thread. Ends that when dropped.
#[derive(Debug)]
pub(super) struct Attachment {
    home: Arc<Home>,
    slot: NonNull<Slot>,
}

thread_local! {
    /// What [`Thread::home`] points to.
    static HOME: RefCell<Option<OwnHome>> = const { RefCell::new(None) };
}

struct OwnHome(Arc<Home>);

impl Drop for OwnHome {
    fn drop(&mut self) {
        // The thread ends, and its stack may be given to another one, where the
        // stores that are still in the list have to be attached again.
        self.0.look(|stores| {
            for store in stores {
                let context: *mut StoreContext = store.cast();
                // SAFETY: whoever takes the store out of the list, to use or drop
                // it, waits for us.
                unsafe { (*context).stack_size = 0 };
            }
        });
        thread::current().home.set(ptr::null());
    }
}

/// The list of this thread; `None` while its values are being destroyed.
fn home() -> Option<Arc<Home>> {
    HOME.try_with(|own| {
        let mut own = own.borrow_mut();
        let own = own.get_or_insert_with(|| {
            OwnHome(Arc::new(Home {
                slots: AtomicPtr::new(ptr::null_mut()),
                free: Mutex::default(),
                looking: AtomicBool::new(false),
            }))
        });
        thread::current().home.set(Arc::as_ptr(&own.0));
        own.0.clone()
    })
    .ok()
}

impl Home {
    fn free(&self) -> MutexGuard<'_, Vec<NonNull<Slot>>> {
        // It is never left half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a store into the list of this thread.
    fn add(self: Arc<Home>, store: *mut Inner) -> Attachment {
        let free = self.free().pop();
        let slot = free.unwrap_or_else(|| {
            let slot = NonNull::from(Box::leak(Box::new(Slot {
                store: AtomicPtr::new(ptr::null_mut()),
                next: self.slots.load(Ordering::Relaxed),
            })));
            // Only the thread itself adds slots.
            self.slots.store(slot.as_ptr(), Ordering::Release);
            slot
        });
        // SAFETY: slots are there as long as the list.
        let place = unsafe { &slot.as_ref().store };
        place.store(store, Ordering::SeqCst);
        Attachment { home: self, slot }
    }

    /// Looks at the stores in the list, which stay alive meanwhile. To be called
    /// on the thread itself. Fit for a signal handler.
    fn look<R>(&self, look: impl FnOnce(Stores) -> R) -> R {
        let outer = self.looking.swap(true, Ordering::SeqCst);
        let result = look(Stores {
            next: self.slots.load(Ordering::Acquire),
        });
        self.looking.store(outer, Ordering::SeqCst);
        result
    }
}

/// The stores in a list.
struct Stores {
    next: *const Slot,
}

impl Iterator for Stores {
    type Item = *mut Inner;

    fn next(&mut self) -> Option<*mut Inner> {
        loop {
            // SAFETY: slots are there as long as the list, which is being looked at.
            let slot = unsafe { self.next.as_ref()? };
            self.next = slot.next;
            let store = slot.store.load(Ordering::SeqCst);
            if !store.is_null() {
                return Some(store);
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let mut next = self.slots.load(Ordering::Acquire);
        while !next.is_null() {
            // SAFETY: leaked by `add`, and nobody has the list any more.
            let slot = unsafe { Box::from_raw(next) };
            next = slot.next.cast_mut();
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // SAFETY: slots are there as long as the list.
        let place = unsafe { &self.slot.as_ref().store };
        place.store(ptr::null_mut(), Ordering::SeqCst);
        // The thread may be looking at it, in the fault handler.
        while self.home.looking.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        self.home.free().push(self.slot);
    }
}

/// [`Builtins::attach`](wasm_aot_abi::Builtins::attach).
pub(super) unsafe extern "C" fn attach(context: *mut StoreContext) -> u32 {
    let inner = Inner::of(context);
    let thread = thread::current();
    let sp = (&raw const thread).addr();
    // SAFETY: a typed symbol has called us, so the store is this thread's to use.
    unsafe {
        let nested = !(*context).entry.is_null();
        if nested && sp < (*context).stack_limit && thread.is_home(&(*inner).attachment) {
            // A call inside of another one has no stack of its own.
            return TrapCode::StackOverflow as u32;
        }
        let limit = thread.stack_limit(sp, (*inner).max_wasm_stack());
        if sp < limit {
            return TrapCode::StackOverflow as u32;
        }
        if !thread.is_home(&(*inner).attachment) {
            let Some(home) = home() else {
                return TrapCode::StackOverflow as u32;
            };
            // Leaves the other thread first.
            (*inner).attachment = None;
            (*inner).attachment = Some(home.add(inner));
        }
        (*context).stack_limit = limit;
        (*context).stack_size = thread.stack_top(sp) - limit;
    }
    0
}

impl Thread {
    fn is_home(&self, attachment: &Option<Attachment>) -> bool {
        let home = attachment.as_ref().map(|own| Arc::as_ptr(&own.home));
        home.is_some_and(|home| ptr::eq(home, self.home.get()))
    }
}

/// The store that code with this program counter and frame pointer runs in, if it
/// is an attached one. Fit for a signal handler: allocates nothing and takes no
/// locks.
pub(super) fn running(pc: usize, fp: usize) -> Option<*mut Inner> {
    let thread = thread::current();
    // SAFETY: it is null, or the list of this thread.
    let home = unsafe { thread.home.get().as_ref()? };
    home.look(|mut stores| {
        stores.find(|&store| {
            // SAFETY: it is alive.
            unsafe { runs(thread, store, pc, fp) }
        })
    })
}

/// Whether the innermost entry of a store is that of the frame `fp`, which is at
/// `pc`.
///
/// # Safety
///
/// The store is alive. It may be in use on another thread, however.
unsafe fn runs(thread: &Thread, store: *mut Inner, pc: usize, fp: usize) -> bool {
    // SAFETY: the field is there, and a pointer that is read at once.
    let entry: *mut EntryRecord = unsafe {
        let context: *mut StoreContext = store.cast();
        AtomicPtr::from_ptr(&raw mut (*context).entry).load(Ordering::Relaxed)
    };
    // Entered, and on this stack; so it is this thread that uses the store.
    if entry.is_null() || (thread.owns(fp) && !thread.owns(entry.addr())) {
        return false;
    }
    // SAFETY: so the record is there, the modules do not change, and as long as
    // the program counter is in compiled code, the frame pointer is one.
    unsafe {
        let modules = (*store).modules();
        let compiled = |pc: usize| {
            let mut modules = modules.iter();
            modules.any(|module| module.artefact().text_offset(pc).is_some())
        };
        let (mut pc, mut fp) = (pc, fp);
        while compiled(pc) {
            if fp == (*entry).fp.addr() {
                return true;
            }
            let frame = fp;
            let (back, outer) = caller(frame);
            (pc, fp) = (back.wrapping_sub(1), outer);
            if fp <= frame {
                return false;
            }
        }
    }
    false
}
