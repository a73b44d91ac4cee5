//! When the host has no descriptors left, calls that need one say so, leave
//! nothing behind, and work again as soon as there are some.

use crate::harness::*;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use wasm_aot_wasi::{DirAccess, Errno, WasiCtx};

/// Set in the process whose limit is lowered.
const VARIABLE: &str = "WASM_AOT_TEST_EXHAUSTION";

/// Open files of that process, its own ones included.
const LIMIT: u64 = 40;

/// The limit is the process's, so this test has one of its own.
#[test]
fn a_host_without_descriptors_is_an_error_until_some_are_closed() {
    if std::env::var_os(VARIABLE).is_some() {
        return exhaust();
    }
    let name = "exhaustion::a_host_without_descriptors_is_an_error_until_some_are_closed";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--test-threads=1"])
        .env(VARIABLE, "1")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");
}

fn exhaust() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir_all(tmp.path().join("dir/sub")).unwrap();
    fs::write(tmp.path().join("dir/sub/file"), "x").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let builder = WasiCtx::builder()
        .preopen_dir(&tmp, "/", DirAccess::ReadWrite)
        .unwrap();
    let mut guest = Guest::new(builder.socket(listener));
    let client = TcpStream::connect(address).unwrap();
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = Some(LIMIT);
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();

    let open = |guest: &mut Guest| guest.open(ROOT, "dir/sub/file", 0, 0, RIGHT_READ, 0);
    let mut opened = Vec::new();
    let error = loop {
        match open(&mut guest) {
            Ok(fd) => opened.push(fd),
            Err(error) => break error,
        }
        assert!((opened.len() as u64) < LIMIT);
    };
    assert_eq!(error, Errno::Mfile);
    assert!(opened.len() > 10, "{opened:?}");

    // Whatever needs a descriptor of the host for a moment fails as well, and
    // changes nothing.
    let created = guest.open(ROOT, "new", 0, CREAT, RIGHT_WRITE, 0);
    assert_eq!(created, Err(Errno::Mfile));
    assert_eq!(guest.mkdir(ROOT, "dir/new"), Err(Errno::Mfile));
    assert_eq!(guest.symlink("x", ROOT, "dir/new"), Err(Errno::Mfile));
    let renamed = guest.rename((ROOT, "dir/sub/file"), (ROOT, "new"));
    assert_eq!(renamed, Err(Errno::Mfile));
    assert_eq!(guest.unlink(ROOT, "dir/sub/file"), Err(Errno::Mfile));
    assert_eq!(guest.accept(4, 0), Err(Errno::Mfile));
    let missing = |name: &str| !tmp.path().join(name).exists();
    assert!(missing("new") && missing("dir/new"));
    // What needs none goes on.
    assert_eq!(guest.read(opened[0], 10), Ok(b"x".to_vec()));
    assert_eq!(
        guest.path_filestat(ROOT, "dir", NOFOLLOW).unwrap().filetype,
        3
    );
    assert_eq!(guest.mkdir(ROOT, "made"), Ok(()));

    for fd in opened.drain(opened.len() - 3..) {
        assert_eq!(guest.ctx.fd_close(fd), Ok(()));
    }
    let again = guest.accept(4, 0).unwrap();
    assert_eq!(
        Ok(again),
        opened.last().map(|fd| fd + 1).ok_or(()),
        "the lowest free"
    );
    assert_eq!(guest.send(again, b"here"), Ok(4));
    assert_eq!(guest.mkdir(ROOT, "dir/new"), Ok(()));
    assert_eq!(open(&mut guest), Ok(again + 1));
    drop(client);
}
