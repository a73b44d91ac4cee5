//! Modules that an asynchronous reader brings.

use std::future::Future;
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_io::AsyncRead;
use wasm_aot_compiler::{Error, Observer, compile, compile_async};

const MODULE: &str = r#"(module
    (func (export "a") (result i32) i32.const 1)
    (func (export "b") (param i32) (result i32) (i32.add (local.get 0) (call 0))))"#;

/// Brings one byte at a time, and wants to be asked twice for each.
struct Drip {
    bytes: Vec<u8>,
    at: usize,
    asked: bool,
    end: End,
}

/// What comes behind the bytes.
#[derive(Clone, Copy)]
enum End {
    Proper,
    Error,
    /// Must not be read.
    Forbidden,
    /// Nothing, ever.
    Silence,
}

fn drip(bytes: &[u8], end: End) -> Drip {
    Drip {
        bytes: bytes.to_vec(),
        at: 0,
        asked: false,
        end,
    }
}

impl AsyncRead for Drip {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = !self.asked;
        if self.asked {
            // From another thread, as reactors do.
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake());
            return Poll::Pending;
        }
        let Some(&byte) = self.bytes.get(self.at) else {
            return match self.end {
                End::Proper => Poll::Ready(Ok(0)),
                End::Error => Poll::Ready(Err(io::Error::other("the line is dead"))),
                End::Forbidden => panic!("read on after an error"),
                End::Silence => Poll::Pending,
            };
        };
        buffer[0] = byte;
        self.at += 1;
        Poll::Ready(Ok(1))
    }
}

#[test]
fn the_artefact_is_that_of_the_whole_module() {
    let wasm = wat::parse_str(MODULE).unwrap();
    let options = Default::default();
    for bytes in [&wasm[..], MODULE.as_bytes()] {
        let out = Cursor::new(Vec::new());
        let future = compile_async(drip(bytes, End::Proper), &options, (), out);
        let artefact = pollster::block_on(future).unwrap().into_inner();
        assert!(artefact == compile(bytes, &options).unwrap());
    }
}

#[test]
fn an_error_comes_before_the_next_read() {
    let options = Default::default();
    let bytes = b"\0asm\x01\0\0\0\x01\x02\x01\x11";
    let future = compile_async(
        drip(bytes, End::Forbidden),
        &options,
        (),
        Cursor::new(Vec::new()),
    );
    let error = pollster::block_on(future).unwrap_err().to_string();
    assert_eq!(error, compile(bytes, &options).unwrap_err().to_string());
}

#[test]
fn an_error_of_the_reader_is_passed_on() {
    let options = Default::default();
    let out = Cursor::new(Vec::new());
    let future = compile_async(drip(b"\0asm", End::Error), &options, (), out);
    match pollster::block_on(future).unwrap_err() {
        Error::Read(error) => assert_eq!(error.to_string(), "the line is dead"),
        other => panic!("{other}"),
    }
}

/// Knows when it is gone.
struct Token(#[allow(dead_code, reason = "held for its count")] Arc<()>);

impl Observer for Token {}

/// Wakes a thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn nothing_is_left_when_the_future_is_dropped() {
    let options = Default::default();
    let token = Arc::new(());
    let wasm = wat::parse_str(MODULE).unwrap();
    {
        let mut future = pin!(compile_async(
            drip(&wasm[..wasm.len() - 1], End::Silence),
            &options,
            Token(token.clone()),
            Cursor::new(Vec::new()),
        ));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(poll.is_pending());
            thread::park_timeout(Duration::from_millis(10));
        }
    }
    let start = Instant::now();
    while Arc::strong_count(&token) > 1 {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "something is kept"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// A thread that polls is never kept: other tasks on it go on.
#[test]
fn a_future_may_move_between_threads() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let options = wasm_aot_compiler::Options::default();
    let reader = drip(MODULE.as_bytes(), End::Proper);
    drop(send(compile_async(
        reader,
        &options,
        (),
        Cursor::new(Vec::new()),
    )));
}
