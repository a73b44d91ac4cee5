//! Readers that the host supplies: how long one takes cannot be known.

use crate::Errno;
use crate::file::uninterrupted;
use crate::wait::Waiting;
use std::io::{IoSliceMut, Read};

#[cfg(feature = "async")]
pub(crate) use away::Away;

/// A reader.
pub(crate) struct Reader {
    state: State,
    /// Whether it is known to answer at once.
    #[cfg_attr(
        not(feature = "async"),
        expect(dead_code, reason = "all are read here")
    )]
    instant: bool,
}

enum State {
    Here(Box<dyn Read + Send>),
    /// It reads in another thread, for a call that must not block.
    #[cfg(feature = "async")]
    Away(std::sync::Arc<Away>),
    /// It is back, with bytes that nobody has taken yet, from this index on.
    #[cfg(feature = "async")]
    Ahead(Box<dyn Read + Send>, Vec<u8>, usize),
    /// Between the others.
    #[cfg(feature = "async")]
    Moving,
}

impl Reader {
    pub(crate) fn new(reader: impl Read + Send + 'static) -> Self {
        Self {
            state: State::Here(Box::new(reader)),
            instant: false,
        }
    }

    /// A reader that answers at once.
    pub(crate) fn instant(reader: impl Read + Send + 'static) -> Self {
        Self {
            instant: true,
            ..Self::new(reader)
        }
    }

    /// Reads once.
    #[cfg_attr(not(feature = "async"), expect(unused, reason = "all are read here"))]
    pub(crate) fn read(
        &mut self,
        waiting: &mut Waiting,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize, Errno> {
        match &mut self.state {
            #[cfg(feature = "async")]
            State::Here(_) if waiting.is_elsewhere() && !self.instant => {
                self.read_ahead(waiting, bufs)
            }
            State::Here(reader) => uninterrupted(|| reader.read_vectored(bufs)),
            #[cfg(feature = "async")]
            _ => self.read_ahead(waiting, bufs),
        }
    }
}

#[cfg(feature = "async")]
mod away {
    use super::{Reader, State};
    use crate::Errno;
    use crate::file::uninterrupted;
    use crate::wait::Waiting;
    use std::any::Any;
    use std::io::{IoSliceMut, Read};
    use std::mem;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
    use std::task::{Context, Waker};

    /// The most that is read at once.
    const MAX: usize = 64 << 10;

    /// A reader in another thread.
    #[derive(Default)]
    pub(crate) struct Away {
        state: Mutex<Progress>,
        back: Condvar,
    }

    #[derive(Default)]
    struct Progress {
        done: Option<Done>,
        waker: Option<Waker>,
    }

    /// What a reader comes back with.
    struct Done {
        reader: Box<dyn Read + Send>,
        /// Or its panic.
        outcome: Result<Result<Vec<u8>, Errno>, Box<dyn Any + Send>>,
    }

    impl Away {
        fn send(mut reader: Box<dyn Read + Send>, len: usize) -> Arc<Self> {
            let away = Arc::new(Self::default());
            let thread = away.clone();
            let read = move || {
                let mut bytes = vec![0; len.min(MAX)];
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let read = uninterrupted(|| reader.read(&mut bytes))?;
                    bytes.truncate(read);
                    Ok(bytes)
                }));
                let mut state = thread.lock();
                state.done = Some(Done { reader, outcome });
                thread.back.notify_all();
                let waker = state.waker.take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
            };
            blocking::unblock(read).detach();
            away
        }

        /// Blocks until it is back.
        pub(crate) fn block(&self) {
            let state = self.lock();
            let waited = self.back.wait_while(state, |state| state.done.is_none());
            drop(waited);
        }

        /// Whether it is back; if not, the task is woken then.
        pub(crate) fn is_back(&self, context: &Context<'_>) -> bool {
            let mut state = self.lock();
            if state.done.is_none() {
                state.waker = Some(context.waker().clone());
            }
            state.done.is_some()
        }

        fn take(&self) -> Option<Done> {
            self.lock().done.take()
        }

        fn lock(&self) -> MutexGuard<'_, Progress> {
            // It is never left half changed.
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Reader {
        /// Reads in another thread, or what that has read.
        pub(super) fn read_ahead(
            &mut self,
            waiting: &mut Waiting,
            bufs: &mut [IoSliceMut<'_>],
        ) -> Result<usize, Errno> {
            loop {
                match mem::replace(&mut self.state, State::Moving) {
                    State::Here(reader) => {
                        let len = bufs.iter().map(|buf| buf.len()).sum();
                        self.state = State::Away(Away::send(reader, len));
                    }
                    State::Away(away) => match away.take() {
                        None => {
                            let waited = waiting.for_reader(&away);
                            self.state = State::Away(away);
                            waited?;
                        }
                        Some(Done { reader, outcome }) => {
                            let bytes = match outcome {
                                Ok(Ok(bytes)) if !bytes.is_empty() => bytes,
                                ended => {
                                    self.state = State::Here(reader);
                                    return ended
                                        .unwrap_or_else(|panic| resume_unwind(panic))
                                        .map(|_| 0);
                                }
                            };
                            self.state = State::Ahead(reader, bytes, 0);
                        }
                    },
                    State::Ahead(reader, bytes, start) => {
                        let mut rest = &bytes[start..];
                        for buf in bufs {
                            let len = buf.len().min(rest.len());
                            buf[..len].copy_from_slice(&rest[..len]);
                            rest = &rest[len..];
                        }
                        let end = bytes.len() - rest.len();
                        self.state = if rest.is_empty() {
                            State::Here(reader)
                        } else {
                            State::Ahead(reader, bytes, end)
                        };
                        return Ok(end - start);
                    }
                    State::Moving => unreachable!("every arm leaves another state"),
                }
            }
        }
    }
}
