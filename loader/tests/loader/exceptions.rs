//! Exceptions: between functions, artefacts and the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasm_aot_abi::{Descriptor, Required, Wire};
use wasm_aot_loader::{
    BoxError, CallError, Caller, Exception, ExnRef, ExternType, Func, Imports, Instance,
    InstantiationError, Store, Tag, TagType, TrapCode, Val, ValType, imports,
};

use crate::damage::descriptor;
use crate::support::{add, artefact, call, instance, module, names, run, trap_code};

/// The exception that a call has ended with.
#[track_caller]
fn exception<T: std::fmt::Debug>(result: Result<T, CallError>) -> Exception {
    match result {
        Err(CallError::Exception(exception)) => exception,
        other => panic!("expected an exception, got {other:?}"),
    }
}

/// A tag for an `i32`, as `h` `t`.
fn tag(store: &mut Store) -> (Tag, Imports) {
    let tag = Tag::new(store, TagType::new([ValType::I32]));
    (tag, imports! { "h" => { "t" => tag } })
}

#[test]
fn all_types_of_values_reach_the_handler() {
    let (mut store, instance) = instance(
        r#"(module
          (tag $t (param i32 i64 f32 f64 v128 funcref externref exnref))
          (func $f (export "f"))
          (func $throw (param externref)
            (throw $t (i32.const -1) (i64.const 2) (f32.const 3) (f64.const 4)
              (v128.const i64x2 5 6) (ref.func $f) (local.get 0) (ref.null exn)))
          (func (export "run") (param externref)
            (result i32 i64 f32 f64 v128 funcref externref exnref)
            (block $caught (result i32 i64 f32 f64 v128 funcref externref exnref)
              (try_table (catch $t $caught) (call $throw (local.get 0)))
              unreachable)))"#,
    );
    let object = wasm_aot_loader::ExternRef::new(&mut store, "object");
    let results = call(&mut store, instance, "run", &[object.into()]).unwrap();
    let f = instance.get_func(&store, "f").unwrap();
    let expected = [
        Val::I32(-1),
        Val::I64(2),
        Val::F32(3f32.to_bits()),
        Val::F64(4f64.to_bits()),
        Val::V128(6 << 64 | 5),
        f.into(),
        object.into(),
        Val::ExnRef(None),
    ];
    assert_eq!(results, expected);
}

/// What lives across a call is in the frame, whatever the callee does with
/// registers.
#[test]
fn a_handler_finds_locals_and_operands_as_they_were() {
    let (mut store, instance) = instance(
        r#"(module
          (tag $t (param i32))
          (func $throw (param i32 i32 i32 i32 i32 i32 i32 i32 i64 f64 v128)
            (local i64 i64 i64 i64 i64 i64)
            (local.set 11 (i64.mul (i64.extend_i32_s (local.get 0)) (local.get 8)))
            (local.set 12 (i64.mul (local.get 11) (local.get 8)))
            (local.set 13 (i64.mul (local.get 12) (local.get 11)))
            (if (i64.eqz (local.get 13)) (then (return)))
            (throw $t (local.get 7)))
          (func (export "run") (param $n i32) (result i64)
            (local $a i64) (local $b i64) (local $f f64) (local $v v128)
            (local.set $a (i64.extend_i32_s (local.get $n)))
            (local.set $b (i64.mul (local.get $a) (local.get $a)))
            (local.set $f (f64.convert_i32_s (local.get $n)))
            (local.set $v (i64x2.splat (local.get $b)))
            (local.get $b)
            (block $caught (result i32)
              (try_table (catch $t $caught)
                (call $throw (local.get $n) (i32.const 1) (i32.const 2) (i32.const 3)
                  (i32.const 4) (i32.const 5) (i32.const 6) (i32.const 7) (local.get $a)
                  (local.get $f) (local.get $v))
                (local.set $b (i64.const 1000000))
                (call $throw (i32.const 1) (i32.const 1) (i32.const 2) (i32.const 3)
                  (i32.const 4) (i32.const 5) (i32.const 6) (i32.const 8) (i64.const 1)
                  (local.get $f) (local.get $v)))
              unreachable)
            (i64.extend_i32_s)
            (i64.add)
            (i64.add (local.get $b))
            (i64.add (i64.trunc_f64_s (local.get $f)))
            (i64.add (i64x2.extract_lane 1 (local.get $v)))))"#,
    );
    for (n, expected) in [(3, 9 + 7 + 9 + 3 + 9), (0, 8 + 1_000_000)] {
        let results = call(&mut store, instance, "run", &[Val::I32(n)]).unwrap();
        assert_eq!(results, [Val::I64(expected)]);
    }
}

#[test]
fn an_uncaught_exception_is_an_error_with_tag_values_and_backtrace() {
    let (mut store, instance) = instance(
        r#"(module $app
          (tag $t (export "failed") (param i32 f64))
          (tag $hidden)
          (func $inner (throw $t (i32.const 42) (f64.const 0.5)))
          (func $outer (export "run")
            (block (try_table (catch $hidden 0) (call $inner))) (global.set 0 (i32.const 1)))
          (func $other (export "hidden") (throw $hidden))
          (global (mut i32) (i32.const 0)))"#,
    );
    let error = exception(run(&mut store, instance, "run"));
    assert_eq!(error.tag(), instance.get_tag(&store, "failed").unwrap());
    assert_eq!(error.values(), [42.into(), 0.5f64.into()]);
    assert_eq!(names(error.backtrace()), ["inner", "outer"]);
    let frames = error.backtrace().frames();
    assert!(frames.iter().all(|frame| frame.offset().is_some()));
    let text = error.to_string();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("uncaught exception failed(42, 0.5)"));
    assert!(lines.next().unwrap().contains("app!inner"), "{text}");
    let error = exception(run(&mut store, instance, "hidden"));
    assert_eq!(error.message(), "app!tag[1]()");
}

#[test]
fn traps_and_errors_of_the_host_are_not_caught() {
    let mut imports = Imports::new();
    imports.func("h", "fail", || Err::<(), _>("no"));
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "fail" (func $fail))
          (func $trap unreachable)
          (func $deep (call $deep) (global.set 0 (i32.const 1)))
          (global (mut i32) (i32.const 0))
          (func (export "trap") (block (try_table (catch_all 0) (call $trap))))
          (func (export "deep") (block (try_table (catch_all 0) (call $deep))))
          (func (export "host") (block (try_table (catch_all 0) (call $fail))))
          (func (export "here") (block (try_table (catch_all 0) unreachable))))"#,
        &imports,
    );
    for (name, code) in [
        ("trap", TrapCode::Unreachable),
        ("deep", TrapCode::StackOverflow),
        ("here", TrapCode::Unreachable),
    ] {
        assert_eq!(trap_code(run(&mut store, instance, name)), code);
    }
    let error = run(&mut store, instance, "host").unwrap_err();
    assert!(matches!(error, CallError::Host(_)), "{error:?}");
}

#[test]
fn a_panic_of_the_host_passes_handlers() {
    let mut imports = Imports::new();
    imports.func("h", "panic", || -> () { panic!("in the host") });
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module (import "h" "panic" (func $panic))
          (func (export "run") (block (try_table (catch_all 0) (call $panic)))))"#,
        &imports,
    );
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&mut store, instance, "run")
    }));
    assert_eq!(
        caught.unwrap_err().downcast_ref::<&str>(),
        Some(&"in the host")
    );
}

#[test]
fn tags_are_the_same_in_artefacts_that_share_them() {
    let mut store = Store::new();
    let thrower = add(
        &mut store,
        r#"(module
          (tag $mine (export "mine") (param i32))
          (tag $other (export "other") (param i32))
          (func (export "throw") (param i32) (throw $mine (local.get 0)))
          (func (export "throw_other") (param i32) (throw $other (local.get 0))))"#,
        &Imports::new(),
    );
    let mut imports = Imports::new();
    imports.instance("a", &store, thrower);
    let text = r#"(module
          (import "a" "mine" (tag $mine (param i32)))
          (import "a" "mine" (tag $again (param i32)))
          (tag $own (export "own") (param i32))
          (import "a" "throw" (func $throw (param i32)))
          (import "a" "throw_other" (func $throw_other (param i32)))
          (func (export "mine") (result i32)
            (block $caught (result i32)
              (block $wrong (result i32)
                (try_table (catch $own $wrong) (catch $again $caught)
                  (call $throw (i32.const 7)))
                unreachable)
              unreachable))
          (func (export "alias") (result i32)
            (block $caught (result i32)
              (try_table (catch $again $caught) (throw $mine (i32.const 8)))
              unreachable))
          (func (export "other") (result i32)
            (block $caught (result i32)
              (try_table (catch $mine $caught) (catch $own $caught)
                (call $throw_other (i32.const 9)))
              unreachable)))"#;
    // Imports stand before definitions.
    let text = text.replace(
        r#"          (tag $own (export "own") (param i32))
"#,
        "",
    );
    let text = text.replace(
        r#"          (func (export "mine")"#,
        r#"          (tag $own (export "own") (param i32))
          (func (export "mine")"#,
    );
    let catcher = add(&mut store, &text, &imports);
    for (name, value) in [("mine", 7), ("alias", 8)] {
        let results = call(&mut store, catcher, name, &[]).unwrap();
        assert_eq!(results, [Val::I32(value)], "{name}");
    }
    let error = exception(call(&mut store, catcher, "other", &[]));
    assert_eq!(error.tag(), thrower.get_tag(&store, "other").unwrap());

    // Each instance has tags of its own.
    let twin = add(&mut store, &text, &imports);
    let own = |instance: Instance, store: &Store| instance.get_tag(store, "own").unwrap();
    assert_ne!(own(catcher, &store), own(twin, &store));
}

#[test]
fn a_tag_of_another_type_does_not_match() {
    let mut store = Store::new();
    let (tag, imports) = tag(&mut store);
    assert_eq!(tag.ty(&store).to_string(), "(tag (param i32))");
    let module = module(r#"(module (import "h" "t" (tag (param i64))) (export "t" (tag 0)))"#);
    let expected = TagType::new([ValType::I64]);
    assert_eq!(
        module.exports().next().unwrap().ty,
        ExternType::Tag(expected)
    );
    match Instance::new(&mut store, &module, &imports) {
        Err(InstantiationError::Link(error)) => {
            let problem = &error.problems()[0];
            assert_eq!(problem.expected, expected.into());
            assert_eq!(
                error.to_string(),
                "incompatible import type: \"h\" \"t\": \
                 expected (tag (param i64)), found (tag (param i32))"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_function_throws_and_its_caller_catches() {
    let mut store = Store::new();
    let (tag, mut imports) = tag(&mut store);
    imports.func("h", "throw", move |caller: Caller<'_>, value: i32| {
        Err::<(), _>(Exception::new(&caller, tag, [value.into()]))
    });
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "t" (tag $t (param i32)))
          (import "h" "throw" (func $throw (param i32)))
          (func $between (param i32) (call $throw (local.get 0)) (global.set 0 (i32.const 1)))
          (global (mut i32) (i32.const 0))
          (func (export "catch") (param i32) (result i32)
            (block $caught (result i32)
              (try_table (catch $t $caught) (call $between (local.get 0)))
              unreachable))
          (func $direct (export "direct") (call $throw (i32.const 5)) (global.set 0 (i32.const 1))))"#,
        &imports,
    );
    for value in 0..1000 {
        let results = call(&mut store, instance, "catch", &[value.into()]).unwrap();
        assert_eq!(results, [value.into()]);
    }
    let error = exception(run(&mut store, instance, "direct"));
    assert_eq!((error.tag(), error.values()), (tag, &[5.into()][..]));
    assert_eq!(names(error.backtrace()), ["direct"]);
}

#[test]
fn an_exception_passes_through_host_functions_and_keeps_its_backtrace() {
    let mut store = Store::new();
    let (tag, mut imports) = tag(&mut store);
    let bottom = add(
        &mut store,
        r#"(module (import "h" "t" (tag $t (param i32)))
          (func $fail (export "fail") (throw $t (i32.const 1))))"#,
        &imports,
    );
    let fail = bottom.get_typed_func::<(), ()>(&store, "fail").unwrap();
    imports.func(
        "h",
        "pass",
        move |mut caller: Caller<'_>| -> Result<(), BoxError> { Ok(fail.call(&mut caller, ())?) },
    );
    imports.func(
        "h",
        "look",
        move |mut caller: Caller<'_>| -> Result<i32, BoxError> {
            let error = exception(fail.call(&mut caller, ()));
            assert_eq!(error.tag(), tag);
            let Val::I32(value) = error.values()[0] else {
                panic!("{error:?}");
            };
            // The host throws another one for it.
            Err(Exception::new(&caller, tag, [Val::I32(value + 10)]).into())
        },
    );
    let top = add(
        &mut store,
        r#"(module
          (import "h" "t" (tag $t (param i32)))
          (import "h" "pass" (func $pass))
          (import "h" "look" (func $look (result i32)))
          (func (export "pass") (result i32)
            (block $caught (result i32)
              (try_table (catch $t $caught) (call $pass))
              unreachable))
          (func (export "look") (result i32)
            (block $caught (result i32)
              (try_table (catch $t $caught) (drop (call $look)))
              unreachable))
          (func $through (export "through") (call $pass) (global.set 0 (i32.const 1)))
          (global (mut i32) (i32.const 0)))"#,
        &imports,
    );
    for (name, value) in [("pass", 1), ("look", 11)] {
        let results = call(&mut store, top, name, &[]).unwrap();
        assert_eq!(results, [Val::I32(value)]);
    }
    let error = exception(run(&mut store, top, "through"));
    assert_eq!(names(error.backtrace()), ["fail", "through"]);
}

#[test]
fn an_exception_of_another_store_is_an_error() {
    let mut other = Store::new();
    let (tag, _) = tag(&mut other);
    let foreign = Arc::new(std::sync::Mutex::new(Some(Exception::new(
        &other,
        tag,
        [1.into()],
    ))));
    let mut imports = Imports::new();
    imports.func("h", "throw", move || {
        Err::<(), _>(foreign.lock().unwrap().take().expect("once"))
    });
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module (import "h" "throw" (func $throw))
          (func (export "run") (block (try_table (catch_all 0) (call $throw)))))"#,
        &imports,
    );
    let error = exception(run(&mut store, instance, "run"));
    assert_eq!(error.tag(), tag);
}

#[test]
fn a_host_function_that_the_host_calls_throws() {
    let mut store = Store::new();
    let (tag, _) = tag(&mut store);
    let func = Func::wrap(&mut store, move |caller: Caller<'_>| {
        Err::<(), _>(Exception::new(&caller, tag, [3.into()]))
    });
    let error = exception(func.call(&mut store, &[], &mut []));
    assert_eq!(error.values(), [3.into()]);
    assert!(error.backtrace().frames().is_empty());
}

#[test]
fn a_start_function_throws() {
    let module = module("(module (tag $t) (func $start (throw $t)) (start $start))");
    match Instance::new(&mut Store::new(), &module, &Imports::new()) {
        Err(InstantiationError::Exception(exception)) => assert!(exception.values().is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
#[should_panic(expected = "the tag is for as many values")]
fn values_must_be_as_many_as_the_tag_says() {
    let mut store = Store::new();
    let (tag, _) = tag(&mut store);
    Exception::new(&store, tag, []);
}

#[test]
#[should_panic(expected = "expected a value of type i32")]
fn values_must_be_of_the_types_that_the_tag_says() {
    let mut store = Store::new();
    let (tag, _) = tag(&mut store);
    Exception::new(&store, tag, [1i64.into()]);
}

#[test]
fn references_are_values() {
    let (mut store, instance) = instance(
        r#"(module
          (tag $t (export "t") (param i32))
          (global $g (export "g") (mut exnref) (ref.null exn))
          (table $e (export "e") 2 exnref)
          (func $catch (export "catch") (param i32) (result exnref)
            (block $caught (result i32 exnref)
              (try_table (catch_ref $t $caught) (throw $t (local.get 0)))
              unreachable)
            (global.set $g) (drop) (global.get $g))
          (func (export "keep") (param i32)
            (table.set $e (i32.const 1) (call $catch (local.get 0))))
          (func (export "is_null") (param exnref) (result i32) (ref.is_null (local.get 0)))
          (func (export "rethrow") (param exnref) (result i32)
            (block $caught (result i32)
              (try_table (catch $t $caught) (throw_ref (local.get 0)))
              unreachable))
          (func (export "run") (throw_ref (table.get $e (i32.const 0)))))"#,
    );
    let catch = instance
        .get_typed_func::<i32, Option<ExnRef>>(&store, "catch")
        .unwrap();
    let first = catch.call(&mut store, 5).unwrap();
    run_with(&mut store, instance, "keep", 6);
    let table = instance.get_table(&store, "e").unwrap();
    assert_eq!(table.get(&store, 0), Some(Val::ExnRef(None)));
    let second = table.get(&store, 1).unwrap();
    assert_eq!(
        instance.get_global(&store, "g").unwrap().get(&store),
        second
    );
    for (reference, value) in [(first.into(), 5), (second, 6), (second, 6)] {
        let results = call(&mut store, instance, "rethrow", &[reference]).unwrap();
        assert_eq!(results, [Val::I32(value)]);
        let results = call(&mut store, instance, "is_null", &[reference]).unwrap();
        assert_eq!(results, [Val::I32(0)]);
    }
    assert_eq!(
        first.unwrap().exception(&store).tag(),
        instance.get_tag(&store, "t").unwrap()
    );
    assert_eq!(
        trap_code(run(&mut store, instance, "run")),
        TrapCode::NullReference
    );
}

fn run_with(store: &mut Store, instance: Instance, name: &str, value: i32) {
    call(store, instance, name, &[value.into()]).unwrap();
}

/// Exceptions that are thrown and caught, with and without a reference, by way of
/// frames that clean up and throw on.
const MANY: &str = r#"(module
  (tag $t (param i32))
  (func $throw (param i32) (throw $t (local.get 0)))
  (func $clean (param i32)
    (block $cleanup (result exnref)
      (try_table (catch_all_ref $cleanup) (call $throw (local.get 0)))
      unreachable)
    (throw_ref))
  (func $plain (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $t $caught) (call $throw (local.get 0)))
      unreachable))
  (func $cleaned (param i32) (result i32)
    (block $caught (result i32)
      (try_table (catch $t $caught) (call $clean (local.get 0)))
      unreachable))
  (func $dropped (param i32) (result i32)
    (local exnref)
    (block $caught (result i32 exnref)
      (try_table (catch_ref $t $caught) (call $clean (local.get 0)))
      unreachable)
    (local.set 1))
  (func $run (export "run") (param $n i32) (result i64) (local $sum i64)
    (loop $again
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s
        (call $plain (local.get $n)))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s
        (call $cleaned (local.get $n)))))
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s
        (call $dropped (local.get $n)))))
      (br_if $again (local.get $n)))
    (local.get $sum))
  (func (export "keep") (param $n i32) (result i64) (local $exn exnref)
    (block $caught (result i32 exnref)
      (try_table (catch_ref $t $caught) (call $throw (i32.const 77)))
      unreachable)
    (local.set $exn) (drop)
    (block $again (result i32)
      (call $run (local.get $n)) (drop)
      (try_table (catch $t $again) (throw_ref (local.get $exn)))
      unreachable)
    (i64.extend_i32_s)))"#;

/// How much the process has in memory, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn exceptions_that_nobody_can_refer_to_any_more_are_freed() {
    crate::support::isolated_ok(
        "exceptions::exceptions_that_nobody_can_refer_to_any_more_are_freed",
        || {
            let (mut store, instance) = instance(MANY);
            let n = 100_000i32;
            let sum = Val::I64(3 * i64::from(n) * i64::from(n - 1) / 2);
            let mut go = || call(&mut store, instance, "run", &[n.into()]).unwrap();
            assert_eq!(go(), [sum]);
            let before = resident();
            for _ in 0..3 {
                assert_eq!(go(), [sum]);
            }
            let grown = resident().saturating_sub(before);
            assert!(grown < 2 << 20, "{grown} bytes");
        },
    );
}

#[test]
fn an_exception_that_a_frame_holds_outlives_many_others() {
    let (mut store, instance) = instance(MANY);
    let results = call(&mut store, instance, "keep", &[1000.into()]).unwrap();
    assert_eq!(results, [Val::I64(77)]);
}

/// The frame that holds one is in an entry further out.
#[test]
fn an_exception_that_an_outer_call_holds_outlives_many_others() {
    let mut store = Store::new();
    let inner = add(&mut store, MANY, &Imports::new());
    let many = inner.get_typed_func::<i32, i64>(&store, "run").unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let mut imports = Imports::new();
    imports.func("h", "many", move |mut caller: Caller<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
        many.call(&mut caller, 1000).map(drop)
    });
    let outer = add(
        &mut store,
        r#"(module
          (import "h" "many" (func $many))
          (tag $t (param i32))
          (func $throw (throw $t (i32.const 31)))
          (func (export "run") (result i32) (local $exn exnref)
            (block $caught (result exnref)
              (try_table (catch_all_ref $caught) (call $throw))
              unreachable)
            (local.set $exn)
            (call $many)
            (block $again (result i32)
              (try_table (catch $t $again) (throw_ref (local.get $exn)))
              unreachable)))"#,
        &imports,
    );
    for _ in 0..10 {
        assert_eq!(call(&mut store, outer, "run", &[]).unwrap(), [31.into()]);
    }
    assert_eq!(calls.load(Ordering::Relaxed), 10);
}

#[test]
fn deep_stacks_are_unwound_again_and_again() {
    let (mut store, instance) = instance(
        r#"(module
          (tag $t (param i32))
          (global $depth (mut i32) (i32.const 0))
          (func $down (param i32)
            (if (i32.eqz (local.get 0)) (then (throw $t (i32.const 1))))
            (call $down (i32.sub (local.get 0) (i32.const 1)))
            (global.set $depth (i32.const 1)))
          (func (export "run") (param i32) (result i32)
            (block $caught (result i32)
              (try_table (catch $t $caught) (call $down (local.get 0)))
              unreachable)))"#,
    );
    for _ in 0..100 {
        let results = call(&mut store, instance, "run", &[5000.into()]).unwrap();
        assert_eq!(results, [1.into()]);
    }
}

/// A call in tail position is outside of the `try_table` around it.
#[test]
fn a_tail_call_leaves_the_handlers_behind() {
    let (mut store, instance) = instance(
        r#"(module
          (tag $t)
          (func $throw (throw $t))
          (func $inner (result i32)
            (block (try_table (catch_all 0) (return_call $throws)))
            (i32.const 1))
          (func $throws (result i32) (call $throw) (i32.const 2))
          (func (export "run") (result i32)
            (block (try_table (result i32) (catch_all 0) (call $inner)) (return))
            (i32.const 3)))"#,
    );
    assert_eq!(call(&mut store, instance, "run", &[]).unwrap(), [3.into()]);
}

#[test]
fn artefacts_that_use_exceptions_say_so() {
    let uses = |wat: &str| {
        let bytes = artefact(wat);
        let descriptor = Descriptor::decode(&bytes[descriptor(&bytes)..]);
        Required(descriptor.required).contains(Required::EXCEPTIONS)
    };
    assert!(!uses(
        "(module (func $f) (func (export \"f\") (return_call $f)))"
    ));
    for wat in [
        "(module (tag))",
        "(module (import \"h\" \"t\" (tag)))",
        "(module (func (param exnref)))",
        "(module (func (param exnref) (throw_ref (local.get 0))))",
        "(module (global (mut exnref) (ref.null exn)))",
        "(module (table 1 exnref))",
        "(module (func $f) (func (block (try_table (catch_all 0) (call $f)))))",
    ] {
        assert!(uses(wat), "{wat}");
    }
}

#[cfg(feature = "async")]
mod asynchronous {
    use futures_lite::future::{block_on, yield_now};

    use super::*;

    #[test]
    fn exceptions_cross_calls_that_wait() {
        let mut store = Store::new();
        let (tag, mut imports) = tag(&mut store);
        imports.func_async("h", "throw", move |caller: Caller<'_>, value: i32| {
            Box::pin(async move {
                yield_now().await;
                match value {
                    0 => Ok(()),
                    _ => Err(Exception::new(&caller, tag, [value.into()])),
                }
            })
        });
        let instance = add(
            &mut store,
            r#"(module
              (import "h" "t" (tag $t (param i32)))
              (import "h" "throw" (func $throw (param i32)))
              (func $own (param i32)
                (call $throw (i32.const 0))
                (throw $t (local.get 0)))
              (func (export "host") (param i32) (result i32)
                (block $caught (result i32)
                  (try_table (catch $t $caught) (call $throw (local.get 0)))
                  unreachable))
              (func (export "own") (param i32) (result i32)
                (block $caught (result i32)
                  (try_table (catch $t $caught) (call $own (local.get 0)))
                  unreachable))
              (func (export "uncaught") (param i32) (result i32)
                (call $throw (local.get 0)) unreachable))"#,
            &imports,
        );
        let mut go = |name| {
            let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
            block_on(func.call_async(&mut store, 9))
        };
        for _ in 0..100 {
            assert_eq!(go("host").unwrap(), 9);
            assert_eq!(go("own").unwrap(), 9);
            assert_eq!(exception(go("uncaught")).values(), [9.into()]);
        }
    }
}
