//! Programs compiled, run and compared. Each folder `tests/programs/NAME` or
//! `examples/NAME` with a `NAME.wasm` is a test; it has these files where they
//! are needed:
//!
//! | file | meaning |
//! |---|---|
//! | `args` | arguments, one a line |
//! | `env` | environment variables, `NAME=VALUE`, one a line |
//! | `stdin` | standard input; without it, there is none |
//! | `stdout` | what has to come out |
//! | `exit_code` | the expected exit status; without it, 0 |
//! | `invoke` | an export to call with `args` instead of running a command |

mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use common::{NO_SIGNALS, describe, wasm_aot};

/// What each program is compiled with: a level, and whether without signals.
const WAYS: [(&str, bool); 6] = [
    ("0", false),
    ("1", false),
    ("2", false),
    ("3", false),
    ("s", false),
    ("2", true),
];

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for programs in ["tests/programs", "examples"] {
        for entry in fs::read_dir(root.join(programs)).expect("the folder is there") {
            let folder = entry.expect("the folder can be read").path();
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            if !folder.join(&name).with_extension("wasm").exists() {
                continue;
            }
            for (level, no_signals) in WAYS {
                let no_signals = no_signals.then_some(NO_SIGNALS).or(common::no_signals());
                let (folder, name) = (folder.clone(), name.clone());
                let title = format!("{name} -O{level} {}", no_signals.unwrap_or_default());
                trials.push(Trial::test(title.trim_end(), move || {
                    run(&folder, &name, level, no_signals)
                }));
            }
        }
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// `no_signals` is for both `compile` and `run`.
fn run(folder: &Path, name: &str, level: &str, no_signals: Option<&str>) -> Result<(), Failed> {
    let scratch = tempfile::tempdir()?;
    let artefact = scratch.path().join(name).with_extension("so");
    let compiled = wasm_aot()
        .args(["compile", "-O", level])
        .args(no_signals)
        .arg(folder.join(name).with_extension("wasm"))
        .arg("-o")
        .arg(&artefact)
        .output()?;
    if !compiled.status.success() {
        return Err(describe(&compiled).into());
    }

    let mut command = wasm_aot();
    command.arg("run").args(no_signals).current_dir(&scratch);
    for variable in lines(&folder.join("env"))? {
        command.arg("--env").arg(variable);
    }
    match &lines(&folder.join("invoke"))?[..] {
        [] => command.arg(&artefact).arg("--"),
        [export, ..] => command.args(["--invoke", export]).arg(&artefact),
    };
    command.args(lines(&folder.join("args"))?);
    if let Ok(stdin) = File::open(folder.join("stdin")) {
        command.stdin(stdin);
    }
    let output = command.output()?;

    let expected: i32 = match fs::read_to_string(folder.join("exit_code")) {
        Ok(code) => code.trim().parse()?,
        Err(_) => 0,
    };
    if output.status.code() != Some(expected) {
        return Err(format!("expected exit status {expected}, {}", describe(&output)).into());
    }
    if output.stdout != fs::read(folder.join("stdout"))? {
        return Err(format!("another output than expected, {}", describe(&output)).into());
    }
    Ok(())
}

/// The lines of a file; none if there is no file.
fn lines(path: &Path) -> Result<Vec<String>, Failed> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path)?;
    Ok(text.lines().map(str::to_owned).collect())
}
