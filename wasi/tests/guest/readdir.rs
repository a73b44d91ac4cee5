//! Listing directories with cookies and buffers of every size.

use crate::harness::*;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use wasm_aot_wasi::Errno;

#[derive(Debug)]
struct Entry {
    next: u64,
    ino: u64,
    filetype: u8,
    name: Vec<u8>,
}

/// The whole entries in what `fd_readdir` returned.
fn entries(mut bytes: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(24) {
        let len = u32::from_le_bytes(head[16..20].try_into().unwrap()) as usize;
        let Some((name, rest)) = rest.split_at_checked(len) else {
            break;
        };
        found.push(Entry {
            next: u64::from_le_bytes(head[..8].try_into().unwrap()),
            ino: u64::from_le_bytes(head[8..16].try_into().unwrap()),
            filetype: head[20],
            name: name.to_vec(),
        });
        bytes = rest;
    }
    found
}

/// Lists a directory as C libraries do: on from the last entry that fitted.
fn list(guest: &mut Guest, fd: u32, buf_len: u32) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut cookie = 0;
    loop {
        let bytes = guest.readdir(fd, buf_len, cookie).unwrap();
        let mut found = entries(&bytes);
        let end = bytes.len() < buf_len as usize;
        assert!(end || !found.is_empty(), "no progress with {buf_len} bytes");
        cookie = found.last().map_or(cookie, |entry| entry.next);
        all.append(&mut found);
        if end {
            return all;
        }
    }
}

fn names(entries: &[Entry]) -> Vec<&[u8]> {
    let mut names: Vec<_> = entries.iter().map(|entry| &entry.name[..]).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_buffer_size_lists_every_entry_once() {
    let tmp = tempfile::tempdir().unwrap();
    let mut expected: BTreeSet<Vec<u8>> = [b".".to_vec(), b"..".to_vec()].into();
    for i in 0..300 {
        let name = format!("entry-{i}-{}", "x".repeat(i % 50));
        fs::write(tmp.path().join(&name), "").unwrap();
        expected.insert(name.into_bytes());
    }
    let expected: Vec<_> = expected.iter().map(Vec::as_slice).collect();
    let mut guest = Guest::in_dir(&tmp);
    for buf_len in [100, 101, 128, 256, 1000, 4096, 65536] {
        assert_eq!(
            names(&list(&mut guest, ROOT, buf_len)),
            expected,
            "{buf_len} bytes"
        );
    }
}

#[test]
fn a_cookie_goes_on_behind_its_entry() {
    let tmp = tempfile::tempdir().unwrap();
    for i in 0..20 {
        fs::write(tmp.path().join(format!("{i}")), "").unwrap();
    }
    let mut guest = Guest::in_dir(&tmp);
    let all = list(&mut guest, ROOT, 4096);
    // In any order, also backwards.
    for i in [3, 0, 20, 7, 7, 19, 1] {
        let rest = entries(&guest.readdir(ROOT, 4096, all[i].next).unwrap());
        assert_eq!(names(&rest), names(&all[i + 1..]), "behind entry {i}");
    }
    assert_eq!(guest.readdir(ROOT, 4096, all[21].next), Ok(vec![]));
}

#[test]
fn cookie_0_looks_again() {
    let tmp = tempfile::tempdir().unwrap();
    let mut guest = Guest::in_dir(&tmp);
    assert_eq!(names(&list(&mut guest, ROOT, 4096)), [&b"."[..], b".."]);
    fs::write(tmp.path().join("new"), "").unwrap();
    assert_eq!(
        names(&list(&mut guest, ROOT, 4096)),
        [&b"."[..], b"..", b"new"]
    );
    fs::remove_file(tmp.path().join("new")).unwrap();
    assert_eq!(names(&list(&mut guest, ROOT, 4096)), [&b"."[..], b".."]);
}

#[test]
fn a_listing_survives_the_removal_of_what_it_listed() {
    let tmp = tempfile::tempdir().unwrap();
    for i in 0..500 {
        fs::write(tmp.path().join(format!("{i}")), "").unwrap();
    }
    let mut guest = Guest::in_dir(&tmp);
    let mut cookie = 0;
    loop {
        let bytes = guest.readdir(ROOT, 300, cookie).unwrap();
        for entry in entries(&bytes) {
            cookie = entry.next;
            if entry.filetype != 3 {
                guest.unlink(ROOT, &entry.name).unwrap();
            }
        }
        if bytes.len() < 300 {
            break;
        }
    }
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 0);
}

#[test]
fn a_short_buffer_is_filled_to_its_last_byte() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("a-rather-long-name"), "").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let whole = guest.readdir(ROOT, 4096, 0).unwrap();
    for len in 0..=whole.len() {
        let cut = guest.readdir(ROOT, len as u32, 0).unwrap();
        assert_eq!(cut, whole[..len], "{len} bytes");
    }
}

#[test]
fn types_and_inodes_are_those_of_the_files() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "").unwrap();
    fs::create_dir(tmp.path().join("dir")).unwrap();
    std::os::unix::fs::symlink("file", tmp.path().join("link")).unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let all = list(&mut guest, ROOT, 4096);
    for entry in &all {
        let stat = guest.path_filestat(ROOT, &entry.name, NOFOLLOW);
        match stat {
            Ok(stat) => assert_eq!((entry.ino, entry.filetype), (stat.ino, stat.filetype)),
            // The parent of a preopen is not shown: its inode is the preopen's.
            Err(error) => {
                assert_eq!((error, &entry.name[..]), (Errno::Perm, &b".."[..]));
                assert_eq!(entry.ino, guest.filestat(ROOT).unwrap().ino);
            }
        }
    }
    let mut types: Vec<_> = all.iter().map(|entry| entry.filetype).collect();
    types.sort_unstable();
    assert_eq!(types, [3, 3, 3, 4, 7]);
}

#[test]
fn names_that_are_not_utf8_are_listed_but_cannot_be_opened() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    assert!(names(&list(&mut guest, ROOT, 4096)).contains(&&b"caf\xe9"[..]));
    assert_eq!(
        guest.open(ROOT, b"caf\xe9", 0, 0, RIGHT_READ, 0),
        Err(Errno::Ilseq)
    );
}

#[test]
fn an_absurd_cookie_is_an_error_or_an_end_but_no_crash() {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "").unwrap();
    let mut guest = Guest::in_dir(&tmp);
    for cookie in [u64::MAX, i64::MAX as u64, i64::MIN as u64, 0x1234_5678_9abc] {
        let _ = guest.readdir(ROOT, 4096, cookie);
    }
    assert_eq!(
        list(&mut guest, ROOT, 4096).len(),
        3,
        "and the listing is not spoilt"
    );
}

#[test]
fn a_buffer_outside_the_memory_faults() {
    let tmp = tempfile::tempdir().unwrap();
    let mut guest = Guest::in_dir(&tmp);
    let end = guest.memory.len() as u32;
    for (buf, len, used) in [(end - 10, 11, 0), (0, 10, end - 3), (8, u32::MAX, 0)] {
        let result = guest.with(|ctx, mem| ctx.fd_readdir(mem, ROOT, buf, len, 0, used));
        assert_eq!(result, Err(Errno::Fault));
    }
}
