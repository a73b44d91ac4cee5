//! Object files of all formats, against a reader that shares no code with the
//! writer.

use std::io::Cursor;

use object::{
    File, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    macho, pe,
};
use wasm_aot_compiler::layout::Layout;
use wasm_aot_compiler::object::write;

use crate::code::{self, AARCH64_MACOS, OBJECTS, X86_64, X86_64_MACOS, X86_64_WINDOWS};

pub(crate) fn object(layout: &Layout) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write(layout, &mut out).unwrap();
    out.into_inner()
}

/// The section that has a block, which each format calls something else.
fn section<'data, 'file>(
    file: &'file File<'data>,
    names: [&str; 3],
) -> Option<object::read::Section<'data, 'file>> {
    names.iter().find_map(|name| file.section_by_name(name))
}

const TEXT: [&str; 3] = [".text", "__text", ".text"];
const METADATA: [&str; 3] = [".wasm_aot", "__wasm_aot", ".rdata$wasm_aot"];
const IMAGE: [&str; 3] = [".wasm_image", "__wasm_image", ".rdata$wasm_image"];

#[test]
fn an_object_wants_nothing_and_offers_the_exports() {
    for target in OBJECTS {
        for layout in [
            code::sample(target),
            code::empty(target),
            code::many(target, 3000),
        ] {
            let bytes = object(&layout);
            let file = File::parse(&bytes[..]).unwrap();
            assert_eq!(file.kind(), ObjectKind::Relocatable);
            assert!(file.symbols().all(|symbol| !symbol.is_undefined()));
            let global = file.symbols().filter(|symbol| symbol.is_global());
            let mut found: Vec<_> = global.map(|symbol| symbol.name().unwrap()).collect();
            let exports = layout.exports.iter().map(|export| export.name.as_str());
            let expected = exports.chain([&layout.descriptor_symbol[..]]);
            let underscore = if target.contains("apple") { "_" } else { "" };
            let mut expected: Vec<_> = expected.map(|name| format!("{underscore}{name}")).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{target}");
        }
    }
}

#[test]
fn blocks_are_whole_and_aligned() {
    for target in OBJECTS {
        let layout = code::sample(target);
        let bytes = object(&layout);
        let file = File::parse(&bytes[..]).unwrap();

        let text = section(&file, TEXT).unwrap();
        assert_eq!(text.data().unwrap(), layout.text.bytes);
        assert_eq!(text.align(), layout.text.align);
        assert_eq!(text.relocations().count(), 0);

        let metadata = section(&file, METADATA).unwrap();
        assert_eq!(metadata.align(), 64);
        assert_eq!(metadata.size(), layout.metadata.bytes.len() as u64);

        let page = match target {
            "aarch64-unknown-linux-gnu" => 64 << 10,
            AARCH64_MACOS => 16 << 10,
            _ => 4 << 10,
        };
        let content = &layout.image.as_ref().unwrap().bytes;
        let image = section(&file, IMAGE).unwrap();
        let (data, zeros) = image.data().unwrap().split_at(content.len());
        assert_eq!((data, image.align()), (&content[..], page), "{target}");
        assert_eq!(image.size() % page, 0);
        assert!(zeros.iter().all(|&byte| byte == 0));
        assert_eq!(image.relocations().count(), 0);
    }
}

#[test]
fn every_function_has_its_name() {
    for target in OBJECTS {
        let layout = code::sample(target);
        let bytes = object(&layout);
        let file = File::parse(&bytes[..]).unwrap();
        let text = section(&file, TEXT).unwrap();
        let underscore = if target.contains("apple") { "_" } else { "" };
        let mut found: Vec<_> = (file.symbols())
            .filter(|symbol| symbol.is_local() && symbol.section_index() == Some(text.index()))
            .map(|symbol| (symbol.name().unwrap().to_owned(), symbol.address()))
            .filter(|(name, _)| !["", ".text", "ltext"].contains(&&name[..]))
            .collect();
        let named = layout
            .functions
            .iter()
            .filter(|function| !function.name.is_empty());
        let mut expected: Vec<_> = named
            .map(|function| {
                let name = function.name.replace('\0', "?");
                (
                    format!("{underscore}{name}"),
                    text.address() + function.offset,
                )
            })
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{target}");
    }
}

#[test]
fn names_of_an_object_differ() {
    let mut layout = code::sample(X86_64);
    layout.exports[0].name = layout.descriptor_symbol.clone();
    let error = write(&layout, Cursor::new(Vec::new())).unwrap_err();
    assert!(error.to_string().contains("sample_Zmodule"), "{error}");
}

#[test]
fn other_targets_have_no_objects() {
    for target in [
        "aarch64-pc-windows-msvc",
        "i686-pc-windows-gnu",
        "i686-apple-darwin",
        "s390x-unknown-linux-gnu",
    ] {
        let error = write(&code::empty(target), Cursor::new(Vec::new())).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("cannot write an ") && error.ends_with(target),
            "{error}"
        );
    }
}

/// Nobody touches these zeros, so they take no memory.
#[test]
fn an_object_that_no_format_could_express_is_refused() {
    for target in [X86_64_MACOS, X86_64_WINDOWS] {
        let mut layout = code::empty(target);
        layout.metadata.bytes = vec![0; 1 << 31];
        let error = write(&layout, Cursor::new(Vec::new())).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("the object file would be 2147"),
            "{error}"
        );
    }
}

#[test]
fn a_mach_object_is_for_a_version_and_in_one_piece() {
    for (target, version) in [(X86_64_MACOS, 0x000a_0c00), (AARCH64_MACOS, 0x000b_0000)] {
        let bytes = object(&code::sample(target));
        let File::MachO64(file) = File::parse(&bytes[..]).unwrap() else {
            panic!("not of this format");
        };
        let endian = file.endian();
        let flags = file.macho_header().flags.get(endian);
        assert_eq!(flags & macho::MH_SUBSECTIONS_VIA_SYMBOLS, 0);
        let mut commands = file.macho_load_commands().unwrap();
        let mut found = None;
        while let Some(command) = commands.next().unwrap() {
            if let Some(version) = command.build_version().unwrap() {
                found = Some((version.platform.get(endian), version.minos.get(endian)));
            }
        }
        assert_eq!(found, Some((macho::PLATFORM_MACOS, version)));
    }
}

/// What the entries of `.eh_frame` and of its relatives say of functions.
#[test]
fn every_function_can_be_unwound() {
    for target in OBJECTS {
        let layout = code::many(target, 70);
        let bytes = object(&layout);
        let file = File::parse(&bytes[..]).unwrap();
        let names = [".eh_frame", "__compact_unwind", ".pdata"];
        let entries = section(&file, names).unwrap();
        let data = entries.data().unwrap();
        let relocations: Vec<_> = entries
            .relocations()
            .map(|(offset, relocation)| {
                let RelocationTarget::Symbol(symbol) = relocation.target() else {
                    panic!("{relocation:?}");
                };
                let symbol = file.symbol_by_index(symbol).unwrap();
                let field = &data[offset as usize..][..4];
                let addend = match relocation.has_implicit_addend() {
                    true => u32::from_le_bytes(field.try_into().unwrap()).into(),
                    false => relocation.addend(),
                };
                let section = symbol.section_index().unwrap();
                let section = file.section_by_index(section).unwrap();
                (
                    offset,
                    section.name().unwrap().to_owned(),
                    addend as u64,
                    relocation,
                )
            })
            .collect();
        let mut starts: Vec<_> = match target {
            X86_64_WINDOWS => {
                let frame = file.section_by_name(".xdata").unwrap();
                // push rbp; mov rbp, rsp
                assert_eq!(frame.data().unwrap(), [1, 4, 2, 5, 4, 3, 1, 0x50]);
                let rows = relocations.chunks(3).map(|row| {
                    let [begin, end, unwind] = row else { panic!() };
                    for field in row {
                        let flags = field.3.flags();
                        let typ = pe::IMAGE_REL_AMD64_ADDR32NB;
                        assert_eq!(flags, RelocationFlags::Coff { typ });
                    }
                    assert_eq!((&begin.1[..], &end.1[..]), (".text", ".text"));
                    assert_eq!((&unwind.1[..], unwind.2), (".xdata", 0));
                    (begin.2, end.2 - begin.2)
                });
                rows.collect()
            }
            X86_64_MACOS | AARCH64_MACOS => {
                let word = |at: u64| {
                    let bytes = data[at as usize..][..4].try_into();
                    u32::from_le_bytes(bytes.unwrap())
                };
                let mode = if target == AARCH64_MACOS {
                    0x0400_0000
                } else {
                    0x0100_0000
                };
                let rows = relocations.iter().map(|(offset, section, code, _)| {
                    assert_eq!(section, "__text");
                    assert_eq!((offset % 32, word(offset + 12)), (0, mode));
                    (*code, word(offset + 8).into())
                });
                rows.collect()
            }
            _ => {
                let rows = relocations.iter().zip(&layout.unwind).map(|(row, unwind)| {
                    assert_eq!(row.1, ".text");
                    (row.2, unwind.size)
                });
                rows.collect()
            }
        };
        starts.sort_unstable();
        let expected: Vec<_> = (layout.unwind.iter())
            .map(|unwind| (unwind.offset, unwind.size))
            .collect();
        assert_eq!(starts, expected, "{target}");

        // What the formats without more to say take for granted.
        let prologue: &[u8] = match target {
            X86_64_MACOS | X86_64_WINDOWS => &[0x55, 0x48, 0x89, 0xe5],
            AARCH64_MACOS => &[0xfd, 0x7b, 0xbf, 0xa9, 0xfd, 0x03, 0x00, 0x91],
            _ => &[],
        };
        for (start, _) in starts {
            assert!(layout.text.bytes[start as usize..].starts_with(prologue));
        }
    }
}
