//! Files that are not what they should be, and files that change.

mod common;

use std::fs;

use common::artefact;
use wasm_aot_loader::{Module, OpenError};

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
