//! Single mechanisms, in our runtime and in Wasmtime: `make bench-micro`, or
//! `make bench-micro ONLY=call_indirect`.
//!
//! A mechanism is what the body of a loop does; `nothing` is the loop itself. Criterion
//! says what a round of it takes, and compares with the last time; in the end there is
//! a table of the least that each took.

mod mechanisms;
mod sides;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

use mechanisms::Mechanism;
use sides::{Ours, Side, Wasmtime};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    let mut table = Vec::new();
    for (title, all) in mechanisms::all() {
        let mut group = criterion.benchmark_group(title);
        for mechanism in &all {
            let ours = least::<Ours>(&mut group, mechanism);
            let theirs = least::<Wasmtime>(&mut group, mechanism);
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                table.push((format!("{title}: {}", mechanism.name), ours, theirs));
            }
        }
        group.finish();
    }
    criterion.final_summary();
    println!(
        "\n| ns, least | {} | {} | ratio |",
        Ours::NAME,
        Wasmtime::NAME
    );
    println!("|---|--:|--:|--:|");
    for (name, ours, theirs) in table {
        println!(
            "| {name} | {ours:.2} | {theirs:.2} | {:.2} |",
            ours / theirs
        );
    }
}

/// Measures a mechanism on one side, unless it was not asked for: the least of all
/// samples, in nanoseconds.
fn least<S: Side>(group: &mut BenchmarkGroup<'_, WallTime>, mechanism: &Mechanism) -> Option<f64> {
    let mut least: Option<f64> = None;
    group.bench_function(format!("{}/{}", mechanism.name, S::NAME), |bencher| {
        let mut side = S::new(&mechanism.wat);
        bencher.iter_custom(|times| {
            let time = side.time(times, mechanism.how);
            let each = time.as_nanos() as f64 / times as f64;
            least = Some(least.map_or(each, |least| least.min(each)));
            time
        });
    });
    least
}
