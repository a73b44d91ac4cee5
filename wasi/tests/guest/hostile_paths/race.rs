//! Paths that change while they are resolved.

use super::scene::Scene;
use crate::harness::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
