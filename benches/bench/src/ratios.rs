//! What is compared with what.

use crate::program::Group;
use crate::results::{Programs, Row, Value, run_time};
use crate::sides::{NATIVE, WITH_LLVM};
use crate::statistics::geometric_mean;

/// The side that is ours.
pub(crate) const OURS: &str = "wasm-aot";

/// The one that every number of ours is compared with.
pub(crate) const PEER: &str = "wasmtime";

/// The others that are compared with native code, in the order of columns.
const PEERS: [&str; 7] = [
    WITH_LLVM, PEER, "wasm2c", "v8", "wamr", "wasmedge", "wasmer",
];

impl Programs {
    /// The rows of a group that we ran.
    pub(crate) fn group(&self, group: Group) -> Vec<&Row> {
        let ran = |row: &&Row| row.group == group && row.value(OURS, run_time).is_some();
        self.rows.iter().filter(ran).collect()
    }

    /// The peers that have measured anything.
    pub(crate) fn peers(&self) -> Vec<&'static str> {
        let present = |name: &&str| self.sides.iter().any(|side| side.name == *name);
        PEERS.into_iter().filter(present).collect()
    }
}

/// The geometric mean of a ratio over the rows that have it, and how many those are.
pub(crate) fn mean(rows: &[&Row], ratio: impl Fn(&Row) -> Option<f64>) -> Option<(f64, usize)> {
    let ratios: Vec<f64> = rows.iter().filter_map(|row| ratio(row)).collect();
    geometric_mean(&ratios).map(|mean| (mean, ratios.len()))
}

/// The run time of a side, with that of the fastest native build as 1.
pub(crate) fn over_native(row: &Row, side: &str) -> Option<f64> {
    Some(row.value(side, run_time)? / row.fastest(NATIVE)?)
}

/// A number of ours, with another side's as 1.
pub(crate) fn over(row: &Row, side: &str, value: Value) -> Option<f64> {
    ratio(row, OURS, side, value)
}

/// A number of a side, with another's as 1.
pub(crate) fn ratio(row: &Row, side: &str, other: &str, value: Value) -> Option<f64> {
    Some(row.value(side, value)? / row.value(other, value)?)
}
