//! What people read: tables on the terminal, and in Markdown for the documents.

pub(crate) mod markdown;
pub(crate) mod table;

use crate::program::Group;
use crate::results::{Programs, Row, Value, run_time};
use crate::sides::NATIVE;
use crate::statistics::geometric_mean;

/// The side that is ours.
pub(crate) const OURS: &str = "wasm-aot";

/// The others that are compared with native code, in the order of columns.
pub(crate) const PEERS: [&str; 6] = ["wasmtime", "wasm2c", "v8", "wamr", "wasmedge", "wasmer"];

impl Programs {
    /// The rows of a group.
    pub(crate) fn group(&self, group: Group) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.group == group)
    }

    /// The peers that have measured anything.
    pub(crate) fn peers(&self) -> Vec<&'static str> {
        let present = |name: &&str| self.sides.iter().any(|side| side.name == *name);
        PEERS.into_iter().filter(present).collect()
    }

    /// The geometric mean of a ratio over a group, and over how many programs.
    pub(crate) fn mean(
        &self,
        group: Group,
        ratio: impl Fn(&Row) -> Option<f64>,
    ) -> Option<(f64, usize)> {
        let ratios: Vec<f64> = self.group(group).filter_map(ratio).collect();
        geometric_mean(&ratios).map(|mean| (mean, ratios.len()))
    }

    /// The geometric mean of a ratio over all programs.
    pub(crate) fn mean_of_all(&self, ratio: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        let ratios: Vec<f64> = self.rows.iter().filter_map(ratio).collect();
        geometric_mean(&ratios)
    }
}

/// The run time of a side, with native code as 1.
pub(crate) fn over_native(row: &Row, side: &str) -> Option<f64> {
    Some(row.value(side, run_time)? / row.fastest(NATIVE)?)
}

/// A number of ours, with a peer's as 1.
pub(crate) fn over_peer(row: &Row, peer: &str, value: Value) -> Option<f64> {
    Some(row.value(OURS, value)? / row.value(peer, value)?)
}

/// A number with three digits or so, as far as it means something.
pub(crate) fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value >= 1000.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
