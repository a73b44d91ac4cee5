//! Native code of the same sources.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Side, version};
use crate::measure::Usage;
use crate::program::Program;

/// The compilers; `authors` stands for a binary that comes with the program.
pub(super) const COMPILERS: [&str; 3] = ["clang", "gcc", "authors"];

struct Native(&'static str);

/// Code of one compiler, which has been built before.
pub(super) fn find(compiler: &'static str) -> Result<Box<dyn Side>, String> {
    Ok(Box::new(Native(compiler)))
}

impl Native {
    fn binary<'p>(&self, program: &'p Program) -> Result<&'p PathBuf, String> {
        let built = program.natives.get(self.0);
        built.ok_or_else(|| "not built".to_owned())
    }
}

impl Side for Native {
    fn name(&self) -> &str {
        self.0
    }

    fn about(&self) -> String {
        match version(Path::new(self.0), "--version") {
            Ok(version) => version + ", -O3 -march=native -ffp-contract=off",
            Err(_) => "as the authors ship it".to_owned(),
        }
    }

    fn compile(&self, program: &Program) -> Result<Option<Usage>, String> {
        self.binary(program).map(|_| None)
    }

    fn artefact(&self, program: &Program) -> Option<PathBuf> {
        self.binary(program).ok().cloned()
    }

    fn run(&self, program: &Program) -> Result<Command, String> {
        self.binary(program).map(Command::new)
    }

    fn counted(&self, program: &Program) -> Result<Command, String> {
        let built = program.counted.get(self.0);
        built
            .map(Command::new)
            .ok_or_else(|| "not built".to_owned())
    }
}
