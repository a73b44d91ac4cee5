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

/// The folder that `cargo test --workspace` has built the runtime library in: that
/// of the tests.
fn libraries() -> Result<PathBuf, Failed> {
    let test = std::env::current_exe()?;
    let folder = test.parent().ok_or("a test is in a folder")?;
    for name in ["libwasm_aot.a", "libwasm_aot.so"] {
        if !folder.join(name).is_file() {
            return Err(format!("no {name}: `cargo test --workspace` makes it").into());
        }
    }
    Ok(folder.to_owned())
}
