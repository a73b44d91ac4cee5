//! Threads that wait at addresses of shared memories (the threads proposal,
//! "wait and notify").
//!
//! One lot for the process, as addresses are the same for all stores. It is
//! divided by address, and each part has a lock: whether a value is the expected
//! one is looked at under it, and notifying takes it. So a notification that
//! follows a change of the value cannot get between the look and the wait.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::interrupt::Interrupt;

/// How a wait at an address of a [`SharedMemory`](crate::SharedMemory) has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitResult {
    /// Somebody has notified it.
    Notified,
    /// It did not begin, as another value was there than the expected one.
    Mismatch,
    /// The time was over.
    TimedOut,
}

/// Those that wait in a part of the lot, the oldest first.
type Queue = Vec<Arc<Waiter>>;

static LOT: [Mutex<Queue>; 1 << PARTS] = [const { Mutex::new(Vec::new()) }; 1 << PARTS];

/// How many parts it has, as a power of 2. Who waits takes far longer than who looks.
const PARTS: u32 = 4;

/// A thread that waits.
pub(crate) struct Waiter {
    address: usize,
    /// One of the states below; changed under the lock of its part of the lot.
    state: AtomicU8,
    changed: Condvar,
}

const WAITING: u8 = 0;
const NOTIFIED: u8 = 1;
const INTERRUPTED: u8 = 2;

impl Waiter {
    /// Ends the wait, if it has not ended: it goes on, or is about to begin.
    pub(crate) fn interrupt(&self) {
        let _queue = part(self.address);
        if self.state.load(Ordering::Relaxed) == WAITING {
            self.end(INTERRUPTED);
        }
    }

    /// Ends the wait. The part of the lot is locked.
    fn end(&self, state: u8) {
        self.state.store(state, Ordering::Relaxed);
        self.changed.notify_one();
    }
}

/// Waits at an address, if `matches`, until it is notified; `None` if the wait was
/// interrupted.
pub(crate) fn wait(
    address: usize,
    matches: impl FnOnce() -> bool,
    timeout: Option<Duration>,
    interrupt: Option<&Interrupt>,
) -> Option<WaitResult> {
    // A time that cannot be told does not come.
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let waiter = Arc::new(Waiter {
        address,
        state: AtomicU8::new(WAITING),
        changed: Condvar::new(),
    });
    let _known = match interrupt {
        Some(interrupt) => Some(interrupt.know(&waiter)?),
        None => None,
    };
    let mut queue = part(address);
    if !matches() {
        return Some(WaitResult::Mismatch);
    }
    queue.push(waiter.clone());
    loop {
        match waiter.state.load(Ordering::Relaxed) {
            WAITING => {}
            NOTIFIED => return Some(WaitResult::Notified),
            _ => {
                leave(&mut queue, &waiter);
                return None;
            }
        }
        queue = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            None => ignore_poison(waiter.changed.wait(queue)),
            Some(Duration::ZERO) => {
                leave(&mut queue, &waiter);
                return Some(WaitResult::TimedOut);
            }
            Some(left) => ignore_poison(waiter.changed.wait_timeout(queue, left)).0,
        };
    }
}

/// Ends up to `count` waits at an address, the oldest first; how many.
pub(crate) fn notify(address: usize, count: u32) -> u32 {
    let mut notified = 0;
    part(address).retain(|waiter| {
        if waiter.address != address || notified == count {
            return true;
        }
        notified += 1;
        waiter.end(NOTIFIED);
        false
    });
    notified
}

fn leave(queue: &mut Queue, waiter: &Arc<Waiter>) {
    queue.retain(|other| !Arc::ptr_eq(other, waiter));
}

fn part(address: usize) -> MutexGuard<'static, Queue> {
    // Neighbours are apart, and pages too.
    let mixed = (address >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ignore_poison(LOT[mixed >> (usize::BITS - PARTS)].lock())
}

/// Nothing is ever left half done.
pub(crate) fn ignore_poison<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InterruptHandle;
    use std::thread;

    /// Addresses that no memory has; each test has its own.
    fn wait_at(address: usize, timeout: Option<Duration>) -> Option<WaitResult> {
        wait(address, || true, timeout, None)
    }

    fn waiting(address: usize) -> usize {
        let queue = part(address);
        queue.iter().filter(|it| it.address == address).count()
    }

    #[test]
    fn the_oldest_waits_end_first_and_no_more_than_asked_for() {
        let ended = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for n in 0..4 {
                let ended = &ended;
                scope.spawn(move || {
                    assert_eq!(wait_at(8, None), Some(WaitResult::Notified));
                    ended.lock().unwrap().push(n);
                });
                while waiting(8) <= n {
                    thread::yield_now();
                }
            }
            assert_eq!(notify(12, 9), 0);
            assert_eq!(notify(8, 0), 0);
            assert_eq!(notify(8, 2), 2);
            while ended.lock().unwrap().len() < 2 {
                thread::yield_now();
            }
            ended.lock().unwrap().sort();
            assert_eq!(*ended.lock().unwrap(), [0, 1]);
            assert_eq!(notify(8, u32::MAX), 2);
        });
        assert_eq!(waiting(8), 0);
    }

    #[test]
    fn a_wait_that_times_out_leaves_the_lot() {
        let start = Instant::now();
        let timeout = Duration::from_millis(20);
        assert_eq!(wait_at(16, Some(timeout)), Some(WaitResult::TimedOut));
        assert!(start.elapsed() >= timeout);
        assert_eq!(
            wait_at(16, Some(Duration::ZERO)),
            Some(WaitResult::TimedOut)
        );
        assert_eq!((waiting(16), notify(16, 1)), (0, 0));
    }

    #[test]
    fn an_interrupt_ends_this_wait_and_the_next() {
        let interrupt = Arc::new(Interrupt::default());
        thread::scope(|scope| {
            let waits = scope.spawn(|| wait(24, || true, None, Some(&interrupt)));
            while waiting(24) == 0 {
                thread::yield_now();
            }
            InterruptHandle(interrupt.clone()).interrupt();
            assert_eq!(waits.join().unwrap(), None);
        });
        assert_eq!(wait(24, || true, None, Some(&interrupt)), None);
        assert_eq!(waiting(24), 0);
    }
}
