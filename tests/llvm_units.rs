//! Modules that are too large to be compiled by LLVM at a time.

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Mutex;

use wasm_aot_compiler::{Cache, Codegen, Level, Observer, Options, compile, compile_to};
use wasm_aot_loader::{CallError, Imports, Instance, Module, Store, Trap};

/// Functions of a module, some of which are small and some large.
const FUNCTIONS: usize = 600;

/// A module whose functions mix their argument, call each other as often as the second
/// argument says, and sometimes divide by zero or are out of bounds. `constant` is in the
/// function in the middle.
fn module(constant: i32) -> Vec<u8> {
    let mut wat = String::from(
        "(module (memory 1)
         (func $seldom (param i32) (result i32)
             (i32.div_u (i32.const 1000000) (i32.and (local.get 0) (i32.const 1023))))
         (func $often (param i32) (result i32)
             (i32.load offset=64 (i32.and (local.get 0) (i32.const 0x1003f))))",
    );
    for index in 0..FUNCTIONS {
        let steps = if index % 7 == 0 { 2 } else { 30 };
        write!(wat, "(func $f{index} (param i32 i32) (result i32)").unwrap();
        for step in 0..steps {
            let added = match (index, step) {
                (300, 0) => constant,
                _ => (index * 31 + step * 7) as i32,
            };
            write!(
                wat,
                "(local.set 0 (i32.xor (i32.mul (local.get 0) (i32.const {}))
                     (i32.shr_u (i32.add (local.get 0) (i32.const {added})) (i32.const {}))))",
                2 * step + 3,
                step % 13 + 3,
            )
            .unwrap();
        }
        let (next, helper) = ((index * 37 + 11) % FUNCTIONS, index % 5);
        let helped = match helper {
            0 => "(call $seldom (local.get 0))",
            1 => "(call $often (local.get 0))",
            _ => "(local.get 0)",
        };
        write!(
            wat,
            "(if (result i32) (local.get 1)
                 (then (i32.add {helped}
                     (call $f{next} (local.get 0) (i32.sub (local.get 1) (i32.const 1)))))
                 (else (local.get 0))))"
        )
        .unwrap();
    }
    wat.push_str("(func (export \"run\") (param i32 i32) (result i32)\n");
    wat.push_str("(call $f1 (local.get 0) (local.get 1))))");
    wat::parse_str(wat).expect("it is a module")
}

fn options(codegen: Codegen) -> Options {
    Options {
        codegen: Some(codegen),
        level: Level::O1,
        ..Options::default()
    }
}

/// What a call gives: a result, or why and where it trapped, by indices of functions and
/// offsets in these.
type Outcome = Result<i32, (String, Vec<(u32, Option<u32>)>)>;

fn outcomes(artefact: &[u8]) -> Vec<Outcome> {
    let module = Module::from_bytes(artefact).expect("it opens");
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).expect("no imports");
    let run = instance.get_typed_func::<(i32, i32), i32>(&store, "run");
    let run = run.expect("it is exported");
    let place = |trap: Trap| {
        let frames = trap.backtrace().frames().iter();
        let frames = frames.map(|frame| (frame.func_index(), frame.func_offset()));
        (trap.code().to_string(), frames.collect())
    };
    (0..100)
        .map(|seed: i32| {
            let result = run.call(
                &mut store,
                (seed.wrapping_mul(0x9e37_79b9_u32 as i32), seed / 8),
            );
            result.map_err(|error| match error {
                CallError::Trap(trap) => place(trap),
                other => panic!("not a trap: {other}"),
            })
        })
        .collect()
}

#[test]
fn functions_of_different_units_do_as_those_of_one() {
    let wasm = module(5);
    let made = |codegen| outcomes(&compile(&wasm, &options(codegen)).expect("it compiles"));
    let ours = made(Codegen::Llvm);
    assert_eq!(ours, made(Codegen::Cranelift));
    let traps = ours.iter().filter(|outcome| outcome.is_err()).count();
    assert!((10..90).contains(&traps), "{traps} of 100 calls trap");
}

/// How many functions were found in the cache.
#[derive(Default)]
struct Found(Mutex<Option<usize>>);

impl Observer for Found {
    fn cached(&self, functions: usize, _total: usize) {
        *self.0.lock().unwrap() = Some(functions);
    }
}

#[test]
fn a_unit_is_found_in_the_cache_unless_one_of_its_functions_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let cached = Options {
        cache: Some(Cache::new(folder.path())),
        ..options(Codegen::Llvm)
    };
    let found = |wasm: &[u8]| {
        let (seen, mut out) = (Found::default(), Cursor::new(Vec::new()));
        compile_to(wasm, &cached, &seen, &mut out).expect("it compiles");
        let found = seen.0.into_inner().unwrap().expect("there is a cache");
        (found, out.into_inner())
    };
    let all = FUNCTIONS + 3;
    let (before, first) = found(&module(5));
    assert_eq!(before, 0);
    let (again, second) = found(&module(5));
    assert_eq!(again, all);
    assert!(first == second);
    // What is behind it is moved by the larger constant, and is found nevertheless.
    let changed = module(500_000);
    let (others, third) = found(&changed);
    assert!((1..all).contains(&others), "{others} of {all}");
    assert!(third == compile(&changed, &options(Codegen::Llvm)).expect("it compiles"));
}
