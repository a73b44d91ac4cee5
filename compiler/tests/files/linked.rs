//! What linkers make of object files. A linker that is not installed is skipped,
//! visibly.

use std::collections::HashMap;
use std::io::{self, Write};
use std::process::Command;
use std::{env, fs};

use object::{File, Object, ObjectSection, macho, pe};
use wasm_aot_compiler::layout::{Layout, Target};

use crate::check;
use crate::code::{self, AARCH64, AARCH64_MACOS, RISCV64, X86_64, X86_64_MACOS, X86_64_WINDOWS};
use crate::objects::object;

/// Linkers with what makes them write a library.
#[rustfmt::skip]
const LINKERS: &[(&str, &[&str], &[&str])] = &[
    (X86_64, &["cc"], &["-shared", "-nostdlib"]),
    (X86_64, &["clang"], &["-shared", "-nostdlib", "-fuse-ld=lld"]),
    (X86_64, &["ld"], SHARED),
    (X86_64, &["ld.lld"], SHARED),
    (X86_64, &["mold"], SHARED),
    (AARCH64, &["ld.lld"], SHARED),
    (AARCH64, &["mold"], SHARED),
    (AARCH64, &["aarch64-linux-gnu-gcc"], &["-shared", "-nostdlib"]),
    (RISCV64, &["ld.lld"], SHARED),
    (RISCV64, &["mold"], SHARED),
    (RISCV64, &["riscv64-linux-gnu-gcc"], &["-shared", "-nostdlib"]),
    (X86_64_MACOS, MACOS, &["-arch", "x86_64", "-dylib", "-platform_version", "macos", "11.0", "11.0"]),
    (AARCH64_MACOS, MACOS, &["-arch", "arm64", "-dylib", "-platform_version", "macos", "11.0", "11.0"]),
    (X86_64_WINDOWS, WINDOWS, &["-dll", "-noentry", "-nologo"]),
    (X86_64_WINDOWS, &["x86_64-w64-mingw32-gcc"], &["-shared", "-nostdlib", "-Wl,--entry=0"]),
];

const SHARED: &[&str] = &["-shared", "--eh-frame-hdr"];

/// Debian has them by version only.
const MACOS: &[&str] = &["ld64.lld", "ld64.lld-19", "ld64.lld-16", "ld64.lld-14"];
const WINDOWS: &[&str] = &["lld-link", "lld-link-19", "lld-link-16", "lld-link-14"];

#[test]
fn linkers_make_libraries_of_objects() {
    for &(target, names, arguments) in LINKERS {
        let Some(linker) = names.iter().find(|name| is_installed(name)) else {
            // The test harness would hold back what eprintln! prints.
            let notice = format!("skipped: {} not installed\n", names[0]);
            io::stderr().write_all(notice.as_bytes()).unwrap();
            continue;
        };
        let directory = tempfile::tempdir().unwrap();
        for layout in [
            code::sample(target),
            code::empty(target),
            // More relocations than the header of a COFF section can count.
            code::many(target, if names == WINDOWS { 22_000 } else { 100 }),
        ] {
            let (input, output) = (directory.path().join("a.o"), directory.path().join("a.so"));
            fs::write(&input, object(&layout)).unwrap();
            let mut command = Command::new(linker);
            command.args(arguments).arg(&input);
            if names == WINDOWS {
                // It exports what it is told to.
                let names = layout.exports.iter().map(|export| &export.name);
                let names = names.chain([&layout.descriptor_symbol]);
                command.args(names.map(|name| format!("-export:{name},DATA")));
                command.arg(format!("-out:{}", output.display()));
            } else {
                command.arg("-o").arg(&output);
            }
            link(&mut command);
            let linked = fs::read(&output).unwrap();
            check_distances(&layout, &linked);
            if matches!(File::parse(&linked[..]), Ok(File::Elf64(_))) {
                check::check_linked(&layout, &linked);
                // Of AArch64's properties it knows nothing.
                if names != ["mold"] {
                    check::check_property(&layout, &linked);
                }
            }
        }
    }
}

fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// It must succeed and have nothing to complain about.
fn link(command: &mut Command) {
    let output = command.env("LC_ALL", "C").output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{command:?}: {}: {complaints}",
        output.status
    );
}

/// Nothing is left to be done by the dynamic linker, and distances lead from the
/// descriptor to where blocks have come to.
fn check_distances(layout: &Layout, linked: &[u8]) {
    let file = File::parse(linked).unwrap();
    assert_no_relocations(&file);
    let exports = file.exports().unwrap();
    let exports = exports.iter().map(|export| {
        let name = str::from_utf8(export.name()).unwrap();
        let name = match file {
            File::MachO64(_) => name.strip_prefix('_').unwrap(),
            _ => name,
        };
        (name, export.address())
    });
    let exports: HashMap<_, _> = exports.collect();
    let address = |name: &str| exports.get(name).copied();
    let descriptor = address(&layout.descriptor_symbol).expect("the descriptor is exported");
    assert_eq!(descriptor % 64, 0);
    let text = layout.exports.first().map(|export| {
        let text = address(&export.name).unwrap() - export.offset;
        assert_eq!(text % layout.text.align, 0);
        assert_eq!(
            read(&file, text, layout.text.bytes.len()),
            layout.text.bytes
        );
        text
    });
    for export in &layout.exports {
        assert_eq!(address(&export.name), Some(text.unwrap() + export.offset));
    }
    let metadata = read(&file, descriptor, layout.metadata.bytes.len());
    let mut expected = layout.metadata.bytes.clone();
    for fixup in &layout.metadata.fixups {
        let field = fixup.offset as usize..fixup.offset as usize + 4;
        let distance = i32::from_le_bytes(metadata[field.clone()].try_into().unwrap());
        let found = descriptor.wrapping_add_signed(distance.into()) - fixup.addend;
        match fixup.target {
            Target::Text => assert_eq!(Some(found), text),
            Target::Image => {
                let image = &layout.image.as_ref().unwrap().bytes;
                assert_eq!(read(&file, found, image.len()), image);
                assert_eq!(found % 0x1000, 0);
            }
        }
        expected[field.clone()].copy_from_slice(&metadata[field]);
    }
    assert_eq!(metadata, expected);
}

fn assert_no_relocations(file: &File<'_>) {
    match file {
        File::MachO64(file) => {
            let mut commands = file.macho_load_commands().unwrap();
            while let Some(command) = commands.next().unwrap() {
                if let Some(info) = command.dyld_info().unwrap() {
                    assert_eq!(info.rebase_size.get(file.endian()), 0);
                }
                assert_ne!(command.cmd(), macho::LC_DYLD_CHAINED_FIXUPS);
            }
        }
        File::Pe64(file) => {
            let relocations = pe::IMAGE_DIRECTORY_ENTRY_BASERELOC;
            let relocations = file.data_directory(relocations);
            let size = relocations.map_or(0, |directory| directory.size.get(object::LittleEndian));
            // An empty block says nothing.
            assert!(size <= 12, "{size}");
        }
        File::Elf64(_) => {} // checked with all else
        other => panic!("{:?}", other.format()),
    }
}

fn read<'data>(file: &File<'data>, address: u64, size: usize) -> &'data [u8] {
    let found = file.sections().find_map(|section| {
        let range = section.data_range(address, size as u64);
        range.ok().flatten()
    });
    found.unwrap_or_else(|| panic!("nothing at {address:#x}"))
}
