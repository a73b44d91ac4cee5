//! Compiling what an asynchronous reader brings.
//!
//! Even validating a piece takes longer than a task should keep its executor, so
//! a thread of its own does everything but reading. Task and thread take turns:
//! a piece goes there, and the next is read when the thread has answered, since
//! whether to read on depends on the answer.

use std::any::Any;
use std::future::poll_fn;
use std::io::{self, Seek, Write};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use futures_io::AsyncRead;

use super::{BUFFER, StreamCompiler};
use crate::error::{Error, Result};
use crate::{Observer, Options};

/// Like [`compile_from`](crate::compile_from), without ever blocking the thread
/// that polls: compiles what `module` brings while it comes, writes the artefact
/// to `out` from its current position on, and returns it.
///
/// Works with any executor. When the future is dropped, the compilation ends
/// soon after; `observer` and `out` are dropped then.
///
/// # Errors
///
/// [`Error::Read`] if `module` fails, and see [`Error`].
pub async fn compile_async<W>(
    mut module: impl AsyncRead + Unpin,
    options: &Options,
    observer: impl Observer + Send + 'static,
    out: W,
) -> Result<W>
where
    W: Write + Seek + Send + 'static,
{
    let compiler = StreamCompiler::with_observer(options, observer)?;
    let partner = Partner::start(compiler, out)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = poll_fn(|cx| Pin::new(&mut module).poll_read(cx, &mut buffer)).await;
        let message = match read {
            Ok(0) => Message::End,
            Ok(length) => {
                buffer.truncate(length);
                Message::Piece(buffer)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Read(error)),
        };
        match partner.ask(message).await? {
            Answer::Next(space) => buffer = space,
            Answer::Done(out) => return Ok(out),
        }
        buffer.resize(BUFFER, 0);
    }
}

enum Message {
    Piece(Vec<u8>),
    End,
}

enum Answer<W> {
    /// The piece is good. It is given back for its memory.
    Next(Vec<u8>),
    Done(W),
}

/// The thread that compiles. It ends when nobody can ask it any more.
struct Partner<W> {
    messages: SyncSender<Message>,
    slot: Arc<Mutex<Slot<W>>>,
}

/// Where the answer is laid, and whom to wake then.
struct Slot<W> {
    answer: Option<thread::Result<Result<Answer<W>>>>,
    waker: Option<Waker>,
}

impl<W: Write + Seek + Send + 'static> Partner<W> {
    fn start(compiler: StreamCompiler, out: W) -> Result<Partner<W>> {
        // One message at a time, so that sending never blocks.
        let (messages, receiver) = mpsc::sync_channel(1);
        let slot = Arc::new(Mutex::new(Slot {
            answer: None,
            waker: None,
        }));
        let answers = slot.clone();
        thread::Builder::new()
            .name("wasm-aot".into())
            .spawn(move || serve(&receiver, &answers, compiler, out))
            .map_err(Error::Read)?;
        Ok(Partner { messages, slot })
    }

    /// Sends a message and waits for the answer.
    ///
    /// # Panics
    ///
    /// If the thread has panicked.
    async fn ask(&self, message: Message) -> Result<Answer<W>> {
        self.messages
            .send(message)
            .expect("the thread waits for messages");
        let answer = poll_fn(|cx| {
            let mut slot = self.slot.lock().expect(UNPOISONED);
            match slot.answer.take() {
                Some(answer) => Poll::Ready(answer),
                None => {
                    slot.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        });
        answer
            .await
            .unwrap_or_else(|payload: Box<dyn Any + Send>| panic::resume_unwind(payload))
    }
}

/// Answers messages until the last of them, an error, or the end of whoever
/// sends them.
fn serve<W: Write + Seek>(
    messages: &Receiver<Message>,
    slot: &Mutex<Slot<W>>,
    mut compiler: StreamCompiler,
    mut out: W,
) {
    let answer = |answer| {
        let mut slot = slot.lock().expect(UNPOISONED);
        slot.answer = Some(answer);
        slot.waker.take()
    };
    let last = loop {
        let piece = match messages.recv() {
            Ok(Message::Piece(piece)) => piece,
            Ok(Message::End) => {
                let finish = AssertUnwindSafe(|| compiler.finish(&mut out));
                let result = panic::catch_unwind(finish);
                break result.map(|result| result.map(|()| Answer::Done(out)));
            }
            Err(_) => return,
        };
        match panic::catch_unwind(AssertUnwindSafe(|| compiler.push(&piece))) {
            Ok(Ok(())) => wake(answer(Ok(Ok(Answer::Next(piece))))),
            Ok(Err(error)) => break Ok(Err(error)),
            Err(payload) => break Err(payload),
        }
    };
    wake(answer(last));
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

const UNPOISONED: &str = "nothing panics with this lock";
