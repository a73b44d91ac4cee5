//! Measures programs: the sides take turns, so that a slow minute of the machine
//! slows all of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::machine::Clock;
use crate::program::{Group, Program};
use crate::results::{About, Measured, Programs, Row};
use crate::sides::{NATIVE, Side};

/// How much is done.
pub(crate) struct Effort {
    /// Runs of each program on each side.
    pub(crate) rounds: usize,
    /// Compilations; large modules have one.
    pub(crate) compilations: usize,
    /// Processes that are started to see what that takes, and samples of each
    /// operation of an embedder.
    pub(crate) samples: usize,
    /// Whether instructions are counted.
    pub(crate) instructions: bool,
}

/// Bytes of a module that takes long to compile.
const LARGE: u64 = 512 << 10;

/// Seconds of native runs of a program, after which there are no more.
const LONG: f64 = 1.5;

/// Compiles all programs, checks what they print, and then runs them, round by
/// round.
pub(crate) fn measure(
    programs: &[Program],
    sides: &[Box<dyn Side>],
    absent: Vec<(&'static str, String)>,
    effort: &Effort,
) -> Result<Programs> {
    let clock = Clock::now();
    let mut rows = Vec::new();
    for program in programs {
        eprintln!("compile  {}", program.name);
        let mut row = Row {
            program: program.name.clone(),
            group: program.group,
            wasm_bytes: program.wasm.metadata()?.len(),
            sides: BTreeMap::new(),
        };
        let times = if row.wasm_bytes > LARGE {
            1
        } else {
            effort.compilations
        };
        row.sides = compile(program, sides, times);
        check(program, sides, &mut row);
        rows.push(row);
    }
    for round in 0..effort.rounds {
        eprintln!("round {} of {}", round + 1, effort.rounds);
        for (program, row) in programs.iter().zip(&mut rows) {
            run(program, sides, row, round);
        }
    }
    let named = |name: &str, about: String| About {
        name: name.to_owned(),
        about,
    };
    Ok(Programs {
        machine: clock.machine(),
        rounds: effort.rounds,
        sides: sides
            .iter()
            .map(|side| named(side.name(), side.about()))
            .collect(),
        absent: absent
            .into_iter()
            .map(|(name, reason)| named(name, reason))
            .collect(),
        rows,
    })
}

fn compile(program: &Program, sides: &[Box<dyn Side>], times: usize) -> BTreeMap<String, Measured> {
    let mut row: BTreeMap<String, Measured> = BTreeMap::new();
    for _ in 0..times {
        for side in sides {
            let entry = row.entry(side.name().to_owned()).or_default();
            if entry.left_out.is_some() {
                continue;
            }
            match side.compile(program) {
                Ok(usage) => entry.compile.extend(usage),
                Err(reason) => entry.left_out = Some(reason),
            }
            let size = |file: &Path| file.metadata().map(|data| data.len()).ok();
            entry.artefact_bytes = side.artefact(program).and_then(|file| size(&file));
        }
    }
    row
}

/// Leaves out the sides that print something other than native code does. Where that
/// takes a whole run, it is the first that counts.
fn check(program: &Program, sides: &[Box<dyn Side>], row: &mut Row) {
    if program.compile_only() {
        return;
    }
    let mut expected = None;
    // Native code, which is last, says what is right.
    for side in sides.iter().rev() {
        let Some(entry) = row.sides.get_mut(side.name()) else {
            continue;
        };
        if entry.left_out.is_some() {
            continue;
        }
        match side.check(program) {
            Err(reason) => entry.left_out = Some(format!("run: {reason}")),
            Ok((printed, _)) if *expected.get_or_insert_with(|| printed.clone()) != printed => {
                entry.left_out = Some("prints something else".to_owned());
            }
            Ok((_, usage)) if program.short == program.args => entry.run.push(usage.cpu_seconds),
            Ok(_) => {}
        }
    }
}

/// One run on each side; another side is the first in each round.
fn run(program: &Program, sides: &[Box<dyn Side>], row: &mut Row, round: usize) {
    if program.compile_only() || program.group == Group::Start {
        return;
    }
    // Long runs are repeated less often.
    let long = |side: &Measured| side.run.iter().sum::<f64>() > LONG;
    if NATIVE.iter().any(|name| row.side(name).is_some_and(long)) {
        return;
    }
    for turn in 0..sides.len() {
        let side = &sides[(round + turn) % sides.len()];
        let Some(entry) = row.sides.get_mut(side.name()) else {
            continue;
        };
        if entry.left_out.is_none() {
            match side.measure(program) {
                Ok(usage) => entry.run.push(usage.cpu_seconds),
                Err(reason) => entry.left_out = Some(format!("run: {reason}")),
            }
        }
    }
}
