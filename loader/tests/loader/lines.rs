//! Lines of the source in backtraces: those that the debug information of the module
//! has for the operators. The modules are those of `tests/debug`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use addr2line::Context;
use gimli::{Dwarf, EndianSlice, LittleEndian};
use object::read::elf::ElfFile64;
use object::read::{Object, ObjectSection};
use wasm_aot_compiler::{Level, Options, compile};
use wasm_aot_loader::{
    BoxError, Caller, Config, Imports, Instance, Module, OpenOptions, Store, Trap, TrapCode, Val,
    Verify,
};

use crate::support::{add, call, options, trap};

const MODULES: [&str; 5] = ["c4-O0", "c4-O2", "c5-O0", "c5-O2", "rust"];

fn wasm(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/debug");
    fs::read(folder.join(name).with_extension("wasm")).unwrap()
}

fn artefact(name: &str, level: Level, debug: bool) -> Vec<u8> {
    let options = Options {
        level,
        debug,
        name: "app".into(),
        ..options()
    };
    compile(&wasm(name), &options).unwrap()
}

/// The trap of the function `fail`.
fn fail(artefact: &[u8]) -> Trap {
    let mut store = Store::new();
    // Debug information may be damaged here, and the digest tell.
    let trusted = OpenOptions::new().verify(Verify::TrustedPath);
    let module = trusted.from_bytes(artefact).unwrap();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    trap(call(&mut store, instance, "fail", &[Val::I32(3)]))
}

/// A function, file, line and column.
type Symbol = (String, String, u32, u32);

/// What the module itself says about an offset in it.
fn expected(wasm: &[u8], offset: u32) -> Vec<Symbol> {
    let mut sections = HashMap::new();
    let mut code = 0;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            wasmparser::Payload::CustomSection(section) => {
                sections.insert(section.name(), section.data());
            }
            wasmparser::Payload::CodeSectionStart {
                unchecked_range, ..
            } => code = unchecked_range.start,
            _ => {}
        }
    }
    let load = |id: gimli::SectionId| {
        let bytes = sections.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    };
    let context = Context::from_dwarf(Dwarf::load(load).unwrap()).unwrap();
    let frames = context.find_frames(u64::from(offset) - code);
    let mut frames = frames.skip_all_loads().unwrap();
    let mut symbols = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        let name = frame.function.unwrap().demangle().unwrap().into_owned();
        let location = frame.location.unwrap();
        let (file, line) = (location.file.unwrap().to_owned(), location.line.unwrap());
        symbols.push((name, file, line, location.column.unwrap()));
    }
    symbols
}

#[test]
fn every_frame_has_the_symbols_that_the_module_has_for_the_operator() {
    for name in MODULES {
        let wasm = wasm(name);
        for level in [Level::O0, Level::O1, Level::O2, Level::Os] {
            let trap = fail(&artefact(name, level, true));
            let frames = trap.backtrace().frames();
            assert_eq!(frames.len(), 2);
            for frame in frames {
                let found = frame.symbols().into_iter().map(|symbol| {
                    let text = |text: Option<&str>| text.unwrap().to_owned();
                    let (line, column) = (symbol.line().unwrap(), symbol.column().unwrap());
                    (text(symbol.name()), text(symbol.file()), line, column)
                });
                let found: Vec<Symbol> = found.collect();
                assert_eq!(found, expected(&wasm, frame.offset().unwrap()), "{name}");
                assert!(!found.is_empty());
            }
        }
    }
}

#[test]
fn a_backtrace_with_lines_reads_like_this() {
    let trap = fail(&artefact("c5-O2", Level::O2, true));
    let offsets: Vec<u32> = (trap.backtrace().frames().iter())
        .map(|frame| frame.offset().unwrap())
        .collect();
    let expected = format!(
        "integer divide by zero\n    \
           0: app!work, offset {:#x}\n         \
                at /src/lines.c:13:14 in divide, inlined\n         \
                at /src/lines.c:20:16\n    \
           1: app!fail, offset {:#x}\n         \
                at /src/lines.c:28:12",
        offsets[0], offsets[1],
    );
    assert_eq!(trap.to_string(), expected);
}

#[test]
fn artefacts_with_and_without_lines_are_in_one_backtrace() {
    let mut store = Store::new();
    let module = Module::from_bytes(&artefact("c4-O0", Level::O2, true)).unwrap();
    let with = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let mut imports = Imports::new();
    imports.func(
        "host",
        "again",
        move |mut caller: Caller<'_>| -> Result<(), BoxError> {
            let fail = with.get_typed_func::<i32, i32>(&caller, "fail")?;
            fail.call(&mut caller, 3)?;
            Ok(())
        },
    );
    let wat = r#"(module $plain (import "host" "again" (func)) (func (export "run") (call 0)))"#;
    let plain = add(&mut store, wat, &imports);
    let trap = trap(crate::support::run(&mut store, plain, "run"));
    let symbols: Vec<usize> = (trap.backtrace().frames().iter())
        .map(|frame| frame.symbols().len())
        .collect();
    assert_eq!(symbols, [2, 1, 0], "{trap}");
}

/// Where the sections of debug information are in a file.
fn sections(file: &[u8]) -> Vec<(String, std::ops::Range<usize>)> {
    let elf = ElfFile64::<object::LittleEndian>::parse(file).unwrap();
    let sections = elf.sections().filter_map(|section| {
        let name = section.name().unwrap();
        let (start, size) = section.file_range()?;
        let is_debug = name.starts_with(".debug_");
        is_debug.then(|| (name.to_owned(), start as usize..(start + size) as usize))
    });
    sections.collect()
}

#[test]
fn without_debug_information_there_are_no_lines() {
    let plain = fail(&artefact("c5-O2", Level::O2, false));
    assert!(!plain.to_string().contains("lines.c"), "{plain}");
    for frame in plain.backtrace().frames() {
        assert_eq!(frame.symbols(), []);
    }
    // As `strip` leaves it, for a reader of sections by their names.
    let mut stripped = artefact("c5-O2", Level::O2, true);
    let names: Vec<usize> = (0..stripped.len() - 7)
        .filter(|&at| stripped[at..].starts_with(b".debug_"))
        .collect();
    assert!(names.len() >= 4);
    for at in names {
        stripped[at..at + 7].copy_from_slice(b".bygone");
    }
    assert_eq!(fail(&stripped).to_string(), plain.to_string());
}

#[test]
fn damaged_debug_information_harms_nothing_but_itself() {
    let good = artefact("c4-O2", Level::O2, true);
    let expected = fail(&good);
    let sections = sections(&good);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let mut silent = 0;
    for round in 0..300 {
        let mut damaged = good.clone();
        for _ in 0..1 + round % 8 {
            let (_, place) = &sections[next(sections.len())];
            let at = place.start + next(place.len());
            damaged[at] = [0, 0x7f, 0xff, next(256) as u8][next(4)];
        }
        let trap = fail(&damaged);
        assert_eq!(trap.code(), expected.code());
        let (frames, all) = (trap.backtrace().frames(), expected.backtrace().frames());
        assert_eq!(frames.len(), all.len());
        for (frame, expected) in frames.iter().zip(all) {
            assert_eq!(frame.func_name(), expected.func_name());
            assert_eq!(frame.offset(), expected.offset());
        }
        silent += usize::from(!trap.to_string().contains("lines.c"));
    }
    assert!(silent > 0);
}

#[test]
fn linked_modules_have_the_lines_of_their_file_while_it_is_there() {
    for is_replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.so");
        fs::write(&path, artefact("c5-O2", Level::O2, true)).unwrap();
        // SAFETY: it has no constructors.
        let library = unsafe { libloading::Library::new(&path).unwrap() };
        // SAFETY: the compiler has made what the symbol stands for; the library is
        // dropped last.
        let module = unsafe {
            let descriptor: *const u8 = *library.get(b"app_Zmodule").unwrap();
            Module::from_linked(descriptor).unwrap()
        };
        if is_replaced {
            fs::remove_file(&path).unwrap();
            fs::write(&path, artefact("c5-O0", Level::O0, true)).unwrap();
        }
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let trap = trap(call(&mut store, instance, "fail", &[Val::I32(3)]));
        assert_eq!(
            trap.to_string().contains("lines.c:13"),
            !is_replaced,
            "{trap}"
        );
        drop((trap, store, module));
    }
}

#[test]
fn code_that_is_stopped_is_on_the_line_that_it_would_have_gone_on_with() {
    let options = Options {
        interruptible: true,
        debug: true,
        ..options()
    };
    let module = Module::from_bytes(&compile(&wasm("c5-O2"), &options).unwrap()).unwrap();
    let mut store = Store::with_config(&Config::new().interruptible(true));
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    store.interrupt_handle().interrupt();
    let trap = trap(call(&mut store, instance, "fail", &[Val::I32(3)]));
    assert_eq!(trap.code(), TrapCode::Interrupted);
    let symbols = trap.backtrace().frames()[0].symbols();
    assert_eq!(symbols[0].name(), Some("fail"));
    // It looks in front of the first call.
    assert_eq!(symbols[0].line(), Some(28));
}
