//! Every program of `examples/` prints what is in the file `stdout` of its name.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use common::describe;

fn main() -> ExitCode {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut trials = Vec::new();
    for entry in fs::read_dir(&examples).expect("the folder is there") {
        let source = entry.expect("the folder can be read").path();
        if source
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            let name = source.file_stem().unwrap().to_str().unwrap().to_owned();
            trials.push(Trial::test(name.clone(), move || run(&source, &name)));
        }
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn run(source: &Path, name: &str) -> Result<(), Failed> {
    // `cargo test` has built the examples, beside the folder of the tests; with
    // `--test` it does not.
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or("a test is in PROFILE/deps")?;
    let program = profile.join("examples").join(name);
    if fs::metadata(&program)?.modified()? < fs::metadata(source)?.modified()? {
        return Err("it is older than its source: run `cargo build --examples`".into());
    }
    let output = Command::new(program).output()?;
    if !output.status.success() || output.stdout != fs::read(source.with_extension("stdout"))? {
        return Err(format!("expected another output, {}", describe(&output)).into());
    }
    Ok(())
}
