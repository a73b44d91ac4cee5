//! A progress bar for compilations that take long.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use wasm_aot_compiler::Stage;

/// How long a compilation may take before the bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// On standard error if that is a terminal, else nothing.
pub(crate) struct Progress {
    start: Instant,
    terminal: bool,
    bar: OnceLock<ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            start: Instant::now(),
            terminal: io::stderr().is_terminal(),
            bar: OnceLock::new(),
        }
    }

    /// Nearly all of the time goes into [`Stage::Generate`]: the bar is about
    /// its functions.
    pub(crate) fn stage(&self, stage: Stage) {
        if matches!(stage, Stage::Layout | Stage::Write) {
            self.finish();
        }
    }

    pub(crate) fn functions(&self, done: usize, total: usize) {
        if !self.terminal || self.start.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| bar(total));
        // Threads may report out of order.
        if done as u64 > bar.position() {
            bar.set_position(done as u64);
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

fn bar(functions: usize) -> ProgressBar {
    let style = "compiling {wide_bar} {pos}/{len} functions, {eta} left";
    ProgressBar::new(functions as u64)
        .with_style(ProgressStyle::with_template(style).expect("the template is valid"))
}
