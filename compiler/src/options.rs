//! What the user chooses.

use std::str::FromStr;

use wasm_aot_abi::{Architecture, System, Target};

use crate::{Cache, Cpu, Emit, Error, Features};

/// How a module is compiled.
///
/// ```
/// use wasm_aot_compiler::{Cpu, Level, Options, Target, compile};
///
/// let options = Options {
///     level: Level::Os,
///     cpu: Cpu::new(Target::Aarch64Linux, "armv8.1-a")?,
///     name: "app".into(),
///     ..Options::default()
/// };
/// let artefact = compile(b"(module)", &options)?;
/// # Ok::<(), wasm_aot_compiler::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// How hard to optimise.
    pub level: Level,
    /// What generates the code of functions; if nothing is said, what the level wants.
    pub codegen: Option<Codegen>,
    /// The machine to compile for.
    pub cpu: Cpu,
    /// What to write.
    pub emit: Emit,
    /// The language features that a module may use.
    pub features: Features,
    /// What relaxed vector instructions do where they may differ.
    pub relaxed_simd: RelaxedSimd,
    /// Whether the code can be stopped from other threads: at the cost of a load
    /// from memory in every loop, and in every function that calls others.
    pub interruptible: bool,
    /// Whether the code counts what it executes, and stops when it has no more fuel. See
    /// "Fuel" in the documentation of the ABI.
    pub fuel: bool,
    /// Whether code that a processor runs ahead with, of what follows an explicit bounds
    /// check, cannot access what is out of bounds (Spectre, variant 1).
    pub spectre_guards: bool,
    /// Whether all code that indirect branches lead to starts with an instruction that says
    /// so, and the file that it does (BTI), so that processors that know of it accept no
    /// other targets. For Linux on AArch64; no other target has it.
    pub landing_pads: bool,
    /// Whether traps may be hardware faults, for which a host has to have handlers of
    /// signals. Without, the code checks before it does what would fault, and calls the host
    /// where it is to trap: slower, and for hosts that want no handlers.
    pub signals: bool,
    /// Whether to translate the module's debug information (DWARF in its custom
    /// sections) to that of the machine code, for debuggers and backtraces. The code
    /// is the same with it and without, except at [`Level::O0`]: there it also writes its
    /// locals to its frame, where debuggers find the variables of the source.
    pub debug: bool,
    /// Prefix of the C symbols of exports, and the name of a module that has
    /// none. Made a C identifier where it is not one.
    pub name: String,
    /// Names of custom sections to keep in the artefact.
    pub keep_custom: Vec<String>,
    /// Where to look for code that was compiled before, and to keep the new. It makes
    /// no difference to the artefact.
    pub cache: Option<Cache>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            level: Level::default(),
            codegen: None,
            cpu: Cpu::default(),
            emit: Emit::default(),
            features: Features::default(),
            relaxed_simd: RelaxedSimd::default(),
            interruptible: false,
            fuel: false,
            spectre_guards: true,
            landing_pads: true,
            signals: true,
            debug: false,
            name: "module".into(),
            keep_custom: Vec::new(),
            cache: None,
        }
    }
}

impl Options {
    /// What generates the code of functions: what is asked for; for the highest level
    /// LLVM, if it is there and has the target.
    ///
    /// # Errors
    ///
    /// If what is asked for is not there.
    pub fn codegen(&self) -> Result<Codegen, Error> {
        let is_possible = self.cpu.target() == Target::X86_64Linux;
        let is_wanted = self.level == Level::O3;
        match self.codegen {
            None if is_wanted && Codegen::HAS_LLVM && is_possible => Ok(Codegen::Llvm),
            None | Some(Codegen::Cranelift) => Ok(Codegen::Cranelift),
            Some(Codegen::Llvm) if !Codegen::HAS_LLVM => Err(Error::Options(
                "this compiler was built without LLVM (feature `llvm`): use --codegen cranelift"
                    .to_owned(),
            )),
            Some(Codegen::Llvm) if !is_possible => Err(Error::Options(format!(
                "LLVM is for {} only so far: use --codegen cranelift for {}",
                Target::X86_64Linux,
                self.cpu.target()
            ))),
            Some(Codegen::Llvm) => Ok(Codegen::Llvm),
        }
    }

    /// Whether functions keep their locals in their frames, for debuggers to look at: that
    /// is what the lowest level is for. LLVM's frames say nothing of what is where.
    pub(crate) fn keeps_locals(&self, codegen: Codegen) -> bool {
        self.debug && self.level == Level::O0 && codegen == Codegen::Cranelift
    }

    /// What artefacts record: those that make a difference to code of `codegen`, as on a
    /// command line, except the target, features, names and custom sections, which
    /// artefacts have elsewhere.
    pub(crate) fn recorded(&self, codegen: Codegen) -> String {
        let chosen = match (codegen, self.level) {
            (Codegen::Cranelift, Level::O3) => " --codegen cranelift",
            (Codegen::Cranelift, _) => "",
            (Codegen::Llvm, _) => " --codegen llvm",
        };
        let mut line = format!(
            "-O{}{chosen} --cpu {} --relaxed-simd {}",
            self.level.as_str(),
            self.cpu,
            self.relaxed_simd.as_str()
        );
        for (is_given, option) in [
            (self.interruptible, " --interruptible"),
            (self.fuel, " --fuel"),
            (!self.spectre_guards, " --no-spectre-guards"),
            (!self.landing_pads, " --no-landing-pads"),
            (!self.signals, " --no-signals"),
            (self.keeps_locals(codegen), " -g"),
        ] {
            if is_given {
                line.push_str(option);
            }
        }
        line
    }

    /// The language features that there is code for on the processor, of those
    /// that a module may use.
    pub(crate) fn language(&self) -> Features {
        if self.cpu.has_vectors() {
            return self.features;
        }
        self.features
            .without_vectors(match self.cpu.target().architecture() {
                Architecture::X86_64 => "+sse4.1",
                Architecture::Aarch64 | Architecture::Riscv64 => "+v",
            })
    }

    /// How the code finds out that it is to stop. Only our own loader, which is for
    /// Linux, is known to provide for a page.
    pub(crate) fn polls(&self) -> Polls {
        match (self.interruptible, self.cpu.target().system()) {
            (false, _) => Polls::None,
            (true, _) if !self.signals => Polls::Call,
            // A fault in its code is one of an access to a linear memory.
            (true, _) if self.codegen().is_ok_and(|it| it == Codegen::Llvm) => Polls::Word,
            (true, System::Linux) => Polls::Page,
            (true, System::MacOs | System::Windows) => Polls::Word,
        }
    }
}

/// How code finds out that it is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Polls {
    /// It does not.
    None,
    /// By a word that it compares, to trap.
    Word,
    /// By such a word, to ask the host.
    Call,
    /// By a page that is taken away.
    Page,
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
    /// Optimise for speed, however long it takes: with LLVM, if that is there.
    O3,
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
            "3" => Ok(Level::O3),
            "s" => Ok(Level::Os),
            other => Err(Error::Options(format!(
                "unknown optimisation level `{other}`: expected 0, 1, 2, 3 or s"
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
            Level::O3 => "3",
            Level::Os => "s",
        }
    }
}

/// What makes machine code of functions. Code between WebAssembly and C is Cranelift's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codegen {
    /// Fast to compile with.
    Cranelift,
    /// Makes faster code, and takes many times as long. Looks at the module as a whole.
    Llvm,
}

impl Codegen {
    /// Whether [`Llvm`](Codegen::Llvm) is a part of this compiler.
    pub const HAS_LLVM: bool = cfg!(feature = "llvm");

    /// Those that are a part of this compiler.
    pub fn all() -> impl Iterator<Item = Codegen> {
        let llvm = Codegen::HAS_LLVM.then_some(Codegen::Llvm);
        [Codegen::Cranelift].into_iter().chain(llvm)
    }

    /// Its name and version.
    pub fn name(self) -> String {
        match self {
            Codegen::Cranelift => format!("cranelift {}", cranelift_codegen::VERSION),
            #[cfg(feature = "llvm")]
            Codegen::Llvm => crate::llvm::name(),
            #[cfg(not(feature = "llvm"))]
            Codegen::Llvm => "llvm".to_owned(),
        }
    }

    /// What follows `--codegen` on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Codegen::Cranelift => "cranelift",
            Codegen::Llvm => "llvm",
        }
    }
}

/// Reads what follows `--codegen` on a command line.
impl FromStr for Codegen {
    type Err = Error;

    fn from_str(text: &str) -> Result<Codegen, Error> {
        match text {
            "cranelift" => Ok(Codegen::Cranelift),
            "llvm" => Ok(Codegen::Llvm),
            other => Err(Error::Options(format!(
                "unknown code generator `{other}`: expected cranelift or llvm"
            ))),
        }
    }
}

/// What relaxed vector instructions do where the specification leaves a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RelaxedSimd {
    /// What the processor that is compiled for does fastest.
    #[default]
    Native,
    /// What the specification's deterministic profile says: the same on all
    /// machines.
    Deterministic,
}

/// Reads what follows `--relaxed-simd` on a command line.
impl FromStr for RelaxedSimd {
    type Err = Error;

    fn from_str(text: &str) -> Result<RelaxedSimd, Error> {
        match text {
            "native" => Ok(RelaxedSimd::Native),
            "deterministic" => Ok(RelaxedSimd::Deterministic),
            other => Err(Error::Options(format!(
                "unknown relaxed vectors `{other}`: expected native or deterministic"
            ))),
        }
    }
}

impl RelaxedSimd {
    /// What follows `--relaxed-simd` on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            RelaxedSimd::Native => "native",
            RelaxedSimd::Deterministic => "deterministic",
        }
    }
}
