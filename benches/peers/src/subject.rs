//! What is compared: the programs of the corpus and the tools that take them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Result;

/// A program of the corpus, as `tests/corpus/build` describes it.
#[derive(Deserialize)]
pub(crate) struct Program {
    /// Its wasm files.
    pub(crate) modules: Vec<PathBuf>,
    /// The same program as native code; none if it is only to be compiled.
    pub(crate) native: Option<PathBuf>,
    /// Arguments of a run.
    pub(crate) args: Vec<String>,
    stdin: PathBuf,
}

impl Program {
    /// Reads the list in `corpus/index.json`.
    pub(crate) fn list(corpus: &Path) -> Result<Vec<Self>> {
        let index = corpus.join("index.json");
        let text = std::fs::read(&index)
            .map_err(|error| format!("{}: {error}; run tests/corpus/build", index.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Connects a command with the input of this program.
    pub(crate) fn feed<'c>(&self, command: &'c mut Command) -> Result<&'c mut Command> {
        Ok(command.stdin(File::open(&self.stdin)?))
    }
}

/// A command with the subcommands `compile` and `run`.
pub(crate) struct Tool {
    /// How reports call it.
    pub(crate) name: &'static str,
    command: PathBuf,
    suffix: &'static str,
}

impl Tool {
    /// A tool whose artefacts end in `suffix`; an error if it is not there.
    pub(crate) fn new(name: &'static str, command: &Path, suffix: &'static str) -> Result<Self> {
        if !command.is_file() {
            return Err(format!("{name} is not at {}", command.display()).into());
        }
        Ok(Self {
            name,
            command: command.to_owned(),
            suffix,
        })
    }

    /// Where the compiled form of `module` goes.
    pub(crate) fn artefact(&self, module: &Path) -> PathBuf {
        module.with_extension(self.suffix)
    }

    /// Compiles for the CPU of this machine, which is Wasmtime's default.
    pub(crate) fn compile(&self, module: &Path) -> Command {
        let mut command = Command::new(&self.command);
        command
            .arg("compile")
            .arg(module)
            .arg("-o")
            .arg(self.artefact(module));
        command.args(["--cpu", "native"]);
        command
    }

    /// Runs the compiled form of `module`.
    pub(crate) fn run(&self, module: &Path, args: &[String]) -> Command {
        let mut command = Command::new(&self.command);
        command
            .arg("run")
            .arg(self.artefact(module))
            .arg("--")
            .args(args);
        command
    }
}
