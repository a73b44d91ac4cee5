//! Every trap that code can run into: its text, where it is, and that the
//! instance lives on.

use wasm_aot_loader::{Imports, Instance, Store, TrapCode};

use crate::support::{instance, run, trap};

/// Runs the exported function `run` of a module, whose body is `body`, and
/// checks that it traps with `code` at the first instruction whose encoding is
/// `opcode`, in a function called `culprit`.
#[track_caller]
fn check(code: TrapCode, text: &str, opcode: &[u8], fields: &str, body: &str) {
    let wat = format!(
        r#"(module $m {fields}
          (func $culprit {body})
          (func (export "run") (call $culprit)))"#
    );
    let (mut store, instance) = instance(&wat);
    // Twice: nothing is left in a bad state.
    for _ in 0..2 {
        let trap = trap(run(&mut store, instance, "run"));
        assert_eq!(trap.code(), code);
        assert_eq!(trap.message(), text);
        assert!(trap.to_string().starts_with(text));
        let frames = trap.backtrace().frames();
        let culprit = &frames[0];
        assert_eq!(culprit.func_name(), Some("culprit"));
        let offset = culprit.offset().expect("a trap has an offset") as usize;
        let wasm = wat::parse_str(&wat).unwrap();
        assert_eq!(
            &wasm[offset..offset + opcode.len()],
            opcode,
            "at {offset:#x}"
        );
        assert_eq!(frames.len(), 2, "{trap}");
        let offset = frames[1].offset().expect("a call has an offset") as usize;
        assert_eq!(wasm[offset], 0x10, "the caller is at its call");
    }
}

#[test]
fn unreachable() {
    check(
        TrapCode::Unreachable,
        "unreachable",
        &[0x00],
        "",
        "unreachable",
    );
}

#[test]
fn null_references() {
    let fields = "(type $t (func))";
    let body = "(call_ref $t (ref.null $t))";
    let code = TrapCode::NullFunctionReference;
    check(code, "null function reference", &[0x14], fields, body);
    let body = "(drop (ref.as_non_null (ref.null extern)))";
    check(TrapCode::NullReference, "null reference", &[0xd4], "", body);
}

#[test]
fn integer_division_by_zero() {
    let code = TrapCode::IntegerDivisionByZero;
    let text = "integer divide by zero";
    for (ty, op, opcode) in [
        ("i32", "div_s", 0x6d),
        ("i32", "div_u", 0x6e),
        ("i32", "rem_s", 0x6f),
        ("i32", "rem_u", 0x70),
        ("i64", "div_s", 0x7f),
        ("i64", "div_u", 0x80),
        ("i64", "rem_s", 0x81),
        ("i64", "rem_u", 0x82),
    ] {
        let fields = format!("(global $zero (export \"z\") (mut {ty}) ({ty}.const 0))");
        let body = format!("(drop ({ty}.{op} ({ty}.const 1) (global.get $zero)))");
        check(code, text, &[opcode], &fields, &body);
        let body = format!("(drop ({ty}.{op} ({ty}.const 1) ({ty}.const 0)))");
        check(code, text, &[opcode], "", &body);
    }
}

#[test]
fn integer_overflow() {
    let code = TrapCode::IntegerOverflow;
    let text = "integer overflow";
    for (ty, min, opcode) in [
        ("i32", "0x80000000", 0x6d),
        ("i64", "0x8000000000000000", 0x7f),
    ] {
        let fields = format!("(global $n (export \"n\") (mut {ty}) ({ty}.const -1))");
        let body = format!("(drop ({ty}.div_s ({ty}.const {min}) (global.get $n)))");
        check(code, text, &[opcode], &fields, &body);
    }
    let global = r#"(global $f (export "f") (mut f64) (f64.const 1e300))"#;
    let truncate = "(drop (i32.trunc_f64_s (global.get $f)))";
    check(code, text, &[0xaa], global, truncate);
    let truncate = "(drop (i64.trunc_f64_u (global.get $f)))";
    check(code, text, &[0xb1], global, truncate);
}

#[test]
fn invalid_conversion_to_integer() {
    check(
        TrapCode::InvalidConversionToInteger,
        "invalid conversion to integer",
        &[0xa8],
        r#"(global $f (export "f") (mut f32) (f32.const nan))"#,
        "(drop (i32.trunc_f32_s (global.get $f)))",
    );
}

#[test]
fn out_of_bounds_memory_access() {
    let code = TrapCode::MemoryOutOfBounds;
    let text = "out of bounds memory access";
    let fields = r#"(memory 1 2) (global $at (export "at") (mut i32) (i32.const 65533))
        (data $d "123")"#;
    for (opcode, body) in [
        (&[0x28][..], "(drop (i32.load (global.get $at)))"),
        (&[0x36], "(i32.store (global.get $at) (i32.const 1))"),
        (&[0x31], "(drop (i64.load8_u offset=3 (global.get $at)))"),
        (
            &[0x28],
            "(drop (i32.load offset=0xffffffff (global.get $at)))",
        ),
        (
            &[0x28],
            "(drop (i32.load offset=0xffffffff (i32.const -1)))",
        ),
        (&[0x3a], "(i32.store8 (i32.const -1) (i32.const 1))"),
        (&[0xfd, 0x00], "(drop (v128.load (global.get $at)))"),
        (
            &[0xfc, 11],
            "(memory.fill (global.get $at) (i32.const 0) (i32.const 4))",
        ),
        (
            &[0xfc, 10],
            "(memory.copy (i32.const 0) (global.get $at) (i32.const 4))",
        ),
        (
            &[0xfc, 10],
            "(memory.copy (global.get $at) (i32.const 0) (i32.const -1))",
        ),
        (
            &[0xfc, 8],
            "(memory.init $d (i32.const 0) (i32.const 1) (i32.const 3))",
        ),
        (
            &[0xfc, 8],
            "(memory.init $d (global.get $at) (i32.const 0) (i32.const 4))",
        ),
    ] {
        check(code, text, opcode, fields, body);
    }
}

#[test]
fn a_memory_without_pages_has_no_first_byte() {
    let code = TrapCode::MemoryOutOfBounds;
    let load = "(drop (i32.load8_u (i32.const 0)))";
    check(
        code,
        "out of bounds memory access",
        &[0x2d],
        "(memory 0)",
        load,
    );
}

#[test]
fn out_of_bounds_table_access() {
    let code = TrapCode::TableOutOfBounds;
    let text = "out of bounds table access";
    let fields = r#"(table $t (export "t") 2 funcref) (elem $e func $culprit)
        (global $at (export "at") (mut i32) (i32.const 2))"#;
    for (opcode, body) in [
        (&[0x25][..], "(drop (table.get $t (global.get $at)))"),
        (&[0x26], "(table.set $t (global.get $at) (ref.null func))"),
        (
            &[0xfc, 17],
            "(table.fill $t (global.get $at) (ref.null func) (i32.const 1))",
        ),
        (
            &[0xfc, 14],
            "(table.copy (global.get $at) (i32.const 0) (i32.const 1))",
        ),
        (
            &[0xfc, 12],
            "(table.init $t $e (i32.const 0) (i32.const 1) (i32.const 1))",
        ),
        (
            &[0xfc, 12],
            "(table.init $t $e (global.get $at) (i32.const 0) (i32.const 1))",
        ),
    ] {
        check(code, text, opcode, fields, body);
    }
}

#[test]
fn a_dropped_segment_is_empty() {
    let fields = r#"(table $t (export "t") 2 funcref) (elem $e func $culprit)
        (memory 1) (data $d "1")"#;
    check(
        TrapCode::TableOutOfBounds,
        "out of bounds table access",
        &[0xfc, 12],
        fields,
        "(elem.drop $e) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))",
    );
    check(
        TrapCode::MemoryOutOfBounds,
        "out of bounds memory access",
        &[0xfc, 8],
        fields,
        "(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))",
    );
}

#[test]
fn indirect_calls() {
    // In a table that others can change, and in one that is constant.
    for export in [r#"(export "t")"#, ""] {
        let fields = format!(
            r#"(table {export} 3 funcref) (elem (i32.const 0) $i) (func $i (param i32))
            (global $at (export "at") (mut i32) (i32.const 1))"#
        );
        let call = |index: &str| format!("(call_indirect ({index}))");
        for (code, text, body) in [
            (
                TrapCode::IndirectCallTypeMismatch,
                "indirect call type mismatch",
                call("i32.const 0"),
            ),
            (
                TrapCode::UninitializedElement,
                "uninitialized element",
                call("global.get $at"),
            ),
            (
                TrapCode::UndefinedElement,
                "undefined element",
                call("i32.const 3"),
            ),
            (
                TrapCode::UndefinedElement,
                "undefined element",
                call("i32.const -1"),
            ),
        ] {
            check(code, text, &[0x11], &fields, &body);
        }
    }
}

#[test]
fn state_before_a_trap_stays() {
    let (mut store, instance) = instance(
        r#"(module
          (memory (export "m") 1)
          (global $count (export "g") (mut i32) (i32.const 0))
          (func (export "run")
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (i32.store (i32.const 0) (global.get $count))
            unreachable)
          (func (export "count") (result i32) (global.get $count)))"#,
    );
    for n in 1..5 {
        trap(run(&mut store, instance, "run"));
        let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
        assert_eq!(count.call(&mut store, ()).unwrap(), n);
        let memory = instance.get_memory(&store, "m").unwrap();
        assert_eq!(memory.data(&store)[0], n as u8);
    }
}

#[test]
fn many_traps_leave_nothing_behind() {
    let (mut store, instance) =
        instance(r#"(module (memory 1) (func (export "run") (drop (i32.load (i32.const -1)))))"#);
    for _ in 0..10_000 {
        trap(run(&mut store, instance, "run"));
    }
}

#[test]
fn an_active_segment_that_does_not_fit_is_a_trap() {
    let code = |wat: &str| {
        let module = crate::support::module(wat);
        match Instance::new(&mut Store::new(), &module, &Imports::new()) {
            Err(wasm_aot_loader::InstantiationError::Trap(trap)) => {
                assert!(trap.backtrace().frames().is_empty());
                assert_eq!(trap.to_string(), trap.code().message());
                trap.code()
            }
            other => panic!("{other:?}"),
        }
    };
    let data = r#"(module (memory 1) (data (i32.const 65535) "ab"))"#;
    assert_eq!(code(data), TrapCode::MemoryOutOfBounds);
    let data = r#"(module (memory 1) (data (i32.const -1) ""))"#;
    assert_eq!(code(data), TrapCode::MemoryOutOfBounds);
    let element = r#"(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))"#;
    assert_eq!(code(element), TrapCode::TableOutOfBounds);
}

#[test]
fn a_start_function_that_traps_has_a_backtrace() {
    let module = crate::support::module("(module $m (func $main unreachable) (start $main))");
    match Instance::new(&mut Store::new(), &module, &Imports::new()) {
        Err(wasm_aot_loader::InstantiationError::Trap(trap)) => {
            assert_eq!(trap.code(), TrapCode::Unreachable);
            assert_eq!(trap.backtrace().frames()[0].func_name(), Some("main"));
        }
        other => panic!("{other:?}"),
    }
}
