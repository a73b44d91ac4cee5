//! Nothing outside a preopen is ever read, created or changed.
//!
//! These tests may run as root, on a machine somebody needs, against a
//! sandbox that is broken. So **every path ends inside the temporary directory
//! even if nothing stops it**: the preopen lies deeper than any chain of `..`
//! climbs, and absolute paths name that directory. Keep it so: never aim at a
//! file of the system.

mod attempts;
mod paths;
mod race;
mod scene;
mod without_openat2;

use crate::harness::*;
use attempts::{attack, attack_from};
use paths::{climbing_paths, escaping_paths, malformed_paths, suspicious_paths};
use scene::Scene;
use wasm_aot_wasi::Errno;

#[test]
fn paths_that_lead_outside_fail_in_every_call() {
    let scene = Scene::new();
    let paths = escaping_paths(&scene);
    assert!(paths.len() >= 200, "only {} paths", paths.len());
    assert_eq!(attack(&paths, &scene), [""; 0]);
}

#[test]
fn a_directory_beneath_a_preopen_is_left_by_no_call_either() {
    let scene = Scene::new();
    assert_eq!(attack_from("dir/sub", &climbing_paths(), &scene), [""; 0]);
}

#[test]
fn malformed_paths_fail_in_every_call() {
    let scene = Scene::new();
    assert_eq!(attack(&malformed_paths(), &scene), [""; 0]);
}

#[test]
fn links_that_lead_outside_are_handled_but_not_followed() {
    let scene = Scene::new();
    let succeeded = attack(&suspicious_paths(&scene), &scene);
    let did = |what: &str| succeeded.iter().any(|s| s == what);
    // The link itself belongs to the guest.
    for name in ["up", "abs", "secret-rel", "secret-abs", "chain-0", "self"] {
        for call in [
            "stat",
            "read a link",
            "unlink",
            "rename from there",
            "hard link from there",
        ] {
            assert!(did(&format!("{call}: {name}")), "{call}: {name}");
        }
        for call in [
            "stat, following",
            "open to read, following",
            "create, following",
        ] {
            assert!(!did(&format!("{call}: {name}")), "{call}: {name}");
        }
    }
    // Links that stay inside work.
    assert!(did("open a directory: sub"));
    assert!(did("stat, following: sub/.."));
}

#[test]
fn an_escape_is_reported_as_not_permitted() {
    let scene = Scene::new();
    let mut guest = Guest::in_dir(scene.jail());
    for path in [
        "..",
        "../secret.txt",
        &scene.host("@"),
        &scene.host("@/secret.txt"),
        "up/secret.txt",
        "abs/secret.txt",
    ] {
        assert_eq!(
            guest.open(ROOT, path, FOLLOW, 0, RIGHT_READ, 0),
            Err(Errno::Perm),
            "{path}"
        );
        let stat = guest.path_filestat(ROOT, path, FOLLOW);
        assert_eq!(stat, Err(Errno::Perm), "{path}");
    }
    for (path, errno) in [
        (&b""[..], Errno::Noent),
        (b"a\0b", Errno::Inval),
        (b"\xff", Errno::Ilseq),
        (&[b'a'; 5000], Errno::Nametoolong),
        (&[b'a'; 300], Errno::Nametoolong),
        (b"self", Errno::Loop),
    ] {
        let result = guest.open(ROOT, path, FOLLOW, 0, RIGHT_READ, 0);
        assert_eq!(result, Err(errno), "{}", path.escape_ascii());
    }
}

#[test]
fn a_directory_moved_beneath_another_does_not_open_a_way_out() {
    // The descriptor of `dir/sub` moves up while it is held; `..` from it must
    // still end at it, as it is what paths are relative to.
    let scene = Scene::new();
    let mut guest = Guest::in_dir(scene.jail());
    let sub = guest
        .open(ROOT, "dir/sub", NOFOLLOW, DIRECTORY, 0, 0)
        .unwrap();
    guest.rename((ROOT, "dir/sub"), (ROOT, "moved")).unwrap();
    for path in ["..", "../file", "../../secret.txt"] {
        assert_eq!(
            guest.open(sub, path, FOLLOW, 0, RIGHT_READ, 0),
            Err(Errno::Perm),
            "{path}"
        );
    }
    assert!(guest.open(sub, "file", FOLLOW, 0, RIGHT_READ, 0).is_ok());
}
