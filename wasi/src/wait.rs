//! Where a call waits that cannot go on: in itself, or with whoever repeats it.

use crate::{Errno, poll};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::BorrowedFd;

#[cfg(feature = "async")]
pub use elsewhere::{Repeat, Wait};

#[cfg(feature = "async")]
use crate::reader::Away;

/// What a call does when it would have to wait.
///
/// Its methods wait, or fail: then the call ends, to be
/// [repeated](crate::Function::attempt). Up to there it must not have done
/// anything that repeating it would do once more.
#[derive(Default)]
pub(crate) enum Waiting {
    /// It blocks the thread.
    #[default]
    Here,
    /// It ends, and says what to wait for.
    #[cfg(feature = "async")]
    Elsewhere(Repeat),
}

/// A descriptor, and what is to be done with it.
pub(crate) type Transfer<'fd> = (BorrowedFd<'fd>, PollFlags);

impl Waiting {
    /// Whether it ends instead of waiting.
    pub(crate) fn is_elsewhere(&self) -> bool {
        !matches!(self, Self::Here)
    }

    /// Waits until a transfer would not block, or a signal arrives.
    pub(crate) fn for_transfer(
        &mut self,
        fd: BorrowedFd<'_>,
        flags: PollFlags,
    ) -> Result<(), Errno> {
        let mut polled = [PollFd::from_borrowed_fd(fd, flags)];
        self.for_any(&[(fd, flags)], &mut polled, None).map(|_| ())
    }

    /// Waits for up to `timeout` nanoseconds, and returns whether one of the
    /// transfers would not block, which is in `polled` then. Also returns early
    /// if a signal arrives.
    pub(crate) fn for_any(
        &mut self,
        fds: &[Transfer<'_>],
        polled: &mut [PollFd<'_>],
        timeout: Option<u64>,
    ) -> Result<bool, Errno> {
        let _ = fds;
        match self {
            Self::Here => poll::host_poll(polled, timeout),
            #[cfg(feature = "async")]
            Self::Elsewhere(repeat) => Err(repeat.wait_for(Wait::for_any(fds, timeout))),
        }
    }

    /// Lets others run, once.
    pub(crate) fn for_others(&mut self) -> Result<(), Errno> {
        match self {
            Self::Here => {
                std::thread::yield_now();
                Ok(())
            }
            #[cfg(feature = "async")]
            Self::Elsewhere(repeat) => repeat.yield_once(),
        }
    }

    /// When the call was made: `now`, or what that was at the first attempt.
    pub(crate) fn since(&mut self, now: u64) -> u64 {
        match self {
            Self::Here => now,
            #[cfg(feature = "async")]
            Self::Elsewhere(repeat) => repeat.since(now),
        }
    }

    /// Waits until a reader is back.
    #[cfg(feature = "async")]
    pub(crate) fn for_reader(&mut self, away: &std::sync::Arc<Away>) -> Result<(), Errno> {
        match self {
            Self::Here => {
                away.block();
                Ok(())
            }
            Self::Elsewhere(repeat) => Err(repeat.wait_for(Ok(Wait::for_reader(away)))),
        }
    }
}

#[cfg(feature = "async")]
mod elsewhere {
    use super::{Transfer, Waiting};
    use crate::reader::Away;
    use crate::{Errno, Function, GuestMemory, Outcome, WasiCtx};
    use async_io::{Async, Timer};
    use rustix::event::PollFlags;
    use rustix::fd::OwnedFd;
    use std::fmt;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    /// What the attempts at one call have in common. The first one is made with
    /// the default.
    #[derive(Debug, Default)]
    pub struct Repeat {
        wait: Option<Wait>,
        since: Option<u64>,
        yielded: bool,
    }

    impl Repeat {
        /// The error is for the call to end with; nobody sees it.
        pub(super) fn wait_for(&mut self, wait: Result<Wait, Errno>) -> Errno {
            match wait {
                Ok(wait) => {
                    self.wait = Some(wait);
                    Errno::Again
                }
                Err(error) => error,
            }
        }

        pub(super) fn yield_once(&mut self) -> Result<(), Errno> {
            if std::mem::replace(&mut self.yielded, true) {
                return Ok(());
            }
            Err(self.wait_for(Ok(Wait(Reason::Others(false)))))
        }

        pub(super) fn since(&mut self, now: u64) -> u64 {
            *self.since.get_or_insert(now)
        }
    }

    impl Function {
        /// Calls it without blocking: if it would have to wait, it fails with a
        /// future to wait for, and has done nothing yet. Then it is to be called
        /// again with the same arguments and the same `repeat`, until it
        /// succeeds. Dropping the future instead ends the wait.
        ///
        /// What waits is reading from, writing to and accepting on pipes,
        /// sockets, terminals and the like, and reading from a
        /// [reader](crate::Input::reader), which is done in a thread for blocking
        /// work; `poll_oneoff`; and `sched_yield`, once. Files on disk and the
        /// host's [writers](crate::Output::writer) are used at once.
        ///
        /// # Errors
        /// What to wait for before the next attempt
        pub fn attempt(
            &self,
            ctx: &mut WasiCtx,
            mem: &mut GuestMemory<'_>,
            args: &[u64],
            repeat: &mut Repeat,
        ) -> Result<Outcome, Wait> {
            /// A reader of the host may panic.
            struct Attempt<'a> {
                ctx: &'a mut WasiCtx,
                repeat: &'a mut Repeat,
            }
            impl Drop for Attempt<'_> {
                fn drop(&mut self) {
                    if let Waiting::Elsewhere(repeat) = std::mem::take(&mut self.ctx.waiting) {
                        *self.repeat = repeat;
                    }
                }
            }
            let attempt = Attempt { ctx, repeat };
            attempt.ctx.waiting = Waiting::Elsewhere(std::mem::take(attempt.repeat));
            let outcome = (self.call)(attempt.ctx, mem, args);
            drop(attempt);
            match repeat.wait.take() {
                Some(wait) => Err(wait),
                None => Ok(outcome),
            }
        }

        /// Whether an [attempt](Function::attempt) at it may have to wait.
        #[must_use]
        pub fn may_wait(&self) -> bool {
            matches!(
                self.name,
                "fd_read"
                    | "fd_write"
                    | "path_open"
                    | "poll_oneoff"
                    | "sched_yield"
                    | "sock_accept"
                    | "sock_recv"
                    | "sock_send"
            )
        }
    }

    /// Ready when another [attempt](Function::attempt) should be made. Can be
    /// polled by any executor.
    pub struct Wait(Reason);

    enum Reason {
        /// A descriptor is ready, or the time has come.
        Any {
            fds: Vec<(Async<OwnedFd>, PollFlags)>,
            timer: Option<Timer>,
        },
        /// A reader is back.
        Reader(Arc<Away>),
        /// Other tasks had their turn; says whether they had.
        Others(bool),
    }

    impl Wait {
        /// The descriptors are duplicated: whatever becomes of their numbers
        /// meanwhile.
        pub(super) fn for_any(fds: &[Transfer<'_>], timeout: Option<u64>) -> Result<Self, Errno> {
            let fds = fds.iter().map(|&(fd, flags)| {
                let own = rustix::io::fcntl_dupfd_cloexec(fd, 3)?;
                Ok((Async::new_nonblocking(own)?, flags))
            });
            Ok(Self(Reason::Any {
                fds: fds.collect::<std::io::Result<_>>()?,
                timer: timeout.map(|ns| Timer::after(Duration::from_nanos(ns))),
            }))
        }

        pub(super) fn for_reader(away: &Arc<Away>) -> Self {
            Self(Reason::Reader(away.clone()))
        }
    }

    impl Future for Wait {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let ready = match &mut self.0 {
                Reason::Any { fds, timer } => {
                    // An error is for the next attempt to see.
                    let mut ready = fds.iter().filter(|(fd, flags)| {
                        let poll = if flags.contains(PollFlags::OUT) {
                            fd.poll_writable(context)
                        } else {
                            fd.poll_readable(context)
                        };
                        poll.is_ready()
                    });
                    ready.next().is_some()
                        || timer
                            .as_mut()
                            .is_some_and(|timer| Pin::new(timer).poll(context).is_ready())
                }
                Reason::Reader(away) => away.is_back(context),
                Reason::Others(done) => {
                    context.waker().wake_by_ref();
                    std::mem::replace(done, true)
                }
            };
            if ready {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }
    }

    impl fmt::Debug for Wait {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match &self.0 {
                Reason::Any { .. } => "Wait for descriptors or a time",
                Reason::Reader(_) => "Wait for a reader",
                Reason::Others(_) => "Wait for others",
            })
        }
    }
}
