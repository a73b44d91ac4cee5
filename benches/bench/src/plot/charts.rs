//! What is plotted.

use super::{Chart, Line, SIDES};
use crate::program::Group;
use crate::ratios::{OURS, mean, over_native};
use crate::results::{Costs, Programs};
use crate::table::amount;

const RATIOS: [f64; 8] = [0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0];

/// Run times against native code: the geometric means of groups.
pub(crate) fn groups(programs: &Programs) -> String {
    let group = |group: Group| {
        let rows = programs.group(group);
        let mean = |name| mean(&rows, |row| over_native(row, name));
        let (_, count) = mean(OURS)?;
        // A mean over other programs would not be comparable.
        let of_all = |name| mean(name).filter(|(_, some)| *some == count);
        let dots = sides(programs).filter_map(|name| Some((name.to_owned(), of_all(name)?.0)));
        Some(Line::Dots {
            label: format!("{} ({count})", group.title()),
            dots: dots.collect(),
        })
    };
    chart(
        "Run time, native code (the faster of clang and gcc) = 1; geometric means",
        Group::RUNNING.into_iter().filter_map(group).collect(),
    )
}

/// Run times against native code, program by program.
pub(crate) fn programs(programs: &Programs) -> String {
    let mut lines = Vec::new();
    for group in Group::RUNNING {
        let mut rows = programs.group(group);
        if rows.is_empty() {
            continue;
        }
        lines.push(Line::Heading(group.title().to_owned()));
        let ours = |row| over_native(row, OURS).unwrap_or(1.0);
        rows.sort_by(|a, b| ours(a).total_cmp(&ours(b)));
        lines.extend(rows.into_iter().map(|row| {
            Line::Dots {
                label: row.program.clone(),
                dots: sides(programs)
                    .filter_map(|name| Some((name.to_owned(), over_native(row, name)?)))
                    .collect(),
            }
        }));
    }
    chart(
        "Run time, native code (the faster of clang and gcc) = 1",
        lines,
    )
}

fn chart(title: &str, lines: Vec<Line>) -> String {
    let ticks = RATIOS.map(|ratio| (ratio, ratio.to_string()));
    Chart {
        title: title.to_owned(),
        left: 190.0,
        ticks: ticks.to_vec(),
        lines,
    }
    .draw()
}

/// What single operations cost.
pub(crate) fn costs(costs: &Costs) -> String {
    let timed = costs.rows.iter().filter_map(|row| {
        let nanoseconds = match row.unit.as_str() {
            "ns" => 1.0,
            "ms" => 1e6,
            _ => return None,
        };
        let dots = SIDES.iter().filter_map(|name| {
            let summary = row.sides.get(*name)?;
            Some(((*name).to_owned(), summary.least * nanoseconds))
        });
        Some(Line::Dots {
            label: row.what.clone(),
            dots: dots.collect(),
        })
    });
    let ticks = (0..=8).map(|power| 10f64.powi(power));
    Chart {
        title: "What operations of an embedder take".to_owned(),
        left: 270.0,
        ticks: ticks.map(|value| (value, tick(value))).collect(),
        lines: timed.collect(),
    }
    .draw()
}

/// `1 ns`, `10 µs`.
fn tick(nanoseconds: f64) -> String {
    amount(nanoseconds, "ns")
        .replace(".00", "")
        .replace(".0", "")
}

/// Us and the peers that have measured anything.
fn sides(programs: &Programs) -> impl Iterator<Item = &'static str> {
    std::iter::once(OURS).chain(programs.peers())
}
