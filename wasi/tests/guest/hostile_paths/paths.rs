//! Hostile paths, as data.

use super::scene::{ESCAPING_LINKS, MAX_CLIMB, OTHER_LINKS, Scene};
use std::collections::BTreeSet;

/// Paths on which every call has to fail: they go outside and then on.
pub(super) fn escaping_paths(scene: &Scene) -> BTreeSet<Vec<u8>> {
    let mut ways_out: Vec<String> = [
        "@",
        "/@",
        "//.@/.",
        "@/jail/..",
        "/proc/self/root@",
        "/proc/self/fd/#",
        "/proc/self/fd/#/jail/..",
        "dir/..//..",
        "dir/sub/../../..",
        "dir/.//sub/./..///../..",
        "sub/../../..",
        "./././..",
        ".//..//.",
        "empty/../../jail/..",
    ]
    .map(|way| scene.host(way))
    .into();
    ways_out.extend((1..=MAX_CLIMB).map(|n| vec![".."; n].join("/")));
    ways_out.extend((1..=8).map(|n| format!("dir/sub/{}", vec![".."; n + 2].join("//"))));
    ways_out.extend(ESCAPING_LINKS.iter().map(|(name, _)| (*name).to_owned()));
    let targets = [
        "secret.txt",
        "secret_dir/inner",
        "secret_dir/../secret.txt",
        "created",
        "jail/file",
    ];
    (ways_out.iter())
        .flat_map(|way| targets.map(|target| format!("{way}/{target}").into_bytes()))
        .collect()
}

/// Paths that leave a directory upwards, some to end in the preopen around it.
pub(super) fn climbing_paths() -> BTreeSet<Vec<u8>> {
    let targets = ["file", "dir/sub/file", "secret.txt", "created", "jail/file"];
    (1..=MAX_CLIMB)
        .map(|n| vec![".."; n].join("/"))
        .flat_map(|way| targets.map(|target| format!("{way}/{target}").into_bytes()))
        .collect()
}

/// Paths that no call may follow to the outside, though some of them name a
/// link that may itself be looked at, moved and removed.
pub(super) fn suspicious_paths(scene: &Scene) -> BTreeSet<Vec<u8>> {
    let mut paths = BTreeSet::new();
    for (name, _) in ESCAPING_LINKS.iter().chain(OTHER_LINKS) {
        for suffix in ["", "/", "//", "/.", "/./", "/..", "/../"] {
            paths.insert(format!("{name}{suffix}").into_bytes());
        }
    }
    for path in [
        "",
        ".",
        "./",
        "..",
        "../",
        "../.",
        "./..",
        "dir/../..",
        "@",
        "@/",
        "@/..",
        "@//.",
    ] {
        paths.insert(scene.host(path).into_bytes());
    }
    paths.insert(scene.host("@/secret.txt").into_bytes());
    paths
}

/// Paths that are no paths at all; every call has to fail.
pub(super) fn malformed_paths() -> BTreeSet<Vec<u8>> {
    let mut paths: BTreeSet<Vec<u8>> = BTreeSet::new();
    for nul in [
        "\0",
        "\0file",
        "file\0",
        "fi\0le",
        "dir/\0/file",
        "../secret.txt\0",
        "up\0/x",
    ] {
        paths.insert(nul.into());
    }
    for bad in [
        &b"\xff"[..],
        b"\xc0\xae\xc0\xae/secret.txt",
        b"dir/\x80",
        b"\xed\xa0\x80",
        b"file\xf8",
    ] {
        paths.insert(bad.into());
    }
    for len in [256, 1000, 4095, 4096, 5000] {
        paths.insert(vec![b'a'; len]);
        paths.insert([b"dir/", &vec![b'a'; len][..], b"/../../.."].concat());
        paths.insert([b"../", &vec![b'a'; len][..]].concat());
    }
    paths.insert("dir/../".repeat(1000).into_bytes());
    paths.insert("./".repeat(3000).into_bytes());
    // Too long for the kernel too, so that it leads nowhere even without us.
    paths.insert([&b"../".repeat(1500)[..], b"created"].concat());
    // As long as a path can be, and a real way out.
    paths.insert([&b"./".repeat(1900)[..], b"../secret.txt"].concat());
    paths
}
