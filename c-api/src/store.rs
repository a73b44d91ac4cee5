//! Stores.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasm_aot_loader::{ExternRef, Store};

use crate::engine::{Config, Engine};
use crate::raw::{HostInfo, StoreCell};
use crate::reference::{Key, Object};

/// What every handle keeps alive.
pub(crate) struct Inner {
    cell: StoreCell,
    objects: Mutex<Objects>,
    pub(crate) config: Arc<Config>,
}

/// What we know about objects of the store. Dropped after the store itself, so
/// finalizers run when it is gone.
#[derive(Default)]
struct Objects {
    host_infos: HashMap<Key, HostInfo>,
    /// Those that WebAssembly code was given.
    references: HashMap<Key, ExternRef>,
}

impl Inner {
    /// Uses the store; see [`StoreCell::with`].
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Store) -> R) -> R {
        self.cell.with(body)
    }

    /// See [`StoreCell::lend`].
    pub(crate) fn lend<R>(&self, store: &mut Store, body: impl FnOnce() -> R) -> R {
        self.cell.lend(store, body)
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        // Nothing panics while it is locked.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host info of an object that has none of its own.
    pub(crate) fn host_info(&self, key: Key) -> *mut c_void {
        let objects = self.objects();
        let info = objects.host_infos.get(&key);
        info.map_or(std::ptr::null_mut(), HostInfo::get)
    }

    pub(crate) fn set_host_info(&self, key: Key, info: HostInfo) {
        let before = self.objects().host_infos.insert(key, info);
        // Its finalizer may come back here.
        drop(before);
    }

    /// The reference to `object` for WebAssembly code: the same whenever it is
    /// asked for.
    pub(crate) fn reference(&self, store: &mut Store, object: &Object) -> ExternRef {
        let key = object.key();
        let mut objects = self.objects();
        *objects
            .references
            .entry(key)
            .or_insert_with(|| ExternRef::new(store, object.clone()))
    }
}

/// `wasm_store_t`.
pub(crate) struct StoreHandle {
    pub(crate) inner: Arc<Inner>,
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_store_new(engine: &Engine) -> Box<StoreHandle> {
    Box::new(StoreHandle {
        inner: Arc::new(Inner {
            cell: StoreCell::new(Store::with_config(&engine.config.store)),
            objects: Mutex::default(),
            config: engine.config.clone(),
        }),
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_store_delete(_: Option<Box<StoreHandle>>) {}
