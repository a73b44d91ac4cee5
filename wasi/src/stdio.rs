//! What the host connects to a guest's three standard descriptors.

use crate::descriptor::{Access, Descriptor, OpenFile};
use crate::reader::Reader;
use rustix::fd::{BorrowedFd, OwnedFd};
use std::fmt;
use std::io::{self, Cursor, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a guest's standard input comes from.
///
/// ```
/// use wasm_aot_wasi::{Input, WasiCtx};
///
/// let ctx = WasiCtx::builder().stdin(Input::bytes("one\ntwo\n")).build()?;
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
pub struct Input(Source);

enum Source {
    Inherit,
    File(OwnedFd),
    Reader(Reader),
}

impl Input {
    /// At its end from the beginning.
    #[must_use]
    pub fn null() -> Self {
        Self(Source::Reader(Reader::instant(io::empty())))
    }

    /// The process's own standard input. Closing it in the guest leaves it
    /// open in the host, and making it non-blocking concerns the guest only.
    #[must_use]
    pub fn inherit() -> Self {
        Self(Source::Inherit)
    }

    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Source::Reader(Reader::instant(Cursor::new(bytes.into()))))
    }

    /// An open file, pipe, terminal or socket of the host.
    #[must_use]
    pub fn file(file: impl Into<OwnedFd>) -> Self {
        Self(Source::File(file.into()))
    }

    /// Anything that can be read. `poll_oneoff` takes it to be ready always.
    ///
    /// A call that must not block the thread has it read in a thread for blocking
    /// work, up to 64 KiB at once. What was read for a call that was dropped
    /// meanwhile is there for the next one; the thread waits as long as the
    /// reader blocks.
    #[must_use]
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self(Source::Reader(Reader::new(reader)))
    }

    pub(crate) fn into_descriptor(self) -> Descriptor {
        match self.0 {
            Source::Inherit => {
                Descriptor::File(OpenFile::stdio(rustix::stdio::stdin(), Access::READ))
            }
            Source::File(fd) => Descriptor::File(OpenFile::supplied(fd, Access::READ)),
            Source::Reader(reader) => Descriptor::Input(reader),
        }
    }
}

/// Where a guest's standard output or error goes.
///
/// ```
/// use wasm_aot_wasi::{Output, WasiCtx};
///
/// let log = std::io::sink(); // anything that can be written to
/// let ctx = WasiCtx::builder()
///     .stdout(Output::writer(log))
///     .stderr(Output::inherit())
///     .build()?;
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
pub struct Output(Sink);

enum Sink {
    Inherit,
    File(OwnedFd),
    Writer(Box<dyn Write + Send>),
}

impl Output {
    /// Swallowed.
    #[must_use]
    pub fn null() -> Self {
        Self::writer(io::sink())
    }

    /// The process's own stream of the same number. It is written directly,
    /// so a host that prints through [`std::io::stdout`] flushes that first.
    /// Closing it in the guest leaves it open in the host.
    #[must_use]
    pub fn inherit() -> Self {
        Self(Sink::Inherit)
    }

    /// Kept for the host to look at.
    #[must_use]
    pub fn capture(capture: &Capture) -> Self {
        Self::writer(capture.clone())
    }

    /// An open file, pipe, terminal or socket of the host.
    #[must_use]
    pub fn file(file: impl Into<OwnedFd>) -> Self {
        Self(Sink::File(file.into()))
    }

    /// Anything that can be written. It is flushed when the guest syncs the
    /// descriptor, and dropped when the guest closes it or the context ends.
    /// `poll_oneoff` takes it to be ready always.
    #[must_use]
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self(Sink::Writer(Box::new(writer)))
    }

    /// `inherited` is the process's stream that [`Output::inherit`] means.
    pub(crate) fn into_descriptor(self, inherited: BorrowedFd<'static>) -> Descriptor {
        match self.0 {
            Sink::Inherit => Descriptor::File(OpenFile::stdio(inherited, Access::WRITE)),
            Sink::File(fd) => Descriptor::File(OpenFile::supplied(fd, Access::WRITE)),
            Sink::Writer(writer) => Descriptor::Output(writer),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::Inherit => "Input::inherit",
            Source::File(_) => "Input::file",
            Source::Reader(_) => "Input::reader",
        })
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Sink::Inherit => "Output::inherit",
            Sink::File(_) => "Output::file",
            Sink::Writer(_) => "Output::writer",
        })
    }
}

/// A growing buffer that keeps what a guest writes. Clones share one buffer;
/// the host keeps one and gives [`Output::capture`] the other.
///
/// ```
/// use wasm_aot_wasi::{Capture, Output, WasiCtx};
///
/// let printed = Capture::new();
/// let ctx = WasiCtx::builder().stdout(Output::capture(&printed)).build()?;
/// // ... the guest runs ...
/// assert_eq!(printed.take(), b"");
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Capture {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: usize,
}

impl Capture {
    /// A buffer without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(usize::MAX)
    }

    /// A buffer of at most `limit` bytes; writing more fails in the guest with
    /// `nospc`.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            bytes: Arc::default(),
            limit,
        }
    }

    /// A copy of what was written so far.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.locked(|bytes| bytes.clone())
    }

    /// What was written since the last call, leaving the buffer empty.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        self.locked(std::mem::take)
    }

    /// The buffer holds plain bytes, so a panic of another holder cannot have
    /// left it in a state that matters.
    fn locked<R>(&self, f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        f(&mut self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Capture {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let limit = self.limit;
        self.locked(|bytes| {
            let before = bytes.len();
            for buf in bufs {
                let room = limit.saturating_sub(bytes.len());
                if room == 0 && !buf.is_empty() && bytes.len() == before {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                bytes.extend_from_slice(&buf[..buf.len().min(room)]);
            }
            Ok(bytes.len() - before)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
