//! What several tests need.

use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// The command line, to be run with nothing on its standard input.
#[allow(dead_code, reason = "not every test runs it")]
pub(crate) fn wasm_aot() -> Command {
    // For another machine, there is an emulator before it.
    let runner = std::env::var("WASM_AOT_TEST_RUNNER").unwrap_or_default();
    let mut words = runner
        .split_whitespace()
        .chain([env!("CARGO_BIN_EXE_wasm-aot")]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command.stdin(Stdio::null());
    command
}

/// What both `compile` and `run` are told to do without signals.
pub(crate) const NO_SIGNALS: &str = "--no-signals";

/// The same where `WASM_AOT_TEST_NO_SIGNALS` is set.
#[allow(dead_code, reason = "not every test runs in several ways")]
pub(crate) fn no_signals() -> Option<&'static str> {
    std::env::var_os("WASM_AOT_TEST_NO_SIGNALS").map(|_| NO_SIGNALS)
}

/// How a process ended and what it printed, for a message.
pub(crate) fn describe(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Fails if there is an error, or if something is lost.
#[allow(dead_code, reason = "of some tests")]
pub(crate) const VALGRIND: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
];

/// What running a tool has given, unless it is not installed.
#[allow(dead_code, reason = "not every test runs tools of the system")]
pub(crate) fn installed(tool: &str, output: io::Result<Output>) -> Option<Output> {
    match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The test harness would hold back what eprintln! prints.
            let notice = format!("skipped: {tool} is not installed\n");
            io::stderr().write_all(notice.as_bytes()).unwrap();
            None
        }
        output => Some(output.unwrap()),
    }
}
