//! The system's tools take a compiled program as any shared object, and show
//! the names that its functions have in the source. A tool that is not
//! installed is skipped, visibly.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{describe, installed, wasm_aot};

/// Functions of the program, as its name section has them.
const FUNCTIONS: [&str; 3] = ["_start", "main", "malloc"];

#[test]
fn readelf_has_no_complaint() {
    let Some(printed) = run("readelf", &["-aW"]) else {
        return;
    };
    assert!(printed.contains("There are no relocations in this file."));
    assert!(!printed.contains("NEEDED"));
    assert!(!printed.contains("UND wasm"));
    for function in FUNCTIONS {
        assert!(printed.contains(function), "{function} in {printed}");
    }
}

#[test]
fn objdump_disassembles_functions_under_their_names() {
    let Some(printed) = run("objdump", &["-d"]) else {
        return;
    };
    for function in FUNCTIONS {
        let line = format!("<{function}>:");
        assert!(printed.contains(&line), "{line} in the disassembly");
    }
}

#[test]
fn nm_lists_what_the_artefact_exports() {
    let Some(printed) = run("nm", &["-D"]) else {
        return;
    };
    let names: Vec<_> = printed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert!(names.contains(&"wasm_aot_module"), "{printed}");
    assert!(!printed.contains(" U "), "{printed}");
}

#[test]
fn gdb_knows_functions_by_their_names() {
    let Some(printed) = run("gdb", &["-nx", "-batch", "-ex", "info functions ^main$"]) else {
        return;
    };
    assert!(printed.contains("main"), "{printed}");
}

#[test]
fn gdb_unwinds_from_a_function_of_wasm_to_the_host() {
    let run_program = format!("run run {} < /dev/null", program().display());
    let output = Command::new("gdb")
        .args(["-nx", "-batch", "-iex", "set debuginfod enabled off"])
        .args(["-ex", "set breakpoint pending on"])
        .args(["-ex", "break __original_main"])
        .args(["-ex", &run_program, "-ex", "backtrace"])
        .arg(env!("CARGO_BIN_EXE_wasm-aot"))
        .env("LC_ALL", "C")
        .output();
    let Some(output) = installed("gdb", output) else {
        return;
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    // Each frame is on a line of its own: `#3  0x... in name () from file`.
    let frames: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with('#'))
        .collect();
    let position = |name: &str| frames.iter().position(|frame| frame.contains(name));
    assert_eq!(position("__original_main"), Some(0), "{printed}");
    assert!(
        position(" main (").is_some_and(|main| main > 3),
        "{printed}"
    );
    assert!(!printed.contains("corrupt stack"), "{printed}");
}

/// It complains of every kind of note that it has not heard of.
#[test]
fn elflint_finds_no_errors_but_a_note_that_it_does_not_know() {
    let output = Command::new("eu-elflint")
        .arg("--gnu-ld")
        .arg(program())
        .output();
    let Some(output) = installed("eu-elflint", output) else {
        return;
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    let ours = "with owner name 'WasmAOT'";
    let mut complaints = printed.lines().filter(|line| !line.is_empty());
    assert!(complaints.all(|line| line.contains(ours)), "{printed}");
}

/// Runs a tool on the program and returns what it prints. The tool must succeed
/// and have nothing to complain about.
fn run(tool: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(tool)
        .args(arguments)
        .arg(program())
        .env("LC_ALL", "C")
        .output();
    let output = installed(tool, output)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{tool} {arguments:?}: {}",
        describe(&output)
    );
    let complaint = printed
        .lines()
        .find(|line| line.to_lowercase().contains("warning"));
    assert_eq!(complaint, None);
    Some(printed)
}

/// A program, compiled once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/json/json.wasm");
        let artefact = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools-json.so");
        let output = wasm_aot()
            .arg("compile")
            .arg(source)
            .arg("-o")
            .arg(&artefact)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", describe(&output));
        artefact
    })
}
