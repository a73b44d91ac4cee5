//! Stopping a store's code.

use std::ffi::c_void;

use wasm_aot_loader::{AtDeadline, Epoch, InterruptHandle};

use crate::raw::{AskTicks, Deadline, Finalizer, HostInfo};
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

/// `wasm_aot_epoch_t`.
pub(crate) struct CEpoch(Epoch);

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_epoch_new() -> Box<CEpoch> {
    Box::new(CEpoch(Epoch::new()))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_epoch_delete(_: Option<Box<CEpoch>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_epoch_increment(epoch: &CEpoch) {
    epoch.0.increment();
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_set_deadline(store: &StoreHandle, epoch: Option<&CEpoch>, ticks: u64) {
    store.inner.with(|store| match epoch {
        Some(epoch) => store.set_deadline(&epoch.0, ticks),
        None => store.remove_deadline(),
    });
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_store_at_deadline(
    store: &StoreHandle,
    code: AskTicks,
    env: *mut c_void,
    finalizer: Option<Finalizer>,
) {
    let deadline = Deadline::new(code, HostInfo::new(env, finalizer));
    store.inner.with(|store| {
        store.at_deadline(move |_| {
            Ok(match deadline.ticks() {
                0 => AtDeadline::Trap,
                ticks => AtDeadline::Extend(ticks),
            })
        });
    });
}
