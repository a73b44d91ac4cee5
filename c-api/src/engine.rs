//! Engines, and what can be chosen about them.

use std::ffi::c_char;
use std::sync::Arc;

use wasm_aot_loader::{Config as StoreConfig, OpenOptions};

use crate::compiler::Options;
use crate::error;
use crate::raw::c_str;

/// `wasm_config_t`.
pub(crate) struct Config {
    pub(crate) store: StoreConfig,
    pub(crate) open: OpenOptions,
    pub(crate) compiler: Options,
}

/// `wasm_engine_t`.
pub(crate) struct Engine {
    pub(crate) config: Arc<Config>,
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_config_new() -> Box<Config> {
    Box::new(Config {
        store: StoreConfig::new(),
        open: OpenOptions::new(),
        compiler: Default::default(),
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

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_interruptible(config: &mut Config, yes: bool) {
    config.store = config.store.clone().interruptible(yes);
    config.compiler.set_interruptible(yes);
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_fuel(config: &mut Config, units: u64) {
    config.store = config.store.clone().fuel(units);
    config.compiler.set_fuel();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_signals(config: &mut Config, yes: bool) {
    config.store = config.store.clone().signals(yes);
    config.compiler.set_signals(yes);
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

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_cpu(config: &mut Config, name: *const c_char) -> bool {
    choose(name, |name| config.compiler.set_cpu(name))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_opt_level(config: &mut Config, level: *const c_char) -> bool {
    choose(level, |level| config.compiler.set_level(level))
}

/// Makes a choice that has a name; whether there is such a one.
fn choose(name: *const c_char, set: impl FnOnce(&str) -> Result<(), String>) -> bool {
    let name = c_str(name).and_then(|name| name.to_str().ok());
    error::keep(name.ok_or("no name".into()).and_then(set)).is_some()
}
