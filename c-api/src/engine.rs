//! Engines, and what can be chosen about them.

use std::sync::Arc;

use wasm_aot_loader::Config as StoreConfig;

/// `wasm_config_t`.
#[derive(Clone)]
pub(crate) struct Config {
    store: StoreConfig,
}

/// `wasm_engine_t`.
pub(crate) struct Engine {
    config: Arc<Config>,
}

impl Engine {
    pub(crate) fn store_config(&self) -> &StoreConfig {
        &self.config.store
    }
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_config_new() -> Box<Config> {
    Box::new(Config {
        store: StoreConfig::new(),
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_config_delete(_: Option<Box<Config>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_max_wasm_stack(config: &mut Config, bytes: usize) {
    config.store = config.store.clone().max_wasm_stack(bytes);
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_engine_new() -> Box<Engine> {
    wasm_engine_new_with_config(wasm_config_new())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_engine_new_with_config(config: Box<Config>) -> Box<Engine> {
    Box::new(Engine {
        config: Arc::from(config),
    })
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_engine_delete(_: Option<Box<Engine>>) {}
