//! What is made goes away again.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use wasm_aot_loader::{ExternRef, Func, Imports, Instance, Memory, MemoryType, Module, Store};

use crate::support::{artefact, isolated_ok, run, trap};

const WAT: &str = r#"(module
  (import "h" "f" (func $f))
  (memory 1) (data (i32.const 0) "some data for an image")
  (table (export "t") 100 funcref)
  (elem (i32.const 0) $f)
  (func (export "run") (call $f))
  (func (export "trap") unreachable))"#;

/// How many mappings the process has, and how many files are open.
fn mappings() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let files = fs::read_dir("/proc/self/fd").unwrap();
    (maps.lines().count(), files.count())
}

fn mapped(name: &str) -> bool {
    fs::read_to_string("/proc/self/maps")
        .unwrap()
        .contains(name)
}

/// Opens, instantiates, runs, fails and drops.
fn cycle(path: &std::path::Path, bytes: &[u8]) {
    let mut imports = Imports::new();
    imports.func("h", "f", || ());
    for module in [
        Module::open(path).unwrap(),
        Module::from_bytes(bytes).unwrap(),
    ] {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &imports).unwrap();
        Memory::new(&mut store, MemoryType::new(2, None)).unwrap();
        Func::wrap(&mut store, || ());
        run(&mut store, instance, "run").unwrap();
        trap(run(&mut store, instance, "trap"));
        let mut damaged = bytes.to_vec();
        damaged.truncate(bytes.len() / 2);
        Module::from_bytes(&damaged).unwrap_err();
    }
}

#[test]
fn no_mapping_and_no_file_is_left_behind() {
    isolated_ok("leaks::no_mapping_and_no_file_is_left_behind", || {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leak.so");
        let bytes = artefact(WAT);
        fs::write(&path, &bytes).unwrap();
        for _ in 0..10 {
            cycle(&path, &bytes);
        }
        let before = mappings();
        for _ in 0..200 {
            cycle(&path, &bytes);
        }
        let after = mappings();
        // The allocator may have one region more or less.
        assert!(after.0 <= before.0 + 4, "{before:?} {after:?}");
        assert_eq!(after.1, before.1);
        assert!(!mapped("leak.so") && !mapped("memfd"));
    });
}

#[test]
fn threads_leave_nothing_behind() {
    isolated_ok("leaks::threads_leave_nothing_behind", || {
        let bytes = artefact(WAT);
        let module = Module::from_bytes(&bytes).unwrap();
        let mut imports = Imports::new();
        imports.func("h", "f", || ());
        let round = || {
            let thread = std::thread::scope(|scope| {
                let work = || {
                    let mut store = Store::new();
                    let instance = Instance::new(&mut store, &module, &imports).unwrap();
                    trap(run(&mut store, instance, "trap"));
                };
                scope.spawn(work).join()
            });
            thread.unwrap();
        };
        (0..10).for_each(|_| round());
        let before = mappings();
        (0..200).for_each(|_| round());
        let after = mappings();
        assert!(after.0 <= before.0 + 4, "{before:?} {after:?}");
    });
}

#[test]
fn an_artefact_stays_mapped_as_long_as_anything_can_reach_it() {
    isolated_ok(
        "leaks::an_artefact_stays_mapped_as_long_as_anything_can_reach_it",
        || {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("reach.so");
            fs::write(&path, artefact(WAT)).unwrap();
            let mut imports = Imports::new();
            imports.func("h", "f", || ());
            let module = Module::open(&path).unwrap();
            let again = Module::open(&path).unwrap();
            let mut store = Store::new();
            let instance = Instance::new(&mut store, &module, &imports).unwrap();
            drop(module);
            assert!(mapped("reach.so"));
            drop(again);
            assert!(mapped("reach.so"));
            run(&mut store, instance, "run").unwrap();
            let trap = trap(run(&mut store, instance, "trap"));
            drop(store);
            assert!(mapped("reach.so"), "the backtrace refers to it");
            let text = trap.to_string();
            assert!(text.contains("module!trap, offset"), "{text}");
            drop(trap);
            assert!(!mapped("reach.so"));
        },
    );
}

#[test]
fn what_a_store_was_given_is_dropped_with_it() {
    let token = Arc::new(());
    {
        let mut store = Store::new();
        store.insert(token.clone());
        ExternRef::new(&mut store, token.clone());
        let held = token.clone();
        Func::wrap(&mut store, move || drop(held.clone()));
        assert_eq!(Arc::strong_count(&token), 4);
    }
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn valgrind_finds_no_leak() {
    let test = "leaks::what_a_store_was_given_is_dropped_with_it";
    if !Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
    {
        println!("skipped: valgrind is not installed");
        return;
    }
    let output = Command::new("valgrind")
        .args([
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--error-exitcode=99",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
}
