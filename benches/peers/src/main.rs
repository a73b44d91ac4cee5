//! Compares this compiler with a peer, Wasmtime, on the modules of the corpus.
//!
//! ```text
//! peers --aot FILE --peer FILE --corpus FOLDER --json FILE [--repeat N] [MODULE...]
//! ```
//!
//! Each side runs as a child process, the sides take turns, and what counts is
//! the CPU time and the peak memory the kernel reports for the child; see
//! `benches/NOTES.md` for the method and how to read the numbers.

mod measure;
mod report;
mod subject;

use std::path::PathBuf;
use std::process::ExitCode;

use report::{Comparison, Row};
use subject::{Program, Tool};

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| compare(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    aot: PathBuf,
    peer: PathBuf,
    corpus: PathBuf,
    json: PathBuf,
    repeat: usize,
    modules: Vec<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            aot: PathBuf::new(),
            peer: PathBuf::new(),
            corpus: PathBuf::new(),
            json: PathBuf::new(),
            repeat: 5,
            modules: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--aot" => options.aot = value()?.into(),
                "--peer" => options.peer = value()?.into(),
                "--corpus" => options.corpus = value()?.into(),
                "--json" => options.json = value()?.into(),
                "--repeat" => options.repeat = value()?.parse::<usize>()?.max(1),
                _ if arg.starts_with('-') => return Err(format!("unknown option {arg}").into()),
                _ => options.modules.push(arg),
            }
        }
        Ok(options)
    }
}

fn compare(options: &Options) -> Result<()> {
    let peer = Tool::new("wasmtime", &options.peer, "cwasm")?;
    let aot = Tool::new("wasm-aot", &options.aot, "so")
        .inspect_err(|error| eprintln!("peers: {error}; measuring the peer alone"))
        .ok();
    let tools: Vec<Tool> = [Some(peer), aot].into_iter().flatten().collect();

    let mut comparison = Comparison::new(options.repeat);
    report::print_header();
    for program in Program::list(&options.corpus)? {
        for module in &program.modules {
            let name = module.file_stem().unwrap_or_default().to_string_lossy();
            if options.modules.is_empty() || options.modules.contains(&name.to_string()) {
                let row = measure_module(&program, module, &name, &tools, options.repeat)?;
                report::print_row(&row);
                comparison.modules.push(row);
            }
        }
    }
    report::print_means(&comparison);
    comparison.write(&options.json)
}

/// Compiles and runs one module with every tool, taking turns, so that a busy
/// moment of the machine is shared fairly.
fn measure_module(
    program: &Program,
    module: &PathBuf,
    name: &str,
    tools: &[Tool],
    repeat: usize,
) -> Result<Row> {
    let mut row = Row::new(name, std::fs::metadata(module)?.len());
    for _ in 0..repeat.min(3) {
        for tool in tools {
            let usage = measure::child(&mut tool.compile(module));
            row.side(tool.name).compiled(usage, &tool.artefact(module));
        }
    }
    let Some(native) = &program.native else {
        return Ok(row);
    };
    for turn in 0..repeat {
        for index in 0..tools.len() {
            let tool = &tools[(turn + index) % tools.len()];
            if row.side(tool.name).failure.is_none() {
                let usage = measure::child(program.feed(&mut tool.run(module, &program.args))?);
                row.side(tool.name).ran(usage);
            }
        }
        let mut native = std::process::Command::new(native);
        let usage = measure::child(program.feed(native.args(&program.args))?);
        row.side("native").ran(usage);
    }
    Ok(row)
}
