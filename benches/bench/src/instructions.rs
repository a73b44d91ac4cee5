//! Counts instructions, which no neighbour disturbs, with Valgrind.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::measure;
use crate::program::{Group, Program};
use crate::results::Row;
use crate::sides::Side;

/// Counts those of a round of work of our own programs, which take the number of rounds
/// as an argument. As times do not matter, all cores have work.
pub(crate) fn count(programs: &[Program], sides: &[Box<dyn Side>], rows: &mut [Row]) {
    let ours = |group| matches!(group, Group::Integer | Group::Float | Group::FloatSimd);
    let mut jobs: Vec<(usize, &dyn Side)> = Vec::new();
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| ours(row.group)) {
        let sides = sides.iter().filter(|side| row.side(side.name()).is_some());
        jobs.extend(sides.map(|side| (index, &**side)));
    }
    eprintln!("count    instructions");
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some((index, side)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let program = &programs[*index];
            let Ok(command) = side.counted(program) else {
                continue;
            };
            match of_a_round(&command) {
                Ok(count) => found.push((*index, side.name(), count)),
                Err(reason) => eprintln!("count    {} on {}: {reason}", program.name, side.name()),
            }
        }
        found
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let found = workers
            .into_iter()
            .map(|worker| worker.join().expect("it does not panic"));
        found.flatten().collect::<Vec<_>>()
    });
    for (index, side, count) in found {
        if let Some(entry) = rows[index].sides.get_mut(side) {
            entry.instructions = Some(count);
        }
    }
}

/// Instructions of one round: those of a run of one less those of a run of none, so
/// that starting and preparing do not count.
fn of_a_round(run: &Command) -> Result<u64, String> {
    let none = of_a_process(run, "0")?;
    Ok(of_a_process(run, "1")?.saturating_sub(none))
}

/// Instructions of the whole process with one argument.
fn of_a_process(run: &Command, argument: &str) -> Result<u64, String> {
    let log = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    valgrind.arg(format!("--log-file={}", log.path().display()));
    valgrind.arg(run.get_program()).args(run.get_args());
    measure::child(valgrind.arg(argument))?;
    let text = std::fs::read_to_string(log.path()).map_err(|error| error.to_string())?;
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    collected
        .and_then(|(_, number)| number.trim().parse().ok())
        .ok_or_else(|| "valgrind did not say".to_owned())
}
