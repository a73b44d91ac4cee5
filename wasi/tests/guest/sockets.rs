//! Sockets that the host opened.

use crate::harness::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use wasm_aot_wasi::{DirAccess, Errno, WasiCtx};

const STREAM: u8 = 6;
const DATAGRAM: u8 = 5;

#[test]
fn a_guest_serves_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(listener));
    let mut client = TcpStream::connect(address).unwrap();
    let connection = guest.accept(3, 0).unwrap();
    assert_eq!(connection, 4);
    assert_eq!(guest.fdstat(connection).unwrap().filetype, STREAM);

    client.write_all(b"request").unwrap();
    assert_eq!(guest.recv(connection, 100, 0), Ok((b"request".to_vec(), 0)));
    assert_eq!(guest.send(connection, b"response"), Ok(8));
    // As files, too.
    assert_eq!(guest.write(connection, b"!"), Ok(1));
    assert_eq!(guest.ctx.sock_shutdown(connection, 2), Ok(()));
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert_eq!(response, "response!");
    drop(client);
    assert_eq!(guest.read(connection, 10), Ok(vec![]));
    assert_eq!(guest.seek(connection, 0, 0), Err(Errno::Spipe));
    assert_eq!(guest.ctx.fd_close(connection), Ok(()));
}

#[test]
fn sockets_come_after_directories() {
    let tmp = tempfile::tempdir().unwrap();
    let (socket, _peer) = UnixStream::pair().unwrap();
    let builder = WasiCtx::builder().socket(socket);
    let mut guest = Guest::new(builder.preopen_dir(&tmp, "/", DirAccess::ReadOnly).unwrap());
    assert_eq!(guest.fdstat(3).unwrap().filetype, 3);
    assert_eq!(guest.fdstat(4).unwrap().filetype, STREAM);
}

#[test]
fn a_non_blocking_listener_says_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(listener));
    assert_eq!(guest.fdstat(3).unwrap().flags, NONBLOCK as u16);
    assert_eq!(guest.accept(3, 0), Err(Errno::Again));
    let _client = TcpStream::connect(address).unwrap();
    let connection = guest.accept(3, NONBLOCK).unwrap();
    assert_eq!(guest.recv(connection, 10, 0), Err(Errno::Again));
    assert_eq!(guest.fdstat(connection).unwrap().flags, NONBLOCK as u16);
    assert_eq!(guest.accept(3, APPEND), Err(Errno::Inval));
}

#[test]
fn peeking_leaves_and_waiting_collects() {
    const PEEK: u32 = 1;
    const WAITALL: u32 = 2;
    let (socket, mut peer) = UnixStream::pair().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(socket));
    peer.write_all(b"abc").unwrap();
    assert_eq!(guest.recv(3, 2, PEEK), Ok((b"ab".to_vec(), 0)));
    assert_eq!(guest.recv(3, 2, PEEK), Ok((b"ab".to_vec(), 0)));
    let sender = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        peer.write_all(b"def").unwrap();
        peer
    });
    assert_eq!(guest.recv(3, 6, WAITALL), Ok((b"abcdef".to_vec(), 0)));
    drop(sender.join().unwrap());
    assert_eq!(guest.recv(3, 1, 4), Err(Errno::Inval));
}

#[test]
fn a_datagram_that_does_not_fit_is_marked() {
    let (socket, peer) = UnixDatagram::pair().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(socket));
    assert_eq!(guest.fdstat(3).unwrap().filetype, DATAGRAM);
    peer.send(b"12345").unwrap();
    peer.send(b"67").unwrap();
    assert_eq!(guest.recv(3, 3, 0), Ok((b"123".to_vec(), 1)));
    assert_eq!(guest.recv(3, 3, 0), Ok((b"67".to_vec(), 0)));
}

#[test]
fn sending_to_nobody_is_a_broken_pipe() {
    let (socket, peer) = UnixStream::pair().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(socket));
    drop(peer);
    assert_eq!(guest.send(3, b"x"), Err(Errno::Pipe));
    assert_eq!(guest.write(3, b"x"), Err(Errno::Pipe));
}

#[test]
fn shutting_down_needs_a_direction_and_a_connection() {
    let (socket, _peer) = UnixStream::pair().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(socket));
    for how in [0, 4, u32::MAX] {
        assert_eq!(guest.ctx.sock_shutdown(3, how), Err(Errno::Inval));
    }
    assert_eq!(guest.ctx.sock_shutdown(3, 3), Ok(()));
    assert_eq!(guest.send(3, b"x"), Err(Errno::Pipe));
    assert_eq!(guest.ctx.sock_shutdown(9, 1), Err(Errno::Badf));
    assert_eq!(guest.accept(3, 0), Err(Errno::Inval), "not a listener");
}

#[test]
fn a_full_table_leaves_the_connection_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::new(WasiCtx::builder().socket(listener).max_descriptors(4));
    let _client = TcpStream::connect(address).unwrap();
    assert_eq!(guest.accept(3, 0), Err(Errno::Mfile));
    assert_eq!(guest.ctx.fd_close(0), Ok(()));
    assert_eq!(guest.accept(3, 0), Ok(0));
}
