//! Child processes and what the kernel charged them.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use wait4::Wait4;

/// A child that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// What one child process used.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Seconds of CPU time, in user mode and in the kernel, over all threads.
    pub(crate) cpu_seconds: f64,
    /// Seconds that passed.
    pub(crate) wall_seconds: f64,
    /// Largest resident set, in bytes. The harness's own few megabytes are a
    /// lower bound, as a child starts as its copy.
    pub(crate) peak_bytes: u64,
}

impl Usage {
    /// Of two processes, one after the other.
    pub(crate) fn then(self, next: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + next.cpu_seconds,
            wall_seconds: self.wall_seconds + next.wall_seconds,
            peak_bytes: self.peak_bytes.max(next.peak_bytes),
        }
    }
}

/// Runs a command to its end without showing what it prints; the error says in
/// a line why it failed.
pub(crate) fn child(command: &mut Command) -> Result<Usage, String> {
    command.stdout(Stdio::null());
    with_reason(command, finish)
}

/// The same, with what it wrote on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<(Vec<u8>, Usage), String> {
    command.stdout(Stdio::piped());
    with_reason(command, |mut child, start| {
        let pipe = child.stdout.take();
        // On a thread, so that a child that hangs is still found out.
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let done = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            done.transpose().map(|_| bytes)
        });
        let usage = finish(child, start)?;
        let bytes = reader.join().map_err(|_| "the reader panicked")?;
        let bytes = bytes.map_err(|error| error.to_string())?;
        Ok((bytes, usage))
    })
}

/// Starts a command and hands it to `finish`; what it complained of becomes part of
/// the error.
fn with_reason<T>(
    command: &mut Command,
    finish: impl FnOnce(Child, Instant) -> Result<T, String>,
) -> Result<T, String> {
    let text = |error: std::io::Error| error.to_string();
    let messages = tempfile::tempfile().map_err(text)?;
    command.stderr(messages.try_clone().map_err(text)?);
    let start = Instant::now();
    let child = command.spawn().map_err(text)?;
    finish(child, start).map_err(|status| match reason(messages) {
        Some(reason) => format!("{status}: {reason}"),
        None => status,
    })
}

/// Waits for a child; the error says how it failed.
fn finish(mut child: Child, start: Instant) -> Result<Usage, String> {
    let text = |error: std::io::Error| error.to_string();
    let pid = Pid::from_child(&child);
    let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| error.to_string())?;
    let limit = Timespec {
        tv_sec: LIMIT.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    // Waiting on the handle takes no CPU time and has a limit.
    let ended = poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit));
    if ended == Ok(0) {
        child.kill().map_err(text)?;
        child.wait().map_err(text)?;
        return Err(format!("still running after {} s", LIMIT.as_secs()));
    }
    let used = child.wait4().map_err(text)?;
    if !used.status.success() {
        return Err(used.status.to_string());
    }
    Ok(Usage {
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        wall_seconds: start.elapsed().as_secs_f64(),
        peak_bytes: used.rusage.maxrss,
    })
}

/// The line of a tool's messages that says most: the first error, or the last line.
fn reason(mut messages: File) -> Option<String> {
    let mut text = Vec::new();
    messages.rewind().ok()?;
    messages.read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let telling = ["undefined reference", "error"];
    let line = telling
        .iter()
        .find_map(|word| text.lines().find(|line| line.contains(word)))
        .or_else(|| lines.next_back())?;
    let start = line.rfind("undefined reference").unwrap_or(0);
    Some(line[start..].trim().chars().take(120).collect())
}
