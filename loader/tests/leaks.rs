//! What is dropped is gone: memory maps, descriptors, libraries.
//!
//! The tests look at the whole process, so only one of them runs at a time.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{artefact, call, instance_with, module, trap};
use wasm_aot_loader::{Frame, Func, Imports, Instance, Module, Store, TypedFunc};

const SMALL: &str = r#"(module $small
    (import "e" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 65536) "image")
    (table 4 funcref) (elem (i32.const 0) $f $run)
    (func $trap (export "trap") unreachable)
    (func $run (export "run") (param i32) (result i32) (call $f (local.get 0))))"#;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("e", "f", |value: i32| value + 1);
    imports
}

/// Open descriptors, and maps of memory of at least a mebibyte or of files.
fn held() -> (usize, usize) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let large = |line: &&str| {
        let mut words = line.split_whitespace();
        let (start, end) = words.next().unwrap().split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        // Memory of the allocator and stacks of threads come and go.
        number(end) - number(start) >= 1 << 32
            || words.nth(4).is_some_and(|name| name.starts_with('/'))
    };
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    (descriptors, maps.lines().filter(large).count())
}

/// How often `work`, which is done once before, leaves something behind.
fn assert_keeps_nothing(mut work: impl FnMut()) {
    work();
    let before = held();
    work();
    assert_eq!(held(), before);
}

fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        * 4096
}

#[test]
fn thousands_of_instances_in_one_store_leave_nothing() {
    let _alone = alone();
    let (module, imports) = (module(SMALL), imports());
    assert_keeps_nothing(|| {
        let mut store = Store::new();
        let mut last = None;
        for _ in 0..2000 {
            let instance = Instance::new(&mut store, &module, &imports).unwrap();
            let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
            assert_eq!(run.call(&mut store, 1).unwrap(), 2);
            last = Some(instance);
        }
        trap(call(&mut store, last.unwrap(), "trap", &[]));
    });
}

#[test]
fn thousands_of_stores_leave_nothing() {
    let _alone = alone();
    let (module, imports) = (module(SMALL), imports());
    let mut grown = 0;
    assert_keeps_nothing(|| {
        let before = resident();
        for _ in 0..3000 {
            let mut store = Store::new();
            store.insert([1u8; 4096]);
            let instance = Instance::new(&mut store, &module, &imports).unwrap();
            trap(call(&mut store, instance, "trap", &[]));
            Func::wrap(&mut store, || 1);
        }
        grown = resident().saturating_sub(before);
    });
    // A page for each would be 12 MiB.
    assert!(grown < 4 << 20, "{grown} bytes more");
}

fn is_mapped(path: &Path) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(path.to_str().unwrap())
}

#[test]
fn a_library_is_mapped_as_long_as_anything_reaches_it_and_no_longer() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("small.so");
    fs::write(&path, artefact(SMALL)).unwrap();

    let module = Module::open(&path).unwrap();
    let copy = module.clone();
    drop(module);
    assert!(is_mapped(&path));
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &copy, &imports()).unwrap();
    let run: TypedFunc<i32, i32> = instance.get_typed_func(&store, "run").unwrap();
    drop(copy);
    assert_eq!(run.call(&mut store, 5).unwrap(), 6);
    let error = trap(call(&mut store, instance, "trap", &[]));
    let frame: Frame = error.backtrace().frames()[0].clone();
    drop((store, error));
    assert!(is_mapped(&path), "a frame still names its function");
    assert_eq!(frame.func_name(), Some("trap"));
    drop(frame);
    assert!(!is_mapped(&path));
}

#[test]
fn an_importer_keeps_the_library_that_it_calls() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("small.so");
    fs::write(&path, artefact(SMALL)).unwrap();
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &Module::open(&path).unwrap(), &imports()).unwrap();
    let mut imports = Imports::new();
    imports.define("e", "f", instance.get_func(&store, "run").unwrap());
    let importer = instance_with(&mut store, SMALL, &imports);
    assert!(is_mapped(&path));
    let results = call(&mut store, importer, "run", &[1.into()]).unwrap();
    assert_eq!(results, [2.into()]);
    drop(store);
    assert!(!is_mapped(&path));
}

#[test]
fn thousands_of_failing_opens_leave_nothing() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.so");
    let good = artefact(SMALL);
    let mut bytes = good.clone();
    let magic = bytes
        .windows(8)
        .position(|bytes| bytes == b"wasm-aot")
        .unwrap();
    bytes[magic + 8] ^= 0x40;
    fs::write(&path, &bytes).unwrap();
    assert_keeps_nothing(|| {
        for round in 0..1000 {
            assert!(Module::open(&path).is_err());
            assert!(Module::from_bytes(&bytes).is_err());
            assert!(Module::from_bytes(&good[..round]).is_err());
        }
    });
}

#[test]
fn failing_instantiations_leave_nothing() {
    let _alone = alone();
    let small = module(SMALL);
    let failing = module(r#"(module (memory 1) (data (i32.const 65536) "x"))"#);
    assert_keeps_nothing(|| {
        let mut store = Store::new();
        for _ in 0..500 {
            assert!(Instance::new(&mut store, &small, &Imports::new()).is_err());
            assert!(Instance::new(&mut store, &failing, &Imports::new()).is_err());
        }
    });
}

#[test]
fn host_functions_and_what_they_own_are_dropped_once() {
    let _alone = alone();
    let owned = std::sync::Arc::new(());
    let mut imports = Imports::new();
    let held = owned.clone();
    imports.func("e", "f", move |value: i32| {
        let _ = &held;
        value
    });
    let mut store = Store::new();
    for _ in 0..3 {
        instance_with(&mut store, SMALL, &imports);
    }
    assert_eq!(std::sync::Arc::strong_count(&owned), 2);
    drop(imports);
    assert_eq!(std::sync::Arc::strong_count(&owned), 2);
    drop(store);
    assert_eq!(std::sync::Arc::strong_count(&owned), 1);
}

#[test]
fn valgrind_finds_no_leak() {
    let test = "host_functions_and_what_they_own_are_dropped_once";
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
