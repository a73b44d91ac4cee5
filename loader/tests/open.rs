//! Files that are not what they should be, and files that change.

mod common;

use std::fs;

use common::{artefact, call};
use wasm_aot_loader::{Imports, Instance, Module, OpenError, Store, Val};

/// With something in every table of the metadata.
const EVERYTHING: &str = r#"(module $everything
    (import "e" "f" (func $f (param i32) (result i64)))
    (import "e" "g" (global $g i32))
    (memory (export "memory") 2 9)
    (table $t (export "table") 8 20 funcref)
    (table $x 2 externref)
    (global (export "v") (mut v128) (v128.const i64x2 1 2))
    (global funcref (ref.func $run))
    (elem (table $t) (i32.const 1) func $f $run)
    (elem (table $t) (offset (global.get $g)) func $run)
    (elem $p func $run)
    (data (i32.const 65536) "in the image")
    (data $d "passive")
    (func $start)
    (start $start)
    (func $run (export "run") (param i32) (result i64)
        (memory.init $d (i32.const 0) (i32.const 0) (i32.const 7))
        (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1))
        (i64.add (call $f (local.get 0))
            (call_indirect $t (param i32) (result i64) (local.get 0) (local.get 0)))))"#;

/// Offset of the descriptor in an artefact.
fn descriptor(bytes: &[u8]) -> usize {
    let found = bytes.windows(8).position(|bytes| bytes == b"wasm-aot");
    found
        .filter(|at| at.is_multiple_of(64))
        .expect("a descriptor")
}

/// Writes a field of the descriptor.
fn patched(offset: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = artefact(EVERYTHING);
    let at = descriptor(&bytes) + offset;
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

fn refused(bytes: &[u8]) -> OpenError {
    Module::from_bytes(bytes).expect_err("it is refused")
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let bytes = artefact(EVERYTHING);
    Module::from_bytes(&bytes).unwrap();
    // What is behind the segments (section headers) is not needed.
    let segments = mapped_end(&bytes);
    for len in (0..segments)
        .step_by(61)
        .chain(0..200)
        .chain(segments - 20..segments)
    {
        let error = refused(&bytes[..len]);
        assert!(
            !matches!(error, OpenError::DynamicLinker(_)),
            "{len}: {error}"
        );
    }
}

/// Where the last segment ends.
fn mapped_end(bytes: &[u8]) -> usize {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    let programs = (0..count).map(|index| word(32) + 56 * index);
    let loads = programs.filter(|&at| bytes[at..at + 4] == [1, 0, 0, 0]);
    loads.map(|at| word(at + 8) + word(at + 32)).max().unwrap()
}

#[test]
fn damage_anywhere_is_refused_or_harmless() {
    let bytes = artefact(EVERYTHING);
    let start = descriptor(&bytes);
    let size = u32::from_le_bytes(bytes[start + 16..start + 20].try_into().unwrap()) as usize;
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut next = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as usize % limit
    };
    let everywhere = mapped_end(&bytes);
    let (mut opened, mut refused) = (0, 0);
    for round in 0..6000 {
        let mut damaged = bytes.clone();
        for _ in 0..=next(3) {
            let at = match round % 4 {
                // The file header, the program headers and what follows them.
                0 => next(0x40),
                1 => next(0x400),
                2 => start + next(size),
                _ => next(everywhere),
            };
            damaged[at] ^= 1 << next(8);
        }
        match Module::from_bytes(&damaged) {
            Ok(module) => {
                // Everything that can be asked can be answered.
                let imports = module.imports().count();
                let exports: usize = module
                    .exports()
                    .map(|export| export.ty.to_string().len())
                    .sum();
                let names = module.function_names().count() + module.custom_sections().count();
                opened += usize::from(imports + exports + names > 0);
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(
        opened > 500 && refused > 500,
        "{opened} opened, {refused} refused"
    );
}

#[test]
fn damage_of_each_field_of_a_program_header_is_refused_or_harmless() {
    let bytes = artefact(EVERYTHING);
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    for at in (64..64 + 56 * count).step_by(4) {
        for value in [0, 1, 4, 6, 7, 8, 0x1000, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let mut damaged = bytes.clone();
            damaged[at..at + 4].copy_from_slice(&value.to_le_bytes());
            drop(Module::from_bytes(&damaged));
        }
    }
}

#[test]
fn another_machine_is_named() {
    let mut bytes = artefact(EVERYTHING);
    // EM_RISCV
    bytes[18..20].copy_from_slice(&[243, 0]);
    let error = refused(&bytes);
    assert!(matches!(error, OpenError::ForeignTarget { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("made for machine 243, but this host is "),
        "{error}"
    );
    let error = refused(&patched(20, &99u32.to_le_bytes()));
    assert!(
        error.to_string().starts_with("made for target 99, but"),
        "{error}"
    );
}

#[test]
fn another_version_of_the_abi_is_named() {
    let error = refused(&patched(8, &[7, 0, 3, 0]));
    let text = "made for version 7.3 of the ABI, but this loader has 0.1";
    assert_eq!(error.to_string(), text);
}

#[test]
fn an_unknown_requirement_is_named_by_its_bit() {
    let error = refused(&patched(24, &(1 | 1u64 << 42).to_le_bytes()));
    assert_eq!(
        error.to_string(),
        "needs what this loader does not know: bit 42"
    );
}

#[test]
fn a_missing_cpu_feature_is_named() {
    let error = refused(&patched(40, &(1u64 << 63).to_le_bytes()));
    assert_eq!(
        error.to_string(),
        "needs CPU features that are missing here: bit 63"
    );
}

#[test]
fn an_unknown_calling_convention_is_refused() {
    let error = refused(&patched(56, &77u32.to_le_bytes()));
    assert!(matches!(error, OpenError::UnknownConvention(77)), "{error}");
}

#[test]
fn foreign_files_are_refused_without_being_loaded() {
    let libc = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = libc.lines().find_map(|line| {
        line.split_whitespace()
            .nth(5)
            .filter(|p| p.contains("libc.so"))
    });
    let error = Module::open(libc.expect("this program uses the C library")).unwrap_err();
    assert!(
        matches!(error, OpenError::Forbidden(_) | OpenError::NotArtefact),
        "{error}"
    );
    let error = Module::open(std::env::current_exe().unwrap()).unwrap_err();
    assert!(
        matches!(error, OpenError::Forbidden(_) | OpenError::NotSharedObject),
        "{error}"
    );
    assert!(matches!(refused(b""), OpenError::NotElf));
    assert!(matches!(refused(b"#!/bin/sh\n"), OpenError::NotElf));
    assert!(matches!(refused(b"\0asm\x01\0\0\0"), OpenError::NotElf));
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    for path in [folder.path(), &pipe, &folder.path().join("missing")] {
        let error = Module::open(path).unwrap_err();
        assert!(matches!(error, OpenError::Read { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

fn answer(store: &mut Store, module: &Module) -> Instance {
    Instance::new(store, module, &Imports::new()).unwrap()
}

#[test]
fn a_file_replaced_by_renaming_gives_the_new_code_beside_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.so");
    let mut store = Store::new();
    let mut instances = Vec::new();
    for round in 0..5 {
        let wat = format!(r#"(module (func (export "f") (result i32) (i32.const {round})))"#);
        let new = folder.path().join("new");
        fs::write(&new, artefact(&wat)).unwrap();
        fs::rename(&new, &path).unwrap();
        let module = Module::open(&path).unwrap();
        instances.push(answer(&mut store, &module));
        for (expected, &instance) in (0..).zip(&instances) {
            let results = call(&mut store, instance, "f", &[]).unwrap();
            assert_eq!(results, [Val::I32(expected)]);
        }
    }
    fs::remove_file(&path).unwrap();
    let results = call(&mut store, instances[0], "f", &[]).unwrap();
    assert_eq!(results, [Val::I32(0)]);
}

#[test]
fn a_file_changed_in_place_is_refused_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.so");
    let bytes = artefact(EVERYTHING);
    fs::write(&path, &bytes).unwrap();
    let module = Module::open(&path).unwrap();
    Module::open(&path).unwrap();
    let file = fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    assert!(matches!(Module::open(&path), Err(OpenError::Changed)));
    drop(module);
    Module::open(&path).unwrap();
}

#[test]
fn bytes_in_memory_open_as_a_file_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.so");
    let mut bytes = artefact(EVERYTHING);
    fs::write(&path, &bytes).unwrap();
    let (file, memory) = (
        Module::open(&path).unwrap(),
        Module::from_bytes(&bytes).unwrap(),
    );
    bytes.fill(0);
    assert_eq!(file.source_hash(), memory.source_hash());
    assert!(file.imports().eq(memory.imports()) && file.exports().eq(memory.exports()));
    assert_eq!(memory.name(), "everything");
    let names: Vec<_> = memory.function_names().collect();
    assert_eq!(names, [(0, "f"), (1, "start"), (2, "run")]);
}
