//! Object files, against a reader that shares no code with the writer and
//! against linkers. A linker that is not installed is skipped, visibly.

use std::io::{self, Cursor, Write};
use std::process::Command;
use std::{fs, path::Path};

use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationTarget};
use wasm_aot_compiler::object::write as write_object;
use wasm_aot_compiler::layout::Layout;

use crate::check;
use crate::code::{self, AARCH64, X86_64};

fn object(layout: &Layout) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write_object(layout, &mut out).unwrap();
    out.into_inner()
}

#[test]
fn an_object_wants_nothing_and_offers_the_exports() {
    for target in [X86_64, AARCH64] {
        for layout in [
            code::sample(target),
            code::empty(target),
            code::many(target, 3000),
        ] {
            let bytes = object(&layout);
            let file = ElfFile64::<LittleEndian>::parse(&bytes[..]).unwrap();
            assert_eq!(file.kind(), ObjectKind::Relocatable);
            assert!(file.symbols().all(|symbol| !symbol.is_undefined()));
            let global = file.symbols().filter(|symbol| symbol.is_global());
            let mut found: Vec<_> = global.map(|symbol| symbol.name().unwrap()).collect();
            let exports = layout.exports.iter().map(|export| export.name.as_str());
            let mut expected: Vec<_> = exports.chain([&layout.descriptor_symbol[..]]).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);

            let text = file.section_by_name(".text").unwrap();
            assert_eq!(text.data().unwrap(), layout.text.bytes);
            assert_eq!(text.relocations().count(), 0);
            let Some(frames) = file.section_by_name(".eh_frame") else {
                assert!(layout.unwind.is_empty());
                continue;
            };
            let starts: Vec<_> = frames
                .relocations()
                .map(|(_, relocation)| {
                    let RelocationTarget::Symbol(symbol) = relocation.target() else {
                        panic!("{relocation:?}");
                    };
                    let symbol = file.symbol_by_index(symbol).unwrap();
                    assert_eq!(symbol.section_index(), Some(text.index()));
                    relocation.addend() as u64
                })
                .collect();
            let expected: Vec<_> = layout.unwind.iter().map(|unwind| unwind.offset).collect();
            assert_eq!(starts, expected);
        }
    }
}

#[test]
fn names_of_an_object_differ() {
    let mut layout = code::sample(X86_64);
    layout.exports[0].name = layout.descriptor_symbol.clone();
    let error = write_object(&layout, Cursor::new(Vec::new())).unwrap_err();
    assert!(error.to_string().contains("sample_Zmodule"), "{error}");
}

#[test]
fn linkers_make_libraries_of_objects() {
    let shared = ["-shared", "--eh-frame-hdr"];
    for (target, linker, arguments) in [
        (X86_64, "cc", &["-shared", "-nostdlib"][..]),
        (X86_64, "clang", &["-shared", "-nostdlib", "-fuse-ld=lld"]),
        (X86_64, "ld", &shared),
        (X86_64, "ld.lld", &shared),
        (X86_64, "mold", &shared),
        (AARCH64, "ld.lld", &shared),
    ] {
        let directory = tempfile::tempdir().unwrap();
        for layout in [
            code::sample(target),
            code::empty(target),
            code::many(target, 100),
        ] {
            let (input, output) = (directory.path().join("a.o"), directory.path().join("a.so"));
            fs::write(&input, object(&layout)).unwrap();
            if link(linker, arguments, &input, &output) {
                check::check_linked(&layout, &fs::read(&output).unwrap());
            }
        }
    }
}

/// Whether the linker is installed. It must succeed and have nothing to complain
/// about.
fn link(linker: &str, arguments: &[&str], input: &Path, output: &Path) -> bool {
    let mut command = Command::new(linker);
    let command = command.args(arguments).arg(input).arg("-o").arg(output);
    let output = match command.env("LC_ALL", "C").output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // The test harness would hold back what eprintln! prints.
            let notice = format!("skipped: {linker} not installed\n");
            io::stderr().write_all(notice.as_bytes()).unwrap();
            return false;
        }
        output => output.unwrap(),
    };
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{linker}: {}: {complaints}",
        output.status
    );
    true
}
