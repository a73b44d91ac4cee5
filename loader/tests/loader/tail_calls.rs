//! Calls instead of returning: they take no stack, whatever is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasm_aot_loader::{BoxError, Caller, Config, Imports, Store, TrapCode, Val};

use crate::support::{add, call, instance, names, run, trap, trap_code};

/// More calls than any stack has bytes for frames.
const MANY: i64 = 10_000_000;

/// Little stack, so that none can be lost unnoticed.
fn store() -> Store {
    Store::with_config(&Config::new().max_wasm_stack(64 << 10))
}

#[test]
fn functions_of_a_module_call_each_other_ten_million_times() {
    let mut store = store();
    let instance = add(
        &mut store,
        r#"(module
          (type $step (func (param i64 i64) (result i64)))
          (table funcref (elem $odd $even))
          (table $shared (export "shared") 2 2 funcref)
          (elem (table $shared) (i32.const 0) func $hidden $even)
          (func $even (type $step)
            (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
            (return_call $odd
              (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (local.get 0))))
          (func $odd (type $step)
            (return_call_indirect (type $step)
              (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 1))
              (i32.const 1)))
          (func $hidden (type $step)
            (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
            (return_call_indirect $shared (type $step)
              (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 2))
              (i32.const 0)))
          (func (export "text") (param i64) (result i64)
            (return_call $even (local.get 0) (i64.const 0)))
          (func (export "table") (param i64) (result i64)
            (return_call $hidden (local.get 0) (i64.const 0))))"#,
        &Imports::new(),
    );
    let half = MANY / 2;
    for (name, sum) in [("text", half * (half + 1) + half), ("table", MANY * 2)] {
        let results = call(&mut store, instance, name, &[Val::I64(MANY)]).unwrap();
        assert_eq!(results, [Val::I64(sum)], "{name}");
    }
}

#[test]
fn functions_of_two_artefacts_call_each_other_ten_million_times() {
    let mut store = store();
    let owner = add(
        &mut store,
        r#"(module (table (export "table") 1 funcref))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("owner", &store, owner);
    let ping = add(
        &mut store,
        r#"(module
          (type $step (func (param i64) (result i64)))
          (import "owner" "table" (table 1 funcref))
          (func (export "ping") (type $step)
            (if (i64.eqz (local.get 0)) (then (return (i64.const 42))))
            (return_call_indirect (type $step)
              (i64.sub (local.get 0) (i64.const 1)) (i32.const 0))))"#,
        &imports,
    );
    imports.instance("ping", &store, ping);
    let pong = add(
        &mut store,
        r#"(module
          (type $step (func (param i64) (result i64)))
          (import "ping" "ping" (func $ping (type $step)))
          (import "owner" "table" (table 1 funcref))
          (elem (i32.const 0) $pong)
          (func $pong (export "pong") (type $step) (return_call $ping (local.get 0))))"#,
        &imports,
    );
    let results = call(&mut store, pong, "pong", &[Val::I64(MANY)]).unwrap();
    assert_eq!(results, [Val::I64(42)]);
}

#[test]
fn host_functions_are_called_in_tail_position() {
    let calls = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&calls);
    let mut imports = Imports::new();
    imports.func("h", "next", move |n: i64, _: f64| {
        counter.fetch_add(1, Ordering::Relaxed);
        n - 1
    });
    let mut store = store();
    let instance = add(
        &mut store,
        r#"(module
          (type $next (func (param i64 f64) (result i64)))
          (import "h" "next" (func $next (type $next)))
          (table (export "t") 1 funcref)
          (elem (i32.const 0) $next)
          (func $direct (param i64) (result i64)
            (return_call $next (local.get 0) (f64.const 1)))
          (func $indirect (param i64) (result i64)
            (return_call_indirect (type $next) (local.get 0) (f64.const 1) (i32.const 0)))
          (func $loop (export "run") (param i64) (result i64)
            (if (i64.le_s (local.get 0) (i64.const 0)) (then (return (local.get 0))))
            (return_call $loop (call $indirect (call $direct (local.get 0))))))"#,
        &imports,
    );
    let results = call(&mut store, instance, "run", &[Val::I64(1_000_000)]).unwrap();
    assert_eq!(results, [Val::I64(0)]);
    assert_eq!(calls.load(Ordering::Relaxed), 1_000_000);
}

/// Functions with so many parameters of types by turns, the first of which counts
/// down: each checks the others, and calls the one with the next number.
fn relay(counts: &[usize]) -> String {
    const TYPES: [&str; 5] = ["i64", "v128", "f32", "i32", "f64"];
    let ty = |index: usize| TYPES[index % TYPES.len()];
    let value = |ty: &str, number: usize| match ty {
        "v128" => format!("(v128.const i64x2 {number} -{number})"),
        ty => format!("({ty}.const {number})"),
    };
    let mut text = String::from("(module");
    for (at, &count) in counts.iter().enumerate() {
        let next = (at + 1) % counts.len();
        text += &format!("(func $f{at} (export \"f{at}\") (param i64)");
        for index in 1..count {
            text += &format!("(param {})", ty(index));
        }
        text += "(result i64)";
        for index in 1..count {
            let ty = ty(index);
            let expected = value(ty, index * 7 + at);
            text += &match ty {
                "v128" => format!(
                    "(if (i32.eqz (i64x2.all_true (i64x2.eq (local.get {index}) {expected})))
                       (then unreachable))"
                ),
                ty => {
                    format!("(if ({ty}.ne (local.get {index}) {expected}) (then unreachable))")
                }
            };
        }
        text += "(if (i64.eqz (local.get 0)) (then (return (i64.const 5))))";
        text += &format!("(return_call $f{next} (i64.sub (local.get 0) (i64.const 1))");
        for index in 1..counts[next] {
            text += &value(ty(index), index * 7 + next);
        }
        text += "))";
    }
    text += "(func (export \"run\") (param i64) (result i64) (return_call $f0 (local.get 0)";
    for index in 1..counts[0] {
        text += &value(ty(index), index * 7);
    }
    text + ")))"
}

#[test]
fn arguments_beyond_the_registers_replace_those_of_the_caller() {
    for counts in [
        &[40, 1][..],
        &[1, 40],
        &[30, 31, 29, 64, 12],
        &[200, 3, 999],
    ] {
        let mut store = store();
        let instance = add(&mut store, &relay(counts), &Imports::new());
        let steps = Val::I64(30_000 / counts[0] as i64 * counts.len() as i64);
        let results = call(&mut store, instance, "run", &[steps]).unwrap();
        assert_eq!(results, [Val::I64(5)], "{counts:?}");
    }
}

#[test]
fn results_beyond_the_registers_come_back_to_the_first_caller() {
    let results = "(result i64 f32 i64 v128 i64 i64 i64 f64 i64 i64 i64 i64 i32 i64 i64)";
    let wat = format!(
        r#"(module
          (func $last {results}
            (i64.const 0) (f32.const 1) (i64.const 2) (v128.const i64x2 3 3) (i64.const 4)
            (i64.const 5) (i64.const 6) (f64.const 7) (i64.const 8) (i64.const 9)
            (i64.const 10) (i64.const 11) (i32.const 12) (i64.const 13) (i64.const 14))
          (func $middle (param i64) {results}
            (if (i64.eqz (local.get 0)) (then (return_call $last)))
            (return_call $middle (i64.sub (local.get 0) (i64.const 1))))
          (func (export "run") {results} (return_call $middle (i64.const 100000))))"#
    );
    let (mut store, instance) = instance(&wat);
    let results = call(&mut store, instance, "run", &[]).unwrap();
    assert_eq!(results[0], Val::I64(0));
    assert_eq!(results[3], Val::V128(3 << 64 | 3));
    assert_eq!(results[7], Val::F64(7f64.to_bits()));
    assert_eq!(results[14], Val::I64(14));
}

#[test]
fn a_backtrace_has_the_functions_that_have_not_been_replaced() {
    let (mut store, instance) = instance(
        r#"(module
          (func $fail (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) unreachable)
          (func $replaced
            (return_call $fail (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)
              (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))
          (func $middle (call $replaced) (global.set 0 (i32.const 1)))
          (global (mut i32) (i32.const 0))
          (func $gone (return_call $middle))
          (func $main (export "run") (call $gone) (global.set 0 (i32.const 2))))"#,
    );
    let trap = trap(run(&mut store, instance, "run"));
    assert_eq!(names(trap.backtrace()), ["fail", "middle", "main"]);
    let frames = trap.backtrace().frames();
    assert!(frames.iter().all(|frame| frame.offset().is_some()));
}

#[test]
fn a_host_function_that_fails_in_tail_position_ends_the_call() {
    let mut imports = Imports::new();
    imports.func("h", "fail", |_: Caller<'_>| -> Result<(), BoxError> {
        Err("refused".into())
    });
    let mut store = store();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "fail" (func $fail))
          (func $replaced (return_call $fail))
          (func $main (export "run") (call $replaced) unreachable))"#,
        &imports,
    );
    let error = run(&mut store, instance, "run").unwrap_err();
    let wasm_aot_loader::CallError::Host(error) = error else {
        panic!("{error:?}");
    };
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(names(error.backtrace()), ["main"]);
}

#[test]
fn what_cannot_be_called_traps_before_the_frame_is_left() {
    let (mut store, instance) = instance(
        r#"(module
          (type $none (func))
          (table (export "t") 3 funcref)
          (elem (i32.const 0) $other)
          (func $other (param i32))
          (func $to (export "to") (param i32)
            (return_call_indirect (type $none) (local.get 0))))"#,
    );
    for (index, code) in [
        (0, TrapCode::IndirectCallTypeMismatch),
        (1, TrapCode::UninitializedElement),
        (3, TrapCode::UndefinedElement),
    ] {
        let trap = trap(call(&mut store, instance, "to", &[Val::I32(index)]));
        assert_eq!(trap.code(), code);
        assert_eq!(names(trap.backtrace()), ["to"]);
    }
}

/// A function that does nothing but such a call may still trap.
#[test]
fn a_trap_behind_nothing_but_a_tail_call_is_a_trap() {
    let (mut store, instance) = instance(
        r#"(module
          (func $fail unreachable)
          (func $recurse (call $recurse) (global.set 0 (i32.const 1)))
          (global (mut i32) (i32.const 0))
          (func (export "fail") (return_call $fail))
          (func (export "deep") (return_call $recurse)))"#,
    );
    for (name, code) in [
        ("fail", TrapCode::Unreachable),
        ("deep", TrapCode::StackOverflow),
    ] {
        assert_eq!(trap_code(run(&mut store, instance, name)), code);
    }
}
