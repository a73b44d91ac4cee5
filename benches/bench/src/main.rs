//! Measures this compiler and its loader beside others, and native code; see
//! `benches/NOTES.md` for the method and how to read the numbers.
//!
//! `make bench` starts it: it builds our own programs, runs them and those of the
//! corpus on every side that there is, measures single operations, and writes
//! `benches/results/` and the plots in `docs/`.

mod costs;
mod instructions;
mod kernels;
mod machine;
mod measure;
mod plot;
mod program;
mod ratios;
mod report;
mod results;
mod sides;
mod statistics;
mod table;
mod turns;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Parser;

use program::{Group, Program};
use results::{Costs, Programs};
use sides::Places;
use turns::Effort;

/// Measures run time, compile time, and what single operations cost.
#[derive(Parser)]
struct Options {
    /// The root of the project.
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// Where cargo and tests/corpus/build put what they build.
    #[arg(long, default_value = "target")]
    target: PathBuf,
    /// A few programs, a few times: about a minute. Results go to TARGET/bench/results.
    #[arg(long)]
    quick: bool,
    /// Only programs whose names begin so, separated by commas; otherwise as --quick.
    #[arg(long, value_delimiter = ',', conflicts_with = "quick")]
    only: Vec<String>,
    /// How often each program runs on each side.
    #[arg(long)]
    rounds: Option<usize>,
    /// With the SIMD builds of real programs, and with all that are only compiled.
    #[arg(long)]
    full: bool,
    /// Count instructions, as a run of everything does.
    #[arg(long)]
    instructions: bool,
    /// Measure nothing: make the report and the plots of the results that are there.
    #[arg(long)]
    report: bool,
}

/// One of each kind: recursion, a parser, arithmetic, indirect calls, unpredictable
/// branches, loops over arrays (with and without SIMD), divisions.
const QUICK: &[&str] = &["fib", "json", "sha256", "vm-table", "sort", "gemm", "nbody"];

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.quick {
        options.only = QUICK.iter().map(|&name| name.to_owned()).collect();
    }
    let places = Places {
        release: options.target.join("release"),
        artefacts: options.target.join("bench"),
        peers: options.project.join("benches/bench/peers"),
    };
    let (results, plots) = if options.only.is_empty() {
        (
            options.project.join("benches/results"),
            options.project.join("docs"),
        )
    } else {
        (
            places.artefacts.join("results"),
            places.artefacts.join("results"),
        )
    };
    std::fs::create_dir_all(&results)?;
    if !options.report {
        measure(&options, &places, &results)?;
    }
    let programs: Programs = results::read(&results.join("programs.json"))?;
    let costs: Costs = results::read(&results.join("costs.json"))?;
    let report = report::report(&programs, &costs);
    print!("{report}");
    std::fs::write(results.join("report.md"), report)?;
    draw(&plots, &programs, &costs)
}

/// Measures what was asked for, and writes it to the folder `results`.
fn measure(options: &Options, places: &Places, results: &Path) -> Result<()> {
    std::fs::create_dir_all(places.artefacts.join("wasm2c"))?;
    let all = options.only.is_empty();
    let effort = Effort {
        rounds: options.rounds.unwrap_or(if all { 3 } else { 2 }).max(1),
        compilations: if all { 3 } else { 1 },
        samples: if all { 200 } else { 30 },
        instructions: all || options.instructions,
    };
    let programs = programs(options, places, effort.instructions)?;
    let (sides, absent) = sides::find(places);
    for (name, reason) in &absent {
        eprintln!("without  {name}: {reason}");
    }
    let mut measured = turns::measure(&programs, &sides, absent, &effort)?;
    results::write(&results.join("programs.json"), &measured)?;
    if effort.instructions {
        instructions::count(&programs, &sides, &mut measured.rows);
        results::write(&results.join("programs.json"), &measured)?;
    }
    let hello = programs
        .iter()
        .find(|program| program.group == Group::Start);
    let costs = costs::measure(hello, &sides, places, effort.samples)?;
    results::write(&results.join("costs.json"), &costs)
}

/// The programs that were asked for, and the one that shows what starting costs.
fn programs(options: &Options, places: &Places, count: bool) -> Result<Vec<Program>> {
    let all = options.only.is_empty();
    let chosen = |name: &str| all || options.only.iter().any(|start| name.starts_with(start));
    let corpus = options.target.join("corpus");
    let mut programs = Vec::new();
    // Without it, our own programs can be measured.
    if all || corpus.join("index.json").exists() {
        programs = Program::corpus(&corpus)?;
        programs.retain(|program| chosen(&program.name));
        if all && !options.full {
            let left_out = |program: &Program| {
                program.group == Group::RealSimd || program.name == "ruby-stdlib"
            };
            programs.retain(|program| !left_out(program));
        }
    }
    let sources = options.project.join("benches/programs");
    programs.extend(kernels::build(&sources, &places.artefacts, chosen, count)?);
    if programs.iter().all(|program| program.group == Group::Start) {
        bail!("no program has such a name");
    }
    Ok(programs)
}

/// Draws the plots.
fn draw(folder: &Path, programs: &Programs, costs: &Costs) -> Result<()> {
    for (name, svg) in [
        ("bench-groups", plot::groups(programs)),
        ("bench-programs", plot::programs(programs)),
        ("bench-operations", plot::costs(costs)),
    ] {
        std::fs::write(folder.join(format!("{name}.svg")), svg)?;
    }
    Ok(())
}
