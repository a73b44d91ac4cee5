//! Measures this compiler and its loader beside others, and native code; see
//! `benches/NOTES.md` for the method and how to read the numbers.
//!
//! It is started by `make bench`: it builds our own programs, runs them and those of
//! the corpus on every side that there is, measures single operations, and writes
//! `benches/results/`, a table, the plots in `docs/` and the sections of the
//! documents that have results.

mod costs;
mod instructions;
mod kernels;
mod machine;
mod measure;
mod plot;
mod program;
mod report;
mod results;
mod sides;
mod statistics;
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
    /// How often each program runs on each side.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// With the SIMD builds of real programs, and those that are only compiled.
    #[arg(long)]
    full: bool,
    /// Count instructions as well, which takes long.
    #[arg(long)]
    instructions: bool,
    /// Only programs whose names begin so, separated by commas; keeps no results.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measure nothing: make the tables and plots of the results that are kept.
    #[arg(long)]
    report: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let results = options.project.join("benches/results");
    let (programs_file, costs_file) = (results.join("programs.json"), results.join("costs.json"));
    if !options.report {
        let places = Places {
            release: options.target.join("release"),
            artefacts: options.target.join("bench"),
            peers: options.project.join("benches/bench/peers"),
        };
        std::fs::create_dir_all(places.artefacts.join("wasm2c"))?;
        let programs = programs(&options, &places)?;
        let (sides, absent) = sides::find(&places);
        for (name, reason) in &absent {
            eprintln!("without  {name}: {reason}");
        }
        let effort = Effort {
            rounds: options.rounds.max(1),
            compilations: if options.full { 3 } else { 2 },
            instructions: options.instructions,
        };
        let measured = turns::measure(&programs, &sides, absent, &effort)?;
        if !options.only.is_empty() {
            report::table::print(&measured);
            return Ok(());
        }
        results::write(&programs_file, &measured)?;
        let hello = programs
            .iter()
            .find(|program| program.group == Group::Start);
        let costs = costs::measure(hello, &sides, &places, options.full)?;
        results::write(&costs_file, &costs)?;
    }
    let programs: Programs = results::read(&programs_file)?;
    let costs: Costs = results::read(&costs_file)?;
    report::table::print(&programs);
    report::table::print_costs(&costs);
    write_documents(&options.project, &programs, &costs)
}

/// The programs that were asked for.
fn programs(options: &Options, places: &Places) -> Result<Vec<Program>> {
    let mut programs = Program::corpus(&options.target.join("corpus"))?;
    if !options.full {
        programs.retain(|program| program.group == Group::Real && !program.compile_only());
    }
    let sources = options.project.join("benches/programs");
    programs.extend(kernels::build(&sources, &places.artefacts)?);
    if !options.only.is_empty() {
        programs.retain(|program| {
            let mut names = options.only.iter();
            names.any(|name| program.name.starts_with(name.as_str()))
        });
    }
    if programs.is_empty() {
        bail!("no program has such a name");
    }
    Ok(programs)
}

/// Draws the plots, and renews what documents say of results.
fn write_documents(project: &Path, programs: &Programs, costs: &Costs) -> Result<()> {
    for (name, svg) in [
        ("speed", plot::groups(programs)),
        ("programs", plot::programs(programs)),
        ("costs", plot::costs(costs)),
    ] {
        std::fs::write(project.join(format!("docs/{name}.svg")), svg)?;
    }
    let summary = report::markdown::summary(programs, costs);
    report::markdown::renew(&project.join("README.md"), &summary)?;
    let all = report::markdown::everything(programs, costs);
    report::markdown::renew(&project.join("benches/NOTES.md"), &all)
}
