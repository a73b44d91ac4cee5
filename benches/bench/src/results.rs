//! Everything that a run of the benchmarks found, as it is kept in
//! `benches/results/`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::measure::Usage;
use crate::program::Group;
use crate::statistics::{self, Summary};

/// Run time, compile time, memory and size, program by program.
#[derive(Serialize, Deserialize)]
pub(crate) struct Programs {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) sides: Vec<About>,
    pub(crate) absent: Vec<About>,
    pub(crate) rows: Vec<Row>,
}

/// A side and something about it: its version, or why it is not there.
#[derive(Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) about: String,
}

/// What was measured with one program.
#[derive(Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) program: String,
    pub(crate) group: Group,
    pub(crate) wasm_bytes: u64,
    pub(crate) sides: BTreeMap<String, Measured>,
}

/// What one side did with one program.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Why there is nothing more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artefact_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) compile: Vec<Usage>,
    /// Seconds of CPU time, in the order of the rounds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) run: Vec<f64>,
    /// Instructions of one round of the program's work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<u64>,
}

/// What single operations cost, side by side.
#[derive(Serialize, Deserialize)]
pub(crate) struct Costs {
    pub(crate) machine: Machine,
    pub(crate) rows: Vec<Cost>,
}

/// What one operation costs.
#[derive(Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) what: String,
    pub(crate) unit: String,
    pub(crate) sides: BTreeMap<String, Summary>,
}

impl Row {
    /// The side called `name`, if it has anything.
    pub(crate) fn side(&self, name: &str) -> Option<&Measured> {
        let side = self.sides.get(name)?;
        side.left_out.is_none().then_some(side)
    }

    /// What `value` gives for a side.
    pub(crate) fn value(&self, name: &str, value: Value) -> Option<f64> {
        value(self.side(name)?)
    }

    /// The run time of the fastest of `names`.
    pub(crate) fn fastest(&self, names: &[&str]) -> Option<f64> {
        let times = names.iter().filter_map(|name| self.value(name, run_time));
        times.reduce(f64::min)
    }

    /// How much the ratio of the run times of two sides differs between rounds: the
    /// median absolute deviation, in per cent.
    pub(crate) fn spread(&self, over: &str, under: &str) -> Option<f64> {
        let (over, under) = (self.side(over)?, self.side(under)?);
        let pairs = over.run.iter().zip(&under.run);
        let ratios: Vec<f64> = pairs.map(|(over, under)| over / under).collect();
        let several = ratios.len() > 1;
        let summary = statistics::summary(&ratios).filter(|_| several);
        summary.map(|ratios| ratios.deviation)
    }
}

/// One number of what was measured.
pub(crate) type Value = fn(&Measured) -> Option<f64>;

/// CPU time of a run.
pub(crate) fn run_time(side: &Measured) -> Option<f64> {
    statistics::least(&side.run)
}

/// CPU time of a compilation.
pub(crate) fn compile_time(side: &Measured) -> Option<f64> {
    let times: Vec<f64> = side.compile.iter().map(|usage| usage.cpu_seconds).collect();
    statistics::least(&times)
}

/// Largest resident set of a compilation.
pub(crate) fn compile_memory(side: &Measured) -> Option<f64> {
    let peaks = side.compile.iter().map(|usage| usage.peak_bytes as f64);
    peaks.reduce(f64::min)
}

/// Bytes of the artefact.
pub(crate) fn size(side: &Measured) -> Option<f64> {
    side.artefact_bytes.map(|bytes| bytes as f64)
}

/// Instructions of a round of work.
pub(crate) fn instructions(side: &Measured) -> Option<f64> {
    side.instructions.map(|count| count as f64)
}

/// Writes results with all samples, so that other statistics can be taken of them.
pub(crate) fn write(file: &Path, results: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(results)?;
    text.push('\n');
    std::fs::write(file, text).with_context(|| file.display().to_string())
}

/// Reads what `write` has written.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = std::fs::read(file).with_context(|| file.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| file.display().to_string())
}
