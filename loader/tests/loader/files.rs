//! Damage at random, and files that are odd or change.

use std::fs;

use wasm_aot_loader::{Module, OpenError, OpenOptions, Verify};

use crate::damage::{EVERYTHING, descriptor, mapped_end};
use crate::support::{artefact, open_changed};

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
        match open_changed(&damaged) {
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
            drop(open_changed(&damaged));
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
    let options = OpenOptions::new().verify(Verify::TrustedPath);
    let module = options.open(&path).unwrap();
    options.open(&path).unwrap();
    let file = fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    assert!(matches!(options.open(&path), Err(OpenError::Changed)));
    drop(module);
    options.open(&path).unwrap();
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
    assert_eq!(
        names,
        [
            (0, "f"),
            (1, "one"),
            (2, "two"),
            (3, "try"),
            (4, "more"),
            (5, "main")
        ]
    );
}
