//! Every folder of `examples/` with a script `run` builds, and prints what is in
//! its file `stdout`. One with a file `needs` is skipped, visibly, where a program is
//! missing that is named there. Programs that can be run with something else (`RUN`) are run
//! once more, with valgrind, which finds no error and nothing lost, but for what is in
//! `valgrind.supp`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, io};

use libtest_mimic::{Arguments, Failed, Trial};

use common::{VALGRIND, describe, installed};

fn main() -> ExitCode {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut trials = Vec::new();
    for entry in fs::read_dir(&examples).expect("the folder is there") {
        let folder = entry.expect("the folder can be read").path();
        let Ok(script) = fs::read_to_string(folder.join("run")) else {
            continue;
        };
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        if script.contains("${RUN:-}") && is_installed("valgrind") {
            let (name, folder) = (format!("{name}_under_valgrind"), folder.clone());
            let mut with = VALGRIND.join(" ");
            let known = folder.join("valgrind.supp");
            if known.exists() {
                with += &format!(" --suppressions={}", known.display());
            }
            trials.push(Trial::test(name, move || run(&folder, &with)));
        }
        trials.push(Trial::test(name, move || run(&folder, "")));
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(folder: &Path, with: &str) -> Result<(), Failed> {
    let needs = fs::read_to_string(folder.join("needs")).unwrap_or_default();
    for tool in needs.split_whitespace() {
        if !is_installed(tool) {
            installed(tool, Err(io::ErrorKind::NotFound.into()));
            return Ok(());
        }
    }
    let out = tempfile::tempdir()?;
    let output = Command::new(folder.join("run"))
        .env("WASM_AOT", env!("CARGO_BIN_EXE_wasm-aot"))
        .env("LIBRARY", libraries()?)
        .env("OUT", out.path())
        .env("RUN", with)
        .output()?;
    if !output.status.success() || output.stdout != fs::read(folder.join("stdout"))? {
        return Err(format!("expected another output, {}", describe(&output)).into());
    }
    Ok(())
}

fn is_installed(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

/// The folder that `cargo test --workspace` has built the runtime library in: that
/// of the tests.
fn libraries() -> Result<PathBuf, Failed> {
    let test = env::current_exe()?;
    let folder = test.parent().ok_or("a test is in a folder")?;
    for name in ["libwasm_aot.a", "libwasm_aot.so"] {
        if !folder.join(name).is_file() {
            return Err(format!("no {name}: `cargo test --workspace` makes it").into());
        }
    }
    Ok(folder.to_owned())
}
