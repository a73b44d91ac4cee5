//! Where the time of a compilation goes.

use std::fmt::Write;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasm_aot_compiler::Stage;

use crate::print;

/// The beginnings of stages so far.
pub(crate) struct Timings {
    marks: Mutex<Vec<(&'static str, Mark)>>,
    /// How many functions were in a cache, and how many there are.
    cached: OnceLock<(usize, usize)>,
}

/// A point in time.
#[derive(Clone, Copy)]
struct Mark {
    wall: Instant,
    /// CPU time of all threads.
    cpu: Duration,
}

impl Timings {
    /// Begins with the time before the first stage: reading the module.
    pub(crate) fn start() -> Timings {
        Timings {
            marks: Mutex::new(vec![("read", Mark::now())]),
            cached: OnceLock::new(),
        }
    }

    /// `stage` begins.
    pub(crate) fn begin(&self, stage: Stage) {
        let mark = Mark::now();
        let mut marks = self.marks.lock().expect("no thread panics with the lock");
        marks.push((stage.as_str(), mark));
    }

    /// So many functions of `total` were in a cache.
    pub(crate) fn cached(&self, functions: usize, total: usize) {
        self.cached.get_or_init(|| (functions, total));
    }

    /// Prints a table with one line for each stage; the last one ends now.
    pub(crate) fn print(&self) {
        let end = Mark::now();
        let marks = self.marks.lock().expect("no thread panics with the lock");
        let ends = marks.iter().skip(1).map(|(_, mark)| *mark).chain([end]);

        let mut table = String::from("stage       wall ms   CPU ms");
        for ((name, begin), end) in marks.iter().zip(ends) {
            row(&mut table, name, *begin, end);
        }
        row(&mut table, "total", marks[0].1, end);
        if let Some((functions, total)) = self.cached.get() {
            write!(
                table,
                "\n{functions} of {total} functions were in the cache"
            )
            .expect("strings take all that is written");
        }
        print::stderr(table);
    }
}

impl Mark {
    fn now() -> Mark {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Mark {
            wall: Instant::now(),
            cpu: Duration::new(cpu.tv_sec as u64, cpu.tv_nsec as u32),
        }
    }
}

fn row(table: &mut String, name: &str, begin: Mark, end: Mark) {
    let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
    let wall = millis(end.wall - begin.wall);
    let cpu = millis(end.cpu - begin.cpu);
    write!(table, "\n{name:9} {wall:9.1} {cpu:8.1}").expect("strings take all that is written");
}
