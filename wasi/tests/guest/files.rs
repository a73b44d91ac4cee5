//! Contents, positions, modes and attributes of files.

use crate::harness::*;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use wasm_aot_wasi::{DirAccess, Errno, GuestMemory, WasiCtx};

const BOTH: u64 = RIGHT_READ | RIGHT_WRITE;

fn guest_with(contents: &[u8]) -> (tempfile::TempDir, Guest, u32) {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), contents).unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let fd = guest.open(ROOT, "file", 0, 0, BOTH, 0).unwrap();
    (tmp, guest, fd)
}

#[test]
fn positions_move_with_transfers_and_seeks() {
    let (_tmp, mut guest, fd) = guest_with(b"0123456789");
    assert_eq!(guest.read(fd, 4), Ok(b"0123".to_vec()));
    assert_eq!(guest.tell(fd), Ok(4));
    assert_eq!(guest.pread(fd, 3, 7), Ok(b"789".to_vec()));
    assert_eq!(guest.pwrite(fd, b"X", 9), Ok(1));
    assert_eq!(guest.tell(fd), Ok(4), "left alone");
    assert_eq!(guest.seek(fd, -1, 1), Ok(3));
    assert_eq!(guest.seek(fd, -1, 2), Ok(9));
    assert_eq!(guest.read(fd, 10), Ok(b"X".to_vec()));
    assert_eq!(guest.seek(fd, 100, 0), Ok(100), "beyond the end");
    assert_eq!(guest.read(fd, 10), Ok(vec![]));
    for (offset, whence) in [(-1, 0), (-101, 1), (-11, 2), (0, 3), (0, u32::MAX)] {
        assert_eq!(
            guest.seek(fd, offset, whence),
            Err(Errno::Inval),
            "{offset} {whence}"
        );
    }
    assert_eq!(guest.tell(fd), Ok(100));
}

#[test]
fn offsets_no_file_can_have_are_invalid() {
    let (_tmp, mut guest, fd) = guest_with(b"x");
    for offset in [u64::MAX, 1 << 63] {
        assert_eq!(guest.pread(fd, 1, offset), Err(Errno::Inval));
        assert_eq!(guest.pwrite(fd, b"x", offset), Err(Errno::Inval));
        assert_eq!(
            guest.ctx.fd_filestat_set_size(fd, offset),
            Err(Errno::Inval)
        );
        assert!(guest.ctx.fd_allocate(fd, offset, 1).is_err());
        assert!(guest.ctx.fd_allocate(fd, 1, offset).is_err());
    }
    assert_eq!(guest.seek(fd, i64::MIN, 2), Err(Errno::Inval));
}

#[test]
fn append_mode_writes_at_the_end_until_turned_off() {
    let (tmp, mut guest, _) = guest_with(b"abc");
    let fd = guest.open(ROOT, "file", 0, 0, BOTH, APPEND).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().flags, APPEND as u16);
    assert_eq!(guest.write(fd, b"d"), Ok(1));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.write(fd, b"e"), Ok(1));
    assert_eq!(guest.tell(fd), Ok(5));
    assert_eq!(guest.ctx.fd_fdstat_set_flags(fd, 0), Ok(()));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.write(fd, b"A"), Ok(1));
    assert_eq!(guest.ctx.fd_fdstat_set_flags(fd, APPEND), Ok(()));
    assert_eq!(guest.write(fd, b"f"), Ok(1));
    assert_eq!(fs::read(tmp.path().join("file")).unwrap(), b"Abcdef");
}

#[test]
fn flags_that_cannot_change_are_refused_unless_they_stay() {
    const SYNC: u32 = 16;
    let (_tmp, mut guest, fd) = guest_with(b"");
    for flags in [2, 8, SYNC, 32, 1 << 16] {
        assert_eq!(
            guest.ctx.fd_fdstat_set_flags(fd, flags),
            Err(Errno::Inval),
            "{flags}"
        );
    }
    let fd = guest.open(ROOT, "file", 0, 0, BOTH, SYNC).unwrap();
    assert_eq!(guest.ctx.fd_fdstat_set_flags(fd, SYNC | APPEND), Ok(()));
    assert_eq!(guest.fdstat(fd).unwrap().flags, (SYNC | APPEND) as u16);
    assert_eq!(guest.ctx.fd_fdstat_set_flags(fd, APPEND), Err(Errno::Inval));
}

#[test]
fn a_read_larger_than_the_memory_faults_and_one_that_fits_is_whole() {
    let (_tmp, mut guest, fd) = guest_with(&[7; 4096]);
    let size = guest.memory.len() as u32;
    let mut read = |ptr: u32, len: u32| {
        guest.put(0, &[ptr.to_le_bytes(), len.to_le_bytes()].concat());
        let result = guest.with(|ctx, mem| ctx.fd_pread(mem, fd, 0, 1, 0, 8));
        result.map(|()| guest.u32(8))
    };
    assert_eq!(read(4096, size - 4096), Ok(4096));
    assert_eq!(read(4096, size - 4095), Err(Errno::Fault));
    assert_eq!(read(size, 0), Ok(0));
    assert_eq!(read(u32::MAX, u32::MAX), Err(Errno::Fault));
}

#[test]
fn a_result_that_cannot_be_written_means_nothing_happened() {
    let (tmp, mut guest, fd) = guest_with(b"abc");
    guest.put(0, &[100, 0, 0, 0, 1, 0, 0, 0]);
    guest.put(100, b"X");
    let end = guest.memory.len() as u32;
    let bad = Err(Errno::Fault);
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_read(mem, fd, 0, 1, end - 3)),
        bad
    );
    assert_eq!(guest.with(|ctx, mem| ctx.fd_write(mem, fd, 0, 1, end)), bad);
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_pwrite(mem, fd, 0, 1, 0, end)),
        bad
    );
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_seek(mem, fd, 2, 0, end - 7)),
        bad
    );
    assert_eq!(guest.tell(fd), Ok(0));
    assert_eq!(guest.bytes(100, 1), b"X");
    assert_eq!(fs::read(tmp.path().join("file")).unwrap(), b"abc");
}

#[test]
fn several_buffers_are_filled_in_order() {
    let (_tmp, mut guest, fd) = guest_with(b"abcdefghij");
    let list = [(300, 2), (0, 0), (200, 3), (203, 1), (400, 100)];
    let bytes: Vec<u8> = (list.iter())
        .flat_map(|(ptr, len): &(u32, u32)| [ptr.to_le_bytes(), len.to_le_bytes()].concat())
        .collect();
    guest.put(0, &bytes);
    assert_eq!(
        guest.with(|ctx, mem| ctx.fd_read(mem, fd, 0, 5, 100)),
        Ok(())
    );
    assert_eq!(guest.u32(100), 10);
    let parts = [(300, 3), (200, 5), (400, 5)].map(|(ptr, len)| guest.bytes(ptr, len));
    assert_eq!(parts, [&b"ab\0"[..], b"cdef\0", b"ghij\0"]);
}

#[test]
fn sizes_and_space() {
    let (tmp, mut guest, fd) = guest_with(b"abc");
    let size = || fs::metadata(tmp.path().join("file")).unwrap().len();
    assert_eq!(guest.ctx.fd_filestat_set_size(fd, 10), Ok(()));
    assert_eq!(size(), 10);
    assert_eq!(guest.ctx.fd_filestat_set_size(fd, 1), Ok(()));
    assert_eq!(guest.pread(fd, 10, 0), Ok(b"a".to_vec()));
    assert_eq!(guest.ctx.fd_allocate(fd, 5, 5), Ok(()));
    assert_eq!(size(), 10);
    assert_eq!(guest.ctx.fd_allocate(fd, 0, 5), Ok(()));
    assert_eq!(size(), 10, "never shrinks");
    assert_eq!(guest.ctx.fd_allocate(fd, 0, 0), Err(Errno::Inval));
    assert_eq!(guest.ctx.fd_allocate(ROOT, 0, 1), Err(Errno::Isdir));
    assert_eq!(guest.ctx.fd_filestat_set_size(ROOT, 0), Err(Errno::Isdir));
    for advice in 0..6 {
        assert_eq!(guest.ctx.fd_advise(fd, 0, 0, advice), Ok(()));
    }
    assert_eq!(guest.ctx.fd_advise(fd, 0, 0, 6), Err(Errno::Inval));
    for fd in [fd, ROOT] {
        assert_eq!(guest.ctx.fd_sync(fd), Ok(()));
        assert_eq!(guest.ctx.fd_datasync(fd), Ok(()));
    }
}

#[test]
fn attributes_are_those_of_the_host() {
    let (tmp, mut guest, fd) = guest_with(b"abc");
    fs::hard_link(tmp.path().join("file"), tmp.path().join("other")).unwrap();
    let host = fs::metadata(tmp.path().join("file")).unwrap();
    let stat = guest.filestat(fd).unwrap();
    assert_eq!(
        (stat.dev, stat.ino, stat.nlink),
        (host.dev(), host.ino(), 2)
    );
    assert_eq!((stat.filetype, stat.size), (4, 3));
    assert_eq!(
        stat.mtim,
        host.mtime() as u64 * 1_000_000_000 + host.mtime_nsec() as u64
    );
    assert_eq!(guest.path_filestat(ROOT, "other", 0).unwrap(), stat);
    assert_eq!(guest.filestat(ROOT).unwrap().filetype, 3);
}

#[test]
fn times_are_set_as_the_flags_say() {
    const ATIM: u32 = 1;
    const ATIM_NOW: u32 = 2;
    const MTIM: u32 = 4;
    const MTIM_NOW: u32 = 8;
    let (_tmp, mut guest, fd) = guest_with(b"");
    for fd in [fd, ROOT] {
        let times = |guest: &mut Guest| {
            let stat = guest.filestat(fd).unwrap();
            (stat.atim, stat.mtim)
        };
        assert_eq!(
            guest
                .ctx
                .fd_filestat_set_times(fd, 1, 2_000_000_003, ATIM | MTIM),
            Ok(())
        );
        assert_eq!(times(&mut guest), (1, 2_000_000_003));
        assert_eq!(guest.ctx.fd_filestat_set_times(fd, 9, 9, 0), Ok(()));
        assert_eq!(times(&mut guest), (1, 2_000_000_003));
        assert_eq!(guest.ctx.fd_filestat_set_times(fd, 9, 5, MTIM), Ok(()));
        assert_eq!(times(&mut guest), (1, 5));
        let before = guest.now(0).unwrap();
        assert_eq!(
            guest
                .ctx
                .fd_filestat_set_times(fd, 9, 9, ATIM_NOW | MTIM_NOW),
            Ok(())
        );
        let (atim, mtim) = times(&mut guest);
        // The kernel's time stamps are coarser than its clock.
        assert!(atim + 1_000_000_000 > before && mtim + 1_000_000_000 > before);
        for flags in [ATIM | ATIM_NOW, MTIM | MTIM_NOW, 16] {
            let result = guest.ctx.fd_filestat_set_times(fd, 9, 9, flags);
            assert_eq!(result, Err(Errno::Inval), "{flags}");
        }
        assert_eq!(times(&mut guest), (atim, mtim));
    }
}

#[test]
fn open_flags_mean_what_they_mean_in_posix() {
    let (tmp, mut guest, _) = guest_with(b"abc");
    fs::create_dir(tmp.path().join("dir")).unwrap();
    let mut open = |path, oflags, rights| {
        guest
            .open(ROOT, path, 0, oflags, rights, 0)
            .map(|fd| guest.ctx.fd_close(fd).unwrap())
    };
    assert_eq!(open("new", 0, RIGHT_WRITE), Err(Errno::Noent));
    assert_eq!(open("new", CREAT | EXCL, RIGHT_WRITE), Ok(()));
    assert_eq!(open("new", CREAT | EXCL, RIGHT_WRITE), Err(Errno::Exist));
    assert_eq!(open("new", CREAT, 0), Ok(()));
    assert_eq!(open("file", DIRECTORY, RIGHT_READ), Err(Errno::Notdir));
    assert_eq!(open("dir", DIRECTORY, RIGHT_READ), Ok(()));
    assert_eq!(open("dir", 0, BOTH), Err(Errno::Isdir));
    assert_eq!(
        open("dir", CREAT | DIRECTORY, RIGHT_READ),
        Err(Errno::Inval)
    );
    assert_eq!(open("file", 16, RIGHT_READ), Err(Errno::Inval));
    assert_eq!(open("file/", 0, RIGHT_READ), Err(Errno::Notdir));
    assert_eq!(open("dir//", 0, RIGHT_READ), Ok(()));
    assert_eq!(open("newer/", CREAT, RIGHT_WRITE), Err(Errno::Isdir));
    assert_eq!(open("file", TRUNC, RIGHT_WRITE), Ok(()));
    assert_eq!(fs::read(tmp.path().join("file")).unwrap(), b"");
}

#[test]
fn a_fifo_opened_without_blocking_neither_waits_nor_pretends() {
    let tmp = tempfile::tempdir().unwrap();
    let fifo = tmp.path().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let to_nobody = guest.open(ROOT, "fifo", 0, 0, RIGHT_WRITE, NONBLOCK);
    assert_eq!(to_nobody, Err(Errno::Nxio));
    let reader = guest
        .open(ROOT, "fifo", 0, 0, RIGHT_READ, NONBLOCK)
        .unwrap();
    let mut writer = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
    assert_eq!(guest.read(reader, 10), Err(Errno::Again));
    writer.write_all(b"abc").unwrap();
    assert_eq!(guest.read(reader, 10), Ok(b"abc".to_vec()));
    assert_eq!(guest.fdstat(reader).unwrap().filetype, 0);
    // Looking at it and setting its times open nothing, so nobody waits.
    drop(writer);
    guest.ctx.fd_close(reader).unwrap();
    assert_eq!(
        guest
            .path_filestat(ROOT, "fifo", FOLLOW)
            .map(|stat| stat.filetype),
        Ok(0)
    );
    assert_eq!(guest.path_set_mtime(ROOT, "fifo", FOLLOW, 5), Ok(()));
    assert_eq!(
        guest
            .path_filestat(ROOT, "fifo", FOLLOW)
            .map(|stat| stat.mtim),
        Ok(5)
    );
}

#[test]
fn a_socket_in_a_directory_cannot_be_opened() {
    let tmp = tempfile::tempdir().unwrap();
    let _listener = UnixListener::bind(tmp.path().join("socket")).unwrap();
    let mut guest = Guest::in_dir(&tmp);
    assert_eq!(
        guest.open(ROOT, "socket", 0, 0, RIGHT_READ, 0),
        Err(Errno::Nxio)
    );
    assert_eq!(guest.path_filestat(ROOT, "socket", 0).unwrap().filetype, 6);
}

#[test]
fn a_read_only_preopen_refuses_every_change() {
    let tmp = tempfile::tempdir().unwrap();
    fs::create_dir(tmp.path().join("dir")).unwrap();
    fs::write(tmp.path().join("dir/file"), "abc").unwrap();
    fs::create_dir(tmp.path().join("rw")).unwrap();
    let builder = WasiCtx::builder()
        .preopen_dir(tmp.path().join("dir"), "/ro", DirAccess::ReadOnly)
        .and_then(|builder| {
            builder.preopen_dir(tmp.path().join("rw"), "/rw", DirAccess::ReadWrite)
        });
    let mut guest = Guest::new(builder.unwrap());
    let rofs = Err(Errno::Rofs);
    // A directory opened beneath is no different.
    let beneath = guest.open(3, ".", 0, DIRECTORY, RIGHT_READ, 0).unwrap();
    for ro in [3, beneath] {
        assert_eq!(
            guest.open(ro, "file", 0, 0, RIGHT_WRITE, 0),
            rofs.map(|()| 0)
        );
        assert_eq!(
            guest.open(ro, "file", 0, TRUNC, RIGHT_READ, 0),
            rofs.map(|()| 0)
        );
        assert_eq!(
            guest.open(ro, "new", 0, CREAT, RIGHT_READ, 0),
            rofs.map(|()| 0)
        );
        assert_eq!(
            guest.open(ro, "new", 0, CREAT | EXCL, RIGHT_READ, 0),
            rofs.map(|()| 0)
        );
        let exists = guest.open(ro, "file", 0, CREAT | EXCL, RIGHT_READ, 0);
        assert_eq!(exists, Err(Errno::Exist));
        assert_eq!(guest.mkdir(ro, "new"), rofs);
        assert_eq!(guest.rmdir(ro, "x"), rofs);
        assert_eq!(guest.unlink(ro, "file"), rofs);
        assert_eq!(guest.symlink("x", ro, "new"), rofs);
        assert_eq!(guest.rename((ro, "file"), (4, "file")), rofs);
        assert_eq!(guest.rename((4, "x"), (ro, "file")), rofs);
        assert_eq!(
            guest.link((ro, "file"), 0, (4, "file")),
            rofs,
            "a way to write to it"
        );
        assert_eq!(guest.link((4, "x"), 0, (ro, "new")), rofs);
        assert_eq!(guest.path_set_mtime(ro, "file", 0, 1), rofs);
        assert_eq!(guest.ctx.fd_filestat_set_times(ro, 1, 1, 5), rofs);
        let fd = guest.open(ro, "file", 0, CREAT, RIGHT_READ, 0).unwrap();
        assert_eq!(guest.read(fd, 10), Ok(b"abc".to_vec()));
        assert_eq!(guest.write(fd, b"x"), Err(Errno::Badf));
        assert_eq!(guest.ctx.fd_filestat_set_times(fd, 1, 1, 5), rofs);
        assert_eq!(guest.ctx.fd_filestat_set_size(fd, 0), Err(Errno::Badf));
    }
    assert_eq!(fs::read(tmp.path().join("dir/file")).unwrap(), b"abc");
    assert_eq!(fs::read_dir(tmp.path().join("dir")).unwrap().count(), 1);
}

#[test]
fn a_guest_without_memory_only_faults() {
    let mut ctx = WasiCtx::builder().build().unwrap();
    let mut mem = GuestMemory::new(&mut []);
    assert_eq!(ctx.fd_write(&mut mem, 1, 0, 0, 0), Err(Errno::Fault));
    assert_eq!(ctx.fd_fdstat_get(&mut mem, 0, 0), Err(Errno::Fault));
    assert_eq!(ctx.random_get(&mut mem, 0, 0), Ok(()));
    assert_eq!(ctx.random_get(&mut mem, 0, 1), Err(Errno::Fault));
}
