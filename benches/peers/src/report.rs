//! Results: collected per module, printed as ratios, written as JSON.

use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::measure::Usage;

/// Everything a comparison found.
#[derive(Serialize)]
pub(crate) struct Comparison {
    cpu: String,
    peer: &'static str,
    repeat: usize,
    /// One row per module, in the order of the corpus.
    pub(crate) modules: Vec<Row>,
}

/// What was measured with one module.
#[derive(Serialize)]
pub(crate) struct Row {
    module: String,
    wasm_bytes: u64,
    sides: Vec<Side>,
}

/// What one tool, or the native build, did with one module.
#[derive(Serialize)]
pub(crate) struct Side {
    name: &'static str,
    artefact_bytes: Option<u64>,
    compile: Vec<Usage>,
    run: Vec<Usage>,
    /// Why there is nothing to compare.
    pub(crate) failure: Option<String>,
}

/// The columns of the table that are ratios: ours to the peer, then both to native
/// code. Below 1 the former of the two is better.
const RATIOS: [(&str, Ratio); 6] = [
    ("compile", |row| {
        row.ratio("wasm-aot", "wasmtime", Side::compile_cpu)
    }),
    ("memory", |row| {
        row.ratio("wasm-aot", "wasmtime", Side::compile_memory)
    }),
    ("size", |row| row.ratio("wasm-aot", "wasmtime", Side::size)),
    ("run", |row| {
        row.ratio("wasm-aot", "wasmtime", Side::run_cpu)
    }),
    ("wasm-aot", |row| {
        row.ratio("wasm-aot", "native", Side::run_cpu)
    }),
    ("wasmtime", |row| {
        row.ratio("wasmtime", "native", Side::run_cpu)
    }),
];

type Ratio = fn(&Row) -> Option<f64>;

impl Comparison {
    pub(crate) fn new(repeat: usize) -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let cpu = model
            .unwrap_or("unknown")
            .trim_start_matches([' ', '\t', ':'])
            .to_owned();
        Self {
            cpu,
            peer: "wasmtime 48.0.8",
            repeat,
            modules: Vec::new(),
        }
    }

    /// Writes all samples, so that other statistics can be taken of them.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(std::fs::write(file, text)?)
    }
}

impl Row {
    pub(crate) fn new(module: &str, wasm_bytes: u64) -> Self {
        Self {
            module: module.to_owned(),
            wasm_bytes,
            sides: Vec::new(),
        }
    }

    /// The side called `name`, made if it is new.
    pub(crate) fn side(&mut self, name: &'static str) -> &mut Side {
        let index = self
            .sides
            .iter()
            .position(|side| side.name == name)
            .unwrap_or_else(|| {
                self.sides.push(Side {
                    name,
                    artefact_bytes: None,
                    compile: Vec::new(),
                    run: Vec::new(),
                    failure: None,
                });
                self.sides.len() - 1
            });
        &mut self.sides[index]
    }

    fn find(&self, name: &str) -> Option<&Side> {
        self.sides
            .iter()
            .find(|side| side.name == name && side.failure.is_none())
    }

    fn ratio(&self, over: &str, under: &str, value: fn(&Side) -> Option<f64>) -> Option<f64> {
        Some(value(self.find(over)?)? / value(self.find(under)?)?)
    }
}

impl Side {
    /// Takes note of a compilation.
    pub(crate) fn compiled(&mut self, usage: Result<Usage, String>, artefact: &Path) {
        match usage {
            Ok(usage) => {
                self.compile.push(usage);
                self.artefact_bytes = std::fs::metadata(artefact).map(|data| data.len()).ok();
            }
            Err(reason) => self.failure = Some(format!("compile: {reason}")),
        }
    }

    /// Takes note of a run.
    pub(crate) fn ran(&mut self, usage: Result<Usage, String>) {
        match usage {
            Ok(usage) => self.run.push(usage),
            Err(reason) => self.failure = Some(format!("run: {reason}")),
        }
    }

    fn compile_cpu(&self) -> Option<f64> {
        least(&self.compile, |usage| usage.cpu_seconds)
    }

    fn compile_memory(&self) -> Option<f64> {
        least(&self.compile, |usage| usage.peak_bytes as f64)
    }

    fn size(&self) -> Option<f64> {
        self.artefact_bytes.map(|bytes| bytes as f64)
    }

    fn run_cpu(&self) -> Option<f64> {
        least(&self.run, |usage| usage.cpu_seconds)
    }
}

/// Noise only adds to CPU time, so the least sample is nearest to the truth.
fn least(samples: &[Usage], value: fn(&Usage) -> f64) -> Option<f64> {
    samples.iter().map(value).reduce(f64::min)
}

/// Prints the headings of the table.
pub(crate) fn print_header() {
    println!(
        "{:16} |{:^40}|{:^36}|{:^18}",
        "", "CPU seconds, MB", "wasm-aot / wasmtime", "run / native"
    );
    print!("{:16} |", "module");
    for name in ["compile", "peak", "size", "run", "native"] {
        print!("{name:>8}");
    }
    print_ratios(|(name, _)| format!("{name:>9}"));
    println!();
}

/// Prints the line of one module.
pub(crate) fn print_row(row: &Row) {
    let peer = |value: fn(&Side) -> Option<f64>| row.find("wasmtime").and_then(value);
    let megabytes = |value: Option<f64>| value.map(|bytes| bytes / 1e6);
    print!("{:16} |", row.module);
    for value in [
        peer(Side::compile_cpu),
        megabytes(peer(Side::compile_memory)),
        megabytes(peer(Side::size)),
        peer(Side::run_cpu),
        row.find("native").and_then(Side::run_cpu),
    ] {
        print!("{}", number(value, 8));
    }
    print_ratios(|(_, ratio)| number(ratio(row), 9));
    for side in &row.sides {
        if let Some(failure) = &side.failure {
            print!("  {}: {failure}", side.name);
        }
    }
    println!();
}

/// Prints the geometric means of the ratios over all modules.
pub(crate) fn print_means(comparison: &Comparison) {
    print!("{:16} |{:40}", "geometric mean", "");
    print_ratios(|(_, ratio)| {
        let logs: Vec<f64> = comparison
            .modules
            .iter()
            .filter_map(ratio)
            .map(f64::ln)
            .collect();
        let mean = (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp());
        number(mean, 9)
    });
    println!();
}

/// Prints the columns of ratios: four against the peer, two against native code.
fn print_ratios(column: impl Fn((&'static str, Ratio)) -> String) {
    for (index, ratio) in RATIOS.into_iter().enumerate() {
        print!("{}{}", if index % 4 == 0 { "|" } else { "" }, column(ratio));
    }
}

fn number(value: Option<f64>, width: usize) -> String {
    value.map_or_else(
        || format!("{:>width$}", "-"),
        |value| format!("{value:width$.2}"),
    )
}
