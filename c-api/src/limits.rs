//! How much stores may have.

use std::ffi::c_void;

use wasm_aot_loader::Config as StoreConfig;

use crate::engine::Config;
use crate::raw::{Ask, Finalizer, HostInfo, Limiter};
use crate::store::StoreHandle;

fn choose(config: &mut Config, set: impl FnOnce(StoreConfig) -> StoreConfig) {
    config.store = set(config.store.clone());
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_memory_bytes(config: &mut Config, bytes: u64) {
    choose(config, |store| store.max_memory_bytes(bytes));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_table_elements(config: &mut Config, elements: u64) {
    choose(config, |store| store.max_table_elements(elements));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_instances(config: &mut Config, count: usize) {
    choose(config, |store| store.max_instances(count));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_memories(config: &mut Config, count: usize) {
    choose(config, |store| store.max_memories(count));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_tables(config: &mut Config, count: usize) {
    choose(config, |store| store.max_tables(count));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_set_limiter(
    store: &StoreHandle,
    code: Option<Ask>,
    env: *mut c_void,
    finalizer: Option<Finalizer>,
) {
    let env = HostInfo::new(env, finalizer);
    match code {
        Some(code) => {
            let limiter = Limiter::new(code, env);
            store.inner.with(|store| {
                store.set_limiter(move |growth| limiter.allows(growth));
            });
        }
        None => store.inner.with(|store| store.remove_limiter()),
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_set_fuel(store: &StoreHandle, units: u64) {
    store.inner.with(|store| store.set_fuel(units));
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_fuel(store: &StoreHandle) -> u64 {
    store.inner.with(|store| store.fuel())
}
