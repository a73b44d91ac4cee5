//! What a process holds of the system, to be compared over time.

use std::fs;
use std::time::Duration;

/// What the process holds of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    resident_kib: usize,
    mappings: usize,
    files: usize,
    pub(crate) threads: usize,
}

impl Held {
    pub(crate) fn now() -> Held {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|line| line.split_whitespace().next());
        let maps = fs::read_to_string("/proc/self/maps").expect("Linux has it");
        let entries = |dir| fs::read_dir(dir).expect("Linux has it").count();
        Held {
            resident_kib: resident.and_then(|kib| kib.parse().ok()).expect("a number"),
            mappings: maps.lines().count(),
            files: entries("/proc/self/fd"),
            threads: entries("/proc/self/task"),
        }
    }

    /// The larger of both, each by itself.
    #[allow(dead_code, reason = "not every test warms up for several rounds")]
    pub(crate) fn max(self, other: Held) -> Held {
        Held {
            resident_kib: self.resident_kib.max(other.resident_kib),
            mappings: self.mappings.max(other.mappings),
            files: self.files.max(other.files),
            threads: self.threads.max(other.threads),
        }
    }

    /// Panics if there is more than after warming up, or than so many threads.
    pub(crate) fn check(self, warm: Held, threads: usize) {
        // A sanitizer has memory of its own, which grows with what has happened.
        if std::env::var_os("SANITIZED").is_none() {
            assert!(self.resident_kib <= warm.resident_kib + SLACK.resident_kib);
            assert!(self.mappings <= warm.mappings + SLACK.mappings);
        }
        assert!(self.files <= warm.files + SLACK.files);
        assert!(self.threads <= threads + SLACK.threads);
    }
}

/// What allocators and caches of the system may hold more at one time than at
/// another, whatever they are asked for.
const SLACK: Held = Held {
    resident_kib: 8 << 10,
    mappings: 40,
    files: 0,
    threads: 0,
};

/// What is held when the threads that have ended are gone, which the system
/// may take a moment for.
pub(crate) fn settled(threads: usize) -> Held {
    for _ in 0..1000 {
        let held = Held::now();
        if held.threads <= threads {
            return held;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Held::now()
}
