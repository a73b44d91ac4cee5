//! What is measured: the programs of the corpus, and our own in `benches/programs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What means are taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Group {
    /// Programs of the corpus.
    Real,
    /// The same, built with -msimd128.
    RealSimd,
    /// Our own, without floating point.
    Integer,
    /// Our own, with floating point.
    Float,
    /// The same, built with -msimd128.
    FloatSimd,
    /// The program that does next to nothing: what starting costs.
    Start,
}

impl Group {
    /// Those that run times are compared in.
    pub(crate) const RUNNING: [Self; 5] = [
        Self::Real,
        Self::RealSimd,
        Self::Integer,
        Self::Float,
        Self::FloatSimd,
    ];

    /// How tables call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Real => "real programs",
            Self::RealSimd => "real programs, SIMD",
            Self::Integer => "integer kernels",
            Self::Float => "float kernels",
            Self::FloatSimd => "float kernels, SIMD",
            Self::Start => "start",
        }
    }
}

/// One wasm file with what it takes to run it, and its native builds.
#[derive(Clone)]
pub(crate) struct Program {
    /// The stem of the wasm file.
    pub(crate) name: String,
    pub(crate) group: Group,
    pub(crate) wasm: PathBuf,
    /// By the name of the compiler; none if it is only to be compiled.
    pub(crate) natives: BTreeMap<String, PathBuf>,
    /// Those whose instructions are counted.
    pub(crate) counted: BTreeMap<String, PathBuf>,
    pub(crate) args: Vec<String>,
    /// Arguments instead, for a short run that shows whether it is right.
    pub(crate) short: Vec<String>,
    pub(crate) stdin: PathBuf,
}

/// A program of the corpus, as `tests/corpus/build` describes it.
#[derive(Deserialize)]
struct Entry {
    modules: Vec<PathBuf>,
    natives: BTreeMap<String, PathBuf>,
    args: Vec<String>,
    stdin: PathBuf,
}

impl Program {
    /// The programs of the corpus that are built in `folder`.
    pub(crate) fn corpus(folder: &Path) -> Result<Vec<Self>> {
        let index = folder.join("index.json");
        let text = std::fs::read(&index)
            .with_context(|| format!("{}; run tests/corpus/build", index.display()))?;
        let entries: Vec<Entry> = serde_json::from_slice(&text)?;
        let programs = entries.into_iter().flat_map(|entry| {
            let of_module = move |wasm: &PathBuf| {
                let name = wasm.file_stem().unwrap_or_default().to_string_lossy();
                let simd = name.ends_with(".simd");
                Self {
                    name: name.into_owned(),
                    group: if simd { Group::RealSimd } else { Group::Real },
                    wasm: wasm.clone(),
                    natives: entry.natives.clone(),
                    counted: BTreeMap::new(),
                    args: entry.args.clone(),
                    short: entry.args.clone(),
                    stdin: entry.stdin.clone(),
                }
            };
            entry.modules.iter().map(of_module).collect::<Vec<_>>()
        });
        Ok(programs.collect())
    }

    /// Whether it is only to be compiled.
    pub(crate) fn compile_only(&self) -> bool {
        self.natives.is_empty()
    }

    /// Gives a command the arguments and the input of this program.
    pub(crate) fn feed<'c>(&self, command: &'c mut Command) -> Result<&'c mut Command, String> {
        self.feed_with(command, &self.args)
    }

    /// Those of a short run.
    pub(crate) fn feed_short<'c>(
        &self,
        command: &'c mut Command,
    ) -> Result<&'c mut Command, String> {
        self.feed_with(command, &self.short)
    }

    fn feed_with<'c>(
        &self,
        command: &'c mut Command,
        args: &[String],
    ) -> Result<&'c mut Command, String> {
        let input = File::open(&self.stdin)
            .map_err(|error| format!("{}: {error}", self.stdin.display()))?;
        Ok(command.args(args).stdin(input))
    }
}
