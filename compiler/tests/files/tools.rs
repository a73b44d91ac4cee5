//! What the system's tools say about the file. A tool that is not installed is
//! skipped, visibly.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use wasm_aot_compiler::layout::Layout;

use crate::check;
use crate::code::{self, ALL, X86_64};
use crate::file;

/// Runs a tool and returns what it prints. The tool must succeed and have
/// nothing to complain about.
fn run(tool: &str, arguments: &[&str], path: &Path) -> Option<String> {
    let output = Command::new(tool)
        .args(arguments)
        .arg(path)
        .env("LC_ALL", "C")
        .output();
    let output = match output {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The test harness would hold back what eprintln! prints.
            let notice = format!("skipped: {tool} not installed\n");
            io::stderr().write_all(notice.as_bytes()).unwrap();
            return None;
        }
        output => output.unwrap(),
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{tool} {arguments:?}: {}\n{printed}\n{complaints}",
        output.status,
    );
    for word in ["warning", "error", "corrupt", "invalid"] {
        let found = printed != "No errors\n" && printed.to_lowercase().contains(word);
        assert!(!found, "{tool}: {printed}");
    }
    Some(printed)
}

/// Writes a file for each layout that the tools differ on, and calls `test`
/// with it.
fn for_each_file(targets: &[&str], test: impl Fn(&Layout, &Path)) {
    let directory = tempfile::tempdir().unwrap();
    for target in targets {
        for layout in [
            code::sample(target),
            code::empty(target),
            code::many(target, 100),
        ] {
            let path = directory.path().join("module.so");
            fs::write(&path, file(&layout)).unwrap();
            test(&layout, &path);
        }
    }
}

#[test]
fn readelf_has_no_complaint() {
    for_each_file(&ALL, |layout, path| {
        let Some(printed) = run("readelf", &["-aW"], path) else {
            return;
        };
        assert!(printed.contains("There are no relocations in this file."));
        assert!(!printed.contains("NEEDED"));
        for function in layout.functions.iter().filter(|f| f.name.is_ascii()) {
            assert!(printed.contains(&function.name.replace('\0', "?")));
        }
    });
}

#[test]
fn readelf_knows_of_landing_pads() {
    for_each_file(&ALL, |layout, path| {
        let Some(printed) = run("readelf", &["-nW"], path) else {
            return;
        };
        assert_eq!(
            printed.contains("AArch64 feature: BTI\n"),
            layout.text.landing_pads
        );
    });
}

#[test]
fn readelf_evaluates_the_unwind_information() {
    for_each_file(&ALL, |layout, path| {
        let Some(printed) = run("readelf", &["-wF"], path) else {
            return;
        };
        assert_eq!(printed.matches(" FDE ").count(), layout.unwind.len());
    });
}

#[test]
fn eu_elflint_has_no_complaint() {
    for_each_file(&ALL, |_, path| {
        lint(path);
    });
}

/// It complains of every kind of note that it has not heard of, so of our own. It must
/// not of anything else.
fn lint(path: &Path) {
    let output = Command::new("eu-elflint")
        .arg("--gnu-ld")
        .arg(path)
        .output();
    if output.is_err() {
        run("eu-elflint", &[], path); // says so
        return;
    }
    let printed = String::from_utf8(output.unwrap().stdout).unwrap();
    let ours = "with owner name 'WasmAOT'";
    let mut complaints = printed.lines().filter(|line| !line.is_empty());
    assert!(complaints.all(|line| line.contains(ours)), "{printed}");
}

#[test]
fn objdump_disassembles_by_function_name() {
    for_each_file(&[X86_64], |layout, path| {
        let Some(printed) = run("objdump", &["-d"], path) else {
            return;
        };
        for export in &layout.exports {
            assert!(
                printed.contains(&format!("<{}>:", export.name)),
                "{printed}"
            );
        }
    });
}

#[test]
fn nm_lists_the_exports() {
    for_each_file(&ALL, |layout, path| {
        let Some(printed) = run("nm", &["-D"], path) else {
            return;
        };
        let lines = printed.lines().map(|line| &line[17..]);
        let mut found: Vec<_> = lines.collect();
        let exports = layout
            .exports
            .iter()
            .map(|export| format!("T {}", export.name));
        let mut expected: Vec<_> = exports.collect();
        for name in [wasm_aot_abi::DESCRIPTOR_SYMBOL, &layout.descriptor_symbol] {
            expected.push(format!("R {name}"));
        }
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    });
}

#[test]
fn gdb_knows_the_functions() {
    for_each_file(&[X86_64], |layout, path| {
        let commands = ["-nx", "-batch", "-ex", "info functions"];
        let Some(printed) = run("gdb", &commands, path) else {
            return;
        };
        for export in &layout.exports {
            assert!(printed.contains(&export.name), "{printed}");
        }
    });
}

#[test]
fn stripping_leaves_all_that_is_loaded() {
    let all = ALL;
    // GNU's work on files for their own machine only.
    for (targets, tool) in [
        (&all[..1], &["strip"][..]),
        (&all[..1], &["objcopy", "--strip-debug"]),
        (&all, &["eu-strip"]),
        (&all, &["llvm-strip"]),
        (&all, &["llvm-objcopy", "--strip-debug"]),
    ] {
        for_each_file(targets, |layout, path| {
            if run(tool[0], &tool[1..], path).is_some() {
                check::check_stripped(layout, &fs::read(path).unwrap());
            }
        });
    }
}
