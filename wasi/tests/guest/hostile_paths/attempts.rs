//! Every call that takes a path, on a hostile one.

use super::scene::Scene;
use crate::harness::*;
use std::collections::BTreeSet;
use wasm_aot_wasi::Errno;

/// Device and inode.
type Reached = Option<(u64, u64)>;

/// A call that is given one hostile path; the other, if it takes two, is
/// harmless. On success it says what it reached, if it knows.
type Attempt = (
    &'static str,
    fn(&mut Guest, &[u8]) -> Result<Reached, Errno>,
);

const ATTEMPTS: &[Attempt] = &[
    ("open to read", |g, p| opened(g, p, NOFOLLOW, 0, RIGHT_READ)),
    ("open to read, following", |g, p| {
        opened(g, p, FOLLOW, 0, RIGHT_READ)
    }),
    ("open to write, following", |g, p| {
        opened(g, p, FOLLOW, 0, RIGHT_WRITE)
    }),
    ("open a directory", |g, p| {
        opened(g, p, FOLLOW, DIRECTORY, RIGHT_READ)
    }),
    ("create", |g, p| opened(g, p, NOFOLLOW, CREAT, RIGHT_WRITE)),
    ("create, following", |g, p| {
        opened(g, p, FOLLOW, CREAT, RIGHT_WRITE)
    }),
    ("create anew, following", |g, p| {
        opened(g, p, FOLLOW, CREAT | EXCL, RIGHT_WRITE)
    }),
    ("truncate, following", |g, p| {
        opened(g, p, FOLLOW, TRUNC, RIGHT_READ | RIGHT_WRITE)
    }),
    ("open to append", |g, p| {
        opened(g, p, NOFOLLOW, 0, RIGHT_WRITE)
    }),
    ("open a directory, not following", |g, p| {
        opened(g, p, NOFOLLOW, DIRECTORY, RIGHT_READ)
    }),
    ("open through a link that says so", |g, p| {
        through_link(g, p, 0, RIGHT_READ)
    }),
    ("create through a link that says so", |g, p| {
        through_link(g, p, CREAT, RIGHT_WRITE)
    }),
    ("stat", |g, p| {
        g.path_filestat(ROOT, p, NOFOLLOW)
            .map(|stat| Some((stat.dev, stat.ino)))
    }),
    ("stat, following", |g, p| {
        g.path_filestat(ROOT, p, FOLLOW)
            .map(|stat| Some((stat.dev, stat.ino)))
    }),
    ("set times", |g, p| {
        g.path_set_mtime(ROOT, p, NOFOLLOW, 1).map(|()| None)
    }),
    ("set times, following", |g, p| {
        g.path_set_mtime(ROOT, p, FOLLOW, 1).map(|()| None)
    }),
    ("make a directory", |g, p| g.mkdir(ROOT, p).map(|()| None)),
    ("remove a directory", |g, p| g.rmdir(ROOT, p).map(|()| None)),
    ("unlink", |g, p| g.unlink(ROOT, p).map(|()| None)),
    ("read a link", |g, p| {
        g.readlink(ROOT, p, 4096).map(|_| None)
    }),
    ("make a link there", |g, p| {
        g.symlink("file", ROOT, p).map(|()| None)
    }),
    ("rename from there", |g, p| {
        g.rename((ROOT, p), (ROOT, "taken")).map(|()| None)
    }),
    ("rename to there", |g, p| {
        g.rename((ROOT, "file"), (ROOT, p)).map(|()| None)
    }),
    ("rename a directory to there", |g, p| {
        g.rename((ROOT, "empty"), (ROOT, p)).map(|()| None)
    }),
    ("hard link from there", |g, p| {
        g.link((ROOT, p), NOFOLLOW, (ROOT, "taken")).map(|()| None)
    }),
    ("hard link, following", |g, p| {
        g.link((ROOT, p), FOLLOW, (ROOT, "taken")).map(|()| None)
    }),
    ("hard link to there", |g, p| {
        g.link((ROOT, "file"), NOFOLLOW, (ROOT, p)).map(|()| None)
    }),
];

/// Opens, writes something if possible, and closes.
fn opened(
    guest: &mut Guest,
    path: &[u8],
    lookup: u32,
    oflags: u32,
    rights: u64,
) -> Result<Reached, Errno> {
    let fd = guest.open(ROOT, path, lookup, oflags, rights, 0)?;
    let stat = guest.filestat(fd)?;
    let _ = guest.write(fd, b"overwritten");
    guest.ctx.fd_close(fd)?;
    Ok(Some((stat.dev, stat.ino)))
}

/// Opens what a new link leads to, and removes the link.
fn through_link(guest: &mut Guest, to: &[u8], oflags: u32, rights: u64) -> Result<Reached, Errno> {
    guest.symlink(to, ROOT, "link")?;
    let result = opened(guest, b"link", FOLLOW, oflags, rights);
    guest.unlink(ROOT, "link").unwrap();
    result
}

/// Makes every attempt on every path and checks after each path that the
/// outside is as it was. Returns the attempts that succeeded, on something inside.
pub(super) fn attack(paths: &BTreeSet<Vec<u8>>, scene: &Scene) -> Vec<String> {
    attack_from("", paths, scene)
}

/// Does so with paths that are relative to a directory of the preopen.
pub(super) fn attack_from(dir: &str, paths: &BTreeSet<Vec<u8>>, scene: &Scene) -> Vec<String> {
    let start = || {
        let mut guest = Guest::in_dir(scene.jail());
        if !dir.is_empty() {
            let fd = guest.open(ROOT, dir, NOFOLLOW, DIRECTORY, 0, 0).unwrap();
            guest.ctx.fd_renumber(fd, ROOT).unwrap();
        }
        guest
    };
    let mut guest = start();
    let outside = scene.outside_ids();
    let mut succeeded = Vec::new();
    for path in paths {
        for (name, attempt) in ATTEMPTS {
            let what = format!("{name}: {}", path.escape_ascii());
            let result = attempt(&mut guest, path);
            if let Ok(reached) = result {
                if let Some(id) = reached {
                    assert!(!outside.contains(&id), "reached the outside by `{what}`");
                }
                scene.furnish();
                guest = start();
                succeeded.push(what);
            }
        }
        assert_eq!(
            scene.look_outside(),
            scene.outside,
            "changed the outside by {}",
            path.escape_ascii()
        );
    }
    succeeded
}
