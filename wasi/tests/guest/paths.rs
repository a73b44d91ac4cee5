//! Calls on directory entries, in particular on links and with slashes at
//! the end. How hostile paths fail is in `hostile_paths`.

use crate::harness::*;
use std::fs;
use std::os::unix::fs::symlink;
use wasm_aot_wasi::Errno;

/// `file`, `dir/inner`, `empty/`, and links to the first two and to nothing.
fn scene() -> (tempfile::TempDir, Guest) {
    let tmp = tempfile::tempdir().unwrap();
    fs::write(tmp.path().join("file"), "abc").unwrap();
    fs::create_dir(tmp.path().join("dir")).unwrap();
    fs::create_dir(tmp.path().join("empty")).unwrap();
    fs::write(tmp.path().join("dir/inner"), "").unwrap();
    symlink("file", tmp.path().join("to-file")).unwrap();
    symlink("dir", tmp.path().join("to-dir")).unwrap();
    symlink("nowhere", tmp.path().join("to-nothing")).unwrap();
    let guest = Guest::in_dir(&tmp);
    (tmp, guest)
}

#[test]
fn looking_follows_links_only_when_asked_or_told_by_a_slash() {
    const DIR: u8 = 3;
    const FILE: u8 = 4;
    const LINK: u8 = 7;
    let (_tmp, mut guest) = scene();
    for (path, lookup, expected) in [
        ("file", NOFOLLOW, Ok(FILE)),
        ("file/", NOFOLLOW, Err(Errno::Notdir)),
        ("file/", FOLLOW, Err(Errno::Notdir)),
        ("file/.", NOFOLLOW, Err(Errno::Notdir)),
        ("dir", NOFOLLOW, Ok(DIR)),
        ("dir/", NOFOLLOW, Ok(DIR)),
        (".", NOFOLLOW, Ok(DIR)),
        ("dir/..", NOFOLLOW, Ok(DIR)),
        ("to-file", NOFOLLOW, Ok(LINK)),
        ("to-file", FOLLOW, Ok(FILE)),
        ("to-file/", NOFOLLOW, Err(Errno::Notdir)),
        ("to-dir", NOFOLLOW, Ok(LINK)),
        ("to-dir", FOLLOW, Ok(DIR)),
        ("to-dir/", NOFOLLOW, Ok(DIR)),
        ("to-dir/inner", NOFOLLOW, Ok(FILE)),
        ("to-nothing", NOFOLLOW, Ok(LINK)),
        ("to-nothing", FOLLOW, Err(Errno::Noent)),
        ("to-nothing/", NOFOLLOW, Err(Errno::Noent)),
        ("missing", NOFOLLOW, Err(Errno::Noent)),
        ("missing/", NOFOLLOW, Err(Errno::Noent)),
        ("file", 2, Err(Errno::Inval)),
    ] {
        let found = guest
            .path_filestat(ROOT, path, lookup)
            .map(|stat| stat.filetype);
        assert_eq!(found, expected, "{path}, {lookup}");
    }
}

#[test]
fn setting_times_follows_links_as_looking_does() {
    let (_tmp, mut guest) = scene();
    let mtim = |guest: &mut Guest, path| guest.path_filestat(ROOT, path, NOFOLLOW).unwrap().mtim;
    assert_eq!(guest.path_set_mtime(ROOT, "to-file", NOFOLLOW, 1), Ok(()));
    assert_eq!(guest.path_set_mtime(ROOT, "to-file", FOLLOW, 2), Ok(()));
    assert_eq!(
        (mtim(&mut guest, "to-file"), mtim(&mut guest, "file")),
        (1, 2)
    );
    assert_eq!(guest.path_set_mtime(ROOT, "to-dir/", NOFOLLOW, 3), Ok(()));
    assert_eq!(mtim(&mut guest, "dir"), 3);
    assert_ne!(mtim(&mut guest, "to-dir"), 3);
    assert_eq!(
        guest.path_set_mtime(ROOT, "file/", NOFOLLOW, 1),
        Err(Errno::Notdir)
    );
    assert_eq!(
        guest.path_set_mtime(ROOT, "to-nothing", FOLLOW, 1),
        Err(Errno::Noent)
    );
}

#[test]
fn making_directories() {
    let (tmp, mut guest) = scene();
    for (path, expected) in [
        ("new", Ok(())),
        ("new/", Err(Errno::Exist)),
        ("slash/", Ok(())),
        ("slashes///", Ok(())),
        ("dir/new", Ok(())),
        ("to-dir/newer", Ok(())),
        ("file", Err(Errno::Exist)),
        ("file/new", Err(Errno::Notdir)),
        ("missing/new", Err(Errno::Noent)),
        ("to-nothing", Err(Errno::Exist)),
        ("to-nothing/", Err(Errno::Exist)),
        (".", Err(Errno::Exist)),
        ("dir/..", Err(Errno::Exist)),
    ] {
        assert_eq!(guest.mkdir(ROOT, path), expected, "{path}");
    }
    assert!(tmp.path().join("dir/newer").is_dir());
    assert!(!tmp.path().join("nowhere").exists());
}

#[test]
fn removing_directories() {
    let (_tmp, mut guest) = scene();
    for (path, expected) in [
        ("dir", Err(Errno::Notempty)),
        ("file", Err(Errno::Notdir)),
        ("file/", Err(Errno::Notdir)),
        ("to-dir", Err(Errno::Notdir)),
        ("to-dir/", Err(Errno::Notdir)),
        ("missing/", Err(Errno::Noent)),
        (".", Err(Errno::Inval)),
        ("empty/.", Err(Errno::Inval)),
        ("empty/", Ok(())),
        ("empty", Err(Errno::Noent)),
    ] {
        assert_eq!(guest.rmdir(ROOT, path), expected, "{path}");
    }
}

#[test]
fn unlinking() {
    let (tmp, mut guest) = scene();
    for (path, expected) in [
        ("dir", Err(Errno::Isdir)),
        ("dir/", Err(Errno::Isdir)),
        ("file/", Err(Errno::Notdir)),
        ("to-file/", Err(Errno::Notdir)),
        ("to-dir/", Err(Errno::Notdir)),
        ("missing", Err(Errno::Noent)),
        ("to-dir", Ok(())),
        ("to-nothing", Ok(())),
        ("to-file", Ok(())),
        ("file", Ok(())),
    ] {
        assert_eq!(guest.unlink(ROOT, path), expected, "{path}");
    }
    assert!(tmp.path().join("dir/inner").exists());
}

#[test]
fn renaming() {
    let (tmp, mut guest) = scene();
    for (old, new, expected) in [
        ("file/", "moved", Err(Errno::Notdir)),
        ("file", "moved/", Err(Errno::Notdir)),
        ("dir", "file", Err(Errno::Notdir)),
        ("file", "empty", Err(Errno::Isdir)),
        ("empty", "dir", Err(Errno::Notempty)),
        ("dir", "dir/beneath", Err(Errno::Inval)),
        ("missing", "moved", Err(Errno::Noent)),
        (".", "moved", Err(Errno::Busy)),
        ("to-dir/", "moved", Err(Errno::Notdir)),
        ("dir/", "moved/", Ok(())),
        ("moved", "empty", Ok(())),
        ("to-file", "moved", Ok(())),
        ("file", "empty/inner", Ok(())),
    ] {
        let result = guest.rename((ROOT, old), (ROOT, new));
        assert_eq!(result, expected, "{old} to {new}");
    }
    assert_eq!(fs::read(tmp.path().join("empty/inner")).unwrap(), b"abc");
    assert!(tmp.path().join("moved").is_symlink());
}

#[test]
fn linking() {
    let (tmp, mut guest) = scene();
    for (old, lookup, new, expected) in [
        ("file", NOFOLLOW, "linked", Ok(())),
        ("file", NOFOLLOW, "linked", Err(Errno::Exist)),
        ("file", NOFOLLOW, "to-nothing", Err(Errno::Exist)),
        ("file", NOFOLLOW, "new/", Err(Errno::Noent)),
        ("file/", NOFOLLOW, "new", Err(Errno::Notdir)),
        ("dir", NOFOLLOW, "new", Err(Errno::Perm)),
        ("dir/", NOFOLLOW, "new", Err(Errno::Perm)),
        ("to-dir/", NOFOLLOW, "new", Err(Errno::Notdir)),
        ("missing", NOFOLLOW, "new", Err(Errno::Noent)),
        ("to-file", FOLLOW, "new", Err(Errno::Inval)),
        ("to-nothing", NOFOLLOW, "dir/link", Ok(())),
    ] {
        let result = guest.link((ROOT, old), lookup, (ROOT, new));
        assert_eq!(result, expected, "{old} as {new}");
    }
    assert_eq!(fs::read(tmp.path().join("linked")).unwrap(), b"abc");
    assert!(tmp.path().join("dir/link").is_symlink());
}

#[test]
fn symbolic_links_say_what_they_were_told_unless_absolute() {
    let (_tmp, mut guest) = scene();
    for (contents, path, expected) in [
        ("file", "new", Ok(())),
        ("../../anything", "dir/new", Ok(())),
        ("file", "new", Err(Errno::Exist)),
        ("file", "newer/", Err(Errno::Noent)),
        ("", "newer", Err(Errno::Noent)),
        ("/", "newer", Err(Errno::Perm)),
        ("/anything", "newer", Err(Errno::Perm)),
        ("a\0b", "newer", Err(Errno::Inval)),
    ] {
        assert_eq!(
            guest.symlink(contents, ROOT, path),
            expected,
            "{path} -> {contents:?}"
        );
    }
    assert_eq!(
        guest.readlink(ROOT, "dir/new", 100),
        Ok(b"../../anything".to_vec())
    );
    assert_eq!(
        guest.open(ROOT, "dir/new", FOLLOW, 0, RIGHT_READ, 0),
        Err(Errno::Perm)
    );
}

#[test]
fn reading_a_link_cuts_it_to_the_buffer() {
    let (_tmp, mut guest) = scene();
    for len in 0..10 {
        let expected = b"file"[..4.min(len as usize)].to_vec();
        assert_eq!(
            guest.readlink(ROOT, "to-file", len),
            Ok(expected),
            "{len} bytes"
        );
    }
    for (path, errno) in [
        ("file", Errno::Inval),
        ("dir", Errno::Inval),
        ("dir/", Errno::Inval),
        ("to-dir/", Errno::Inval),
        ("to-file/", Errno::Notdir),
        ("missing", Errno::Noent),
        ("to-nothing/", Errno::Noent),
    ] {
        assert_eq!(guest.readlink(ROOT, path, 100), Err(errno), "{path}");
    }
}

#[test]
fn opening_a_link_without_following_is_a_loop() {
    let (_tmp, mut guest) = scene();
    let mut open = |path, lookup, oflags| {
        guest
            .open(ROOT, path, lookup, oflags, RIGHT_READ, 0)
            .map(|_| ())
    };
    assert_eq!(open("to-file", NOFOLLOW, 0), Err(Errno::Loop));
    assert_eq!(open("to-nothing", NOFOLLOW, 0), Err(Errno::Loop));
    assert_eq!(open("to-dir", NOFOLLOW, DIRECTORY), Err(Errno::Notdir));
    assert_eq!(open("to-file", FOLLOW, 0), Ok(()));
    assert_eq!(open("to-dir", FOLLOW, DIRECTORY), Ok(()));
    assert_eq!(open("to-file", FOLLOW, DIRECTORY), Err(Errno::Notdir));
    assert_eq!(
        open("to-dir/inner", NOFOLLOW, 0),
        Ok(()),
        "links before the last are followed"
    );
    assert_eq!(open("to-file", FOLLOW, CREAT | EXCL), Err(Errno::Exist));
    assert_eq!(
        open("to-nothing", FOLLOW, CREAT),
        Ok(()),
        "creates what it leads to"
    );
}
