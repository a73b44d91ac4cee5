//! Nothing outside a preopen is ever read, created or changed.
//!
//! These tests may run as root, on a machine somebody needs, against a
//! sandbox that is broken. So **every path ends inside the temporary directory
//! even if nothing stops it**: the preopen lies deeper than any chain of `..`
//! climbs, and absolute paths name that directory. Keep it so: never aim at a
//! file of the system.

use crate::harness::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use wasm_aot_wasi::Errno;

/// A preopen with a farm of symbolic links, and what lies around it:
///
/// ```text
/// <tmp>/deep/deep/.../{secret.txt, secret_dir/inner, jail/{file, dir/sub/file, links...}}
/// ```
struct Scene {
    tmp: tempfile::TempDir,
    /// The directory that holds the preopen.
    around: PathBuf,
    /// A descriptor of it, which `/proc` offers as one more way there.
    around_fd: fs::File,
    /// Everything outside, as it has to stay.
    outside: BTreeMap<PathBuf, Facts>,
}

/// What of an outside file must not change.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    ino: u64,
    mode: u32,
    nlink: u64,
    mtime: (i64, i64),
    content: Option<Vec<u8>>,
}

/// How far the directory around the preopen lies beneath the temporary one.
const DEPTH: usize = 24;

/// The longest way up in any path. Shorter than `DEPTH`, so that all of them
/// end inside the temporary directory.
const MAX_CLIMB: usize = 16;

/// Names of links that leave the preopen, and what they say. `@` stands for
/// the host path of the directory around the preopen, `#` for the number of a
/// descriptor of it.
const ESCAPING_LINKS: &[(&str, &str)] = &[
    ("abs", "@"),
    ("abs-slash", "@/"),
    ("abs-back-in", "@/jail"),
    ("up", ".."),
    ("up-slash", "../"),
    ("up-dot", "./.././."),
    ("up-back-in", "../jail"),
    ("up-far", "../../../../../.."),
    ("dir/up", "../.."),
    ("dir/sub/up", "../../.."),
    ("dir/sub/zigzag", "../../dir/../.."),
    ("through", "dir/up"),
    ("through-twice", "through/../through/jail/through"),
    ("proc-root", "/proc/self/root@"),
    ("proc-fd", "/proc/self/fd/#"),
    ("chain-0", "chain-1"),
    ("chain-1", "dir/../chain-2"),
    ("chain-2", "./chain-3"),
    ("chain-3", "up"),
];

/// Links that stay inside, lead nowhere, or lead to a file outside.
const OTHER_LINKS: &[(&str, &str)] = &[
    ("sub", "dir/sub"),
    ("secret-rel", "../secret.txt"),
    ("secret-abs", "@/secret.txt"),
    ("secret-inner", "../secret_dir/inner"),
    ("new-rel", "../created"),
    ("new-abs", "@/created"),
    ("new-deep", "dir/sub/../../../created"),
    ("self", "self"),
    ("loop-a", "loop-b"),
    ("loop-b", "loop-a"),
    ("dangling", "nowhere/at/all"),
];

impl Scene {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let around = tmp.path().join(vec!["deep"; DEPTH].join("/"));
        fs::create_dir_all(around.join("secret_dir")).unwrap();
        fs::write(around.join("secret.txt"), "secret").unwrap();
        fs::write(around.join("secret_dir/inner"), "secret").unwrap();
        let around_fd = fs::File::open(&around).unwrap();
        let outside = BTreeMap::new();
        let mut scene = Self {
            tmp,
            around,
            around_fd,
            outside,
        };
        fs::create_dir(scene.jail()).unwrap();
        scene.furnish();
        scene.outside = scene.look_outside();
        scene
    }

    fn jail(&self) -> PathBuf {
        self.around.join("jail")
    }

    /// Puts the inside of the preopen into its first state.
    fn furnish(&self) {
        let jail = self.jail();
        for entry in fs::read_dir(&jail).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        fs::create_dir_all(jail.join("dir/sub")).unwrap();
        fs::create_dir(jail.join("empty")).unwrap();
        fs::write(jail.join("file"), "inside").unwrap();
        fs::write(jail.join("dir/sub/file"), "inside").unwrap();
        for (name, contents) in ESCAPING_LINKS.iter().chain(OTHER_LINKS) {
            symlink(self.host(contents), jail.join(name)).unwrap();
        }
    }

    fn host(&self, template: &str) -> String {
        let fd = self.around_fd.as_raw_fd().to_string();
        template
            .replace('@', self.around.to_str().unwrap())
            .replace('#', &fd)
    }

    fn look_outside(&self) -> BTreeMap<PathBuf, Facts> {
        let mut found = BTreeMap::new();
        look(self.tmp.path(), &self.jail(), &mut found);
        found
    }

    /// Device and inode of everything the guest must not reach.
    fn outside_ids(&self) -> BTreeSet<(u64, u64)> {
        let id = |path: &Path| {
            let meta = fs::symlink_metadata(path).unwrap();
            (meta.dev(), meta.ino())
        };
        let around = self
            .outside
            .keys()
            .map(PathBuf::as_path)
            .chain(self.tmp.path().ancestors());
        let mut ids: BTreeSet<_> = around.map(id).collect();
        assert!(ids.remove(&id(&self.jail())));
        ids
    }
}

fn look(path: &Path, jail: &Path, found: &mut BTreeMap<PathBuf, Facts>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let mut facts = Facts {
        ino: meta.ino(),
        mode: meta.mode(),
        nlink: meta.nlink(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        content: meta.is_file().then(|| fs::read(path).unwrap()),
    };
    if path == jail {
        // Its own times and link count change as the guest works in it.
        (facts.mtime, facts.nlink) = ((0, 0), 0);
    } else if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), jail, found);
        }
    }
    found.insert(path.to_owned(), facts);
}

/// Paths on which every call has to fail: they go outside and then on.
fn escaping_paths(scene: &Scene) -> BTreeSet<Vec<u8>> {
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

/// Paths that no call may follow to the outside, though some of them name a
/// link that may itself be looked at, moved and removed.
fn suspicious_paths(scene: &Scene) -> BTreeSet<Vec<u8>> {
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
fn malformed_paths() -> BTreeSet<Vec<u8>> {
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

/// Makes every attempt on every path and checks after each path that the
/// outside is as it was. Returns the attempts that succeeded, on something inside.
fn attack(paths: &BTreeSet<Vec<u8>>, scene: &Scene) -> Vec<String> {
    let mut guest = Guest::in_dir(scene.jail());
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

#[test]
fn paths_that_lead_outside_fail_in_every_call() {
    let scene = Scene::new();
    let paths = escaping_paths(&scene);
    assert!(paths.len() >= 200, "only {} paths", paths.len());
    assert_eq!(attack(&paths, &scene), [""; 0]);
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

/// While the guest resolves a path, the host keeps exchanging a directory on
/// it for a link to the outside.
#[test]
fn a_race_between_directory_and_link_is_never_won() {
    let scene = Scene::new();
    let jail = scene.jail();
    fs::create_dir(jail.join("raced")).unwrap();
    fs::write(jail.join("raced/inner"), "inside").unwrap();
    symlink("../secret_dir", jail.join("other")).unwrap();
    let dir = fs::File::open(&jail).unwrap();
    let stop = AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let exchange = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&dir, "raced", &dir, "other", exchange).unwrap();
            }
        });
        // Also when an assertion fails, because the scope waits for the thread.
        let _stop = OnDrop(|| stop.store(true, Ordering::Relaxed));
        let mut guest = Guest::in_dir(&jail);
        let end = Instant::now() + Duration::from_millis(400);
        while Instant::now() < end {
            match guest.open(ROOT, "raced/inner", FOLLOW, 0, RIGHT_READ, 0) {
                Ok(fd) => {
                    assert_eq!(guest.read(fd, 16), Ok(b"inside".to_vec()));
                    guest.ctx.fd_close(fd).unwrap();
                    inside += 1;
                }
                Err(_) => refused += 1,
            }
            if guest.mkdir(ROOT, "raced/new").is_ok() {
                let _ = guest.rmdir(ROOT, "raced/new");
            }
            let _ = guest.link((ROOT, "file"), NOFOLLOW, (ROOT, "raced/linked"));
            let _ = guest.unlink(ROOT, "raced/linked");
            let _ = guest.path_set_mtime(ROOT, "raced/inner", FOLLOW, 1);
        }
    });
    assert_eq!(scene.look_outside(), scene.outside);
    assert!(
        inside > 0 && refused > 0,
        "both sides of the race: {inside} and {refused}"
    );
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
