//! What a store owns, and how handles lead to it.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasm_aot_abi::{FuncRef, NONE, StoreContext};

use super::enter::Code;
use super::host::{HostBinding, HostFunction};
use super::instance::InstanceData;
use super::memory::{HOST_TUNABLES, LinearMemory};
use super::stable::Stable;
use super::table::TableData;
use super::trap::Capture;
use super::values::Slot;
use crate::{
    Backtrace, BoxError, Extern, ExternRef, Func, FuncType, Global, GlobalType, Instance, Memory,
    MemoryType, Module, ResourceError, Store, Table, TableType, Val,
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
    pub(crate) fn new(max_wasm_stack: usize) -> StoreBox {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let inner = Inner {
            context: StoreContext {
                stack_limit: 0,
                entry: ptr::null_mut(),
                exit_fp: ptr::null(),
            },
            handle: ptr::null_mut(),
            id: NonZeroU64::new(id).expect("fewer than 2⁶⁴ stores"),
            max_wasm_stack,
            pending: None,
            capture: Capture::EMPTY,
            data: Data::default(),
            objects: Vec::new(),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            hosts: RefCell::default(),
            reservations: Vec::new(),
            modules: Vec::new(),
        };
        StoreBox(NonNull::from(Box::leak(Box::new(inner))))
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
    id: StoreId,
    max_wasm_stack: usize,
    /// Why a host function has ended the innermost entry.
    pub(super) pending: Option<Pending>,
    /// The frames that it was ended in.
    pub(super) capture: Capture,
    /// Values of the embedder.
    pub(crate) data: Data,
    /// What external references refer to.
    objects: Vec<Box<dyn Any + Send>>,
    instances: Vec<Stable<InstanceData>>,
    memories: Vec<Stable<LinearMemory>>,
    tables: Vec<Stable<TableData>>,
    globals: Vec<Stable<HostGlobal>>,
    hosts: RefCell<Hosts>,
    /// Addresses of all memories, for the fault handler.
    reservations: Vec<Range<usize>>,
    /// Each once.
    modules: Vec<Module>,
}

/// Why a host function has ended an entry.
pub(super) enum Pending {
    Error(BoxError),
    Panic(Box<dyn Any + Send>),
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

/// A global of the host.
struct HostGlobal {
    value: Slot,
    ty: GlobalType,
}

/// The host functions of a store that have a handle, or are of the store alone.
#[derive(Default)]
struct Hosts {
    functions: Vec<Stable<HostEntry>>,
    /// Positions in `functions`.
    positions: HashMap<*const HostFunction, u32>,
    /// Positions in `functions` of those with a reference whose exit trampoline
    /// is missing.
    pending: Vec<u32>,
}

/// A host function that is called without an importer.
struct HostEntry {
    binding: HostBinding,
    /// Made when it is asked for. Its code is set once more if an exit
    /// trampoline turns up only later.
    func_ref: Option<FuncRef>,
}

impl Inner {
    /// The store whose context this is.
    #[inline]
    pub(super) fn of(context: *mut StoreContext) -> *mut Inner {
        // The context is its first field.
        context.cast()
    }

    #[inline]
    pub(super) fn id(&self) -> StoreId {
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

    #[inline]
    pub(super) fn context_mut(&mut self) -> &mut StoreContext {
        &mut self.context
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
        };
        origin.store == self.id
    }

    /// The instance of an index, unless that is [`NONE`].
    pub(crate) fn importer(&self, index: u32) -> Option<Instance> {
        (index != NONE).then(|| self.instance_handle(index))
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

/// Memories and tables.
impl Inner {
    pub(crate) fn add_memory(&mut self, ty: MemoryType) -> Result<Memory, ResourceError> {
        let memory = Stable::new(LinearMemory::new(ty, HOST_TUNABLES)?);
        let origin = self.origin(NONE, self.memories.len());
        self.reservations.push(memory.addresses());
        self.memories.push(memory);
        Ok(Memory { origin })
    }

    #[track_caller]
    pub(super) fn memory_ptr(&self, memory: Memory) -> NonNull<LinearMemory> {
        let origin = memory.origin;
        self.check(origin);
        let index = origin.index as usize;
        if origin.instance == NONE {
            self.memories[index].as_ptr()
        } else {
            self.instances[origin.instance as usize].own_memories()[index].as_ptr()
        }
    }

    #[track_caller]
    pub(crate) fn memory(&self, memory: Memory) -> &LinearMemory {
        // SAFETY: it is alive as long as we are, and nobody changes it while we
        // are borrowed.
        unsafe { self.memory_ptr(memory).as_ref() }
    }

    #[track_caller]
    pub(crate) fn memory_mut(&mut self, memory: Memory) -> &mut LinearMemory {
        // SAFETY: as above, and we are borrowed mutably.
        unsafe { self.memory_ptr(memory).as_mut() }
    }

    /// A memory's bytes, and a value of the embedder.
    #[track_caller]
    pub(crate) fn memory_and_data<T: Any + Send>(
        &mut self,
        memory: Memory,
    ) -> (&mut [u8], Option<&mut T>) {
        // SAFETY: as above; no memory is part of `data`.
        let bytes = unsafe { self.memory_ptr(memory).as_mut() }.bytes_mut();
        (bytes, self.data.get_mut())
    }

    /// Whether a memory has the address space behind it that a module's code
    /// relies on.
    pub(crate) fn memory_serves(&self, memory: Memory, module: &Module) -> bool {
        let metadata = module.artefact().metadata();
        self.memory(memory).serves(&metadata.descriptor().tunables)
    }

    pub(crate) fn add_table(&mut self, ty: TableType, value: Val) -> Result<Table, ResourceError> {
        let value = value.to_slot(ty.element(), self);
        let mut table = TableData::new_host(ty)?;
        // SAFETY: the value was just made, of this type.
        unsafe { table.fill(0, value, table.len()) };
        let origin = self.origin(NONE, self.tables.len());
        self.tables.push(Stable::new(table));
        Ok(Table { origin })
    }

    #[track_caller]
    pub(super) fn table_ptr(&self, table: Table) -> NonNull<TableData> {
        let origin = table.origin;
        self.check(origin);
        let index = origin.index as usize;
        if origin.instance == NONE {
            self.tables[index].as_ptr()
        } else {
            self.instances[origin.instance as usize].own_table(index)
        }
    }

    #[track_caller]
    pub(crate) fn table(&self, table: Table) -> &TableData {
        // SAFETY: it is alive as long as we are, and nobody changes it while we
        // are borrowed.
        unsafe { self.table_ptr(table).as_ref() }
    }

    #[track_caller]
    pub(crate) fn table_get(&self, table: Table, index: u64) -> Option<Val> {
        let table = self.table(table);
        let slot = table.get(index)?;
        // SAFETY: it is an element of a table of this store.
        Some(unsafe { Val::from_slot(table.element(), &slot, self) })
    }

    #[track_caller]
    pub(crate) fn table_fill(&mut self, table: Table, to: u64, value: Val, len: u64) -> bool {
        let value = value.to_slot(self.table(table).element(), self);
        // SAFETY: we are borrowed mutably; the value was just made, of this type.
        unsafe { self.table_ptr(table).as_mut().fill(to, value, len) }
    }

    #[track_caller]
    pub(crate) fn table_grow(&mut self, table: Table, delta: u64, value: Val) -> Option<u64> {
        let value = value.to_slot(self.table(table).element(), self);
        // SAFETY: as above.
        unsafe { self.table_ptr(table).as_mut().grow(delta, value) }
    }

    #[track_caller]
    pub(crate) fn table_copy(
        &mut self,
        to: Table,
        to_index: u64,
        from: Table,
        from_index: u64,
        len: u64,
    ) -> bool {
        let (to, from) = (self.table_ptr(to), self.table_ptr(from));
        // SAFETY: both are alive as long as we are, we are borrowed mutably, and
        // their types are compared first.
        unsafe {
            let same = to.as_ref().element() == from.as_ref().element();
            assert!(same, "the tables' elements are of different types");
            TableData::copy(to, to_index, from, from_index, len)
        }
    }
}

/// Globals.
impl Inner {
    pub(crate) fn add_global(&mut self, ty: GlobalType, value: Val) -> Global {
        let value = value.to_slot(ty.content(), self);
        let origin = self.origin(NONE, self.globals.len());
        self.globals.push(Stable::new(HostGlobal { value, ty }));
        Global { origin }
    }

    #[track_caller]
    pub(crate) fn global_type(&self, global: Global) -> GlobalType {
        let origin = global.origin;
        self.check(origin);
        if origin.instance == NONE {
            self.globals[origin.index as usize].ty
        } else {
            self.instances[origin.instance as usize]
                .own_global(origin.index)
                .0
        }
    }

    /// Where its value is.
    #[track_caller]
    pub(super) fn global_ptr(&self, global: Global) -> *mut c_void {
        let origin = global.origin;
        self.check(origin);
        if origin.instance == NONE {
            let global = self.globals[origin.index as usize].as_ptr().as_ptr();
            // SAFETY: it is alive; only an address is taken.
            unsafe { (&raw mut (*global).value).cast() }
        } else {
            self.instances[origin.instance as usize]
                .own_global(origin.index)
                .1
        }
    }

    #[track_caller]
    pub(crate) fn global_get(&self, global: Global) -> Val {
        let ty = self.global_type(global).content();
        // SAFETY: the pointer is to a value of this type, of this store.
        unsafe { Val::from_slot(ty, &Slot::read(ty, self.global_ptr(global)), self) }
    }

    /// Sets even an immutable global.
    #[track_caller]
    pub(crate) fn global_set(&mut self, global: Global, value: Val) {
        let ty = self.global_type(global).content();
        let value = value.to_slot(ty, self);
        // SAFETY: the pointer is to a value of this type, and we are borrowed
        // mutably.
        unsafe { value.write(ty, self.global_ptr(global)) };
    }
}

/// Functions.
impl Inner {
    pub(crate) fn add_host_function(&mut self, function: HostFunction) -> Func {
        self.host_func(&Arc::new(function))
    }

    /// The handle of a host function: the same whenever it is asked for.
    pub(super) fn host_func(&self, function: &Arc<HostFunction>) -> Func {
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.positions.get(&Arc::as_ptr(function)).copied();
        let index = known.unwrap_or_else(|| {
            let index = self.origin(NONE, hosts.functions.len()).index;
            let store = (&raw const *self).cast_mut();
            hosts.functions.push(Stable::new(HostEntry {
                binding: HostBinding::new(store, function.clone(), NONE),
                func_ref: None,
            }));
            hosts.positions.insert(Arc::as_ptr(function), index);
            index
        });
        Func {
            origin: self.origin(NONE, index as usize),
        }
    }

    /// The host function that a handle names, if it names one.
    #[track_caller]
    pub(super) fn host_function(&self, func: Func) -> Option<Arc<HostFunction>> {
        self.check(func.origin);
        let hosts = self.hosts.borrow();
        (func.origin.instance == NONE).then(|| {
            let entry = &hosts.functions[func.origin.index as usize];
            entry.binding.function().clone()
        })
    }

    #[track_caller]
    pub(crate) fn func_type(&self, func: Func) -> FuncType {
        match self.host_function(func) {
            Some(function) => function.ty().clone(),
            None => self
                .instance(func.origin)
                .own_function_type(func.origin.index),
        }
    }

    /// What it takes to call a function.
    #[track_caller]
    pub(super) fn code(&self, func: Func) -> Code {
        self.check(func.origin);
        if func.origin.instance == NONE {
            let hosts = self.hosts.borrow();
            let entry = &hosts.functions[func.origin.index as usize];
            // SAFETY: it is the context of a host function that we own.
            unsafe { Code::host(self.id, entry.binding.as_context()) }
        } else {
            self.instance(func.origin)
                .own_code(self.id, func.origin.index)
        }
    }

    /// The reference to a function.
    #[track_caller]
    fn func_ref(&self, func: Func) -> *const FuncRef {
        self.check(func.origin);
        if func.origin.instance != NONE {
            return self.instance(func.origin).own_func_ref(func.origin.index);
        }
        let mut hosts = self.hosts.borrow_mut();
        let hosts = &mut *hosts;
        let entry = &mut hosts.functions[func.origin.index as usize];
        if entry.func_ref.is_none() {
            let id = entry.binding.function().wasm_type_id();
            let exit = exit_trampoline(&self.modules, id);
            if exit.is_none() {
                hosts.pending.push(func.origin.index);
            }
            entry.func_ref = Some(entry.binding.func_ref(exit));
        }
        let entry = entry.as_ptr().as_ptr();
        // SAFETY: it is alive, and not changed by what reads it.
        unsafe { ptr::from_ref((*entry).func_ref.as_ref().expect("just made")) }
    }

    /// The function that a reference refers to.
    ///
    /// # Safety
    ///
    /// It was made in this store.
    unsafe fn func(&self, func_ref: &FuncRef) -> Func {
        if func_ref.entry.is_null() {
            // SAFETY: it refers to a host function, so its context is a binding.
            let binding = unsafe { &*func_ref.ctx.cast::<HostBinding>() };
            return self.host_func(binding.function());
        }
        // SAFETY: otherwise it is the vmctx of an instance.
        let instance = unsafe { &*InstanceData::of(func_ref.ctx.cast()) };
        instance.func_at(self, func_ref.code)
    }

    #[track_caller]
    pub(super) fn func_to_slot(&self, func: Option<Func>) -> Slot {
        func.map_or(Slot::ZERO, |func| Slot::from_pointer(self.func_ref(func)))
    }

    /// # Safety
    ///
    /// The slot holds a function reference of this store.
    pub(super) unsafe fn func_from_slot(&self, slot: &Slot) -> Option<Func> {
        // SAFETY: so it is null or valid.
        unsafe {
            slot.as_pointer::<FuncRef>()
                .as_ref()
                .map(|func_ref| self.func(func_ref))
        }
    }

    /// A handle to a function that an instance defines.
    pub(super) fn own_func(&self, instance: u32, index: u32) -> Func {
        Func {
            origin: self.origin(instance, index as usize),
        }
    }

    /// Makes host functions callable for which there was no exit trampoline,
    /// wherever they have got to.
    fn resolve_pending(&mut self) {
        let hosts = self.hosts.get_mut();
        let pending = std::mem::take(&mut hosts.pending);
        for index in pending {
            let entry = &mut hosts.functions[index as usize];
            let id = entry.binding.function().wasm_type_id();
            let Some(exit) = exit_trampoline(&self.modules, id) else {
                hosts.pending.push(index);
                continue;
            };
            let func_ref = entry.func_ref.as_mut().expect("pending has one");
            func_ref.code = exit.cast();
            let own = self.tables.iter_mut();
            let others = self.instances.iter_mut();
            let others = others.flat_map(|instance| instance.own_tables_mut());
            for table in own.chain(others) {
                table.refresh(func_ref);
            }
        }
    }
}

/// The exit trampoline for a type in any of the modules.
fn exit_trampoline(modules: &[Module], type_id: u32) -> Option<*const u8> {
    let mut modules = modules.iter();
    modules.find_map(|module| module.artefact().exit_by_id(type_id))
}

/// External references: a word is 0 for null, else one more than the index of
/// an object.
impl Inner {
    pub(crate) fn add_object(&mut self, object: Box<dyn Any + Send>) -> ExternRef {
        let origin = self.origin(NONE, self.objects.len());
        self.objects.push(object);
        ExternRef { origin }
    }

    #[track_caller]
    pub(crate) fn object(&self, object: ExternRef) -> &(dyn Any + Send) {
        self.check(object.origin);
        &*self.objects[object.origin.index as usize]
    }

    #[track_caller]
    pub(crate) fn object_mut(&mut self, object: ExternRef) -> &mut (dyn Any + Send) {
        self.check(object.origin);
        &mut *self.objects[object.origin.index as usize]
    }

    #[track_caller]
    pub(super) fn object_to_slot(&self, object: Option<ExternRef>) -> Slot {
        object.map_or(Slot::ZERO, |object| {
            self.check(object.origin);
            Slot::from_u64(u64::from(object.origin.index) + 1)
        })
    }

    pub(super) fn object_from_slot(&self, slot: &Slot) -> Option<ExternRef> {
        let index = slot.as_u64().checked_sub(1)?;
        Some(ExternRef {
            origin: self.origin(NONE, index as usize),
        })
    }
}
