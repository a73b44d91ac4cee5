//! The descriptor table: closing, renumbering, exhaustion, preopens, rights.

use crate::harness::*;
use std::fs;
use wasm_aot_wasi::WasiCtx;
use wasm_aot_wasi::{Capture, DirAccess, Errno, FUNCTIONS, GuestMemory, Input, Outcome, Output};

#[test]
fn a_closed_descriptor_is_bad_and_its_number_is_reused() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "x").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let open = |guest: &mut Guest| guest.open(ROOT, "file", 0, 0, RIGHT_READ, 0);
    assert_eq!([open(&mut guest), open(&mut guest)], [Ok(4), Ok(5)]);
    assert_eq!(guest.ctx.fd_close(4), Ok(()));
    assert_eq!(guest.ctx.fd_close(4), Err(Errno::Badf));
    assert_eq!(guest.read(4, 1), Err(Errno::Badf));
    assert_eq!(guest.write(4, b"x"), Err(Errno::Badf));
    assert_eq!(guest.filestat(4), Err(Errno::Badf));
    assert_eq!(guest.fdstat(4), Err(Errno::Badf));
    assert_eq!(open(&mut guest), Ok(4));
}

#[test]
fn every_function_with_a_descriptor_refuses_a_closed_one() {
    let mut ctx = WasiCtx::builder().build().unwrap();
    let mut memory = vec![b'a'; 4096];
    let mut tried = 0;
    for function in FUNCTIONS {
        let kind = function.name.split('_').next().unwrap();
        if !["fd", "path", "sock"].contains(&kind) {
            continue;
        }
        // Descriptor 77, and 1 for everything else, which is a valid address,
        // length and choice, but for these three no flag that they accept.
        let mut args = vec![1; function.params.len()];
        args[if function.name == "path_symlink" {
            2
        } else {
            0
        }] = 77;
        let expected = match function.name {
            "path_link" | "sock_accept" | "sock_send" => Errno::Inval,
            _ => Errno::Badf,
        };
        let outcome = (function.call)(&mut ctx, &mut GuestMemory::new(&mut memory), &args);
        assert_eq!(
            outcome,
            Outcome::Errno(expected.raw().into()),
            "{}",
            function.name
        );
        tried += 1;
    }
    assert_eq!(tried, 35);
}

#[test]
fn standard_streams_can_be_closed_and_taken_over() {
    let tmp = tempfile::tempdir().unwrap();
    let stdout = Capture::new();
    let builder = WasiCtx::builder().stdout(Output::capture(&stdout));
    let mut guest = Guest::new(
        builder
            .preopen_dir(&tmp, "/", DirAccess::ReadWrite)
            .unwrap(),
    );
    assert_eq!(guest.write(1, b"before"), Ok(6));
    assert_eq!(guest.ctx.fd_close(1), Ok(()));
    assert_eq!(guest.write(1, b"x"), Err(Errno::Badf));
    assert_eq!(
        guest.open(ROOT, "log", 0, CREAT, RIGHT_WRITE, 0),
        Ok(1),
        "the lowest free"
    );
    assert_eq!(guest.write(1, b"after"), Ok(5));
    assert_eq!(stdout.contents(), b"before");
    assert_eq!(fs::read(tmp.path().join("log")).unwrap(), b"after");
}

#[test]
fn renumbering_replaces_the_target() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("a"), "a").unwrap();
    fs::write(tmp.path().join("b"), "b").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let a = guest.open(ROOT, "a", 0, 0, RIGHT_READ, 0).unwrap();
    let b = guest.open(ROOT, "b", 0, 0, RIGHT_READ, 0).unwrap();
    assert_eq!(guest.ctx.fd_renumber(a, b), Ok(()));
    assert_eq!(guest.read(b, 1), Ok(b"a".to_vec()));
    assert_eq!(guest.read(a, 1), Err(Errno::Badf));
    assert_eq!(guest.ctx.fd_renumber(b, b), Ok(()));
    assert_eq!(guest.ctx.fd_renumber(b, 100), Err(Errno::Badf));
    assert_eq!(guest.ctx.fd_renumber(a, b), Err(Errno::Badf));
    // Onto a standard stream and onto a preopen.
    assert_eq!(guest.ctx.fd_renumber(b, 0), Ok(()));
    let c = guest.open(ROOT, "b", 0, 0, RIGHT_READ, 0).unwrap();
    assert_eq!(guest.ctx.fd_renumber(c, ROOT), Ok(()));
    assert_eq!(guest.read(ROOT, 1), Ok(b"b".to_vec()));
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_prestat_get(mem, ROOT, 0)),
        Err(Errno::Badf)
    );
}

#[test]
fn renumbering_onto_a_number_that_is_not_open_changes_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let mut guest = Guest::in_dir(&tmp);
    for target in [4, 5, 1023, 1024, u32::MAX] {
        assert_eq!(guest.ctx.fd_renumber(1, target), Err(Errno::Badf));
        assert_eq!(guest.ctx.fd_renumber(target, 1), Err(Errno::Badf));
        assert_eq!(guest.ctx.fd_renumber(target, target), Err(Errno::Badf));
    }
    for fd in 0..4 {
        assert_eq!(guest.ctx.fd_renumber(fd, fd), Ok(()));
        assert!(guest.fdstat(fd).is_ok(), "{fd}");
    }
}

#[test]
fn a_closed_preopen_is_gone_and_what_was_opened_beneath_it_is_not() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir(tmp.path().join("dir")).unwrap();
    fs::write(tmp.path().join("file"), "file").unwrap();
    fs::write(tmp.path().join("dir/inner"), "inner").unwrap();
    let builder = WasiCtx::builder()
        .preopen_dir(&tmp, "/a", DirAccess::ReadWrite)
        .and_then(|builder| builder.preopen_dir(&tmp, "/b", DirAccess::ReadOnly))
        .unwrap();
    let mut guest = Guest::new(builder);
    let file = guest.open(3, "file", 0, 0, RIGHT_READ, 0).unwrap();
    let dir = guest.open(3, "dir", 0, DIRECTORY, 0, 0).unwrap();
    assert_eq!(guest.ctx.fd_close(3), Ok(()));

    let open = |guest: &mut Guest, fd| guest.open(fd, "inner", 0, 0, RIGHT_READ, 0);
    assert_eq!(open(&mut guest, 3), Err(Errno::Badf));
    assert_eq!(guest.mkdir(3, "new"), Err(Errno::Badf));
    let prestat = guest.with(|ctx, mem| ctx.fd_prestat_get(mem, 3, 0));
    assert_eq!(prestat, Err(Errno::Badf));
    assert_eq!(guest.read(file, 4), Ok(b"file".to_vec()));
    // Its number is taken by something else, which is no preopen.
    assert_eq!(open(&mut guest, dir), Ok(3));
    let prestat = guest.with(|ctx, mem| ctx.fd_prestat_get(mem, 3, 0));
    assert_eq!(prestat, Err(Errno::Badf));
    // The other one is as it was.
    assert_eq!(guest.with(|ctx, mem| ctx.fd_prestat_get(mem, 4, 0)), Ok(()));
    assert_eq!(guest.mkdir(4, "new"), Err(Errno::Rofs));
}

#[test]
fn an_exhausted_table_opens_and_creates_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "x").unwrap();
    let builder = WasiCtx::builder().max_descriptors(6);
    let mut guest = Guest::new(
        builder
            .preopen_dir(&tmp, "/", DirAccess::ReadWrite)
            .unwrap(),
    );
    for expected in [Ok(4), Ok(5), Err(Errno::Mfile), Err(Errno::Mfile)] {
        assert_eq!(guest.open(ROOT, "file", 0, 0, RIGHT_READ, 0), expected);
    }
    assert_eq!(
        guest.open(ROOT, "new", 0, CREAT, RIGHT_WRITE, 0),
        Err(Errno::Mfile)
    );
    assert!(!tmp.path().join("new").exists());
    assert_eq!(guest.ctx.fd_close(2), Ok(()));
    assert_eq!(guest.open(ROOT, "file", 0, 0, RIGHT_READ, 0), Ok(2));
}

#[test]
fn a_bad_result_pointer_opens_and_creates_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let mut guest = Guest::in_dir(&tmp);
    guest.put(100, b"new");
    let end = guest.memory.len() as u32;
    let result = guest
        .with(|ctx, mem| ctx.path_open(mem, ROOT, 0, 100, 3, CREAT, RIGHT_WRITE, 0, 0, end - 3));
    assert_eq!(result, Err(Errno::Fault));
    assert!(!tmp.path().join("new").exists());
    assert_eq!(
        guest.open(ROOT, "new", 0, CREAT, RIGHT_WRITE, 0),
        Ok(4),
        "no number was lost"
    );
}

#[test]
fn preopens_are_numbered_in_order_and_say_their_names() {
    let tmp = tempfile::tempdir().unwrap();
    let builder = WasiCtx::builder()
        .preopen_dir(&tmp, "/data", DirAccess::ReadWrite)
        .and_then(|builder| builder.preopen_dir(&tmp, "ünï", DirAccess::ReadOnly))
        .unwrap();
    let mut guest = Guest::new(builder);
    for (fd, name) in [(3, "/data"), (4, "ünï")] {
        let len = name.len() as u32;
        guest
            .with(|ctx, mem| ctx.fd_prestat_get(mem, fd, 0))
            .unwrap();
        assert_eq!((guest.u32(0), guest.u32(4)), (0, len));
        guest
            .with(|ctx, mem| ctx.fd_prestat_dir_name(mem, fd, 100, len))
            .unwrap();
        assert_eq!(guest.bytes(100, len + 1), [name.as_bytes(), b"\0"].concat());
        let short = guest.with(|ctx, mem| ctx.fd_prestat_dir_name(mem, fd, 100, len - 1));
        assert_eq!(short, Err(Errno::Nametoolong));
    }
    for (fd, errno) in [(0, Errno::Notdir), (5, Errno::Badf)] {
        let name = guest.with(|ctx, mem| ctx.fd_prestat_dir_name(mem, fd, 100, 100));
        assert_eq!(name, Err(errno));
        assert_eq!(
            guest.with(|ctx, mem| ctx.fd_prestat_get(mem, fd, 0)),
            Err(Errno::Badf)
        );
    }
}

#[test]
fn a_missing_directory_cannot_be_preopened() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let opened =
            WasiCtx::builder().preopen_dir(tmp.path().join(name), "/", DirAccess::ReadOnly);
        assert!(opened.is_err(), "{name}");
    }
}

#[test]
fn rights_say_what_a_descriptor_was_opened_for() {
    const SEEK: u64 = 1 << 2;
    const FILESTAT_SET_SIZE: u64 = 1 << 22;
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "x").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    for rights in [RIGHT_READ, RIGHT_WRITE, RIGHT_READ | RIGHT_WRITE] {
        let fd = guest.open(ROOT, "file", 0, 0, rights, 0).unwrap();
        let stat = guest.fdstat(fd).unwrap();
        assert_eq!(stat.base & (RIGHT_READ | RIGHT_WRITE), rights);
        assert_eq!(
            stat.base & FILESTAT_SET_SIZE != 0,
            rights & RIGHT_WRITE != 0
        );
        assert_ne!(stat.base & SEEK, 0);
        assert_eq!(
            guest.read(fd, 1).err(),
            (rights == RIGHT_WRITE).then_some(Errno::Badf)
        );
        assert_eq!(
            guest.pread(fd, 1, 0).err(),
            (rights == RIGHT_WRITE).then_some(Errno::Badf)
        );
        assert_eq!(
            guest.write(fd, b"y").err(),
            (rights == RIGHT_READ).then_some(Errno::Badf)
        );
        assert_eq!(
            guest.pwrite(fd, b"y", 0).err(),
            (rights == RIGHT_READ).then_some(Errno::Badf)
        );
        let resized = guest.ctx.fd_filestat_set_size(fd, 1);
        assert_eq!(resized.err(), (rights == RIGHT_READ).then_some(Errno::Badf));
        let allocated = guest.ctx.fd_allocate(fd, 0, 1);
        assert_eq!(
            allocated.err(),
            (rights == RIGHT_READ).then_some(Errno::Badf)
        );
    }
    let dir = guest.fdstat(ROOT).unwrap();
    assert_eq!(dir.filetype, 3);
    assert_eq!(dir.base & (SEEK | FILESTAT_SET_SIZE | RIGHT_WRITE), 0);
    assert_eq!(
        dir.inheriting & (RIGHT_READ | RIGHT_WRITE),
        RIGHT_READ | RIGHT_WRITE
    );
    assert_eq!(
        guest.fdstat(0).unwrap().base & (RIGHT_READ | RIGHT_WRITE),
        RIGHT_READ
    );
    assert_eq!(
        guest.fdstat(1).unwrap().base & (RIGHT_READ | RIGHT_WRITE),
        RIGHT_WRITE
    );
}

#[test]
fn rights_cannot_be_changed() {
    let mut guest = Guest::new(WasiCtx::builder());
    assert_eq!(guest.ctx.fd_fdstat_set_rights(0, 0, 0), Err(Errno::Notsup));
    assert_eq!(guest.ctx.fd_fdstat_set_rights(9, 0, 0), Err(Errno::Badf));
}

#[test]
fn the_wrong_kind_of_descriptor_is_named_in_the_error() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "x").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let file = guest.open(ROOT, "file", 0, 0, RIGHT_READ, 0).unwrap();
    assert_eq!(guest.read(ROOT, 1), Err(Errno::Isdir));
    assert_eq!(guest.write(ROOT, b"x"), Err(Errno::Isdir));
    assert_eq!(guest.seek(ROOT, 0, 0), Err(Errno::Isdir));
    assert_eq!(guest.tell(ROOT), Err(Errno::Isdir));
    assert_eq!(
        guest.open(file, "x", 0, CREAT, RIGHT_WRITE, 0),
        Err(Errno::Notdir)
    );
    assert_eq!(guest.readdir(file, 100, 0), Err(Errno::Notdir));
    assert_eq!(guest.seek(0, 0, 0), Err(Errno::Spipe));
    assert_eq!(guest.pread(0, 1, 0), Err(Errno::Spipe));
    assert_eq!(guest.read(1, 1), Err(Errno::Badf));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
    assert_eq!(guest.recv(file, 1, 0), Err(Errno::Notsock));
    assert_eq!(guest.ctx.sock_shutdown(1, 1), Err(Errno::Notsock));
}

#[test]
fn exit_carries_its_code_out() {
    let mut ctx = WasiCtx::builder().stdin(Input::null()).build().unwrap();
    let exit = FUNCTIONS
        .iter()
        .find(|function| function.name == "proc_exit")
        .unwrap();
    for code in [0, 1, 125, 126, u32::MAX] {
        let outcome = (exit.call)(&mut ctx, &mut GuestMemory::new(&mut []), &[code.into()]);
        assert_eq!(outcome, Outcome::Exit(code));
    }
    assert_eq!(ctx.proc_raise(9), Err(Errno::Notsup));
    assert_eq!(ctx.sched_yield(), Ok(()));
}
