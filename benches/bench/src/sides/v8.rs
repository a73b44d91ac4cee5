//! V8 in Node: it has no artefacts, and compiles in the process that runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Places, Side, version};
use crate::measure::{self, Usage};
use crate::program::Program;

/// All functions by the optimising compiler, before the first runs.
const FLAGS: [&str; 4] = [
    "--no-liftoff",
    "--no-wasm-tier-up",
    "--no-wasm-lazy-compilation",
    "--no-warnings",
];

pub(super) struct V8 {
    about: String,
    script: PathBuf,
    /// Where the script writes the CPU time of what is measured.
    usage: PathBuf,
}

impl V8 {
    pub(super) fn find(places: &Places) -> Result<Box<dyn Side>, String> {
        let node = version(Path::new("node"), "--version")?;
        Ok(Box::new(Self {
            about: format!("Node {node}, {}", FLAGS[..3].join(" ")),
            script: places.peers.join("v8.mjs"),
            usage: places.artefacts.join("v8.usage"),
        }))
    }

    fn node(&self, what: &str, program: &Program) -> Command {
        let mut node = Command::new("node");
        node.args(FLAGS).arg(&self.script).arg(what);
        node.arg(&program.wasm).env("BENCH_USAGE", &self.usage);
        node
    }

    /// Runs the script, and puts the time that it took for the time of the process.
    fn inside(&self, node: &mut Command) -> Result<Usage, String> {
        let usage = measure::child(node)?;
        self.of_script(usage)
    }

    /// What the script has written.
    fn of_script(&self, usage: Usage) -> Result<Usage, String> {
        let written = std::fs::read_to_string(&self.usage).map_err(|error| error.to_string())?;
        let cpu_seconds = written.parse().map_err(|_| "no time".to_owned())?;
        Ok(Usage {
            cpu_seconds,
            ..usage
        })
    }
}

impl Side for V8 {
    fn name(&self) -> &str {
        "v8"
    }

    fn about(&self) -> String {
        self.about.clone()
    }

    fn compile(&self, program: &Program) -> Result<Option<Usage>, String> {
        if program.compile_only() {
            return Err("compiles what it runs".to_owned());
        }
        self.inside(&mut self.node("compile", program)).map(Some)
    }

    fn artefact(&self, _: &Program) -> Option<PathBuf> {
        None
    }

    fn run(&self, program: &Program) -> Result<Command, String> {
        Ok(self.node("run", program))
    }

    fn measure(&self, program: &Program) -> Result<Usage, String> {
        self.inside(program.feed(&mut self.run(program)?)?)
    }

    fn check(&self, program: &Program) -> Result<(Vec<u8>, Usage), String> {
        let (printed, usage) = measure::output(program.feed_short(&mut self.run(program)?)?)?;
        Ok((printed, self.of_script(usage)?))
    }
}
