//! The writers of files against independent readers and against the system's tools.

mod check;
mod code;
mod linked;
mod objects;
mod tools;

use std::io::{self, Cursor, Seek, SeekFrom, Write};

use wasm_aot_compiler::elf::{Error, Options, write};
use wasm_aot_compiler::layout::{Image, Layout, Symbol};

use self::code::{ALL, X86_64};

fn file(layout: &Layout) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    write(layout, &Options::default(), &mut out).unwrap();
    out.into_inner()
}

fn error(layout: &Layout) -> String {
    let out = Cursor::new(Vec::new());
    write(layout, &Options::default(), out)
        .unwrap_err()
        .to_string()
}

#[test]
fn all_parts_are_where_readers_look_for_them() {
    for target in ALL {
        let layout = code::sample(target);
        check::check(&layout, &file(&layout));
    }
}

#[test]
fn an_empty_module_is_a_file_too() {
    for target in ALL {
        let layout = code::empty(target);
        check::check(&layout, &file(&layout));
    }
}

#[test]
fn every_part_is_optional() {
    let parts: [fn(&mut Layout); 5] = [
        |layout| layout.unwind.clear(),
        |layout| layout.exports.clear(),
        |layout| layout.functions.clear(),
        |layout| layout.metadata.fixups.clear(),
        |layout| {
            layout.metadata.fixups.clear();
            layout.image = None;
        },
    ];
    for chosen in 0..1 << parts.len() {
        let mut layout = code::sample(X86_64);
        for (i, remove) in parts.iter().enumerate() {
            if chosen & (1 << i) != 0 {
                remove(&mut layout);
            }
        }
        check::check(&layout, &file(&layout));
    }
}

#[test]
fn an_image_without_bytes_is_no_image() {
    let mut layout = code::empty(X86_64);
    layout.image = Some(Image { bytes: Vec::new() });
    assert_eq!(file(&layout), file(&code::empty(X86_64)));
}

#[test]
fn thousands_of_symbols_are_found_through_both_hash_tables() {
    // More than fit into one group of unwind entries.
    let layout = code::many(X86_64, 3000);
    check::check(&layout, &file(&layout));
}

#[test]
fn unwind_entries_need_not_be_in_order() {
    let mut layout = code::many(X86_64, 10);
    layout.unwind.reverse();
    check::check(&layout, &file(&layout));
}

#[test]
fn text_may_ask_for_more_than_a_page_of_alignment() {
    for target in ALL {
        let mut layout = code::sample(target);
        layout.text.align = 0x2_0000;
        check::check(&layout, &file(&layout));
    }
}

#[test]
fn unwind_entries_are_small() {
    let layout = code::many(X86_64, 100);
    let size = check::section(&file(&layout), ".eh_frame").unwrap().len();
    // push rbp; mov rbp, rsp: 17 bytes of addresses and lengths, 8 of
    // instructions, padded to a multiple of 4.
    assert_eq!(size, 100 * 28 + 24 + 4);
}

#[test]
fn output_depends_on_the_layout_alone() {
    assert_eq!(file(&code::sample(X86_64)), file(&code::sample(X86_64)));

    let mut out = Cursor::new(b"something else".to_vec());
    out.seek(SeekFrom::End(0)).unwrap();
    write(&code::sample(X86_64), &Options::default(), &mut out).unwrap();
    assert_eq!(out.position(), out.get_ref().len() as u64);
    let out = out.into_inner();
    let (before, written) = out.split_at(b"something else".len());
    assert_eq!(before, b"something else");
    assert_eq!(written, file(&code::sample(X86_64)));
}

#[test]
fn build_id_changes_with_every_part() {
    let changes: [fn(&mut Layout); 6] = [
        |_| {},
        |layout| layout.text.bytes[0] ^= 1,
        |layout| layout.metadata.bytes[500] ^= 1,
        |layout| layout.image.as_mut().unwrap().bytes[69_999] ^= 1,
        |layout| layout.functions[0].name.push('!'),
        |layout| layout.exports[0].name.push('!'),
    ];
    let mut ids: Vec<_> = changes
        .iter()
        .map(|change| {
            let mut layout = code::sample(X86_64);
            change(&mut layout);
            check::build_id(&file(&layout))
        })
        .collect();
    assert!(ids.iter().all(|id| id.len() == 20));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), changes.len());
}

#[test]
fn soname_is_stored_if_asked_for() {
    let layout = code::sample(X86_64);
    let mut out = Cursor::new(Vec::new());
    let options = Options {
        soname: Some("libsample.so.1"),
    };
    write(&layout, &options, &mut out).unwrap();
    let bytes = out.into_inner();
    check::check(&layout, &bytes);
    let strings = check::section(&bytes, ".dynstr").unwrap();
    assert!(strings.ends_with(b"\0libsample.so.1\0"));
    assert!(
        !check::section(&file(&layout), ".dynstr")
            .unwrap()
            .ends_with(b"\0libsample.so.1\0")
    );
}

#[test]
fn exported_names_must_be_usable_and_unique() {
    let named = |name: &str| {
        let mut layout = code::sample(X86_64);
        layout.exports.push(Symbol {
            name: name.to_owned(),
            ..layout.functions[0].clone()
        });
        error(&layout)
    };
    assert_eq!(named("add"), r#"two exported symbols are named "add""#);
    assert_eq!(
        named("wasm_aot_module"),
        r#"two exported symbols are named "wasm_aot_module""#
    );
    assert_eq!(named(""), r#""" cannot be the name of an exported symbol"#);
    assert_eq!(
        named("a\0b"),
        r#""a\0b" cannot be the name of an exported symbol"#
    );
}

#[test]
fn other_targets_are_refused() {
    for target in [
        "x86_64-pc-windows-msvc",
        "x86_64-unknown-linux-gnux32",
        "s390x-unknown-linux-gnu",
        "aarch64_be-unknown-linux-gnu",
    ] {
        assert_eq!(
            error(&code::empty(target)),
            format!("cannot write an ELF file for {target}")
        );
    }
}

#[test]
fn code_out_of_reach_of_its_unwind_information_is_refused() {
    // Nobody touches these zeros, so they take no memory.
    let mut layout = code::many(X86_64, 1);
    layout.text.bytes = vec![0; 1 << 31];
    assert_eq!(
        error(&layout),
        "the text would be 2147483648 bytes long; the limit is 2147483647"
    );

    let mut layout = code::many(X86_64, 1);
    layout.metadata.bytes = vec![0; (1 << 31) - 0x1000];
    let error = error(&layout);
    assert!(error.starts_with("the mapped file up to the end of the text would be 2147"));
}

#[test]
fn a_failing_output_is_reported() {
    /// Takes so many bytes and then fails.
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Seek for Full {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }
    let layout = code::sample(X86_64);
    for room in [0, 1_000, 10_000, file(&layout).len() - 1] {
        let error = write(&layout, &Options::default(), Full(room)).unwrap_err();
        assert!(
            matches!(&error, Error::Io(error) if error.kind() == io::ErrorKind::StorageFull),
            "{error:?}"
        );
    }
}
