//! What the user chooses.

use std::str::FromStr;

use crate::{Emit, Error, Features};

/// How a module is compiled.
#[derive(Clone, Debug)]
pub struct Options {
    /// How hard to optimise.
    pub level: Level,
    /// The processor to compile for.
    pub cpu: Cpu,
    /// What to write.
    pub emit: Emit,
    /// The language features that a module may use.
    pub features: Features,
    /// Prefix of the C symbols of exports, and the name of a module that has
    /// none. Made a C identifier where it is not one.
    pub name: String,
    /// Names of custom sections to keep in the artefact.
    pub keep_custom: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            level: Level::default(),
            cpu: Cpu::default(),
            emit: Emit::default(),
            features: Features::default(),
            name: "module".into(),
            keep_custom: Vec::new(),
        }
    }
}

/// How hard to optimise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Compile as fast as possible.
    O0,
    /// Good registers, but no optimisation of the code before.
    O1,
    /// Optimise for speed.
    #[default]
    O2,
    /// Optimise for speed, then for size.
    Os,
}

/// Reads what follows `-O` on a command line.
impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Level, Error> {
        match text {
            "0" => Ok(Level::O0),
            "1" => Ok(Level::O1),
            "2" => Ok(Level::O2),
            "s" => Ok(Level::Os),
            other => Err(Error::Options(format!(
                "unknown optimisation level `{other}`: expected 0, 1, 2 or s"
            ))),
        }
    }
}

impl Level {
    /// What follows `-O` on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::O0 => "0",
            Level::O1 => "1",
            Level::O2 => "2",
            Level::Os => "s",
        }
    }
}

/// The processor that code may rely on. An artefact records what it needs, and
/// a loader refuses to run it on less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cpu {
    /// x86-64-v2: every 64-bit x86 since about 2009 (SSE4.2, `popcnt`).
    #[default]
    V2,
    /// x86-64-v3: adds AVX2, FMA, BMI and `lzcnt` (about 2013).
    V3,
    /// x86-64-v4: adds AVX-512 F, VL and DQ.
    V4,
    /// All that the machine has that runs the compiler.
    Native,
}

/// Reads a name as in `--cpu`.
impl FromStr for Cpu {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cpu, Error> {
        match text {
            "x86-64-v2" => Ok(Cpu::V2),
            "x86-64-v3" => Ok(Cpu::V3),
            "x86-64-v4" => Ok(Cpu::V4),
            "native" => Ok(Cpu::Native),
            other => Err(Error::Options(format!(
                "unknown cpu `{other}`: expected x86-64-v2, x86-64-v3, x86-64-v4 or native"
            ))),
        }
    }
}

impl Cpu {
    /// The name as in `--cpu`.
    pub fn as_str(self) -> &'static str {
        match self {
            Cpu::V2 => "x86-64-v2",
            Cpu::V3 => "x86-64-v3",
            Cpu::V4 => "x86-64-v4",
            Cpu::Native => "native",
        }
    }
}
