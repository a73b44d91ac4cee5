//! Single mechanisms, in our runtime and in Wasmtime: `make bench-micro`, or
//! `make bench-micro ONLY=call_indirect`.
//!
//! A mechanism is what the body of a loop does; `nothing` is the loop itself. Criterion
//! says what a round of it takes, and keeps the samples of the last time to compare with.

mod mechanisms;
mod sides;

use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::WallTime;

use mechanisms::Mechanism;
use sides::{Ours, Side, Wasmtime};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    for (group, all) in mechanisms::all() {
        let mut group = criterion.benchmark_group(group);
        for mechanism in &all {
            one::<Ours>(&mut group, mechanism);
            one::<Wasmtime>(&mut group, mechanism);
        }
        group.finish();
    }
    criterion.final_summary();
}

/// Measures a mechanism on one side.
fn one<S: Side>(group: &mut criterion::BenchmarkGroup<'_, WallTime>, mechanism: &Mechanism) {
    group.bench_function(format!("{}/{}", mechanism.name, S::NAME), |bencher| {
        let mut side = S::new(&mechanism.wat);
        bencher.iter_custom(|times| side.time(times, mechanism.how));
    });
}
