//! Compilers of WebAssembly that keep an artefact: one command makes it, another
//! runs it. Each compiles for the CPU of this machine at its best level.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{COUNTED_CPU, Places, Side, WITH_LLVM, version};
use crate::measure::{self, Usage};
use crate::program::Program;

struct Engine {
    name: &'static str,
    about: String,
    folder: PathBuf,
    suffix: &'static str,
    compiler: PathBuf,
    /// The arguments of a compilation.
    compile: Vec<&'static str>,
    runner: PathBuf,
    /// The arguments of a run, and those between the artefact and the program's own.
    run: (&'static [&'static str], &'static [&'static str]),
}

/// Stand for the files in the arguments of a compilation.
const IN: &str = "IN";
const OUT: &str = "OUT";
/// Stands for the processor.
const CPU: &str = "CPU";

/// Of our command and of the peer's.
const COMPILE: &[&str] = &["compile", IN, "-o", OUT, "--cpu", CPU];

type Found = Result<Box<dyn Side>, String>;

/// This project.
pub(super) fn ours(places: &Places) -> Found {
    let command = places.release.join("wasm-aot");
    Ok(Box::new(Engine {
        name: "wasm-aot",
        about: version(&command, "--version")? + ", --cpu native",
        folder: places.artefacts.clone(),
        suffix: "so",
        compiler: command.clone(),
        compile: COMPILE.to_vec(),
        runner: command,
        run: (&["run"], &["--"]),
    }))
}

/// This project with LLVM as the code generator, whose artefacts the command without it
/// runs.
pub(super) fn ours_with_llvm(places: &Places) -> Found {
    let compiler = places.release.join("wasm-aot-llvm");
    let about = version(&compiler, "--version").map_err(|_| "not built: there is no LLVM 19")?;
    let mut compile = COMPILE.to_vec();
    compile.extend(["-O3", "--codegen", "llvm"]);
    Ok(Box::new(Engine {
        name: WITH_LLVM,
        about: about + ", --cpu native -O3 --codegen llvm",
        folder: places.artefacts.clone(),
        suffix: "llvm.so",
        compiler,
        compile,
        runner: places.release.join("wasm-aot"),
        run: (&["run"], &["--"]),
    }))
}

/// Wasmtime as a library, by a command that takes our command lines.
pub(super) fn wasmtime(places: &Places) -> Found {
    let command = places.release.join("wasmtime-peer");
    Ok(Box::new(Engine {
        name: "wasmtime",
        about: version(&command, "--version")? + ", defaults (Cranelift at speed, native CPU)",
        folder: places.artefacts.clone(),
        suffix: "cwasm",
        compiler: command.clone(),
        compile: COMPILE.to_vec(),
        runner: command,
        run: (&["run"], &["--"]),
    }))
}

/// WAMR's compiler with LLVM, and its runner.
pub(super) fn wamr(places: &Places) -> Found {
    on_path(
        places,
        ("wamr", "wamrc", "iwasm", "aot"),
        &["--opt-level=3", "-o", OUT, IN],
        (&[], &[]),
    )
}

/// WasmEdge's compiler with LLVM.
pub(super) fn wasmedge(places: &Places) -> Found {
    on_path(
        places,
        ("wasmedge", "wasmedge", "wasmedge", "wasmedge.so"),
        &["compile", "--optimize", "3", IN, OUT],
        (&[], &[]),
    )
}

/// Wasmer with LLVM.
pub(super) fn wasmer(places: &Places) -> Found {
    on_path(
        places,
        ("wasmer", "wasmer", "wasmer", "wasmu"),
        &["compile", "--llvm", IN, "-o", OUT],
        (&["run"], &["--"]),
    )
}

fn on_path(
    places: &Places,
    (name, compiler, runner, suffix): (&'static str, &str, &str, &'static str),
    compile: &[&'static str],
    run: (&'static [&'static str], &'static [&'static str]),
) -> Found {
    let (compiler, runner) = (PathBuf::from(compiler), PathBuf::from(runner));
    let about = version(&compiler, "--version")?;
    version(&runner, "--version")?;
    Ok(Box::new(Engine {
        name,
        about: format!("{about}, {}", compile.join(" ")),
        folder: places.artefacts.clone(),
        suffix,
        compiler,
        compile: compile.to_vec(),
        runner,
        run,
    }))
}

impl Engine {
    fn output(&self, program: &Program) -> PathBuf {
        self.folder
            .join(format!("{}.{}", program.name, self.suffix))
    }

    fn make(&self, program: &Program, output: &Path, cpu: &str) -> Result<Usage, String> {
        let mut command = Command::new(&self.compiler);
        for argument in &self.compile {
            match *argument {
                IN => command.arg(&program.wasm),
                OUT => command.arg(output),
                CPU => command.arg(cpu),
                other => command.arg(other),
            };
        }
        measure::child(&mut command)
    }

    fn runs(&self, artefact: &Path) -> Command {
        let mut command = Command::new(&self.runner);
        let (before, after) = self.run;
        command.args(before).arg(artefact).args(after);
        command
    }
}

impl Side for Engine {
    fn name(&self) -> &str {
        self.name
    }

    fn about(&self) -> String {
        self.about.clone()
    }

    fn compile(&self, program: &Program) -> Result<Option<Usage>, String> {
        self.make(program, &self.output(program), "native")
            .map(Some)
    }

    fn artefact(&self, program: &Program) -> Option<PathBuf> {
        Some(self.output(program))
    }

    fn run(&self, program: &Program) -> Result<Command, String> {
        Ok(self.runs(&self.output(program)))
    }

    fn counted(&self, program: &Program) -> Result<Command, String> {
        if !self.compile.contains(&CPU) {
            return Err("not counted".to_owned());
        }
        let output = self
            .output(program)
            .with_extension(format!("counted.{}", self.suffix));
        self.make(program, &output, COUNTED_CPU)?;
        Ok(self.runs(&output))
    }
}
