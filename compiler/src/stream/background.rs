//! Functions that are compiled while others are still to come.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use crate::backend::Backend;
use crate::cache::Kept;
use crate::compile::context;
use crate::error::Result;
use crate::functions::{Compiled, Worker};
use crate::module::{Body, Module};
use crate::passes::Whole;
use crate::{Observer, Stage};

/// Hands functions to the thread pool. Dropping it waits for those that are
/// being compiled, and forgets the others.
pub(super) struct Background {
    shared: Arc<Shared>,
}

/// A function that has been compiled.
pub(super) struct Function {
    pub(super) compiled: Result<Compiled>,
    /// Unless the code relies on nothing.
    pub(super) body: Option<Body<'static>>,
}

struct Shared {
    backend: Backend,
    observer: Arc<dyn Observer + Send>,
    /// Code that was compiled before, if somebody keeps it.
    kept: OnceLock<Kept>,
    cancelled: AtomicBool,
    total: AtomicUsize,
    done: AtomicUsize,
    /// Those that nobody uses now.
    workers: Mutex<Vec<Worker>>,
    queue: Mutex<Queue>,
    /// That nothing is left to do.
    idle: Condvar,
}

#[derive(Default)]
struct Queue {
    /// How many functions are not compiled yet.
    left: usize,
    /// In the order of the module.
    functions: Vec<Option<Function>>,
    /// What a thread has panicked with.
    panic: Option<Box<dyn Any + Send>>,
}

impl Background {
    pub(super) fn new(backend: Backend, observer: Arc<dyn Observer + Send>) -> Background {
        Background {
            shared: Arc::new(Shared {
                backend,
                observer,
                kept: OnceLock::new(),
                cancelled: AtomicBool::new(false),
                total: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
                workers: Mutex::default(),
                queue: Mutex::default(),
                idle: Condvar::new(),
            }),
        }
    }

    pub(super) fn backend(&self) -> &Backend {
        &self.shared.backend
    }

    pub(super) fn observer(&self) -> &dyn Observer {
        &*self.shared.observer
    }

    pub(super) fn kept(&self) -> Option<&Kept> {
        self.shared.kept.get()
    }

    /// Looks for functions to come among those that were compiled before.
    ///
    /// # Panics
    ///
    /// The second time.
    pub(super) fn look_in(&self, kept: Kept) {
        let first = self.shared.kept.set(kept).is_ok();
        assert!(first, "a module has one environment");
    }

    /// So many functions are to come.
    pub(super) fn expect(&self, total: usize) {
        self.shared.total.store(total, Ordering::Relaxed);
        self.shared.observer.stage(Stage::Generate);
        self.shared.observer.functions(0, total);
    }

    /// Compiles the next function some time from now.
    pub(super) fn submit(&self, module: &Arc<Module>, whole: &Arc<Whole>, body: Body<'static>) {
        let mut queue = self.shared.queue();
        let index = queue.functions.len();
        queue.functions.push(None);
        queue.left += 1;
        drop(queue);
        let (shared, module, whole) = (self.shared.clone(), module.clone(), whole.clone());
        rayon::spawn_fifo(move || shared.run(index, &module, &whole, body));
    }

    /// Starts no more functions.
    pub(super) fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }

    /// The functions, in the order of the module, when all are compiled.
    ///
    /// # Panics
    ///
    /// If compiling one of them has panicked.
    pub(super) fn wait(&self) -> Vec<Function> {
        let mut queue = self.shared.wait();
        if let Some(payload) = queue.panic.take() {
            drop(queue);
            panic::resume_unwind(payload);
        }
        std::mem::take(&mut queue.functions)
            .into_iter()
            .map(|function| function.expect("it was not cancelled"))
            .collect()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.cancel();
        drop(self.shared.wait());
    }
}

impl Shared {
    fn run(&self, index: usize, module: &Module, whole: &Whole, body: Body<'static>) {
        let run = || {
            let cx = context(module, whole, &self.backend, self.kept.get());
            let mut worker = self.worker();
            let compiled = worker.compile(&cx, &self.backend, &body);
            lock(&self.workers).push(worker);
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            let total = self.total.load(Ordering::Relaxed);
            self.observer.functions(done, total);
            compiled
        };
        let result = (!self.cancelled.load(Ordering::Relaxed))
            .then(|| panic::catch_unwind(AssertUnwindSafe(run)));

        let mut queue = self.queue();
        match result {
            Some(Ok(compiled)) => {
                let certain = matches!(&compiled, Ok(compiled) if compiled.facts.is_empty());
                queue.functions[index] = Some(Function {
                    compiled,
                    body: (!certain).then_some(body),
                });
            }
            Some(Err(payload)) => {
                queue.panic.get_or_insert(payload);
                self.cancelled.store(true, Ordering::Relaxed);
            }
            None => {}
        }
        queue.left -= 1;
        if queue.left == 0 {
            self.idle.notify_all();
        }
    }

    fn worker(&self) -> Worker {
        let worker = lock(&self.workers).pop();
        worker.unwrap_or_else(Worker::new)
    }

    /// Waits until nothing is left. A thread of the pool lends a hand: perhaps
    /// there is no other.
    fn wait(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue();
        while queue.left > 0 {
            queue = if rayon::current_thread_index().is_none() {
                self.idle
                    .wait(queue)
                    .unwrap_or_else(|error| error.into_inner())
            } else {
                drop(queue);
                let executed = rayon::yield_now() == Some(rayon::Yield::Executed);
                let queue = self.queue();
                if executed || queue.left == 0 {
                    queue
                } else {
                    let waited = self.idle.wait_timeout(queue, PAUSE);
                    waited.unwrap_or_else(|error| error.into_inner()).0
                }
            };
        }
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

/// How long a thread of the pool that found nothing to do waits before it looks
/// again.
const PAUSE: Duration = Duration::from_millis(1);

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|error| error.into_inner())
}
