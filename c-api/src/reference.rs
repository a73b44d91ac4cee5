//! Handles: `wasm_ref_t`, and what can be seen as one.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use wasm_aot_loader::{Extern, Func, Global, Instance, Memory, Module, Table};

use crate::raw::{Finalizer, HostInfo};
use crate::store::Inner;
use crate::trap::TrapData;

/// `wasm_ref_t`, and as what its object is: `wasm_func_t`, `wasm_global_t`,
/// `wasm_table_t`, `wasm_memory_t`, `wasm_extern_t`, `wasm_instance_t`,
/// `wasm_module_t`, `wasm_trap_t` or `wasm_foreign_t`.
#[derive(Clone)]
pub(crate) struct Ref {
    pub(crate) store: Arc<Inner>,
    pub(crate) object: Object,
}

/// What a handle names.
#[derive(Clone)]
pub(crate) enum Object {
    Extern(Extern),
    Instance(Instance),
    Module(Arc<ModuleData>),
    Trap(Arc<TrapData>),
    Foreign(Arc<Info>),
}

/// A module, as it is in one store.
pub(crate) struct ModuleData {
    pub(crate) module: Module,
    info: Info,
}

/// Host info of an object that dies with its last handle.
#[derive(Default)]
pub(crate) struct Info(Mutex<Option<HostInfo>>);

impl Info {
    fn get(&self) -> *mut c_void {
        let info = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        info.as_ref().map_or(std::ptr::null_mut(), HostInfo::get)
    }

    fn set(&self, info: HostInfo) {
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(info);
        // Its finalizer may come back here.
        drop(before);
    }
}

/// Tells the objects of a store apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Extern(Extern),
    Instance(Instance),
    /// An object that is shared by its handles: its address.
    Shared(usize),
}

impl Object {
    pub(crate) fn key(&self) -> Key {
        match self {
            Object::Extern(item) => Key::Extern(*item),
            Object::Instance(instance) => Key::Instance(*instance),
            Object::Module(module) => Key::Shared(Arc::as_ptr(module).addr()),
            Object::Trap(trap) => Key::Shared(Arc::as_ptr(trap).addr()),
            Object::Foreign(foreign) => Key::Shared(Arc::as_ptr(foreign).addr()),
        }
    }

    /// Where its host info is, unless the store keeps it.
    fn info(&self) -> Option<&Info> {
        match self {
            Object::Extern(_) | Object::Instance(_) => None,
            Object::Module(module) => Some(&module.info),
            Object::Trap(trap) => Some(&trap.info),
            Object::Foreign(info) => Some(info),
        }
    }
}

/// What the type of a handle in C says of its object.
macro_rules! object {
    ($($name:ident: $ty:ty, $pattern:pat => $value:expr, $c:literal;)*) => {$(
        #[doc = concat!("The object of a `", $c, "`.")]
        pub(crate) fn $name(&self) -> $ty {
            match &self.object {
                $pattern => $value,
                _ => unreachable!(concat!("it is a ", $c)),
            }
        }
    )*};
}

impl Ref {
    pub(crate) fn new(store: &Arc<Inner>, object: Object) -> Box<Ref> {
        Box::new(Ref {
            store: store.clone(),
            object,
        })
    }

    pub(crate) fn of_extern(store: &Arc<Inner>, item: impl Into<Extern>) -> Box<Ref> {
        Ref::new(store, Object::Extern(item.into()))
    }

    pub(crate) fn of_module(store: &Arc<Inner>, module: Module) -> Box<Ref> {
        let info = Info::default();
        Ref::new(store, Object::Module(Arc::new(ModuleData { module, info })))
    }

    object! {
        func: Func, Object::Extern(Extern::Func(func)) => *func, "wasm_func_t";
        global: Global, Object::Extern(Extern::Global(global)) => *global, "wasm_global_t";
        table: Table, Object::Extern(Extern::Table(table)) => *table, "wasm_table_t";
        memory: Memory, Object::Extern(Extern::Memory(memory)) => *memory, "wasm_memory_t";
        item: Extern, Object::Extern(item) => *item, "wasm_extern_t";
        instance: Instance, Object::Instance(instance) => *instance, "wasm_instance_t";
        module: &Module, Object::Module(data) => &data.module, "wasm_module_t";
        trap: &Arc<TrapData>, Object::Trap(trap) => trap, "wasm_trap_t";
    }

    /// Whether the object is of this store. Modules are of any.
    pub(crate) fn is_of(&self, store: &Arc<Inner>) -> bool {
        Arc::ptr_eq(&self.store, store)
    }

    fn same(&self, other: &Ref) -> bool {
        self.is_of(&other.store) && self.object.key() == other.object.key()
    }

    fn host_info(&self) -> *mut c_void {
        match self.object.info() {
            Some(info) => info.get(),
            None => self.store.host_info(self.object.key()),
        }
    }

    fn set_host_info(&self, info: HostInfo) {
        match self.object.info() {
            Some(place) => place.set(info),
            None => self.store.set_host_info(self.object.key(), info),
        }
    }
}

/// What all types of handles have.
macro_rules! handles {
    ($(
        $delete:ident $copy:ident $same:ident $get:ident $set:ident $set_finalizer:ident;
    )*) => {$(
        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $delete(_: Option<Box<Ref>>) {}

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $copy(handle: Option<&Ref>) -> Option<Box<Ref>> {
            handle.cloned().map(Box::new)
        }

        /// See `wasm.h`. Null references are the same.
        #[unsafe(no_mangle)]
        extern "C" fn $same(a: Option<&Ref>, b: Option<&Ref>) -> bool {
            match (a, b) {
                (Some(a), Some(b)) => a.same(b),
                (a, b) => a.is_none() && b.is_none(),
            }
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $get(handle: &Ref) -> *mut c_void {
            handle.host_info()
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $set(handle: &Ref, info: *mut c_void) {
            handle.set_host_info(HostInfo::new(info, None));
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $set_finalizer(
            handle: &Ref,
            info: *mut c_void,
            finalizer: Option<Finalizer>,
        ) {
            handle.set_host_info(HostInfo::new(info, finalizer));
        }
    )*};
}

handles! {
    wasm_ref_delete wasm_ref_copy wasm_ref_same
        wasm_ref_get_host_info wasm_ref_set_host_info wasm_ref_set_host_info_with_finalizer;
    wasm_func_delete wasm_func_copy wasm_func_same
        wasm_func_get_host_info wasm_func_set_host_info wasm_func_set_host_info_with_finalizer;
    wasm_global_delete wasm_global_copy wasm_global_same wasm_global_get_host_info
        wasm_global_set_host_info wasm_global_set_host_info_with_finalizer;
    wasm_table_delete wasm_table_copy wasm_table_same wasm_table_get_host_info
        wasm_table_set_host_info wasm_table_set_host_info_with_finalizer;
    wasm_memory_delete wasm_memory_copy wasm_memory_same wasm_memory_get_host_info
        wasm_memory_set_host_info wasm_memory_set_host_info_with_finalizer;
    wasm_extern_delete wasm_extern_copy wasm_extern_same wasm_extern_get_host_info
        wasm_extern_set_host_info wasm_extern_set_host_info_with_finalizer;
    wasm_instance_delete wasm_instance_copy wasm_instance_same wasm_instance_get_host_info
        wasm_instance_set_host_info wasm_instance_set_host_info_with_finalizer;
    wasm_module_delete wasm_module_copy wasm_module_same wasm_module_get_host_info
        wasm_module_set_host_info wasm_module_set_host_info_with_finalizer;
    wasm_trap_delete wasm_trap_copy wasm_trap_same wasm_trap_get_host_info
        wasm_trap_set_host_info wasm_trap_set_host_info_with_finalizer;
    wasm_foreign_delete wasm_foreign_copy wasm_foreign_same wasm_foreign_get_host_info
        wasm_foreign_set_host_info wasm_foreign_set_host_info_with_finalizer;
}

/// The same handle as another type: one that every handle of `$from` can be, and
/// back, if the object matches.
macro_rules! views {
    ($($object:pat => $up:ident $up_const:ident $down:ident $down_const:ident;)*) => {$(
        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $up(handle: Option<&mut Ref>) -> Option<&mut Ref> {
            handle
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $up_const(handle: Option<&Ref>) -> Option<&Ref> {
            handle
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $down(handle: Option<&mut Ref>) -> Option<&mut Ref> {
            handle.filter(|handle| matches!(handle.object, $object))
        }

        /// See `wasm.h`.
        #[unsafe(no_mangle)]
        extern "C" fn $down_const(handle: Option<&Ref>) -> Option<&Ref> {
            handle.filter(|handle| matches!(handle.object, $object))
        }
    )*};
}

views! {
    Object::Extern(Extern::Func(_)) => wasm_func_as_ref wasm_func_as_ref_const
        wasm_ref_as_func wasm_ref_as_func_const;
    Object::Extern(Extern::Global(_)) => wasm_global_as_ref wasm_global_as_ref_const
        wasm_ref_as_global wasm_ref_as_global_const;
    Object::Extern(Extern::Table(_)) => wasm_table_as_ref wasm_table_as_ref_const
        wasm_ref_as_table wasm_ref_as_table_const;
    Object::Extern(Extern::Memory(_)) => wasm_memory_as_ref wasm_memory_as_ref_const
        wasm_ref_as_memory wasm_ref_as_memory_const;
    Object::Extern(_) => wasm_extern_as_ref wasm_extern_as_ref_const
        wasm_ref_as_extern wasm_ref_as_extern_const;
    Object::Instance(_) => wasm_instance_as_ref wasm_instance_as_ref_const
        wasm_ref_as_instance wasm_ref_as_instance_const;
    Object::Module(_) => wasm_module_as_ref wasm_module_as_ref_const
        wasm_ref_as_module wasm_ref_as_module_const;
    Object::Trap(_) => wasm_trap_as_ref wasm_trap_as_ref_const
        wasm_ref_as_trap wasm_ref_as_trap_const;
    Object::Foreign(_) => wasm_foreign_as_ref wasm_foreign_as_ref_const
        wasm_ref_as_foreign wasm_ref_as_foreign_const;

    Object::Extern(Extern::Func(_)) => wasm_func_as_extern wasm_func_as_extern_const
        wasm_extern_as_func wasm_extern_as_func_const;
    Object::Extern(Extern::Global(_)) => wasm_global_as_extern wasm_global_as_extern_const
        wasm_extern_as_global wasm_extern_as_global_const;
    Object::Extern(Extern::Table(_)) => wasm_table_as_extern wasm_table_as_extern_const
        wasm_extern_as_table wasm_extern_as_table_const;
    Object::Extern(Extern::Memory(_)) => wasm_memory_as_extern wasm_memory_as_extern_const
        wasm_extern_as_memory wasm_extern_as_memory_const;
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_foreign_new(store: &crate::store::StoreHandle) -> Box<Ref> {
    Ref::new(&store.inner, Object::Foreign(Arc::default()))
}
