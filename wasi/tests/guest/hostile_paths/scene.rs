//! The directory that is attacked, and what lies around it.

use super::without_openat2;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// A preopen with a farm of symbolic links, and what lies around it:
///
/// ```text
/// <tmp>/deep/deep/.../{secret.txt, secret_dir/inner, jail/{file, dir/sub/file, links...}}
/// ```
pub(super) struct Scene {
    tmp: tempfile::TempDir,
    /// The directory that holds the preopen.
    around: PathBuf,
    /// A descriptor of it, which `/proc` offers as one more way there.
    around_fd: fs::File,
    /// Everything outside, as it has to stay.
    pub(super) outside: BTreeMap<PathBuf, Facts>,
}

/// What of an outside file must not change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    ino: u64,
    mode: u32,
    owner: (u32, u32),
    nlink: u64,
    mtime: (i64, i64),
    /// Changes with everything else, and cannot be set.
    ctime: (i64, i64),
    content: Option<Vec<u8>>,
}

/// How far the directory around the preopen lies beneath the temporary one.
const DEPTH: usize = 24;

/// The longest way up in any path. Shorter than `DEPTH`, so that all of them
/// end inside the temporary directory.
pub(super) const MAX_CLIMB: usize = 16;

/// Names of links that leave the preopen, and what they say. `@` stands for
/// the host path of the directory around the preopen, `#` for the number of a
/// descriptor of it.
pub(super) const ESCAPING_LINKS: &[(&str, &str)] = &[
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
pub(super) const OTHER_LINKS: &[(&str, &str)] = &[
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
    pub(super) fn new() -> Self {
        without_openat2::obey();
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

    pub(super) fn jail(&self) -> PathBuf {
        self.around.join("jail")
    }

    /// Adds a directory outside.
    pub(super) fn surround(&mut self, name: &str, fill: impl FnOnce(&Path)) {
        let dir = self.around.join(name);
        fs::create_dir(&dir).unwrap();
        fill(&dir);
        self.outside = self.look_outside();
    }

    /// Puts the inside of the preopen into its first state.
    pub(super) fn furnish(&self) {
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

    pub(super) fn host(&self, template: &str) -> String {
        let fd = self.around_fd.as_raw_fd().to_string();
        template
            .replace('@', self.around.to_str().unwrap())
            .replace('#', &fd)
    }

    pub(super) fn look_outside(&self) -> BTreeMap<PathBuf, Facts> {
        let mut found = BTreeMap::new();
        look(self.tmp.path(), &self.jail(), &mut found);
        found
    }

    /// Device and inode of everything the guest must not reach.
    pub(super) fn outside_ids(&self) -> BTreeSet<(u64, u64)> {
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
        owner: (meta.uid(), meta.gid()),
        nlink: meta.nlink(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
        content: meta.is_file().then(|| fs::read(path).unwrap()),
    };
    if path == jail {
        // Its own times and link count change as the guest works in it.
        (facts.mtime, facts.ctime, facts.nlink) = ((0, 0), (0, 0), 0);
    } else if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), jail, found);
        }
    }
    found.insert(path.to_owned(), facts);
}
