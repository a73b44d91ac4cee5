//! Every folder of `examples/` with a script `run` builds, and prints what is in
//! its file `stdout`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use common::describe;

fn main() -> ExitCode {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut trials = Vec::new();
    for entry in fs::read_dir(&examples).expect("the folder is there") {
        let folder = entry.expect("the folder can be read").path();
        if folder.join("run").is_file() {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            trials.push(Trial::test(name, move || run(&folder)));
        }
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(folder: &Path) -> Result<(), Failed> {
    let out = tempfile::tempdir()?;
    let output = Command::new(folder.join("run"))
        .env("WASM_AOT", env!("CARGO_BIN_EXE_wasm-aot"))
        .env("LIBRARY", libraries()?)
        .env("OUT", out.path())
        .output()?;
    if !output.status.success() || output.stdout != fs::read(folder.join("stdout"))? {
        return Err(format!("expected another output, {}", describe(&output)).into());
    }
    Ok(())
}

/// The folder of the runtime library, which is built if it is not up to date: the
/// one of this test's folder.
fn libraries() -> Result<PathBuf, Failed> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--workspace", "--manifest-path"]);
    build.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let output = build.output()?;
    if !output.status.success() {
        return Err(describe(&output).into());
    }
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or("a test is in PROFILE/deps")?;
    Ok(profile.to_owned())
}
