//! What artefacts that exist rely on: the place of every field and the meaning of
//! every number, as they were published, in `layout.txt`.
//!
//! `BLESS=1 cargo test -p wasm-aot-abi layout` adds what is new to that file. It never
//! changes a line that is there: who has to does it by hand, with the major version.

extern crate std;

use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::*;

/// A structure, for [`everything`].
pub(crate) trait Fields {
    const NAME: &'static str;
    /// Names and offsets, bytes.
    const FIELDS: &'static [(&'static str, usize)];
}

/// Structures of the run time. No field can be left out: the pattern would not match.
macro_rules! structures {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Fields for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), core::mem::offset_of!($name, $field)),)*];
        }
        const _: fn($name) = |value| {
            let $name { $($field: _),* } = value;
        };
    )*};
}

structures! {
    VmContext { store, builtins, instance, embedder, heap, interrupt }
    StoreContext { stack_limit, entry, exit_fp, stack_size, fuel }
    EntryRecord { previous, exit_fp, sp, fp, handler }
    HostContext { store, builtins, call }
    FunctionImport { code, ctx }
    FuncRef { code, ctx, type_id, reserved, entry }
    TableElement { code, ctx, type_id, reserved, funcref }
    TableDef { elements, len }
    MemorySlot { base, def }
    MemoryDef { length }
    Exception { tag, host }
    Builtins {
        raise, memory_grow, memory_copy, memory_fill, memory_init, data_drop, table_grow,
        table_fill, table_copy, table_init, elem_drop, func_ref, attach, is_subtype,
        memory_atomic_wait32, memory_atomic_wait64, memory_atomic_notify, exception, throw,
        trap, interrupted
    }
}

/// Those that may get more fields: a host makes them, or they say how long they are.
/// Behind a `VmContext` are the slots of the module, and the others are elements of
/// arrays or have something behind them.
const GROWING: &[&str] = &["Descriptor", "StoreContext", "HostContext", "Builtins"];

/// What is published, a line each: `Structure.field offset`, `Structure size`,
/// `Enumeration.Variant number`.
fn everything() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    let mut add = |name: String, number: u64| {
        let known = all.insert(name.clone(), number);
        assert_eq!(known, None, "{name} is there twice");
    };
    macro_rules! structures {
        ($($name:ident)*) => {$(
            for (field, offset) in <$name as Fields>::FIELDS {
                add(format!("{}.{field}", <$name as Fields>::NAME), *offset as u64);
            }
            add(<$name as Fields>::NAME.to_string(), size_of::<$name>() as u64);
        )*};
    }
    macro_rules! numbers {
        ($($name:ident)*) => {$(
            for (variant, number) in $name::NUMBERS {
                add(format!("{}.{variant}", stringify!($name)), u64::from(*number));
            }
        )*};
    }
    structures! {
        VmContext StoreContext EntryRecord HostContext FunctionImport FuncRef TableElement
        TableDef MemorySlot MemoryDef Exception Builtins
        Descriptor Tunables VmctxLayout Slice Str Seal
        FuncType SubType ExternType Import Export Function FunctionName Trampoline Table
        Memory Global Tag GuardedCall Handler Inlined ConstExpr ElementSegment DataSegment
        CustomSection
    }
    numbers! {
        ExternKind ConstKind ElementMode ElementItems DataMode TrampolineKind
        Required WasmFeatures CpuFeatures
    }
    for code in TrapCode::ALL {
        add(format!("TrapCode.{code:?}"), code as u64);
    }
    let targets = (0..64).filter_map(|number| Target::from_number(number).ok());
    for target in targets {
        add(format!("Target.{target:?}"), target as u64);
    }
    let constants = [
        ("ALIGNMENT", ALIGNMENT as u64),
        ("CONVENTION", Convention::CraneliftTail as u64),
        ("IMAGE_ALIGNMENT", IMAGE_ALIGNMENT),
        ("INTERRUPTION_PAGE", INTERRUPTION_PAGE as u64),
        ("MAGIC", u64::from_le_bytes(MAGIC)),
        ("NONE", NONE.into()),
        ("STACK_RESERVE", STACK_RESERVE),
        ("STATUS_HOST", STATUS_HOST.into()),
        ("VALUE_SIZE", VALUE_SIZE as u64),
    ];
    for (name, number) in constants {
        add(name.to_string(), number);
    }
    all
}

fn parse(text: &str) -> BTreeMap<String, u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (name, number) = line.split_once(' ').expect("a name and a number");
        (name.to_string(), number.parse().expect("a number"))
    });
    parsed.collect()
}

/// What `new` does to readers of `old`.
fn problems(old: &BTreeMap<String, u64>, new: &BTreeMap<String, u64>) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, &number) in old {
        let structure = !name.contains('.') && name.chars().any(char::is_lowercase);
        match new.get(name) {
            None => problems.push(format!("{name} is gone")),
            Some(&now) if now == number => {}
            Some(&now) if structure && GROWING.contains(&name.as_str()) && now > number => {}
            Some(&now) if structure => {
                problems.push(format!("{name} had {number} bytes and has {now}"));
            }
            Some(&now) => problems.push(format!("{name} was {number} and is {now}")),
        }
    }
    // A field that is new has to be behind what its structure had.
    let known: BTreeSet<&str> = old.keys().map(String::as_str).collect();
    for (name, &offset) in new {
        let structure = name.split_once('.').map(|(structure, _)| structure);
        if let Some(structure) = structure.filter(|_| !known.contains(name.as_str()))
            && let Some(&size) = old.get(structure)
            && offset < size
        {
            problems.push(format!("{name} is new and not at the end"));
        }
    }
    problems
}

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/layout.txt");

#[test]
fn what_is_published_does_not_change() {
    let new = everything();
    let text = std::fs::read_to_string(FILE).expect("layout.txt");
    let old = parse(&text);
    let problems = problems(&old, &new);
    assert!(
        problems.is_empty(),
        "artefacts that exist would be misread: structures grow only at their ends, and only \
         {GROWING:?}; numbers keep their meaning (see \"Versions\" in lib.rs): {problems:#?}",
    );
    if std::env::var_os("BLESS").is_some() {
        let head = text.lines().take_while(|line| line.starts_with('#'));
        let lines = new.iter().map(|(name, number)| format!("{name} {number}"));
        let lines: Vec<String> = head.map(str::to_string).chain(lines).collect();
        std::fs::write(FILE, lines.join("\n") + "\n").expect("layout.txt can be written");
    } else {
        assert_eq!(old, new, "not yet in layout.txt: BLESS=1 adds it");
    }
}

#[test]
fn what_is_not_an_append_is_found() {
    let old = parse("Descriptor 8\nDescriptor.one 0\nDescriptor.two 4\nTag 4\nTag.ty 0\nNONE 1");
    let of = |text: &str| problems(&old, &parse(text));
    let appended = "Descriptor 12\nDescriptor.one 0\nDescriptor.two 4\nDescriptor.new 8\n\
                    Tag 4\nTag.ty 0\nNONE 1";
    assert!(of(appended).is_empty());
    for (change, problem) in [
        (
            ("new 8", "new 2"),
            "Descriptor.new is new and not at the end",
        ),
        (("two 4", "two 5"), "Descriptor.two was 4 and is 5"),
        (("Descriptor.one 0\n", ""), "Descriptor.one is gone"),
        (
            ("Descriptor 12", "Descriptor 7"),
            "Descriptor had 8 bytes and has 7",
        ),
        (("Tag 4", "Tag 8"), "Tag had 4 bytes and has 8"),
        (("NONE 1", "NONE 2"), "NONE was 1 and is 2"),
    ] {
        assert_eq!(of(&appended.replace(change.0, change.1)), [problem]);
    }
}
