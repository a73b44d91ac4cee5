//! What people read: tables, on the terminal and in `benches/results/report.md`.

use std::collections::BTreeMap;

use crate::program::Group;
use crate::ratios::{OURS, PEER, mean, over, over_native, ratio};
use crate::results::{
    Costs, Programs, Row, Value, compile_memory, compile_time, instructions, run_time, size,
};
use crate::sides::WITH_LLVM;
use crate::statistics::Summary;
use crate::table::{Table, amount, number};

/// All of it.
pub(crate) fn report(programs: &Programs, costs: &Costs) -> String {
    let company = |machine: &crate::machine::Machine| 100.0 * machine.others;
    let mut text = format!(
        "# What `make bench` measured\n\n\
         Made by it; benches/NOTES.md says how to read it.\n\n\
         {}, {} cores, Linux {}; {} rounds. Other processes used {:.0} % of the machine while\n\
         programs ran, and {:.0} % during the operations.\n\n",
        programs.machine.cpu,
        programs.machine.cores,
        programs.machine.kernel,
        programs.rounds,
        company(&programs.machine),
        company(&costs.machine),
    );
    for side in &programs.sides {
        text += &format!("* {}: {}\n", side.name, side.about);
    }
    for side in &programs.absent {
        text += &format!("* {}: absent, {}\n", side.name, side.about);
    }
    text += &format!("\n## Run time\n\n{}", run_times(programs));
    text += &left_out(programs);
    text += &format!(
        "\n## Compile time, memory and size\n\n{}",
        compiling(programs)
    );
    let generators = generators(programs);
    if !generators.is_empty() {
        text += &format!("\n## Cranelift and LLVM\n\n{generators}");
    }
    let counted = counted(programs);
    if !counted.is_empty() {
        text += &format!("\n## Instructions of a round of work\n\n{counted}");
    }
    text += &format!("\n## Operations\n\n{}", operations(costs));
    text
}

/// CPU time of runs, program by program, with means of groups.
fn run_times(programs: &Programs) -> Table {
    let mut names = vec![OURS];
    names.extend(programs.peers());
    let heading = ["native = 1", "native s"].into_iter();
    let ratio = format!("{OURS} / {PEER}");
    let heading = heading.chain(names.iter().copied());
    let mut table = Table::new(heading.chain([ratio.as_str(), "±%"]));
    for group in Group::RUNNING {
        let rows = programs.group(group);
        for row in &rows {
            let mut cells = vec![
                row.program.clone(),
                number(row.fastest(crate::sides::NATIVE)),
            ];
            cells.extend(names.iter().map(|name| number(over_native(row, name))));
            cells.push(number(over(row, PEER, run_time)));
            cells.push(number(row.spread(OURS, PEER)));
            table.row(cells);
        }
        if rows.is_empty() {
            continue;
        }
        let mut cells = vec![
            format!("**{}** ({})", group.title(), rows.len()),
            String::new(),
        ];
        cells.extend(
            names
                .iter()
                .map(|name| part(mean(&rows, |row| over_native(row, name)), rows.len())),
        );
        cells.push(part(
            mean(&rows, |row| over(row, PEER, run_time)),
            rows.len(),
        ));
        cells.push(String::new());
        table.row(cells);
    }
    table
}

/// A mean, and over how many programs if that is not all.
fn part(mean: Option<(f64, usize)>, all: usize) -> String {
    match mean {
        Some((mean, count)) if count < all => format!("{mean:.2} ({count})"),
        mean => number(mean.map(|(mean, _)| mean)),
    }
}

/// Which sides have left out which programs, and why.
fn left_out(programs: &Programs) -> String {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &programs.rows {
        for (name, side) in &row.sides {
            // That only one of three has built a program natively is as it should be.
            if let Some(reason) = &side.left_out
                && reason != "not built"
            {
                let programs = reasons.entry((name, reason)).or_default();
                programs.push(&row.program);
            }
        }
    }
    let lines = reasons.into_iter().map(|((side, reason), names)| {
        format!("\n{side} leaves out {}: {reason}\n", names.join(", "))
    });
    lines.collect()
}

/// What compiling takes, and what it makes.
fn compiling(programs: &Programs) -> Table {
    let columns: [(&str, Value, f64); 3] = [
        ("CPU s", compile_time, 1.0),
        ("peak MB", compile_memory, 1e6),
        ("size MB", size, 1e6),
    ];
    let others = ["wasm2c", "v8"];
    let mut table = Table::new([
        OURS.to_owned(),
        columns[0].0.to_owned(),
        columns[1].0.to_owned(),
        columns[2].0.to_owned(),
        format!("time / {PEER}"),
        "memory".to_owned(),
        "size".to_owned(),
        format!("time / {}", others[0]),
        format!("time / {}", others[1]),
    ]);
    let compiled = |row: &&Row| row.value(OURS, compile_time).is_some();
    let rows: Vec<&Row> = programs.rows.iter().filter(compiled).collect();
    let ratios = |ratio: &dyn Fn(&str, Value) -> String| {
        let first = columns.map(|(_, value, _)| ratio(PEER, value));
        let second = others.map(|side| ratio(side, compile_time));
        first.into_iter().chain(second).collect::<Vec<_>>()
    };
    for row in &rows {
        let mut cells = vec![row.program.clone()];
        cells.extend(
            columns
                .map(|(_, value, unit)| number(row.value(OURS, value).map(|value| value / unit))),
        );
        cells.extend(ratios(&|side, value| number(over(row, side, value))));
        table.row(cells);
    }
    let mut cells = vec!["**all**".to_owned()];
    cells.extend(columns.map(|_| String::new()));
    cells.extend(ratios(&|side, value| {
        part(mean(&rows, |row| over(row, side, value)), rows.len())
    }));
    table.row(cells);
    table
}

/// What LLVM as the code generator makes of the programs, beside Cranelift and the peer.
fn generators(programs: &Programs) -> Table {
    type Column = (String, fn(&Row) -> Option<f64>);
    let columns: [Column; 5] = [
        (format!("run, Cranelift / {PEER}"), |row| {
            over(row, PEER, run_time)
        }),
        (format!("LLVM / {PEER}"), |row| {
            ratio(row, WITH_LLVM, PEER, run_time)
        }),
        ("LLVM / Cranelift".to_owned(), |row| {
            ratio(row, WITH_LLVM, OURS, run_time)
        }),
        ("compile, LLVM / Cranelift".to_owned(), |row| {
            ratio(row, WITH_LLVM, OURS, compile_time)
        }),
        ("size, LLVM / Cranelift".to_owned(), |row| {
            ratio(row, WITH_LLVM, OURS, size)
        }),
    ];
    let heading = columns.iter().map(|(heading, _)| heading.as_str());
    let mut table = Table::new([""].into_iter().chain(heading));
    for group in Group::RUNNING {
        let mut rows = programs.group(group);
        rows.retain(|row| row.value(WITH_LLVM, run_time).is_some());
        if rows.is_empty() {
            continue;
        }
        for row in &rows {
            let cells = columns.iter().map(|(_, value)| number(value(row)));
            table.row([row.program.clone()].into_iter().chain(cells));
        }
        let title = format!("**{}** ({})", group.title(), rows.len());
        let means = columns
            .iter()
            .map(|(_, value)| part(mean(&rows, value), rows.len()));
        table.row([title].into_iter().chain(means));
    }
    table
}

/// Instructions, where they were counted.
fn counted(programs: &Programs) -> Table {
    let sides = [PEER, "clang", "gcc"];
    let mut table = Table::new([
        OURS.to_owned(),
        "10^6".to_owned(),
        format!("/ {}", sides[0]),
        format!("/ {}", sides[1]),
        format!("/ {}", sides[2]),
    ]);
    let has = |row: &&Row| row.value(OURS, instructions).is_some();
    let rows: Vec<&Row> = programs.rows.iter().filter(has).collect();
    for row in &rows {
        let count = row.value(OURS, instructions).map(|count| count / 1e6);
        let mut cells = vec![row.program.clone(), number(count)];
        cells.extend(sides.map(|side| number(over(row, side, instructions))));
        table.row(cells);
    }
    if !rows.is_empty() {
        let mut cells = vec!["**all**".to_owned(), String::new()];
        cells.extend(
            sides.map(|side| part(mean(&rows, |row| over(row, side, instructions)), rows.len())),
        );
        table.row(cells);
    }
    table
}

/// What single operations cost: the least of all samples.
fn operations(costs: &Costs) -> Table {
    let mut table = Table::new(["", OURS, "±%", PEER, "±%", "ratio", "others"]);
    for row in &costs.rows {
        let side = |name| row.sides.get(name);
        let cell = |summary: &Summary| amount(summary.least, &row.unit);
        let mut cells = vec![row.what.clone()];
        for name in [OURS, PEER] {
            cells.push(side(name).map_or("-".to_owned(), cell));
            cells.push(number(side(name).map(|summary| summary.deviation)));
        }
        let both = side(OURS).zip(side(PEER));
        cells.push(number(both.map(|(ours, peer)| ours.least / peer.least)));
        let others = row.sides.iter();
        let others = others.filter(|(name, _)| ![OURS, PEER].contains(&name.as_str()));
        let others = others.map(|(name, summary)| format!("{name}: {}", cell(summary)));
        cells.push(others.collect::<Vec<_>>().join("; "));
        table.row(cells);
    }
    table
}
