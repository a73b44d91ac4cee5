//! Counts instructions, which no neighbour disturbs, with Valgrind.

use std::process::Command;

use crate::measure;

/// Instructions of one round of a kernel's work: the difference between a run of two
/// rounds and one of a single round, so that starting and preparing do not count.
pub(crate) fn of_a_round(run: Command) -> Result<u64, String> {
    let one = count(&run, "1")?;
    Ok(count(&run, "2")?.saturating_sub(one))
}

/// Instructions of the whole process with one argument.
fn count(run: &Command, argument: &str) -> Result<u64, String> {
    let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--log-file={}", log.path().display()));
    valgrind.arg(run.get_program()).args(run.get_args());
    measure::child(valgrind.arg(argument))?;
    let text = std::fs::read_to_string(log.path()).map_err(|error| error.to_string())?;
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    collected
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| "valgrind did not say".to_owned())
}
