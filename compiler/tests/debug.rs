//! Debug information: what of a module's DWARF is in the artefact, and that nothing else
//! depends on it. The modules are those of `tests/debug`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use gimli::read::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, Operation, UnitRef,
};
use gimli::{DwTag, LittleEndian, constants as dw};
use object::{Object, ObjectSection};
use wasm_aot_compiler::{
    Cpu, Emit, Level, Observer, Options, StreamCompiler, Target, compile, compile_to,
};

const MODULES: [&str; 5] = ["c4-O0", "c4-O2", "c5-O0", "c5-O2", "rust"];

fn module(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/debug");
    fs::read(folder.join(name).with_extension("wasm")).unwrap()
}

fn options() -> Options {
    Options {
        debug: true,
        ..Options::default()
    }
}

/// Hears warnings.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Observer for Warnings {
    fn warning(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

/// The artefact and the warnings.
fn compile_debug(wasm: &[u8], options: &Options) -> (Vec<u8>, Vec<String>) {
    let warnings = Warnings::default();
    let mut out = Cursor::new(Vec::new());
    compile_to(wasm, options, &warnings, &mut out).unwrap();
    (out.into_inner(), warnings.0.into_inner().unwrap())
}

/// Sections by name.
fn sections(artefact: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let file = object::File::parse(artefact).unwrap();
    let sections = file.sections();
    sections
        .map(|section| {
            (
                section.name().unwrap().to_owned(),
                section.data().unwrap().to_vec(),
            )
        })
        .collect()
}

fn is_debug(name: &str) -> bool {
    name.contains("debug_")
}

/// Runs `check` with the debug information of a file.
fn with_dwarf(artefact: &[u8], check: impl FnOnce(&Dwarf<EndianSlice<'_, LittleEndian>>)) {
    let sections = sections(artefact);
    let load = |id: gimli::SectionId| {
        let bytes = sections.get(id.name()).map_or(&[][..], |bytes| bytes);
        Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    };
    check(&Dwarf::load(load).unwrap());
}

type Entry<'a> = DebuggingInformationEntry<EndianSlice<'a, LittleEndian>>;

/// Shows all entries, with the address ranges of their code. All that can be read is.
fn each_entry<'a>(
    dwarf: &Dwarf<EndianSlice<'a, LittleEndian>>,
    mut see: impl FnMut(UnitRef<'_, EndianSlice<'a, LittleEndian>>, &Entry<'a>, Vec<Range<u64>>),
) {
    let mut units = dwarf.units();
    while let Some(header) = units.next().unwrap() {
        let unit = dwarf.unit(header).unwrap();
        let unit = unit.unit_ref(dwarf);
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs().unwrap() {
            let mut ranges = unit.die_ranges(entry).unwrap();
            let ranges = std::iter::from_fn(|| ranges.next().unwrap());
            let ranges = ranges.map(|range| range.begin..range.end).collect();
            see(unit, entry, ranges);
        }
        if let Some(program) = unit.line_program.clone() {
            let mut rows = program.rows();
            while rows.next_row().unwrap().is_some() {}
        }
    }
}

/// Entries of a kind, by name, and where their code is.
fn named(artefact: &[u8], tag: DwTag) -> BTreeMap<String, Vec<Range<u64>>> {
    let mut found = BTreeMap::new();
    with_dwarf(artefact, |dwarf| {
        each_entry(dwarf, |unit, entry, ranges| {
            if entry.tag() == tag
                && let Some(name) = entry.attr_value(dw::DW_AT_name)
            {
                let name = unit.attr_string(name).unwrap().to_string().unwrap();
                found.insert(name.to_owned(), ranges);
            }
        });
    });
    found
}

#[test]
fn nothing_but_debug_information_is_different() {
    let targets = [
        (Target::X86_64Linux, Emit::SharedObject),
        (Target::X86_64Linux, Emit::Object),
        (Target::Aarch64Linux, Emit::SharedObject),
        (Target::Riscv64Linux, Emit::Object),
        (Target::Aarch64MacOs, Emit::Object),
        (Target::X86_64Windows, Emit::Object),
    ];
    for name in MODULES {
        let wasm = module(name);
        for (target, emit) in targets {
            // At the lowest level, code also keeps what debuggers look at.
            for level in [Level::O1, Level::O2] {
                let with = Options {
                    cpu: Cpu::portable(target),
                    emit,
                    level,
                    ..options()
                };
                let without = Options {
                    debug: false,
                    ..with.clone()
                };
                let (artefact, warnings) = compile_debug(&wasm, &with);
                assert!(warnings.is_empty(), "{warnings:?}");
                let (plain, _) = compile_debug(&wasm, &without);
                let (mut with, without) = (sections(&artefact), sections(&plain));
                let count = with.len();
                with.retain(|name, _| !is_debug(name));
                assert!(
                    count >= with.len() + 4,
                    "{name} for {target}: no debug information"
                );
                // But for what is about sections, or has a digest of the file.
                for (section, bytes) in &without {
                    let about = ["shstrtab", "symtab", "build-id", "strtab", ".note.wasm_aot"];
                    if !about.iter().any(|name| section.contains(name)) {
                        assert!(&with[section] == bytes, "{section} of {name} for {target}");
                    }
                }
            }
        }
    }
}

#[test]
fn variables_have_places_at_the_lowest_level() {
    for target in [
        Target::X86_64Linux,
        Target::Aarch64Linux,
        Target::Riscv64Linux,
    ] {
        for (name, level, expected) in [
            (
                "c4-O0",
                Level::O0,
                &["a", "b", "count", "i", "point", "sum"][..],
            ),
            (
                "c5-O0",
                Level::O0,
                &["a", "b", "count", "i", "point", "sum"],
            ),
            ("c5-O0", Level::O1, &[]),
        ] {
            let options = Options {
                cpu: Cpu::portable(target),
                level,
                ..options()
            };
            let artefact = compile(&module(name), &options).unwrap();
            let mut placed = BTreeSet::new();
            with_dwarf(&artefact, |dwarf| {
                each_entry(dwarf, |unit, entry, _| {
                    let Some(AttributeValue::Exprloc(place)) = entry.attr_value(dw::DW_AT_location)
                    else {
                        return;
                    };
                    // It can be read, and has nothing of WebAssembly in it.
                    let mut operations = place.operations(unit.encoding());
                    while let Some(operation) = operations.next().unwrap() {
                        assert!(!matches!(operation, Operation::WasmLocal { .. }));
                    }
                    // Those of inlined functions have their names elsewhere.
                    if let Some(name) = entry.attr_value(dw::DW_AT_name) {
                        let name = unit.attr_string(name).unwrap();
                        placed.insert(name.to_string().unwrap().to_owned());
                    }
                });
            });
            assert_eq!(
                placed.iter().collect::<Vec<_>>(),
                expected,
                "{name} {level:?}"
            );
        }
    }
}

#[test]
fn a_stream_gives_the_same_artefact() {
    for name in MODULES {
        let wasm = module(name);
        let mut stream = StreamCompiler::new(&options()).unwrap();
        for piece in wasm.chunks(7) {
            stream.push(piece).unwrap();
        }
        let mut out = Cursor::new(Vec::new());
        stream.finish(&mut out).unwrap();
        assert!(
            out.into_inner() == compile(&wasm, &options()).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn functions_have_the_addresses_of_their_symbols() {
    for name in &MODULES[..4] {
        let artefact = compile(&module(name), &options()).unwrap();
        let functions = named(&artefact, dw::DW_TAG_subprogram);
        let file = object::File::parse(&artefact[..]).unwrap();
        for function in ["work", "fail", "add"] {
            let code = &functions[function];
            let start = code.first().unwrap().start;
            let symbol = object::Object::symbols(&file).find(|symbol| {
                use object::ObjectSymbol;
                symbol.name() == Ok(function) && symbol.address() == start
            });
            assert!(symbol.is_some(), "{function} at {code:x?}");
        }
        if name.ends_with("O2") {
            // The C symbol has a copy of its own.
            assert_eq!(functions["add"].len(), 2);
        }
        assert_eq!(functions["work"].len(), 1);
        assert!(!functions.contains_key("gone"), "{functions:?}");
        // An inlined one has none itself.
        assert!(functions["divide"].is_empty());
    }
}

#[test]
fn inlined_calls_are_inside_of_their_callers() {
    for name in MODULES {
        let artefact = compile(&module(name), &options()).unwrap();
        let mut outer: Vec<(isize, Vec<Range<u64>>)> = Vec::new();
        let mut inlined = 0;
        with_dwarf(&artefact, |dwarf| {
            each_entry(dwarf, |_, entry, ranges| {
                outer.retain(|(depth, _)| *depth < entry.depth());
                if ranges.is_empty() {
                    return;
                }
                if let Some((_, around)) = outer.last() {
                    for range in &ranges {
                        let inside = (around.iter())
                            .any(|outer| outer.start <= range.start && range.end <= outer.end);
                        assert!(inside, "{range:x?} is not in {around:x?}, {name}");
                    }
                }
                inlined += usize::from(entry.tag() == dw::DW_TAG_inlined_subroutine);
                outer.push((entry.depth(), ranges));
            });
        });
        assert!(inlined > 0, "{name}");
    }
}

#[test]
fn pointers_keep_their_size_and_nothing_has_a_wrong_place() {
    for name in MODULES {
        let artefact = compile(&module(name), &options()).unwrap();
        let mut pointers = 0;
        with_dwarf(&artefact, |dwarf| {
            each_entry(dwarf, |_, entry, _| {
                if entry.tag() == dw::DW_TAG_pointer_type {
                    let size = entry.attr(dw::DW_AT_byte_size).unwrap();
                    assert_eq!(size.udata_value(), Some(4));
                    pointers += 1;
                }
                for attribute in entry.attrs() {
                    assert!(
                        !matches!(
                            attribute.value(),
                            AttributeValue::Exprloc(_) | AttributeValue::LocationListsRef(_)
                        ),
                        "{} of {name}",
                        attribute.name()
                    );
                }
            });
        });
        assert!(pointers > 0);
        let types = named(&artefact, dw::DW_TAG_structure_type);
        assert!(
            types.keys().any(|name| name.eq_ignore_ascii_case("point")),
            "{types:?}"
        );
    }
}

#[test]
fn what_is_not_there_is_a_warning() {
    let (artefact, warnings) = compile_debug(b"(module (func))", &options());
    assert_eq!(warnings, ["the module has no debug information"]);
    assert_eq!(
        artefact,
        compile(b"(module (func))", &Options::default()).unwrap()
    );
}

/// Where the content of custom sections is whose names start with `.debug_`.
fn debug_sections(wasm: &[u8]) -> Vec<Range<usize>> {
    let payloads = wasmparser::Parser::new(0).parse_all(wasm);
    let sections = payloads.filter_map(|payload| match payload.unwrap() {
        wasmparser::Payload::CustomSection(section) if is_debug(section.name()) => {
            let end = section.range().end as usize;
            Some(end - section.data().len()..end)
        }
        _ => None,
    });
    sections.collect()
}

#[test]
fn damage_costs_debug_information_and_nothing_else() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let (mut translated, mut refused) = (0, 0);
    for name in MODULES {
        let wasm = module(name);
        let plain = sections(&compile(&wasm, &Options::default()).unwrap());
        let places = debug_sections(&wasm);
        for round in 0..200 {
            let mut damaged = wasm.clone();
            for _ in 0..1 + round % 4 {
                let place = places[next(places.len())].clone();
                let at = place.start + next(place.len());
                match next(4) {
                    0 => damaged[at] ^= 1 << next(8),
                    1 => damaged[at] = [0, 0x7f, 0x80, 0xff][next(4)],
                    2 => damaged[at] = next(256) as u8,
                    _ => damaged[at..place.end].fill(0),
                }
            }
            let (artefact, warnings) = compile_debug(&damaged, &options());
            let found = sections(&artefact);
            assert!(found[".text"] == plain[".text"]);
            let is_there = found.keys().any(|name| is_debug(name));
            assert!(is_there == warnings.is_empty(), "{warnings:?}");
            match warnings.is_empty() {
                true => translated += 1,
                false => refused += 1,
            }
            // Whatever is there can be read.
            with_dwarf(&artefact, |dwarf| each_entry(dwarf, |_, _, _| {}));
        }
    }
    assert!(
        translated > 100 && refused > 100,
        "{translated} and {refused}"
    );
}
