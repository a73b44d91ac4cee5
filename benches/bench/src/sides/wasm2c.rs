//! wasm2c of WABT, which makes C, and gcc, which makes a program of that and of a
//! small host for WASI.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Places, Side, version};
use crate::measure::{self, Usage};
use crate::program::{Group, Program};

/// gcc takes more than a minute for larger modules.
const LARGEST: u64 = 1 << 20;

pub(super) struct Wasm2c {
    about: String,
    folder: PathBuf,
    host: PathBuf,
    runtime: PathBuf,
}

impl Wasm2c {
    pub(super) fn find(places: &Places) -> Result<Box<dyn Side>, String> {
        let wasm2c = version(Path::new("wasm2c"), "--version")?;
        let gcc = version(Path::new("gcc"), "--version")?;
        let runtime = PathBuf::from("/usr/share/wabt/wasm2c");
        if !runtime.join("wasm-rt-impl.c").is_file() {
            return Err(format!("no {}/wasm-rt-impl.c", runtime.display()));
        }
        Ok(Box::new(Self {
            about: format!("wasm2c {wasm2c}, {gcc}, -O3 -march=native"),
            folder: places.artefacts.join("wasm2c"),
            host: places.peers.join("wasm2c-host.c"),
            runtime,
        }))
    }

    fn file(&self, program: &Program, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}.{suffix}", program.name))
    }

    fn output(&self, program: &Program) -> PathBuf {
        self.file(program, "exe")
    }

    /// Makes C and compiles it.
    fn build(&self, program: &Program, output: &Path) -> Result<Usage, String> {
        let folder = self.folder.join(&program.name);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut wasm2c = Command::new("wasm2c");
        wasm2c.arg(&program.wasm).args(["-n", "prog", "-o"]);
        wasm2c.arg(folder.join("prog.c"));
        let translated = measure::child(&mut wasm2c)
            .map_err(|status| format!("wasm2c: {status}{}", hint(program)))?;
        let mut gcc = Command::new("gcc");
        gcc.args(["-O3", "-march=native", "-ffp-contract=off", "-w"]);
        gcc.arg("-I").arg(&folder).arg("-I").arg(&self.runtime);
        gcc.arg(folder.join("prog.c")).arg(&self.host);
        gcc.arg(self.runtime.join("wasm-rt-impl.c"));
        gcc.arg("-o").arg(output).arg("-lm");
        Ok(translated.then(measure::child(&mut gcc)?))
    }
}

/// What wasm2c itself does not say when it aborts.
fn hint(program: &Program) -> &'static str {
    match program.group {
        Group::RealSimd | Group::FloatSimd => " (no SIMD in this version)",
        _ => "",
    }
}

impl Side for Wasm2c {
    fn name(&self) -> &str {
        "wasm2c"
    }

    fn about(&self) -> String {
        self.about.clone()
    }

    /// As gcc takes long, what is there and new enough is kept, and what it took is
    /// kept beside it.
    fn compile(&self, program: &Program) -> Result<Option<Usage>, String> {
        let (output, noted) = (self.output(program), self.file(program, "usage"));
        let size = program.wasm.metadata().map_or(0, |data| data.len());
        if size > LARGEST {
            return Err(format!("larger than {} MiB: gcc takes long", LARGEST >> 20));
        }
        let age = |file: &Path| file.metadata().and_then(|data| data.modified()).ok();
        let before = std::fs::read(&noted).ok();
        if let Some(usage) = before.and_then(|text| serde_json::from_slice(&text).ok())
            && age(&output) > age(&program.wasm).max(age(&self.host))
        {
            return Ok(Some(usage));
        }
        let usage = self.build(program, &output)?;
        let text = serde_json::to_vec(&usage).map_err(|error| error.to_string())?;
        std::fs::write(noted, text).map_err(|error| error.to_string())?;
        Ok(Some(usage))
    }

    fn artefact(&self, program: &Program) -> Option<PathBuf> {
        Some(self.output(program))
    }

    fn run(&self, program: &Program) -> Result<Command, String> {
        Ok(Command::new(self.output(program)))
    }
}
