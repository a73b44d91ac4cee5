//! Child processes and what the kernel charged them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;
use wait4::Wait4;

/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// How often a running child is looked at.
const PAUSE: Duration = Duration::from_millis(1);

/// What one child process used.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Usage {
    /// Seconds of CPU time, in user mode and in the kernel, over all threads.
    pub(crate) cpu_seconds: f64,
    /// Seconds that passed.
    pub(crate) wall_seconds: f64,
    /// Largest resident set, in bytes. The harness's own few megabytes are a
    /// lower bound, as a child starts as its copy.
    pub(crate) peak_bytes: u64,
}

/// Runs a command to its end without showing what it prints; the error says in
/// a line how it failed.
pub(crate) fn child(command: &mut Command) -> Result<Usage, String> {
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let used = loop {
        match child.try_wait4() {
            Err(error) => return Err(error.to_string()),
            Ok(Some(used)) => break used,
            Ok(None) if start.elapsed() > LIMIT => {
                // The child is ours and not yet reaped; failing to kill it
                // means that it has just ended.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("still running after {} s", LIMIT.as_secs()));
            }
            Ok(None) => std::thread::sleep(PAUSE),
        }
    };
    if !used.status.success() {
        return Err(used.status.to_string());
    }
    Ok(Usage {
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        wall_seconds: start.elapsed().as_secs_f64(),
        peak_bytes: used.rusage.maxrss,
    })
}
