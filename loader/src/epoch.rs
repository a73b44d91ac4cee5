//! Deadlines, in ticks of a counter.

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
pub struct Epoch(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: u64,
    /// The times of those to come, and whose they are. Places that are empty are used
    /// again: looking through all of them takes a nanosecond for each.
    deadlines: Vec<Option<(u64, Arc<Interrupt>)>>,
    empty: Vec<usize>,
}

impl State {
    /// Adds a deadline; its place.
    fn add(&mut self, time: u64, interrupt: Arc<Interrupt>) -> usize {
        let deadline = Some((time, interrupt));
        match self.empty.pop() {
            Some(place) => {
                self.deadlines[place] = deadline;
                place
            }
            None => {
                self.deadlines.push(deadline);
                self.deadlines.len() - 1
            }
        }
    }

    /// Empties a place.
    fn remove(&mut self, place: usize) {
        self.deadlines[place] = None;
        self.empty.push(place);
    }
}

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
        let state: Weak<Mutex<State>> = Arc::downgrade(&epoch.0);
        let thread = thread::Builder::new().name("wasm-aot epoch".to_owned());
        thread.spawn(move || {
            loop {
                thread::sleep(interval);
                match state.upgrade() {
                    Some(state) => Epoch(state).increment(),
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
        // Under the lock, so that no deadline is reached that was changed meanwhile.
        for (time, interrupt) in state.deadlines.iter().flatten() {
            if *time == state.now {
                interrupt.interrupt(Reason::Deadline);
            }
        }
    }

    /// How often it was incremented.
    pub fn current(&self) -> u64 {
        self.state().now
    }

    fn state(&self) -> MutexGuard<'_, State> {
        ignore_poison(self.0.lock())
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
    /// What it is measured by, and its place there, if there is one; it may be over.
    set: Option<(Epoch, usize)>,
    pub(crate) callback: Option<Callback>,
}

impl Deadline {
    /// Sets it to `ticks` from now.
    pub(crate) fn set(&mut self, epoch: &Epoch, ticks: u64, interrupt: &Arc<Interrupt>) {
        self.remove(interrupt);
        let mut state = epoch.state();
        let time = state.now.saturating_add(ticks);
        let place = state.add(time, interrupt.clone());
        if ticks == 0 {
            interrupt.interrupt(Reason::Deadline);
        }
        drop(state);
        self.set = Some((epoch.clone(), place));
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
        if let Some((epoch, place)) = self.set.take() {
            epoch.state().remove(place);
            interrupt.take_back(Reason::Deadline);
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some((epoch, place)) = self.set.take() {
            epoch.state().remove(place);
        }
    }
}
