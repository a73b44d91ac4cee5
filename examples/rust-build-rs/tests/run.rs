//! The program prints what is in `stdout`, and has no compiler in it.

use std::process::Command;

#[test]
fn it_prints_what_it_should() {
    let output = Command::new(env!("CARGO_BIN_EXE_rust-build-rs")).output();
    let output = output.expect("the program can be run");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, include_str!("../stdout"));
}

#[test]
fn it_has_no_compiler_in_it() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_rust-build-rs"));
    let program = program.expect("the program can be read");
    let has = |text: &str| {
        program
            .windows(text.len())
            .any(|found| found == text.as_bytes())
    };
    assert!(has("fib_run"));
    assert!(!has("cranelift_codegen"));
}
