//! Deadlines, in ticks of a counter.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::Duration;

use crate::interrupt::{Interrupt, Reason};
use crate::parking::ignore_poison;
use crate::{BoxError, Store};

/// A counter, by which stores have deadlines. Cheap to clone: clones count together.
///
/// The host counts, from any thread and as often as it likes: in an interval of time, or
/// per request. That takes as long as there are stores whose deadline it is. Code that is
/// to end by then has to be compiled to be interruptible.
///
/// ```
/// use std::time::Duration;
/// use wasm_aot_compiler::{Options, compile};
/// use wasm_aot_loader::{AtDeadline, Epoch, Imports, Instance, Module, Store, TrapCode};
///
/// let options = Options { interruptible: true, ..Options::default() };
/// let artefact = compile(br#"(module (func (export "spin") (loop (br 0))))"#, &options)?;
/// let module = Module::from_bytes(&artefact)?;
/// let epoch = Epoch::ticking(Duration::from_millis(1))?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let spin = instance.get_typed_func::<(), ()>(&store, "spin")?;
///
/// // Ends after ten ticks.
/// store.set_deadline(&epoch, 10);
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
///
/// // Is asked about in every tick.
/// let mut ticks = 0;
/// store.at_deadline(move |_| {
///     ticks += 1;
///     Ok(if ticks < 5 { AtDeadline::Extend(1) } else { AtDeadline::Trap })
/// });
/// store.set_deadline(&epoch, 1);
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Epoch(Arc<Clock>);

#[derive(Default)]
struct Clock {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: u64,
    /// Of deadlines so far, so that each has a number of its own.
    count: u64,
    /// Those to come, by their time.
    deadlines: BTreeMap<Key, Arc<Interrupt>>,
}

/// A time, and the number of the deadline.
type Key = (u64, u64);

impl Epoch {
    /// One that stands at 0.
    pub fn new() -> Epoch {
        Epoch::default()
    }

    /// One that a thread of its own counts, once in each interval, until nobody has it
    /// any more.
    ///
    /// # Errors
    ///
    /// If the system has no thread.
    pub fn ticking(interval: Duration) -> io::Result<Epoch> {
        let epoch = Epoch::new();
        let clock: Weak<Clock> = Arc::downgrade(&epoch.0);
        let thread = thread::Builder::new().name("wasm-aot epoch".to_owned());
        thread.spawn(move || {
            loop {
                thread::sleep(interval);
                match clock.upgrade() {
                    Some(clock) => Epoch(clock).increment(),
                    None => break,
                }
            }
        })?;
        Ok(epoch)
    }

    /// Adds 1. Stores whose deadline that is notice it wherever their code looks.
    pub fn increment(&self) {
        let mut state = self.state();
        state.now += 1;
        let now = state.now;
        // Under the lock, so that no deadline is reached that was changed meanwhile.
        while let Some(first) = state.deadlines.first_entry()
            && first.key().0 <= now
        {
            first.remove().interrupt(Reason::Deadline);
        }
    }

    /// How often it was incremented.
    pub fn current(&self) -> u64 {
        self.state().now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        ignore_poison(self.0.state.lock())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Epoch").field(&self.current()).finish()
    }
}

/// What happens when a store's deadline is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AtDeadline {
    /// The code ends with the trap "interrupted", and so does all other code of the store
    /// until it gets another deadline, or none.
    Trap,
    /// The code goes on, with a new deadline after so many ticks from now.
    Extend(u64),
    /// Other tasks of the executor run, if the code was called by `call_async`. After
    /// that it goes on, with a new deadline after so many ticks from then. In a
    /// synchronous call, and in a call that a host function has made, this is as
    /// [`Extend`](AtDeadline::Extend).
    Yield(u64),
}

pub(crate) type Callback = Box<dyn FnMut(&mut Store) -> Result<AtDeadline, BoxError> + Send>;

/// What a store has of this.
#[derive(Default)]
pub(crate) struct Deadline {
    /// What it is measured by, and its key there, if there is one; it may be over.
    set: Option<(Epoch, Key)>,
    pub(crate) callback: Option<Callback>,
}

impl Deadline {
    /// Sets it to `ticks` from now.
    pub(crate) fn set(&mut self, epoch: &Epoch, ticks: u64, interrupt: &Arc<Interrupt>) {
        self.remove(interrupt);
        let mut state = epoch.state();
        let time = state.now.saturating_add(ticks);
        state.count += 1;
        let key = (time, state.count);
        if ticks == 0 {
            interrupt.interrupt(Reason::Deadline);
        } else {
            state.deadlines.insert(key, interrupt.clone());
        }
        drop(state);
        self.set = Some((epoch.clone(), key));
    }

    /// Sets it once more, `ticks` from now, by the same epoch.
    pub(crate) fn extend(&mut self, ticks: u64, interrupt: &Arc<Interrupt>) {
        if let Some((epoch, _)) = &self.set {
            let epoch = epoch.clone();
            self.set(&epoch, ticks, interrupt);
        }
    }

    /// That there is none from now on.
    pub(crate) fn remove(&mut self, interrupt: &Interrupt) {
        if let Some((epoch, key)) = self.set.take() {
            let mut state = epoch.state();
            state.deadlines.remove(&key);
            interrupt.take_back(Reason::Deadline);
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some((epoch, key)) = self.set.take() {
            epoch.state().deadlines.remove(&key);
        }
    }
}
