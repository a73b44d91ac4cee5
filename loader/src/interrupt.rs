//! Stopping a store's code.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::parking::{Waiter, ignore_poison};
use crate::raw::Gate;

/// What ends the waits of a store's code, and stops it where it looks whether to go on.
#[derive(Default)]
pub(crate) struct Interrupt {
    /// Not 0 if the code is to stop: then the gates are closed. Changed under the lock.
    word: AtomicU32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The store's thread, if it waits.
    waiter: Option<Arc<Waiter>>,
    /// Of the store's instances.
    gates: Vec<Arc<Gate>>,
}

/// Why code is to stop: bits of the word.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    /// A handle says so.
    Handle = 1,
    /// Its deadline is there.
    Deadline = 2,
}

/// A waiter that an interrupt knows.
pub(crate) struct Known<'a>(&'a Interrupt);

impl Interrupt {
    /// What compiled code looks at.
    pub(crate) fn word(&self) -> &AtomicU32 {
        &self.word
    }

    /// Gets to know what code of the store comes by.
    pub(crate) fn add(&self, gate: Arc<Gate>) {
        let mut state = self.state();
        if self.is_interrupted() {
            gate.close();
        }
        state.gates.push(gate);
    }

    /// Forgets what no code comes by any more.
    pub(crate) fn remove(&self, gate: &Arc<Gate>) {
        let mut state = self.state();
        if let Some(position) = state.gates.iter().position(|own| Arc::ptr_eq(own, gate)) {
            state.gates.swap_remove(position);
        }
    }

    /// Gets to know who waits, unless there is to be no waiting any more.
    pub(crate) fn know(&self, waiter: &Arc<Waiter>) -> Option<Known<'_>> {
        let mut state = self.state();
        if self.is_interrupted() {
            return None;
        }
        state.waiter = Some(waiter.clone());
        Some(Known(self))
    }

    fn is_interrupted(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// Whether the code is to stop, for that reason.
    pub(crate) fn has(&self, reason: Reason) -> bool {
        self.word.load(Ordering::Relaxed) & reason as u32 != 0
    }

    pub(crate) fn interrupt(&self, reason: Reason) {
        let state = self.state();
        if self.word.fetch_or(reason as u32, Ordering::Relaxed) == 0 {
            state.gates.iter().for_each(|gate| gate.close());
        }
        if let Some(waiter) = &state.waiter {
            waiter.interrupt();
        }
    }

    pub(crate) fn take_back(&self, reason: Reason) {
        let state = self.state();
        let reason = reason as u32;
        if self.word.fetch_and(!reason, Ordering::Relaxed) == reason {
            state.gates.iter().for_each(|gate| gate.open());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        ignore_poison(self.state.lock())
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupt").finish_non_exhaustive()
    }
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.0.state().waiter = None;
    }
}

/// Stops a store's code from any thread. Cheap to clone.
///
/// Of what was compiled to be interruptible, all code is stopped, soon; of the rest,
/// waits in shared memories are.
///
/// ```
/// use std::time::Duration;
/// use wasm_aot_compiler::{Options, compile};
/// use wasm_aot_loader::{Config, Imports, Instance, Module, Store, TrapCode};
///
/// let options = Options { interruptible: true, ..Options::default() };
/// let artefact = compile(br#"(module (func (export "spin") (loop (br 0))))"#, &options)?;
/// let module = Module::from_bytes(&artefact)?;
/// let mut store = Store::with_config(&Config::new().interruptible(true));
/// let handle = store.interrupt_handle();
/// let watchdog = std::thread::spawn(move || {
///     std::thread::sleep(Duration::from_millis(10));
///     handle.interrupt();
/// });
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let spin = instance.get_typed_func::<(), ()>(&store, "spin")?;
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
/// # watchdog.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct InterruptHandle(pub(crate) Arc<Interrupt>);

impl InterruptHandle {
    /// Lets the store's code end with the trap "interrupted": the wait in a shared
    /// memory (`memory.atomic.wait32` and `wait64`) that it is in, and all later
    /// ones; and code that was compiled to be interruptible wherever it comes to a
    /// loop, or to a function that calls others. Host functions are not stopped.
    ///
    /// It stays so until it is [taken back](InterruptHandle::take_back).
    pub fn interrupt(&self) {
        self.0.interrupt(Reason::Handle);
    }

    /// Lets the store's code run again from now on.
    pub fn take_back(&self) {
        self.0.take_back(Reason::Handle);
    }

    /// Whether [`interrupt`](InterruptHandle::interrupt) was called, and not taken
    /// back.
    pub fn is_interrupted(&self) -> bool {
        self.0.has(Reason::Handle)
    }
}

impl fmt::Debug for InterruptHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterruptHandle")
            .field("interrupted", &self.is_interrupted())
            .finish_non_exhaustive()
    }
}
