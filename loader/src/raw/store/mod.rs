//! What a store owns, and how handles lead to it.

mod exceptions;
mod externs;
mod functions;
mod limits;

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use wasm_aot_abi::{NONE, StoreContext};

use self::exceptions::{Exceptions, TagData};
use self::externs::HostGlobal;
use self::functions::Hosts;
use super::direct::Attachment;
use super::instance::InstanceData;
use super::shared::OwnedMemory;
use super::stable::Stable;
use super::table::TableData;
use super::trap::Capture;
use crate::epoch::{Callback, Deadline};
use crate::interrupt::Interrupt;
use crate::limits::{Bounds, Limits};
use crate::{
    Backtrace, BoxError, CallError, Exception, Extern, Instance, InstantiationError, Module, Store,
};

/// Tells stores apart; never used again in a process.
pub(crate) type StoreId = NonZeroU64;

/// What a handle names: something of an instance, or of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    store: StoreId,
    /// The instance that defines it, or [`NONE`] if the host does.
    pub(super) instance: u32,
    /// Its index among what the instance defines of its kind, or among what the
    /// host defines of it in the store.
    pub(super) index: u32,
}

/// Owns an [`Inner`], whose address compiled code knows.
#[derive(Debug)]
pub(crate) struct StoreBox(NonNull<Inner>);

// SAFETY: it owns what it points to, all of which is `Send` or belongs to it.
unsafe impl Send for StoreBox {}

impl StoreBox {
    pub(crate) fn new(
        max_wasm_stack: usize,
        demands: Demands,
        fuel: u64,
        bounds: Bounds,
    ) -> StoreBox {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let inner = Inner {
            context: StoreContext {
                stack_limit: 0,
                entry: ptr::null_mut(),
                exit_fp: ptr::null(),
                stack_size: 0,
                fuel,
            },
            handle: ptr::null_mut(),
            this: ptr::null_mut(),
            id: NonZeroU64::new(id).expect("fewer than 2⁶⁴ stores"),
            max_wasm_stack,
            demands,
            attachment: None,
            pending: None,
            capture: Capture::EMPTY,
            data: Data::default(),
            limits: (bounds != Bounds::NONE).then(|| Box::new(Limits::new(bounds))),
            objects: Vec::new(),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            tags: Vec::new(),
            exceptions: Exceptions::default(),
            hosts: RefCell::default(),
            reservations: Vec::new(),
            modules: Vec::new(),
            deadline: None,
            interrupt: OnceLock::new(),
        };
        let inner = NonNull::from(Box::leak(Box::new(inner)));
        // SAFETY: nobody else knows it yet.
        unsafe { (*inner.as_ptr()).this = inner.as_ptr() };
        StoreBox(inner)
    }

    #[inline]
    pub(crate) fn get(&self) -> &Inner {
        // SAFETY: it is alive as long as we are. Compiled code, and what it calls,
        // changes it only while a call has us borrowed mutably.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut Inner {
        // SAFETY: as above, and we are borrowed mutably.
        unsafe { self.0.as_mut() }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut Inner {
        self.0.as_ptr()
    }

    #[inline]
    pub(super) fn is(&self, inner: *mut Inner) -> bool {
        ptr::eq(self.0.as_ptr(), inner)
    }
}

impl Drop for StoreBox {
    fn drop(&mut self) {
        if !self.get().handle.is_null() {
            // A host function has taken the store out of its caller, to which
            // there is no way back; `host::guard` will say so. Until then its
            // code has frames on the stack.
            return;
        }
        // SAFETY: it was leaked from a `Box` by `new`, is dropped only here, and no
        // call into it is running.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// What a store owns. Dropped in this order: code last.
#[repr(C)]
pub(crate) struct Inner {
    /// What compiled code sees; its address is ours.
    context: StoreContext,
    /// The innermost `&mut Store` that a call into the store was made with; null
    /// if none is running.
    handle: *mut Store,
    /// Our own address, as it was allocated: what compiled code is told.
    this: *mut Inner,
    id: StoreId,
    max_wasm_stack: usize,
    demands: Demands,
    /// The thread that C has entered it on last. Dropped before what the fault
    /// handler may look at.
    pub(super) attachment: Option<Attachment>,
    /// Why a host function has ended the innermost entry.
    pub(super) pending: Option<Pending>,
    /// The frames that it was ended in.
    pub(super) capture: Capture,
    /// Values of the embedder.
    pub(crate) data: Data,
    /// None if there is nothing that is limited, and nobody to ask.
    limits: Option<Box<Limits>>,
    /// What external references refer to.
    objects: Vec<Box<dyn Any + Send>>,
    instances: Vec<Stable<InstanceData>>,
    memories: Vec<OwnedMemory>,
    tables: Vec<Stable<TableData>>,
    globals: Vec<Stable<HostGlobal>>,
    /// Of instances, too.
    tags: Vec<Stable<TagData>>,
    exceptions: Exceptions,
    hosts: RefCell<Hosts>,
    /// Addresses of all memories, for the fault handler.
    reservations: Vec<Range<usize>>,
    /// Each once.
    modules: Vec<Module>,
    /// None until somebody asks for it.
    pub(super) deadline: Option<Box<Deadline>>,
    /// Made when somebody asks for it.
    interrupt: OnceLock<Arc<Interrupt>>,
}

// Larger ones are not at hand in a cache of glibc's `malloc`: making and dropping a
// store would take twice as long.
const _: () = assert!(size_of::<Inner>() <= 1032);

/// What all code in a store must be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Demands {
    pub(crate) interruptible: bool,
    pub(crate) fuel: bool,
    pub(crate) no_signals: bool,
}

/// What the store knows of the call that runs in it, as long as that waits.
#[cfg(feature = "async")]
pub(super) struct CallState {
    pub(super) context: StoreContext,
    pub(super) handle: *mut Store,
}

/// Why a host function has ended an entry.
pub(super) enum Pending {
    Error(BoxError),
    /// One that belongs to the store.
    Exception(Exception),
    Panic(Box<dyn Any + Send>),
}

impl Pending {
    /// What a host function of a store has failed with: an exception, if it is that
    /// or passes one on.
    pub(super) fn error(store: &Inner, error: BoxError) -> Pending {
        let exception = match error.downcast::<Exception>() {
            Ok(exception) => Ok(*exception),
            Err(error) => match error.downcast::<CallError>() {
                Ok(error) => match *error {
                    CallError::Exception(exception) => Ok(exception),
                    error => Err(error.into()),
                },
                Err(error) => match error.downcast::<InstantiationError>() {
                    Ok(error) => match *error {
                        InstantiationError::Exception(exception) => Ok(exception),
                        error => Err(error.into()),
                    },
                    Err(error) => Err(error),
                },
            },
        };
        match exception {
            Ok(exception) if store.owns(exception.tag().into()) => Pending::Exception(exception),
            Ok(exception) => Pending::Error(exception.into()),
            Err(error) => Pending::Error(error),
        }
    }
}

/// Values of the embedder, one of each type.
#[derive(Default)]
pub(crate) struct Data {
    values: HashMap<TypeId, Box<dyn Any + Send>>,
}

impl Data {
    pub(crate) fn insert<T: Any + Send>(&mut self, value: T) -> Option<T> {
        let previous = self.values.insert(TypeId::of::<T>(), Box::new(value))?;
        Some(*previous.downcast().expect("stored by its type"))
    }

    pub(crate) fn remove<T: Any + Send>(&mut self) -> Option<T> {
        let value = self.values.remove(&TypeId::of::<T>())?;
        Some(*value.downcast().expect("stored by its type"))
    }

    pub(crate) fn get<T: Any + Send>(&self) -> Option<&T> {
        self.values.get(&TypeId::of::<T>())?.downcast_ref()
    }

    pub(crate) fn get_mut<T: Any + Send>(&mut self) -> Option<&mut T> {
        self.values.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }
}

impl Inner {
    /// The store whose context this is.
    #[inline]
    pub(super) fn of(context: *mut StoreContext) -> *mut Inner {
        // The context is its first field.
        context.cast()
    }

    /// The context of a store: an address that stays valid while the store is borrowed.
    #[inline]
    pub(super) fn context_of(inner: *mut Inner) -> *mut StoreContext {
        // As above.
        inner.cast()
    }

    /// Our address, to be written to by others.
    pub(super) fn this(&self) -> *mut Inner {
        self.this
    }

    #[inline]
    pub(crate) fn id(&self) -> StoreId {
        self.id
    }

    #[inline]
    pub(super) fn max_wasm_stack(&self) -> usize {
        self.max_wasm_stack
    }

    #[inline]
    pub(super) fn handle(&self) -> *mut Store {
        self.handle
    }

    #[inline]
    pub(super) fn replace_handle(&mut self, handle: *mut Store) -> *mut Store {
        std::mem::replace(&mut self.handle, handle)
    }

    pub(super) fn context(&self) -> &StoreContext {
        &self.context
    }

    /// Whether the module's code can be stopped, if that is wanted.
    pub(crate) fn can_interrupt(&self, module: &Module) -> bool {
        !self.demands.interruptible || module.artefact().can_be_interrupted()
    }

    /// Whether the module's code pays for what it executes, if that is wanted.
    pub(crate) fn can_limit(&self, module: &Module) -> bool {
        !self.demands.fuel || module.artefact().pays()
    }

    /// Whether the module's code does without signals, if that is wanted.
    pub(crate) fn can_do_without_signals(&self, module: &Module) -> bool {
        self.can_have_signals() || !module.artefact().faults()
    }

    /// Whether traps may be signals.
    pub(crate) fn can_have_signals(&self) -> bool {
        !self.demands.no_signals
    }

    pub(crate) fn fuel(&self) -> u64 {
        self.context.fuel
    }

    pub(crate) fn set_fuel(&mut self, fuel: u64) {
        self.context.fuel = fuel;
    }

    /// What ends the waits of its code.
    pub(crate) fn interrupt(&self) -> &Arc<Interrupt> {
        self.interrupt.get_or_init(Arc::default)
    }

    /// Changes the deadline.
    pub(crate) fn with_deadline(&mut self, change: impl FnOnce(&mut Deadline, &Arc<Interrupt>)) {
        let interrupt = self.interrupt().clone();
        change(self.deadline.get_or_insert_default(), &interrupt);
    }

    /// Who is asked at a deadline.
    pub(crate) fn replace_at_deadline(&mut self, callback: Callback) -> Option<Callback> {
        self.deadline
            .get_or_insert_default()
            .callback
            .replace(callback)
    }

    /// Exchanges what is known of the call that runs for what is known of
    /// another.
    #[cfg(feature = "async")]
    pub(super) fn swap_call(&mut self, call: &mut CallState) {
        std::mem::swap(&mut self.context, &mut call.context);
        // That is the store's.
        std::mem::swap(&mut self.context.fuel, &mut call.context.fuel);
        std::mem::swap(&mut self.handle, &mut call.handle);
    }

    pub(super) fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Whether an address belongs to a memory, or the space behind it.
    pub(super) fn reserves(&self, address: usize) -> bool {
        self.reservations
            .iter()
            .any(|range| range.contains(&address))
    }

    /// Whether code of the store looks at an address to see whether to go on.
    pub(super) fn looks_at(&self, address: usize) -> bool {
        let mut instances = self.instances.iter();
        instances.any(|instance| instance.looks_at(address))
    }

    pub(super) fn take_backtrace(&mut self) -> Backtrace {
        self.capture.take(&self.modules)
    }
}

/// Handles.
impl Inner {
    pub(super) fn origin(&self, instance: u32, index: usize) -> Origin {
        let index = u32::try_from(index).ok().filter(|&index| index != NONE);
        Origin {
            store: self.id,
            instance,
            index: index.expect("fewer than 2³² - 1 things of a kind in a store"),
        }
    }

    #[track_caller]
    fn check(&self, origin: Origin) {
        assert!(
            origin.store == self.id,
            "the handle belongs to another store"
        );
    }

    /// Whether something belongs to this store.
    pub(crate) fn owns(&self, item: Extern) -> bool {
        let origin = match item {
            Extern::Func(func) => func.origin,
            Extern::Table(table) => table.origin,
            Extern::Memory(memory) => memory.origin,
            Extern::Global(global) => global.origin,
            Extern::Tag(tag) => tag.origin,
        };
        origin.store == self.id
    }

    /// The instance of an index, unless that is [`NONE`].
    pub(crate) fn importer(&self, index: u32) -> Option<Instance> {
        (index != NONE).then(|| self.instance_handle(index))
    }

    pub(crate) fn only_instance_of(&self, module: &Module) -> Option<Instance> {
        let mut instances = self.instances.iter();
        let found = instances.find(|instance| instance.module().is(module))?;
        let only = instances.all(|instance| !instance.module().is(module));
        only.then(|| self.instance_handle(found.index()))
    }

    fn instance_handle(&self, index: u32) -> Instance {
        Instance {
            origin: self.origin(index, index as usize),
        }
    }

    #[track_caller]
    pub(crate) fn instance(&self, origin: Origin) -> &InstanceData {
        self.check(origin);
        &self.instances[origin.instance as usize]
    }

    #[track_caller]
    pub(super) fn instance_mut(&mut self, origin: Origin) -> &mut InstanceData {
        self.check(origin);
        &mut self.instances[origin.instance as usize]
    }

    /// Keeps a new instance, and what the fault handler has to know about it.
    pub(super) fn add_instance(&mut self, instance: Stable<InstanceData>) -> Instance {
        let handle = self.instance_handle(instance.index());
        debug_assert_eq!(instance.index() as usize, self.instances.len());
        for memory in instance.own_memories() {
            self.reservations.push(memory.addresses());
        }
        let module = instance.module().clone();
        if module.artefact().passes_exceptions() {
            self.references_are_anywhere();
        }
        self.instances.push(instance);
        if !self.modules.iter().any(|known| known.is(&module)) {
            self.modules.push(module);
            self.resolve_pending();
        }
        handle
    }

    /// The index of the next instance.
    pub(super) fn next_instance(&self) -> u32 {
        self.instance_handle(self.instances.len() as u32)
            .origin
            .index
    }

    /// Whether code of `module` can run beside what is there.
    pub(crate) fn takes(&self, module: &Module) -> bool {
        let convention = |module: &Module| {
            let metadata = module.artefact().metadata();
            metadata.descriptor().convention
        };
        let present = self.modules.first();
        present.is_none_or(|present| convention(present) == convention(module))
    }
}
