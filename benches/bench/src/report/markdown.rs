//! Tables for the documents.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::{OURS, number, over_native, over_peer};
use crate::program::Group;
use crate::results::{
    Costs, Programs, Row, Value, compile_memory, compile_time, run_time, size,
};
use crate::sides::NATIVE;
use crate::statistics::Summary;

/// Around what is generated in a document.
const BEGIN: &str = "<!-- made by `make bench` -->\n";
const END: &str = "<!-- up to here -->\n";

/// Puts `text` between the two marks of a document.
pub(crate) fn renew(document: &Path, text: &str) -> Result<()> {
    let old = std::fs::read_to_string(document)?;
    let marks = || {
        let start = old.find(BEGIN)? + BEGIN.len();
        Some((start, start + old[start..].find(END)?))
    };
    let (start, end) = marks().with_context(|| format!("{}: no marks", document.display()))?;
    let new = format!("{}\n{text}\n{}", &old[..start], &old[end..]);
    Ok(std::fs::write(document, new)?)
}

/// What a reader wants to know first.
pub(crate) fn summary(programs: &Programs, costs: &Costs) -> String {
    format!(
        "{}\n{}\n{}\n{}",
        company(programs),
        groups(programs),
        compiling(programs),
        operations(costs)
    )
}

/// All of it, program by program.
pub(crate) fn everything(programs: &Programs, costs: &Costs) -> String {
    let mut text = format!("{}\n", company(programs));
    for side in &programs.sides {
        let _ = writeln!(text, "* {}: {}", side.name, side.about);
    }
    for side in &programs.absent {
        let _ = writeln!(text, "* {}: absent, {}", side.name, side.about);
    }
    let _ = write!(text, "\n{}\n{}", run_times(programs), compiling(programs));
    let _ = write!(text, "\n{}", operations(costs));
    text
}

/// Where, and how quiet it was.
fn company(programs: &Programs) -> String {
    let machine = &programs.machine;
    let others = 100.0 * machine.others;
    format!(
        "{}, {} cores, {} rounds; other processes used {others:.0} % of the machine meanwhile.\n",
        machine.cpu, machine.cores, programs.rounds
    )
}

/// Run times by group, with native code as 1.
fn groups(programs: &Programs) -> String {
    let peers = programs.peers();
    let mut text = format!("| run time, native code = 1 | programs | {OURS} |");
    peers.iter().for_each(|peer| {
        let _ = write!(text, " {peer} |");
    });
    text.push_str("\n|---|---|---|");
    text.push_str(&"---|".repeat(peers.len()));
    text.push('\n');
    for group in Group::RUNNING {
        let Some((mean, count)) = programs.mean(group, |row| over_native(row, OURS)) else {
            continue;
        };
        let _ = write!(text, "| {} | {count} | {mean:.2} |", group.title());
        for peer in &peers {
            let mean = programs.mean(group, |row| over_native(row, peer));
            match mean {
                Some((mean, some)) if some < count => {
                    let _ = write!(text, " {mean:.2} ({some}) |");
                }
                Some((mean, _)) => {
                    let _ = write!(text, " {mean:.2} |");
                }
                None => text.push_str(" - |"),
            }
        }
        text.push('\n');
    }
    text
}

/// Run times program by program.
fn run_times(programs: &Programs) -> String {
    let peers = programs.peers();
    let mut text = format!("| run time, native code = 1 | native, s | {OURS} |");
    peers.iter().for_each(|peer| {
        let _ = write!(text, " {peer} |");
    });
    let _ = writeln!(text, " {OURS} / wasmtime | ±% |");
    text.push_str("|---|---|---|---|---|");
    text.push_str(&"---|".repeat(peers.len()));
    text.push('\n');
    for group in Group::RUNNING {
        for row in programs.group(group) {
            if row.value(OURS, run_time).is_none() {
                continue;
            }
            let native = number(row.fastest(NATIVE));
            let _ = write!(text, "| {} | {native} |", row.program);
            columns(&mut text, &peers, |name| over_native(row, name));
            let ratio = number(over_peer(row, "wasmtime", run_time));
            let spread = row.spread(OURS, "wasmtime");
            let spread = spread.map_or("-".to_owned(), |spread| format!("{spread:.1}"));
            let _ = writeln!(text, " {ratio} | {spread} |");
        }
        let mean = |ratio: &dyn Fn(&Row) -> Option<f64>| {
            programs.mean(group, ratio).map(|(mean, _)| mean)
        };
        if mean(&|row| over_native(row, OURS)).is_none() {
            continue;
        }
        let _ = write!(text, "| **{}**, mean | |", group.title());
        columns(&mut text, &peers, |name| mean(&|row| over_native(row, name)));
        let ratio = number(mean(&|row| over_peer(row, "wasmtime", run_time)));
        let _ = writeln!(text, " {ratio} | |");
    }
    text
}

/// A cell for us and for each peer.
fn columns(text: &mut String, peers: &[&str], value: impl Fn(&str) -> Option<f64>) {
    for name in [OURS].iter().chain(peers) {
        let _ = write!(text, " {} |", number(value(name)));
    }
}

/// What compiling takes, over all programs and in the extremes.
fn compiling(programs: &Programs) -> String {
    let mut text = format!("| {OURS} / wasmtime | mean | from | to |\n|---|---|---|---|\n");
    let rows: [(&str, Value); 3] = [
        ("compile time (CPU)", compile_time),
        ("peak memory of compiling", compile_memory),
        ("size of the artefact", size),
    ];
    for (title, value) in rows {
        let ratio = |row: &Row| over_peer(row, "wasmtime", value);
        let mut found: Vec<(f64, &str)> = programs
            .rows
            .iter()
            .filter_map(|row| Some((ratio(row)?, row.program.as_str())))
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let [(least, first), .., (most, last)] = found[..] {
            let mean = number(programs.mean_of_all(ratio));
            let _ = writeln!(
                text,
                "| {title} | {mean} | {least:.2} ({first}) | {most:.2} ({last}) |"
            );
        }
    }
    text
}

/// What single operations cost.
fn operations(costs: &Costs) -> String {
    let mut text = format!("| | {OURS} | wasmtime | others |\n|---|---|---|---|\n");
    for row in &costs.rows {
        let cell = |summary: &Summary| amount(summary.least, &row.unit);
        let one = |name| row.sides.get(name).map_or("-".to_owned(), cell);
        let others: Vec<String> = row
            .sides
            .iter()
            .filter(|(name, _)| *name != OURS && *name != "wasmtime")
            .map(|(name, summary)| format!("{name}: {}", cell(summary)))
            .collect();
        let (ours, wasmtime) = (one(OURS), one("wasmtime"));
        let others = others.join("; ");
        let _ = writeln!(text, "| {} | {ours} | {wasmtime} | {others} |", row.what);
    }
    text
}

/// A number with a unit that keeps it short.
pub(crate) fn amount(value: f64, unit: &str) -> String {
    let (value, unit) = match unit {
        "ns" if value >= 1e6 => (value / 1e6, "ms"),
        "ns" if value >= 1e3 => (value / 1e3, "µs"),
        "KiB" if value >= 1024.0 => (value / 1024.0, "MiB"),
        _ => (value, unit),
    };
    format!("{} {unit}", number(Some(value)))
}
