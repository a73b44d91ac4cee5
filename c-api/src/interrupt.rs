//! Stopping a store's code.

use wasm_aot_loader::InterruptHandle;

use crate::store::StoreHandle;

/// `wasm_aot_interrupt_t`.
pub(crate) struct Interrupt(InterruptHandle);

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_interrupt_new(store: &StoreHandle) -> Box<Interrupt> {
    let handle = store.inner.with(|store| store.interrupt_handle());
    Box::new(Interrupt(handle))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_interrupt_delete(_: Option<Box<Interrupt>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_interrupt(interrupt: &Interrupt) {
    interrupt.0.interrupt();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_interrupt_take_back(interrupt: &Interrupt) {
    interrupt.0.take_back();
}
