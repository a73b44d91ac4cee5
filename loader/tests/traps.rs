//! Traps: their reason, where they were, and what is left behind.

mod common;

use common::{assert_traps, call, instance, instance_with, trap};
use wasm_aot_loader::{
    BoxError, CallError, Caller, Config, Imports, Instance, Store, TrapCode, Val,
};

/// Every instruction that can trap, in a function of its own.
const TRAPS: &str = r#"(module $traps
    (memory 1)
    (table 3 funcref)
    (elem (i32.const 1) $unreachable)
    (elem $passive func $unreachable)
    (data $passive "abc")
    (func $unreachable (export "unreachable") unreachable)
    (func $load (export "load") (drop (i32.load (i32.const 65533))))
    (func $far (export "far") (drop (i64.load offset=0xffffffff (i32.const -1))))
    (func $store (export "store") (i64.store (i32.const 65529) (i64.const 1)))
    (func $vector (export "vector") (drop (v128.load (i32.const 65521))))
    (func $fill (export "fill") (memory.fill (i32.const 65535) (i32.const 1) (i32.const 2)))
    (func $copy (export "copy") (memory.copy (i32.const 0) (i32.const 65535) (i32.const 2)))
    (func $init (export "init") (memory.init $passive (i32.const 0) (i32.const 2) (i32.const 2)))
    (func $get (export "get") (drop (table.get (i32.const 3))))
    (func $set (export "set") (table.set (i32.const 3) (ref.null func)))
    (func $tfill (export "tfill") (table.fill (i32.const 2) (ref.null func) (i32.const 2)))
    (func $tcopy (export "tcopy") (table.copy (i32.const 2) (i32.const 0) (i32.const 2)))
    (func $tinit (export "tinit") (table.init $passive (i32.const 0) (i32.const 1) (i32.const 1)))
    (func $undefined (export "undefined") (call_indirect (i32.const 3)))
    (func $uninitialized (export "uninitialized") (call_indirect (i32.const 0)))
    (func $mismatch (export "mismatch") (drop (call_indirect (result i32) (i32.const 1))))
    (func $div (export "div") (drop (i32.div_s (i32.const -2147483648) (i32.const -1))))
    (func $zero (export "zero") (drop (i64.rem_u (i64.const 1) (i64.const 0))))
    (func $trunc (export "trunc") (drop (i32.trunc_f64_s (f64.const 2147483648))))
    (func $nan (export "nan") (drop (i64.trunc_f32_u (f32.const nan))))
    (func $overflow (export "overflow") (call $overflow) (call $overflow)))"#;

#[test]
fn every_reason_has_its_text_and_the_name_of_the_function() {
    use TrapCode::*;
    let cases = [
        ("unreachable", Unreachable, "unreachable"),
        ("load", MemoryOutOfBounds, "out of bounds memory access"),
        ("far", MemoryOutOfBounds, "out of bounds memory access"),
        ("store", MemoryOutOfBounds, "out of bounds memory access"),
        ("vector", MemoryOutOfBounds, "out of bounds memory access"),
        ("fill", MemoryOutOfBounds, "out of bounds memory access"),
        ("copy", MemoryOutOfBounds, "out of bounds memory access"),
        ("init", MemoryOutOfBounds, "out of bounds memory access"),
        ("get", TableOutOfBounds, "out of bounds table access"),
        ("set", TableOutOfBounds, "out of bounds table access"),
        ("tfill", TableOutOfBounds, "out of bounds table access"),
        ("tcopy", TableOutOfBounds, "out of bounds table access"),
        ("tinit", TableOutOfBounds, "out of bounds table access"),
        ("undefined", UndefinedElement, "undefined element"),
        (
            "uninitialized",
            UninitializedElement,
            "uninitialized element",
        ),
        (
            "mismatch",
            IndirectCallTypeMismatch,
            "indirect call type mismatch",
        ),
        ("div", IntegerOverflow, "integer overflow"),
        ("zero", IntegerDivisionByZero, "integer divide by zero"),
        ("trunc", IntegerOverflow, "integer overflow"),
        (
            "nan",
            InvalidConversionToInteger,
            "invalid conversion to integer",
        ),
        ("overflow", StackOverflow, "call stack exhausted"),
    ];
    let mut store = Store::new();
    let instance = instance(&mut store, TRAPS);
    for (name, code, text) in cases {
        let trap = trap(call(&mut store, instance, name, &[]));
        assert_eq!((trap.code(), trap.message()), (code, text), "{name}");
        let frame = &trap.backtrace().frames()[0];
        assert_eq!(frame.module_name(), "traps");
        assert_eq!(frame.func_name(), Some(name));
        assert!(frame.offset().is_some(), "{name}");
    }
}

#[test]
fn a_backtrace_has_the_offset_of_each_instruction() {
    // Offsets count from the start of the binary module.
    const WASM: [u8; 41] = [
        0, b'a', b's', b'm', 1, 0, 0, 0, // 0: header
        1, 4, 1, 0x60, 0, 0, // 8: type 0 is (func)
        3, 3, 2, 0, 0, // 14: two functions of it
        7, 7, 1, 3, b'r', b'u', b'n', 0, 0, // 19: 0 is exported as "run"
        10, 11, 2, // 28: code
        5, 0, 0x10, 1, 0x01, 0x0b, // 31: call 1 (at 33), nop
        3, 0, 0x00, 0x0b, // 37: unreachable (at 39)
    ];
    let wasm = WASM;
    let artefact = wasm_aot_compiler::compile(&wasm, &Default::default()).unwrap();
    let module = wasm_aot_loader::Module::from_bytes(&artefact).unwrap();
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let trap = trap(call(&mut store, instance, "run", &[]));
    let frames = trap.backtrace().frames();
    let places: Vec<_> = frames
        .iter()
        .map(|frame| (frame.func_index(), frame.offset()))
        .collect();
    assert_eq!(places, [(1, Some(39)), (0, Some(33))]);
    assert_eq!(
        trap.to_string(),
        "unreachable\n    0: module!func[1], offset 0x27\n    1: module!run, offset 0x21"
    );
}

#[test]
fn a_trap_right_behind_a_call_has_its_own_offset() {
    // In both functions `unreachable` is the instruction that the call returns
    // to; `second` is where the trap is, `first` where the call is.
    let wat = r#"(module
        (import "e" "f" (func $f (param i32) (result)))
        (func (export "run") (param i32) (call $f (local.get 0)) unreachable))"#;
    let mut imports = Imports::new();
    imports.func("e", "f", |fail: i32| match fail {
        0 => Ok(()),
        _ => Err("failed"),
    });
    let mut store = Store::new();
    let instance = instance_with(&mut store, wat, &imports);
    let trap = trap(call(&mut store, instance, "run", &[Val::I32(0)]));
    let behind = trap.backtrace().frames()[0].offset().unwrap();
    let call = match call(&mut store, instance, "run", &[Val::I32(1)]) {
        Err(CallError::Host(error)) => error.backtrace().frames()[0].offset().unwrap(),
        other => panic!("{other:?}"),
    };
    // `call` takes two bytes.
    assert_eq!(behind, call + 2);
}

#[test]
fn what_was_done_before_a_trap_stays() {
    let wat = r#"(module
        (memory (export "m") 1) (global $g (export "g") (mut i32) (i32.const 0))
        (func (export "run") (param i32) (result i32)
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (i32.store8 (i32.const 0) (global.get $g))
            (i32.div_u (i32.const 100) (local.get 0))))"#;
    let mut store = Store::new();
    let instance = instance(&mut store, wat);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    for _ in 0..100 {
        assert_traps(run.call(&mut store, 0), TrapCode::IntegerDivisionByZero);
    }
    assert_eq!(run.call(&mut store, 20).unwrap(), 5);
    let global = instance.get_global(&store, "g").unwrap();
    assert_eq!(global.get(&store), Val::I32(101));
    assert_eq!(
        instance.get_memory(&store, "m").unwrap().data(&store)[0],
        101
    );
}

#[test]
fn a_deep_backtrace_keeps_both_ends_and_counts_the_rest() {
    let wat = r#"(module $deep
        (func $down (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then unreachable))
            (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
        (func $outer (export "run") (param i32) (result i32)
            (i32.add (call $down (local.get 0)) (i32.const 1))))"#;
    let mut store = Store::new();
    let instance = instance(&mut store, wat);
    for depth in [0, 1, 45, 46, 47, 62, 63, 64, 5000] {
        let trap = trap(call(&mut store, instance, "run", &[Val::I32(depth)]));
        let backtrace = trap.backtrace();
        let kept = backtrace.frames().len();
        assert!(kept <= 64, "{kept}");
        assert_eq!(
            kept + backtrace.omitted(),
            depth as usize + 2,
            "depth {depth}"
        );
        assert_eq!(backtrace.frames()[0].func_name(), Some("down"));
        assert_eq!(backtrace.frames()[kept - 1].func_name(), Some("outer"));
        let last = format!("{}: deep!outer", depth + 1);
        assert!(
            trap.to_string().lines().last().unwrap().contains(&last),
            "{trap}"
        );
    }
}

const RECURSION: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (func (export "plain") (param i32) (result i32)
        (i32.add (call 1 (local.get 0)) (i32.const 1)))
    (func (export "run") (param i32) (result i32)
        (i32.add (call $f (local.get 0)) (i32.const 1))))"#;

/// Recursion of each kind overflows, and afterwards everything works.
fn overflow_in_every_way(store: &mut Store) {
    let mut imports = Imports::new();
    imports.func(
        "e",
        "f",
        |mut caller: Caller<'_>, value: i32| -> Result<i32, BoxError> {
            if value == 0 {
                return Ok(0);
            }
            let run = caller
                .get_export("run")
                .and_then(|item| item.func())
                .expect("a function");
            Ok(run.typed::<i32, i32>(&caller)?.call(&mut caller, value)?)
        },
    );
    let host = instance_with(store, RECURSION, &imports);
    // Through a table, each instance calls the other.
    let other = r#"(module
        (table (export "t") 1 funcref)
        (func (export "run") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))
                    (i32.const 1)))
                (else (i32.const 0)))))"#;
    let first = instance(store, other);
    let run = first.get_func(store, "run").unwrap();
    let mut imports = Imports::new();
    imports.define("e", "f", run);
    let second = instance_with(store, RECURSION, &imports);
    let run = second.get_func(store, "run").unwrap();
    let table = first.get_table(store, "t").unwrap();
    table.set(store, 0, Val::from(run)).unwrap();
    for _ in 0..3 {
        for (instance, name) in [
            (host, "plain"),
            (host, "run"),
            (first, "run"),
            (second, "run"),
        ] {
            let trap = trap(call(store, instance, name, &[Val::I32(1)]));
            assert_eq!(trap.code(), TrapCode::StackOverflow, "{name}");
            assert!(!trap.backtrace().frames().is_empty(), "{name}");
            assert!(trap.backtrace().omitted() > 0, "{name}");
        }
        for instance in [host, second] {
            assert_eq!(
                call(store, instance, "run", &[Val::I32(0)]).unwrap(),
                [Val::I32(1)]
            );
        }
    }
}

#[test]
fn a_stack_overflow_is_a_trap_in_every_kind_of_recursion() {
    overflow_in_every_way(&mut Store::new());
}

#[test]
fn a_stack_overflow_is_a_trap_on_threads_with_small_stacks() {
    for kib in [512, 1024] {
        let thread = std::thread::Builder::new().stack_size(kib << 10);
        let work = || overflow_in_every_way(&mut Store::new());
        thread.spawn(work).unwrap().join().unwrap();
    }
}

#[test]
fn plain_recursion_traps_on_a_stack_smaller_than_the_reserve() {
    let mut store = Store::new();
    let instance = instance(&mut store, TRAPS);
    let overflow = instance
        .get_typed_func::<(), ()>(&store, "overflow")
        .unwrap();
    let zero = instance.get_typed_func::<(), ()>(&store, "zero").unwrap();
    for kib in [96, 128, 192] {
        let thread = std::thread::Builder::new().stack_size(kib << 10);
        store = thread
            .spawn(move || {
                assert_traps(overflow.call(&mut store, ()), TrapCode::StackOverflow);
                assert_traps(zero.call(&mut store, ()), TrapCode::IntegerDivisionByZero);
                store
            })
            .unwrap()
            .join()
            .unwrap();
    }
}

#[test]
fn a_second_store_entered_near_the_end_of_the_stack_traps_too() {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let work = || {
        // Each level makes a new store and enters it, until that fails.
        fn deeper(level: u32) -> u32 {
            let mut imports = Imports::new();
            imports.func("e", "f", move |_: i32| -> Result<i32, BoxError> {
                Ok(deeper(level + 1) as i32)
            });
            let mut store = Store::new();
            let artefact = ARTEFACT.get_or_init(|| common::module(RECURSION));
            let instance = Instance::new(&mut store, artefact, &imports).unwrap();
            match call(&mut store, instance, "run", &[Val::I32(0)]) {
                Ok(values) => match values[..] {
                    [Val::I32(reached)] => reached as u32,
                    _ => unreachable!(),
                },
                Err(error) => {
                    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
                    level
                }
            }
        }
        assert!(deeper(0) > 5);
    };
    static ARTEFACT: std::sync::OnceLock<wasm_aot_loader::Module> = std::sync::OnceLock::new();
    ARTEFACT.get_or_init(|| common::module(RECURSION));
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn the_stack_of_a_store_can_be_chosen() {
    let wat = r#"(module (global $depth (export "depth") (mut i32) (i32.const 0))
        (func $f (export "f") (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (call $f) (call $f)))"#;
    let depth = |bytes| {
        let mut store = Store::with_config(&Config::new().max_wasm_stack(bytes));
        let instance = instance(&mut store, wat);
        assert_traps(
            call(&mut store, instance, "f", &[]),
            TrapCode::StackOverflow,
        );
        match instance.get_global(&store, "depth").unwrap().get(&store) {
            Val::I32(depth) => depth,
            _ => unreachable!(),
        }
    };
    let (small, large) = (depth(64 << 10), depth(256 << 10));
    assert!(small > 100 && large > 3 * small, "{small} {large}");
}
