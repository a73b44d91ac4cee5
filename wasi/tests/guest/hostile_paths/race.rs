//! Paths that change while they are resolved: the host keeps exchanging
//! something for a link to the outside.

use super::scene::Scene;
use crate::harness::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often each side of a race has to be seen, if it can be in time.
const ENOUGH: u32 = 300;
const TIME: Duration = Duration::from_secs(5);

/// Exchanges `raced` and `other` of the preopen until `turn`, which says
/// whether it got inside, has seen both sides often enough.
fn race(scene: &Scene, mut turn: impl FnMut(&mut Guest) -> bool) {
    let jail = scene.jail();
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
        let end = Instant::now() + TIME;
        while (inside < ENOUGH || refused < ENOUGH) && Instant::now() < end {
            match turn(&mut guest) {
                true => inside += 1,
                false => refused += 1,
            }
        }
    });
    assert_eq!(scene.look_outside(), scene.outside);
    assert!(
        inside > 0 && refused > 0,
        "both sides of the race: {inside} and {refused}"
    );
}

/// Reads what a path leads to, which must be what is inside.
fn read(guest: &mut Guest, path: &str) -> bool {
    match guest.open(ROOT, path, FOLLOW, 0, RIGHT_READ, 0) {
        Ok(fd) => {
            assert_eq!(guest.read(fd, 16), Ok(b"inside".to_vec()));
            guest.ctx.fd_close(fd).unwrap();
            true
        }
        Err(_) => false,
    }
}

/// Every name that the calls below use is there on both sides, so that they
/// would do harm outside.
fn fill(dir: &Path, contents: &str) {
    fs::create_dir(dir.join("empty")).unwrap();
    fs::create_dir(dir.join("filled")).unwrap();
    for name in ["inner", "victim", "taken", "filled/inner"] {
        fs::write(dir.join(name), contents).unwrap();
    }
    symlink("inner", dir.join("link")).unwrap();
}

#[test]
fn a_race_between_directory_and_link_is_never_won() {
    let mut scene = Scene::new();
    let jail = scene.jail();
    fs::create_dir(jail.join("raced")).unwrap();
    fill(&jail.join("raced"), "inside");
    symlink("../raced_for", jail.join("other")).unwrap();
    scene.surround("raced_for", |dir| fill(dir, "secret"));
    let mut turn = 0;
    race(&scene, |g| {
        // The outside is looked at in the end: what is done here is what must
        // not have been done there.
        turn += 1;
        let _ = match turn % 12 {
            0 => g.mkdir(ROOT, "raced/new"),
            1 => g.rmdir(ROOT, "raced/new"),
            2 => g.rmdir(ROOT, "raced/empty"),
            3 => g.mkdir(ROOT, "raced/empty"),
            4 => g.unlink(ROOT, "raced/victim"),
            5 => g.rename((ROOT, "raced/taken"), (ROOT, "raced/victim")),
            6 => g.link((ROOT, "raced/victim"), NOFOLLOW, (ROOT, "raced/taken")),
            7 => g.symlink("inner", ROOT, "raced/made"),
            8 => g.unlink(ROOT, "raced/made"),
            9 => g.path_set_mtime(ROOT, "raced/inner", FOLLOW, 1),
            10 => g.path_set_mtime(ROOT, "raced/link", NOFOLLOW, 1),
            _ => g
                .open(ROOT, "raced/created", FOLLOW, CREAT | TRUNC, RIGHT_WRITE, 0)
                .and_then(|fd| g.ctx.fd_close(fd)),
        };
        read(g, "raced/filled/../inner")
    });
}

#[test]
fn a_race_between_file_and_link_is_never_won() {
    let scene = Scene::new();
    let jail = scene.jail();
    fs::write(jail.join("raced"), "inside").unwrap();
    symlink("../secret.txt", jail.join("other")).unwrap();
    let outside = scene.outside_ids();
    race(&scene, |g| {
        for (oflags, rights) in [(0, RIGHT_WRITE), (CREAT, RIGHT_WRITE)] {
            if let Ok(fd) = g.open(ROOT, "raced", FOLLOW, oflags, rights, 0) {
                assert_eq!(g.write(fd, b"inside"), Ok(6));
                g.ctx.fd_close(fd).unwrap();
            }
        }
        let _ = g.path_set_mtime(ROOT, "raced", FOLLOW, 1);
        if let Ok(stat) = g.path_filestat(ROOT, "raced", FOLLOW) {
            assert!(!outside.contains(&(stat.dev, stat.ino)));
        }
        read(g, "raced")
    });
}

/// `..` behind a directory that is moved away leads to where it is now.
#[test]
fn a_race_with_the_parent_of_a_directory_is_never_won() {
    let mut scene = Scene::new();
    let jail = scene.jail();
    fs::create_dir_all(jail.join("raced/a/b")).unwrap();
    fs::write(jail.join("raced/inner"), "inside").unwrap();
    symlink("../raced_for", jail.join("other")).unwrap();
    scene.surround("raced_for", |dir| {
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("inner"), "secret").unwrap();
    });
    race(&scene, |g| read(g, "raced/a/b/../../inner"));
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
