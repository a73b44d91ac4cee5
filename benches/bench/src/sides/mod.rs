//! The sides of the comparison: each takes a program in its own way.

mod engines;
mod native;
mod v8;
mod wasm2c;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{self, Usage};
use crate::program::Program;

/// A compiler of WebAssembly with its runtime, or of native code.
pub(crate) trait Side: Sync {
    /// How results call it.
    fn name(&self) -> &str;

    /// Its version and how it is set up, for people.
    fn about(&self) -> String;

    /// Makes whatever `run` needs. `None` if that was done before; an error is why
    /// this side leaves the program out.
    fn compile(&self, program: &Program) -> Result<Option<Usage>, String>;

    /// The file that `compile` makes, if its size says something.
    fn artefact(&self, program: &Program) -> Option<PathBuf>;

    /// The command that runs the program, still without its arguments.
    fn run(&self, program: &Program) -> Result<Command, String>;

    /// The command that runs the program's code for `COUNTED_CPU`, after making it; an
    /// error if instructions of this side are not counted.
    fn counted(&self, _: &Program) -> Result<Command, String> {
        Err("not counted".to_owned())
    }

    /// Runs the program, by default as a child that is charged as a whole: start-up,
    /// loading, the program, exit.
    fn measure(&self, program: &Program) -> Result<Usage, String> {
        measure::child(program.feed(&mut self.run(program)?)?)
    }

    /// Runs the program and gives what it prints, which may be a shorter run.
    fn check(&self, program: &Program) -> Result<(Vec<u8>, Usage), String> {
        measure::output(program.feed_short(&mut self.run(program)?)?)
    }
}

/// What instructions are counted on: Valgrind, which does it, does not know AVX-512.
pub(crate) const COUNTED_CPU: &str = if cfg!(target_arch = "x86_64") {
    "x86-64-v3"
} else {
    "native"
};

/// Where tools and what they make are.
pub(crate) struct Places {
    /// Our command and the peer's, as cargo built them.
    pub(crate) release: PathBuf,
    /// Artefacts of all sides.
    pub(crate) artefacts: PathBuf,
    /// The sources of what the peers need from us.
    pub(crate) peers: PathBuf,
}

/// All sides that there are on this machine, ours first, and the others with the
/// reason.
pub(crate) fn find(places: &Places) -> (Vec<Box<dyn Side>>, Vec<(&'static str, String)>) {
    let mut present: Vec<Box<dyn Side>> = Vec::new();
    let mut absent = Vec::new();
    let mut add = |name, side: Result<Box<dyn Side>, String>| match side {
        Ok(side) => present.push(side),
        Err(reason) => absent.push((name, reason)),
    };
    add("wasm-aot", engines::ours(places));
    add(WITH_LLVM, engines::ours_with_llvm(places));
    add("wasmtime", engines::wasmtime(places));
    add("wasm2c", wasm2c::Wasm2c::find(places));
    add("v8", v8::V8::find(places));
    add("wamr", engines::wamr(places));
    add("wasmedge", engines::wasmedge(places));
    add("wasmer", engines::wasmer(places));
    for compiler in native::COMPILERS {
        add(compiler, native::find(compiler));
    }
    (present, absent)
}

/// The name of this project with LLVM as the code generator.
pub(crate) const WITH_LLVM: &str = "wasm-aot-llvm";

/// The names of native code, of which the fastest is what others are compared with.
pub(crate) const NATIVE: &[&str] = &native::COMPILERS;

/// The first line that a tool prints about itself; an error if it cannot be run.
fn version(tool: &Path, option: &str) -> Result<String, String> {
    let output = Command::new(tool)
        .arg(option)
        .output()
        .map_err(|_| format!("no {} on PATH", tool.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
