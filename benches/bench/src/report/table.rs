//! Tables on the terminal.

use std::collections::BTreeMap;

use super::{OURS, number, over_native, over_peer};
use crate::program::Group;
use crate::results::{
    Costs, Programs, Row, Value, compile_memory, compile_time, instructions, run_time, size,
};
use crate::sides::NATIVE;

/// Prints all that was measured with programs.
pub(crate) fn print(programs: &Programs) {
    for side in &programs.sides {
        println!("{:10} {}", side.name, side.about);
    }
    for side in &programs.absent {
        println!("{:10} absent: {}", side.name, side.about);
    }
    println!(
        "{} rounds on {}, {} cores; others used {:.0} % of them",
        programs.rounds,
        programs.machine.cpu,
        programs.machine.cores,
        100.0 * programs.machine.others
    );
    run_times(programs);
    compiling(programs);
    counted(programs);
    left_out(programs);
}

/// Run times, with the fastest native build as 1.
fn run_times(programs: &Programs) {
    let peers = programs.peers();
    print!(
        "\n{:20}{:>9}{:>10}{:>7}",
        "run, native = 1", "native s", OURS, "+-%"
    );
    peers.iter().for_each(|peer| print!("{peer:>10}"));
    println!("{:>12}{:>7}", "/wasmtime", "+-%");
    for group in Group::RUNNING {
        for row in programs.group(group) {
            if row.value(OURS, run_time).is_none() {
                continue;
            }
            print!("{:20}{:>9}", row.program, number(row.fastest(NATIVE)));
            let native = NATIVE
                .iter()
                .find(|name| row.value(name, run_time) == row.fastest(NATIVE));
            let spread = native.and_then(|native| row.spread(OURS, native));
            print!("{:>10}", number(over_native(row, OURS)));
            print!("{:>7}", number(spread));
            for peer in &peers {
                print!("{:>10}", number(over_native(row, peer)));
            }
            print!("{:>12}", number(over_peer(row, "wasmtime", run_time)));
            println!("{:>7}", number(row.spread(OURS, "wasmtime")));
        }
        if programs.mean(group, |row| over_native(row, OURS)).is_some() {
            mean(programs, group, &peers);
        }
    }
}

/// The geometric means of a group; a side that left programs out is compared over
/// those that it has.
fn mean(programs: &Programs, group: Group, peers: &[&str]) {
    let over = |ratio: &dyn Fn(&Row) -> Option<f64>| {
        number(programs.mean(group, ratio).map(|(mean, _)| mean))
    };
    print!("{:29}", format!("  = {}", group.title()));
    print!("{:>10}{:7}", over(&|row| over_native(row, OURS)), "");
    for peer in peers {
        print!("{:>10}", over(&|row| over_native(row, peer)));
    }
    println!("{:>12}\n", over(&|row| over_peer(row, "wasmtime", run_time)));
    for peer in peers {
        let ratio = |row: &Row| over_peer(row, peer, run_time);
        if let Some((mean, count)) = programs.mean(group, ratio) {
            println!("    {OURS} / {peer}: {mean:.2} over {count}");
        }
    }
    println!();
}

/// What compiling takes, and what it makes.
fn compiling(programs: &Programs) {
    let columns: [(&str, Value, f64); 3] = [
        ("CPU s", compile_time, 1.0),
        ("peak MB", compile_memory, 1e6),
        ("size MB", size, 1e6),
    ];
    print!("{:20}", "compile, wasm-aot");
    columns
        .iter()
        .for_each(|(title, ..)| print!("{title:>10}"));
    println!("   / wasmtime: time, memory, size   / wasm2c, v8: time");
    for row in programs.rows.iter().filter(|row| row.side(OURS).is_some()) {
        print!("{:20}", row.program);
        for (_, value, unit) in columns {
            let ours = row.value(OURS, value).map(|value| value / unit);
            print!("{:>10}", number(ours));
        }
        for (_, value, _) in columns {
            print!("{:>10}", number(over_peer(row, "wasmtime", value)));
        }
        for peer in ["wasm2c", "v8"] {
            print!("{:>10}", number(over_peer(row, peer, compile_time)));
        }
        println!();
    }
    print!("{:50}", "  = all");
    for (_, value, _) in columns {
        let mean = programs.mean_of_all(|row| over_peer(row, "wasmtime", value));
        print!("{:>10}", number(mean));
    }
    println!("\n");
}

/// Instructions, where they were counted.
fn counted(programs: &Programs) {
    let rows = programs.rows.iter();
    let mut rows = rows
        .filter(|row| row.value(OURS, instructions).is_some())
        .peekable();
    if rows.peek().is_none() {
        return;
    }
    println!("{:20}{:>12}{:>12}", "instructions", "10^6", "/wasmtime");
    for row in rows {
        let ours = row.value(OURS, instructions).map(|count| count / 1e6);
        let ratio = over_peer(row, "wasmtime", instructions);
        println!("{:20}{:>12}{:>12}", row.program, number(ours), number(ratio));
    }
    println!();
}

/// Which sides have left out which programs, and why.
fn left_out(programs: &Programs) {
    let mut reasons: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for row in &programs.rows {
        for (name, side) in &row.sides {
            // That only one of three has built a program natively is as it should be.
            if let Some(reason) = &side.left_out
                && reason != "not built"
            {
                reasons
                    .entry((name, reason))
                    .or_default()
                    .push(&row.program);
            }
        }
    }
    for ((side, reason), names) in reasons {
        println!("{side} leaves out {}: {reason}", names.join(", "));
    }
}

/// Prints what single operations cost.
pub(crate) fn print_costs(costs: &Costs) {
    println!("\n{:44}{:>6}  least, median +- %", "operations", "");
    for row in &costs.rows {
        print!("{:44}{:>6}", row.what, row.unit);
        for (name, summary) in &row.sides {
            print!(
                "  {name} {}, {} +- {:.0}",
                number(Some(summary.least)),
                number(Some(summary.median)),
                summary.deviation
            );
        }
        println!();
    }
    println!(
        "others used {:.0} % of the machine meanwhile",
        100.0 * costs.machine.others
    );
}
