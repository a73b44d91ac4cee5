//! Every program of `examples/` prints what is in the file `stdout` of its name.
//!
//! A program that is a folder with a `main.rs` runs a module of the corpus, which
//! the file `corpus` in it names. It is tested where that has been built:
//! `tests/corpus/build` of the same name does so.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use common::describe;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut trials = Vec::new();
    for entry in fs::read_dir(&examples).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.join("main.rs").exists() {
            let module = corpus_module(&path);
            let absent = !module.exists();
            if absent {
                println!("{name} is not run: {} is absent", module.display());
            }
            let trial = Trial::test(name.clone(), move || {
                let source = path.join("main.rs");
                run(&source, &name, &[module], &path.join("stdout"))
            });
            trials.push(trial.with_ignored_flag(absent));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let trial = Trial::test(name.clone(), move || {
                run(&path, &name, &[], &path.with_extension("stdout"))
            });
            trials.push(trial);
        }
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn run(source: &Path, name: &str, arguments: &[PathBuf], expected: &Path) -> Result<(), Failed> {
    // `cargo test` has built the examples, beside the folder of the tests; with
    // `--test` it does not.
    let program = profile_folder().join("examples").join(name);
    if fs::metadata(&program)?.modified()? < fs::metadata(source)?.modified()? {
        return Err("it is older than its source: run `cargo build --examples`".into());
    }
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() || output.stdout != fs::read(expected)? {
        return Err(format!("expected another output, {}", describe(&output)).into());
    }
    Ok(())
}

/// Where `tests/corpus/build` puts the module that an example is for.
fn corpus_module(example: &Path) -> PathBuf {
    let name = fs::read_to_string(example.join("corpus")).expect("the name of a module");
    let target = profile_folder();
    let target = target.parent().expect("a profile is in the target folder");
    target
        .join("corpus")
        .join(name.trim())
        .with_extension("wasm")
}

/// The folder of what was built as this test was.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let folder = test.ancestors().nth(2).expect("a test is in PROFILE/deps");
    folder.to_owned()
}
