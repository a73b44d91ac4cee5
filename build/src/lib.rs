//! Compiles WebAssembly modules in build scripts, to be part of a Rust program.
//!
//! `build.rs`:
//!
//! ```no_run
//! wasm_aot_build::compile("src/fib.wasm").unwrap();
//! ```
//!
//! `src/main.rs`, where `wasm-aot-loader` is a dependency:
//!
//! ```ignore
//! wasm_aot_loader::include_module!(mod fib);
//!
//! let mut store = wasm_aot_loader::Store::new();
//! let fib = fib::Fib::new(&mut store, fib::Imports {})?;
//! println!("{}", fib.run(&mut store, 10)?);
//! ```
//!
//! The program has the machine code of the module in it, and the loader, but no
//! compiler. It is for the target that Cargo builds for, whatever machine that happens
//! on. Cargo builds it anew when the module changes.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use wasm_aot_compiler::{Cache, Cpu, Emit, Options, Target, bindings, names};

/// Why a module did not become part of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Cargo has not set a variable: this is for build scripts.
    #[error("{0} is not set: this is to be called from a build script")]
    NotABuildScript(&'static str),
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no code for what Cargo builds for.
    #[error("the module cannot be part of a program for {target}: {source}")]
    Target {
        /// Cargo's target.
        target: String,
        /// Why.
        source: wasm_aot_compiler::Error,
    },
    /// The options are for another target than Cargo's.
    #[error("the processor of the options is one of {found}, but Cargo builds for {target}")]
    OtherTarget {
        /// Cargo's target.
        target: String,
        /// That of the options.
        found: Target,
    },
    /// The module cannot be compiled.
    #[error("{}: {source}", path.display())]
    Compile {
        /// The module.
        path: PathBuf,
        /// Why.
        source: wasm_aot_compiler::Error,
    },
}

/// Compiles a module, in binary or text format, under the name of its file. The
/// path is relative to the package's folder.
///
/// # Errors
///
/// See [`Error`].
pub fn compile(module: impl AsRef<Path>) -> Result<(), Error> {
    Build::new(module).compile()
}

/// A module to be compiled, with what can be chosen about it.
#[derive(Clone, Debug)]
pub struct Build {
    module: PathBuf,
    options: Options,
}

impl Build {
    /// Of a module in binary or text format, under the name of its file. The path is
    /// relative to the package's folder.
    pub fn new(module: impl AsRef<Path>) -> Build {
        let module = module.as_ref().to_owned();
        let stem = module.file_stem().unwrap_or_default().to_string_lossy();
        let options = Options {
            name: stem.into_owned(),
            ..Options::default()
        };
        Build { module, options }
    }

    /// Another name: that of the Rust module, and of the structure in it; and what
    /// symbols start with. Made an identifier where it is none.
    #[must_use]
    pub fn name(mut self, name: &str) -> Build {
        name.clone_into(&mut self.options.name);
        self
    }

    /// Other options. Their [`name`](Options::name) and [`emit`](Options::emit) are
    /// not used. Their [`cpu`](Options::cpu) must be one of Cargo's target; the default
    /// stands for the portable one of that.
    #[must_use]
    pub fn options(mut self, options: Options) -> Build {
        let name = std::mem::take(&mut self.options.name);
        self.options = Options { name, ..options };
        self
    }

    /// Compiles it, and tells Cargo to link with the result, and to do it again when
    /// the module changes. Then only functions are compiled that have changed, as the
    /// others are kept beside the result, or in the [`cache`](Options::cache) of the
    /// options.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn compile(&self) -> Result<(), Error> {
        println!("cargo::rerun-if-changed={}", self.module.display());
        let folder = PathBuf::from(variable("OUT_DIR")?);
        let name = self.write(&folder, &variable("TARGET")?)?;
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static={}", library(&name));
        Ok(())
    }

    /// Writes library and Rust module for Cargo's `target` to a folder, and returns
    /// their name.
    fn write(&self, folder: &Path, target: &str) -> Result<String, Error> {
        let wasm = fs::read(&self.module).map_err(|source| Error::Io {
            path: self.module.clone(),
            source,
        })?;
        let options = Options {
            emit: Emit::StaticLibrary,
            cpu: self.cpu(target)?,
            cache: Some(
                (self.options.cache.clone()).unwrap_or_else(|| Cache::new(folder.join("cache"))),
            ),
            ..self.options.clone()
        };
        let failed = |source| Error::Compile {
            path: self.module.clone(),
            source,
        };
        let rust = bindings::rust_module(&wasm, &options).map_err(failed)?;
        let code = wasm_aot_compiler::compile(&wasm, &options).map_err(failed)?;
        let name = names::identifier(&options.name);
        let write = |path: PathBuf, bytes: &[u8]| {
            // Complete under its name, or not there.
            let beside = path.with_extension("new");
            let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &path));
            written.map_err(|source| Error::Io { path, source })
        };
        write(folder.join(format!("{name}.rs")), rust.as_bytes())?;
        let library = Emit::StaticLibrary.file_name(&library(&name));
        write(folder.join(library), &code)?;
        Ok(name)
    }

    /// The processor to compile for.
    fn cpu(&self, target: &str) -> Result<Cpu, Error> {
        let meant = wasm_aot_compiler::target(target).map_err(|source| Error::Target {
            target: target.to_owned(),
            source,
        })?;
        let cpu = &self.options.cpu;
        if cpu.target() == meant {
            return Ok(cpu.clone());
        }
        if *cpu == Cpu::default() {
            return Ok(Cpu::portable(meant));
        }
        Err(Error::OtherTarget {
            target: target.to_owned(),
            found: cpu.target(),
        })
    }
}

/// The name of the library, which is not to be taken for one of the system.
fn library(name: &str) -> String {
    format!("wasm_aot_{name}")
}

fn variable(name: &'static str) -> Result<String, Error> {
    env::var(name).map_err(|_| Error::NotABuildScript(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: &str = "x86_64-unknown-linux-gnu";

    /// A processor as a program for `target` gets it.
    fn cpu(target: &str, options: Options) -> String {
        match Build::new("app.wasm").options(options).cpu(target) {
            Ok(cpu) => format!("{} {cpu}", cpu.target()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_target_is_that_of_cargo() {
        for (target, found) in [
            (X86_64, "x86_64-unknown-linux-gnu x86-64-v2"),
            (
                "x86_64-unknown-linux-musl",
                "x86_64-unknown-linux-gnu x86-64-v2",
            ),
            (
                "aarch64-unknown-linux-gnu",
                "aarch64-unknown-linux-gnu armv8-a",
            ),
            (
                "riscv64gc-unknown-linux-gnu",
                "riscv64gc-unknown-linux-gnu rv64gc",
            ),
            ("aarch64-apple-darwin", "aarch64-apple-darwin armv8.4-a"),
            ("x86_64-pc-windows-msvc", "x86_64-pc-windows-gnu x86-64-v2"),
        ] {
            assert_eq!(cpu(target, Options::default()), found);
        }
        for target in [
            "i686-unknown-linux-gnu",
            "aarch64-linux-android",
            "wasm32-wasip1",
        ] {
            let error = cpu(target, Options::default());
            let start = format!("the module cannot be part of a program for {target}: unknown");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn a_processor_is_one_of_the_target() {
        let options = || Options {
            cpu: Cpu::new(Target::Aarch64Linux, "armv8.1-a").unwrap(),
            ..Options::default()
        };
        let found = cpu("aarch64-unknown-linux-gnu", options());
        assert_eq!(found, "aarch64-unknown-linux-gnu armv8.1-a");
        assert_eq!(
            cpu("riscv64gc-unknown-linux-gnu", options()),
            "the processor of the options is one of aarch64-unknown-linux-gnu, but Cargo \
             builds for riscv64gc-unknown-linux-gnu"
        );
    }

    #[test]
    fn a_module_becomes_a_library_and_a_rust_module() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("my-app.wat");
        let text = "(module (func (export \"run\") (param i32) (result i32) local.get 0))";
        fs::write(&module, text).unwrap();
        let name = Build::new(&module).write(folder.path(), X86_64).unwrap();
        assert_eq!(name, "my_app");
        let library = fs::read(folder.path().join("libwasm_aot_my_app.a")).unwrap();
        assert!(library.starts_with(b"!<arch>\n"));
        let rust = fs::read_to_string(folder.path().join("my_app.rs")).unwrap();
        assert!(rust.contains("pub struct MyApp"), "{rust}");
        assert!(rust.contains("pub fn run("), "{rust}");
        // And is kept for the next time.
        let kept: Vec<_> = fs::read_dir(folder.path().join("cache")).unwrap().collect();
        assert_eq!(kept.len(), 1);
        Build::new(&module).write(folder.path(), X86_64).unwrap();
        let again = fs::read(folder.path().join("libwasm_aot_my_app.a")).unwrap();
        assert!(again == library);
    }

    #[test]
    fn a_module_that_is_invalid_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let module = folder.path().join("bad.wat");
        fs::write(&module, "(module (func (result i32)))").unwrap();
        let error = Build::new(&module)
            .write(folder.path(), X86_64)
            .unwrap_err();
        assert!(
            error.to_string().contains("bad.wat: invalid module"),
            "{error}"
        );
    }
}
