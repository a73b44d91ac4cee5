//! Standard streams: captured, supplied, files, pipes.

use crate::harness::*;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use wasm_aot_wasi::{Capture, Errno, GuestMemory, Input, Output, WasiCtx};

#[test]
fn output_is_captured_in_order_and_per_stream() {
    let (out, err) = (Capture::new(), Capture::new());
    let builder = WasiCtx::builder()
        .stdout(Output::capture(&out))
        .stderr(Output::capture(&err));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.write(1, b"one "), Ok(4));
    assert_eq!(guest.write(2, b"error"), Ok(5));
    assert_eq!(guest.write(1, b"two"), Ok(3));
    assert_eq!(out.contents(), b"one two");
    assert_eq!(out.take(), b"one two");
    assert_eq!(guest.write(1, b"three"), Ok(5));
    assert_eq!(
        (out.take(), err.take()),
        (b"three".to_vec(), b"error".to_vec())
    );
}

#[test]
fn one_write_takes_all_its_buffers() {
    let out = Capture::new();
    let mut ctx = WasiCtx::builder()
        .stdout(Output::capture(&out))
        .build()
        .unwrap();
    let mut memory = vec![0; 4096];
    let count = 40;
    for i in 0..count {
        memory[i * 8..i * 8 + 8]
            .copy_from_slice(&[(1000 + i as u32).to_le_bytes(), 1u32.to_le_bytes()].concat());
        memory[1000 + i] = b'A' + i as u8;
    }
    let mut mem = GuestMemory::new(&mut memory);
    for (n, expected) in [
        (2, "AB"),
        (16, "ABCDEFGHIJKLMNOP"),
        (17, "ABCDEFGHIJKLMNOPQ"),
    ] {
        assert_eq!(ctx.fd_write(&mut mem, 1, 0, n, 2000), Ok(()));
        assert_eq!(mem.read_u32(2000), Ok(n));
        assert_eq!(out.take(), expected.as_bytes());
    }
    assert_eq!(ctx.fd_write(&mut mem, 1, 0, 0, 2000), Ok(()));
    assert_eq!((mem.read_u32(2000), out.take()), (Ok(0), vec![]));
}

#[test]
fn a_full_capture_takes_what_fits_and_then_refuses() {
    let out = Capture::with_limit(5);
    let mut guest = Guest::new(WasiCtx::builder().stdout(Output::capture(&out)));
    assert_eq!(guest.write(1, b"abcdefgh"), Ok(5));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Nospc));
    assert_eq!(guest.write(1, b""), Ok(0));
    assert_eq!(out.contents(), b"abcde");
}

#[test]
fn input_is_read_to_its_end() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::bytes("hello")));
    assert_eq!(guest.read(0, 2), Ok(b"he".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b"llo".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
}

#[test]
fn supplied_readers_and_writers_report_their_errors() {
    struct Broken(io::ErrorKind, u32);
    impl Broken {
        /// Interrupted twice, then broken.
        fn fail(&mut self) -> io::Result<usize> {
            self.1 += 1;
            Err(if self.1 < 3 {
                io::ErrorKind::Interrupted
            } else {
                self.0
            }
            .into())
        }
    }
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.fail()
        }
    }
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            self.fail()
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::Error::other("no such luck"))
        }
    }
    for (kind, errno) in [
        (io::ErrorKind::BrokenPipe, Errno::Pipe),
        (io::ErrorKind::WouldBlock, Errno::Again),
        (io::ErrorKind::Other, Errno::Io),
    ] {
        let builder = WasiCtx::builder().stdin(Input::reader(Broken(kind, 0)));
        let mut guest = Guest::new(builder.stdout(Output::writer(Broken(kind, 0))));
        assert_eq!(guest.read(0, 1), Err(errno));
        assert_eq!(guest.write(1, b"x"), Err(errno));
        assert_eq!(guest.ctx.fd_sync(1), Err(Errno::Io));
    }
}

#[test]
fn a_writer_is_dropped_when_the_guest_closes_it() {
    struct Told(mpsc::Sender<()>);
    impl Write for Told {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let (sender, dropped) = mpsc::channel();
    let mut guest = Guest::new(WasiCtx::builder().stdout(Output::writer(Told(sender))));
    assert_eq!(guest.write(1, b"x"), Ok(1));
    assert!(dropped.try_recv().is_err());
    assert_eq!(guest.ctx.fd_close(1), Ok(()));
    assert!(dropped.try_recv().is_ok());
}

#[test]
fn a_broken_pipe_is_an_error_and_no_signal() {
    let (reader, writer) = io::pipe().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdout(Output::file(writer)));
    assert_eq!(guest.write(1, b"x"), Ok(1));
    drop(reader);
    assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Pipe));
}

#[test]
fn a_pipe_gives_what_is_in_it_without_waiting_for_more() {
    let (reader, mut writer) = io::pipe().unwrap();
    let mut ctx = WasiCtx::builder()
        .stdin(Input::file(reader))
        .build()
        .unwrap();
    writer.write_all(b"abcd").unwrap();
    let mut memory = vec![0; 256];
    // Two buffers, of which the pipe fills the first exactly.
    memory[..16].copy_from_slice(&[100, 0, 0, 0, 4, 0, 0, 0, 110, 0, 0, 0, 50, 0, 0, 0]);
    let start = Instant::now();
    assert_eq!(
        ctx.fd_read(&mut GuestMemory::new(&mut memory), 0, 0, 2, 200),
        Ok(())
    );
    assert_eq!((&memory[100..104], memory[200]), (&b"abcd"[..], 4));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_non_blocking_pipe_says_again() {
    let (reader, writer) = io::pipe().unwrap();
    let builder = WasiCtx::builder()
        .stdin(Input::file(reader))
        .stdout(Output::file(writer));
    let mut guest = Guest::new(builder);
    assert_eq!(guest.ctx.fd_fdstat_set_flags(0, NONBLOCK), Ok(()));
    assert_eq!(guest.fdstat(0).unwrap().flags, NONBLOCK as u16);
    assert_eq!(guest.read(0, 1), Err(Errno::Again));
    assert_eq!(guest.write(1, b"x"), Ok(1));
    assert_eq!(guest.read(0, 10), Ok(b"x".to_vec()));
    assert_eq!(guest.read(0, 10), Err(Errno::Again));
    assert_eq!(guest.seek(0, 0, 0), Err(Errno::Spipe));
}

#[test]
fn a_file_as_standard_stream_can_be_positioned() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"0123456789").unwrap();
    file.rewind().unwrap();
    let builder = WasiCtx::builder().stdin(Input::file(file.try_clone().unwrap()));
    let mut guest = Guest::new(builder.stdout(Output::file(file.try_clone().unwrap())));
    assert_eq!(guest.fdstat(0).unwrap().filetype, 4);
    assert_eq!(guest.read(0, 3), Ok(b"012".to_vec()));
    assert_eq!(guest.seek(0, -2, 2), Ok(8));
    assert_eq!(guest.read(0, 10), Ok(b"89".to_vec()));
    assert_eq!(
        guest.write(0, b"x"),
        Err(Errno::Badf),
        "input is for reading only"
    );
    assert_eq!(guest.read(1, 1), Err(Errno::Badf), "and output for writing");
}

#[test]
fn devices_that_are_no_terminals_do_not_pose_as_them() {
    const SEEK_AND_TELL: u64 = 1 << 2 | 1 << 5;
    let null = File::open("/dev/null").unwrap();
    let mut guest = Guest::new(WasiCtx::builder().stdin(Input::file(null)));
    let stat = guest.fdstat(0).unwrap();
    // C libraries take a character device without these rights for a terminal.
    assert_eq!(
        (stat.filetype, stat.base & SEEK_AND_TELL),
        (2, SEEK_AND_TELL)
    );
    assert_eq!(guest.read(0, 10), Ok(vec![]));
}

#[test]
fn the_process_keeps_its_streams_when_the_guest_closes_them() {
    let mut guest = Guest::new(WasiCtx::builder().inherit_stdio());
    let before = rustix::fs::fcntl_getfl(rustix::stdio::stdin()).unwrap();
    assert_eq!(guest.ctx.fd_fdstat_set_flags(0, NONBLOCK), Ok(()));
    assert_eq!(guest.fdstat(0).unwrap().flags, NONBLOCK as u16);
    assert_eq!(
        guest.ctx.fd_fdstat_set_flags(0, NONBLOCK | APPEND),
        Err(Errno::Notsup)
    );
    for fd in 0..3 {
        assert_eq!(guest.ctx.fd_close(fd), Ok(()));
    }
    drop(guest);
    // Others may share them, so their modes stay as they were.
    assert_eq!(rustix::fs::fcntl_getfl(rustix::stdio::stdin()), Ok(before));
    for stream in [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ] {
        assert!(rustix::fs::fstat(stream).is_ok());
    }
}
