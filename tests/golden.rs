//! Artefacts that earlier versions have written, and this one for the time to come: a
//! loader has to open them and run them right, for ever.
//!
//! A script (`.wast`) in `tests/golden` is run with those in the folder of each version
//! of the ABI, `VERSION/ARCHITECTURE/SCRIPT.N.so`, as its modules, of which it has at
//! least one; its first line may say how they are compiled. `make golden` writes those that are missing for the version of this
//! source. Nothing replaces one that is there: if a change makes one unreadable, the
//! change breaks the ABI, which asks for another major version (see "Versions" in
//! `runtime-abi`).

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use wasm_aot_abi::{ABI_MAJOR, ABI_MINOR};
use wasm_aot_compiler::{Cpu, Options, Target};
use wasm_aot_loader::Module;
use wasm_aot_wast::run_with;

/// Architectures, which are folders.
const TARGETS: [(&str, Target); 3] = [
    ("x86_64", Target::X86_64Linux),
    ("aarch64", Target::Aarch64Linux),
    ("riscv64", Target::Riscv64Linux),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let scripts = list(|path| {
        path.extension()
            .is_some_and(|extension| extension == "wast")
    });
    if std::env::var_os("GOLDEN").is_some() {
        return match scripts.iter().try_for_each(|script| write(script)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {}", error.message().unwrap_or_default());
                ExitCode::FAILURE
            }
        };
    }
    let mut trials = Vec::new();
    let versions = list(Path::is_dir);
    for script in &scripts {
        for version in &versions {
            let artefacts = version.join(std::env::consts::ARCH);
            if !first(&artefacts, script).exists() {
                continue;
            }
            let (script, name) = (
                script.clone(),
                format!("{} {}", stem(version), stem(script)),
            );
            trials.push(Trial::test(name, move || run(&script, &artefacts)));
        }
        let script = script.clone();
        let name = format!("{} has artefacts of this version", stem(&script));
        trials.push(Trial::test(name, move || complete(&script)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs a script with the artefacts of a folder.
fn run(script: &Path, artefacts: &Path) -> Result<(), Failed> {
    let source = fs::read_to_string(script)?;
    let next = Cell::new(0);
    let open = |_: &[u8]| {
        let path = artefact(artefacts, script, next.replace(next.get() + 1));
        Ok(Module::from_bytes(&fs::read(path)?)?)
    };
    let mut problems = Vec::new();
    // What it is compiled to is not looked at.
    run_with(&source, &Options::default(), &open, |failure| {
        problems.push(format!("{}:{failure}", script.display()));
    });
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n").into()),
    }
}

/// Whether the artefacts of this version are there.
fn complete(script: &Path) -> Result<(), Failed> {
    for (architecture, _) in TARGETS {
        let first = first(&version().join(architecture), script);
        if !first.exists() && !is_left_out(architecture, script) {
            return Err(format!("{} is missing: `make golden`", first.display()).into());
        }
    }
    Ok(())
}

/// Writes the artefacts of this version that are missing.
fn write(script: &Path) -> Result<(), Failed> {
    let source = fs::read_to_string(script)?;
    for (architecture, target) in TARGETS {
        let folder = version().join(architecture);
        if first(&folder, script).exists() || is_left_out(architecture, script) {
            continue;
        }
        fs::create_dir_all(&folder)?;
        let next = Cell::new(0);
        let open = |bytes: &[u8]| {
            let path = artefact(&folder, script, next.replace(next.get() + 1));
            fs::write(&path, bytes)?;
            Err("it is written, not run".into())
        };
        let options = Options {
            cpu: Cpu::portable(target),
            ..options(&source)
        };
        run_with(&source, &options, &open, drop);
        println!(
            "wrote {} of {} for {architecture}",
            next.get(),
            stem(script)
        );
    }
    Ok(())
}

/// What modules of a script are compiled with: what follows `;; compile` in its first line.
fn options(source: &str) -> Options {
    let first = source.lines().next().unwrap_or_default();
    let words = first.strip_prefix(";; compile ").unwrap_or_default();
    let mut options = Options::default();
    for word in words.split_whitespace() {
        match word {
            "--fuel" => options.fuel = true,
            "--interruptible" => options.interruptible = true,
            "--no-signals" => options.signals = false,
            _ => panic!("{word}: no option of scripts"),
        }
    }
    options
}

/// The least RISC-V has no vectors.
fn is_left_out(architecture: &str, script: &Path) -> bool {
    architecture == "riscv64" && stem(script) == "vectors"
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The folder of this version.
fn version() -> PathBuf {
    folder().join(format!("{ABI_MAJOR}.{ABI_MINOR}"))
}

fn artefact(folder: &Path, script: &Path, index: usize) -> PathBuf {
    folder.join(format!("{}.{index}.so", stem(script)))
}

fn first(folder: &Path, script: &Path) -> PathBuf {
    artefact(folder, script, 0)
}

fn stem(path: &Path) -> String {
    let stem = match path.extension() {
        Some(extension) if extension == "wast" => path.file_stem(),
        _ => path.file_name(),
    };
    stem.unwrap_or_default().to_string_lossy().into_owned()
}

/// What is in the folder and wanted, in order.
fn list(is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut paths: Vec<_> = paths.filter(|path| is_wanted(path)).collect();
    paths.sort();
    paths
}
