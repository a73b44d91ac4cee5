//! LLVM inlines functions into one another, and backtraces show them: the same frames at
//! the same places as those of Cranelift's code, which inlines nothing.

use std::fmt::Write as _;
use std::path::Path;

use wasm_aot_compiler::{Codegen, Level, Options, compile};
use wasm_aot_loader::{
    Backtrace, BoxError, CallError, Caller, FrameSymbol, Imports, Instance, Module, Store, Trap,
    TrapCode,
};

/// What is seen of a call that failed.
#[derive(Debug, PartialEq)]
struct Seen {
    error: String,
    frames: Vec<Place>,
    omitted: usize,
}

/// A frame: index and name of the function, offsets in the module and in the function, and
/// lines.
type Place = (
    u32,
    Option<String>,
    Option<u32>,
    Option<u32>,
    Vec<FrameSymbol>,
);

impl Seen {
    fn new(result: Result<i32, CallError>) -> Seen {
        let error = result.expect_err("it returned");
        let none = Backtrace::default();
        let backtrace = match &error {
            CallError::Trap(trap) => trap.backtrace(),
            CallError::Host(error) => error.backtrace(),
            _ => &none,
        };
        let frames = backtrace.frames().iter().map(|frame| {
            let name = frame.func_name().map(str::to_owned);
            let (index, symbols) = (frame.func_index(), frame.symbols());
            (index, name, frame.offset(), frame.func_offset(), symbols)
        });
        Seen {
            frames: frames.collect(),
            omitted: backtrace.omitted(),
            error: error.to_string(),
        }
    }

    fn names(&self) -> Vec<&str> {
        let names = self.frames.iter().map(|frame| frame.1.as_deref());
        names.map(|name| name.unwrap_or("?")).collect()
    }
}

fn options(codegen: Codegen) -> Options {
    Options {
        codegen: Some(codegen),
        level: Level::O3,
        ..Options::default()
    }
}

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("h", "fail", || -> Result<i32, BoxError> {
        Err("no".into())
    });
    imports.func("h", "trap", || -> Result<i32, Trap> {
        Err(TrapCode::Unreachable.into())
    });
    imports.func("h", "interrupt", |caller: Caller<'_>| {
        caller.interrupt_handle().interrupt();
    });
    imports.func_async("h", "wait", |_caller, value: i32| {
        Box::pin(async move {
            tokio::task::yield_now().await;
            value
        })
    });
    imports
}

/// What is seen of the call of `run` with an argument, if a module is compiled so.
fn seen(wasm: &[u8], options: &Options, argument: i32) -> Seen {
    let artefact = compile(wasm, options).expect("it compiles");
    let module = Module::from_bytes(&artefact).expect("it opens");
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &imports()).expect("an instance");
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    Seen::new(run.call(&mut store, argument))
}

/// Asserts that both code generators show the same frames, of these functions.
#[track_caller]
fn assert_same(wat: &str, argument: i32, names: &[&str]) {
    let by = |codegen| seen(wat.as_bytes(), &options(codegen), argument);
    let expected = by(Codegen::Cranelift);
    assert_eq!(expected.names(), names);
    assert_eq!(by(Codegen::Llvm), expected);
}

#[test]
fn functions_that_were_inlined_have_frames() {
    let wat = r#"(module $app (memory 1)
        (func $inner (param i32) (result i32) (i32.load offset=8 (local.get 0)))
        (func $middle (param i32) (result i32) (i32.mul (i32.const 3) (call $inner (local.get 0))))
        (func $outer (export "run") (param i32) (result i32)
            (i32.add (call $middle (local.get 0)) (i32.const 1))))"#;
    assert_same(wat, -1, &["inner", "middle", "outer"]);
}

#[test]
fn of_two_calls_it_is_the_one_that_trapped() {
    let wat = r#"(module (memory 1)
        (func $load (param i32) (result i32) (i32.load (local.get 0)))
        (func $both (param i32 i32) (result i32)
            (i32.sub (call $load (local.get 0)) (call $load (local.get 1))))
        (func $run (export "run") (param i32) (result i32)
            (i32.xor
                (call $both (i32.const 8) (i32.const 16))
                (call $both (i32.const 8) (local.get 0)))))"#;
    assert_same(wat, -5, &["load", "both", "run"]);
}

#[test]
fn a_trap_beside_an_inlined_call_is_not_in_it() {
    let wat = r#"(module (memory 1)
        (func $load (param i32) (result i32) (i32.load (local.get 0)))
        (func $run (export "run") (param i32) (result i32)
            (i32.add
                (i32.add (call $load (i32.const 8)) (i32.load offset=4 (local.get 0)))
                (call $load (i32.const 12)))))"#;
    assert_same(wat, -1, &["run"]);
}

#[test]
fn functions_that_recur_have_all_their_frames() {
    let wat = r#"(module
        (func $odd (param i32 i32) (result i32)
            (i32.add (i32.const 1) (call $even (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
        (func $even (param i32 i32) (result i32)
            (if (i32.eqz (local.get 0))
                (then (return (i32.div_u (i32.const 1) (local.get 1)))))
            (i32.add (i32.const 2) (call $odd (i32.sub (local.get 0) (i32.const 1)) (local.get 1))))
        (func $run (export "run") (param i32) (result i32)
            (call $even (local.get 0) (i32.const 0))))"#;
    assert_same(wat, 2, &["even", "odd", "even", "run"]);
    let by = |codegen| seen(wat.as_bytes(), &options(codegen), 50);
    let expected = by(Codegen::Cranelift);
    assert_eq!((expected.frames.len(), expected.omitted), (52, 0));
    assert_eq!(by(Codegen::Llvm), expected);
}

#[test]
fn of_a_deep_stack_as_many_frames_are_kept() {
    let wat = r#"(module
        (func $down (export "run") (param i32) (result i32)
            (if (i32.eqz (local.get 0))
                (then (return (i32.div_u (i32.const 1) (local.get 0)))))
            (i32.add (i32.const 2) (call $down (i32.sub (local.get 0) (i32.const 1))))))"#;
    let by = |codegen, depth| seen(wat.as_bytes(), &options(codegen), depth);
    for depth in [54, 55, 56, 57] {
        let expected = by(Codegen::Cranelift, depth);
        assert_eq!(by(Codegen::Llvm, depth), expected);
    }
    let (few, many) = (by(Codegen::Llvm, 300), by(Codegen::Cranelift, 300));
    assert_eq!(few.frames, many.frames);
    assert!((1..=many.omitted).contains(&few.omitted));
}

#[test]
fn host_functions_are_called_by_inlined_functions() {
    for name in ["fail", "trap"] {
        let wat = format!(
            r#"(module (import "h" "{name}" (func $host (result i32)))
            (func $inner (param i32) (result i32) (i32.add (local.get 0) (call $host)))
            (func $middle (param i32) (result i32)
                (i32.mul (local.get 0) (call $inner (i32.const 3))))
            (func $run (export "run") (param i32) (result i32)
                (i32.sub (i32.const 1) (call $middle (local.get 0)))))"#
        );
        assert_same(&wat, 1, &["inner", "middle", "run"]);
    }
}

/// One call of the host would do for both branches.
#[test]
fn calls_in_branches_are_told_apart() {
    let wat = r#"(module (import "h" "trap" (func $host (result i32)))
        (func $one (param i32) (result i32) (i32.add (local.get 0) (call $host)))
        (func $run (export "run") (param i32) (result i32)
            (if (result i32) (i32.and (local.get 0) (i32.const 1))
                (then (call $one (i32.const 1)))
                (else (call $one (i32.const 2))))))"#;
    for argument in [0, 1] {
        assert_same(wat, argument, &["one", "run"]);
    }
}

/// The load becomes an operand of what follows.
#[test]
fn operands_in_memory_are_where_they_are_loaded() {
    let wat = r#"(module (memory 1)
        (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0)))
        (func $small (param i32) (result i32) (i32.load8_u offset=16 (local.get 0)))
        (func $run (export "run") (param i32) (result i32)
            (local.set 0 (i32.mul (local.get 0) (local.get 0)))
            BODY
            (i32.const 1)))"#;
    for (body, inner) in [
        (
            "(return (i32.xor (call $load (local.get 0)) (local.get 0)))",
            "load",
        ),
        (
            "(if (i32.lt_s (call $load (local.get 0)) (local.get 0)) (then (return (i32.const 5))))",
            "load",
        ),
        (
            "(if (i32.and (i32.const 24) (call $small (local.get 0))) (then (return (i32.const 5))))",
            "small",
        ),
        (
            "(return (i32.wrap_i64 (i64.mul (i64.const 77) (i64.extend_i32_u (call $small (local.get 0))))))",
            "small",
        ),
    ] {
        assert_same(&wat.replace("BODY", body), 1 << 15, &[inner, "run"]);
    }
}

/// One instruction loads, adds and stores. It is the load that traps.
#[test]
fn what_is_changed_in_memory_is_where_it_is_loaded() {
    let wat = r#"(module (memory 1)
        (func $count (param i32)
            (i32.store (local.get 0) (i32.add (i32.const 1) (i32.load (local.get 0)))))
        (func $run (export "run") (param i32) (result i32)
            (call $count (local.get 0)) (i32.const 1)))"#;
    let seen = seen(wat.as_bytes(), &options(Codegen::Llvm), -1);
    assert_eq!(seen.names(), ["count", "run"]);
    assert_eq!(seen.frames[0].3, Some(7));
}

#[test]
fn an_interrupted_loop_is_where_it_was_inlined() {
    let wat = r#"(module (import "h" "interrupt" (func $interrupt))
        (func $spin (param i32) (result i32)
            (call $interrupt)
            (loop $l
                (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                (br_if $l (local.get 0)))
            (local.get 0))
        (func $run (export "run") (param i32) (result i32)
            (i32.sub (i32.const 1) (call $spin (local.get 0)))))"#;
    let by = |codegen| {
        let options = Options {
            interruptible: true,
            ..options(codegen)
        };
        seen(wat.as_bytes(), &options, 5)
    };
    let expected = by(Codegen::Cranelift);
    assert_eq!(expected.names(), ["spin", "run"]);
    assert_eq!(by(Codegen::Llvm), expected);
}

#[test]
fn calls_that_wait_have_the_same_frames() {
    let wat = r#"(module (import "h" "wait" (func $wait (param i32) (result i32)))
        (func $inner (param i32) (result i32)
            (i32.div_u (i32.const 5) (call $wait (local.get 0))))
        (func $run (export "run") (param i32) (result i32)
            (i32.add (i32.const 1) (call $inner (local.get 0)))))"#;
    let by = |codegen| {
        let artefact = compile(wat.as_bytes(), &options(codegen)).expect("it compiles");
        let module = Module::from_bytes(&artefact).expect("it opens");
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &imports()).expect("an instance");
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Seen::new(runtime.block_on(run.call_async(&mut store, 0)))
    };
    let expected = by(Codegen::Cranelift);
    assert_eq!(expected.names(), ["inner", "run"]);
    assert_eq!(by(Codegen::Llvm), expected);
}

/// What is called with an array of values is no frame beside that which it is for.
#[test]
fn functions_of_many_parameters_have_one_frame() {
    let wat = r#"(module (memory 1)
        (type $many (func (param i32 i32 i32 i32 i32 i32 i64) (result i64 i32 f64 i32 i32)))
        (table (export "t") 1 funcref) (elem (i32.const 0) func $many)
        (func $load (param i32) (result i32) (i32.load (local.get 0)))
        (func $many (type $many)
            (local.get 6) (call $load (local.get 5)) (f64.const 2.5) (local.get 0) (local.get 1))
        (func $run (export "run") (param i32) (result i32)
            (call_indirect (type $many) (i32.const 1) (i32.const 2) (i32.const 3)
                (i32.const 4) (i32.const 5) (local.get 0) (i64.const 7) (i32.const 0))
            drop drop drop drop drop (i32.const 1)))"#;
    assert_same(wat, -1, &["load", "many", "run"]);
}

/// `run` calls one of many functions, which call others and trap in many ways.
#[test]
fn many_traps_are_shown_alike() {
    let mut wat = String::from(
        r#"(module (memory 1)
        (func $leaf0 (param i32) (result i32) (i32.load offset=4 (local.get 0)))
        (func $leaf1 (param i32) (result i32) (i32.div_u (i32.const 9) (local.get 0)))
        (func $leaf2 (param i32) (result i32) (i32.store8 (local.get 0) (i32.const 1)) (i32.const 3))
        (func $leaf3 (param i32) (result i32)
            (i32.trunc_f64_s (f64.load (local.get 0))))
        (func $leaf4 (param i32) (result i32)
            (i32.store16 (local.get 0) (i32.or (i32.const 1) (i32.load16_u (local.get 0))))
            (i32.load8_s offset=3 (local.get 0)))"#,
    );
    const FUNCTIONS: u32 = 40;
    for index in 0..FUNCTIONS {
        let (first, second) = (index % 5, (index / 5 + index + 1) % 5);
        // Of accesses that branches have in common LLVM may make one, which then comes from
        // neither: so they have none.
        let third = (0..5)
            .find(|&leaf| leaf != first && leaf != second)
            .unwrap();
        let constant = (index + 1) * 8;
        let call = match index {
            0..5 => format!("(call $leaf{second} (local.get 0))"),
            _ => format!("(call $f{} (local.get 0))", index / 2),
        };
        write!(
            wat,
            "(func $f{index} (param i32) (result i32)
                (if (result i32) (i32.and (local.get 0) (i32.const {}))
                    (then (i32.add (call $leaf{first} (i32.const {constant})) {call}))
                    (else (i32.mul (local.get 0) (call $leaf{third} (local.get 0))))))",
            1 << (index % 7),
        )
        .unwrap();
    }
    wat.push_str("(func $run (export \"run\") (param i32) (result i32) (local i32)");
    for index in 0..FUNCTIONS {
        write!(
            wat,
            "(if (i32.eq (i32.const {index}) (i32.shr_u (local.get 0) (i32.const 24)))
                (then (local.set 1 (i32.add (local.get 1)
                    (call $f{index} (i32.shl (local.get 0) (i32.const 8)))))))"
        )
        .unwrap();
    }
    wat.push_str("(i32.div_u (local.get 1) (i32.const 0))))");
    let instances = [Codegen::Cranelift, Codegen::Llvm].map(|codegen| {
        let artefact = compile(wat.as_bytes(), &options(codegen)).expect("it compiles");
        let module = Module::from_bytes(&artefact).expect("it opens");
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        (store, instance)
    });
    let [mut ours, mut theirs] = instances.map(|(mut store, instance)| {
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        move |argument| Seen::new(run.call(&mut store, argument))
    });
    let mut kinds = std::collections::BTreeSet::new();
    for function in 0..FUNCTIONS as i32 {
        for argument in [0, 1, 0x100, 0x103, 0x80_0000, 0xff_ffff, 0xab_cdef] {
            let argument = function << 24 | argument;
            let expected = ours(argument);
            assert_eq!(theirs(argument), expected, "{argument:#x}");
            kinds.insert(format!("{:?}", expected.frames));
        }
    }
    assert!(kinds.len() > 40, "{} kinds of backtraces", kinds.len());
}

/// A function of C that is inlined by LLVM, in which one is inlined by the C compiler.
#[test]
fn frames_have_the_lines_of_their_calls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug");
    for name in ["c4-O0", "c4-O2", "c5-O0", "c5-O2"] {
        let wasm = std::fs::read(folder.join(name).with_extension("wasm")).unwrap();
        let by = |codegen| {
            let options = Options {
                debug: true,
                ..options(codegen)
            };
            let artefact = compile(&wasm, &options).expect("it compiles");
            let module = Module::from_bytes(&artefact).expect("it opens");
            let mut store = Store::new();
            let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
            let fail = instance.get_typed_func::<i32, i32>(&store, "fail").unwrap();
            Seen::new(fail.call(&mut store, 3))
        };
        let expected = by(Codegen::Cranelift);
        assert!(expected.error.contains("lines.c:28"), "{}", expected.error);
        assert_eq!(by(Codegen::Llvm), expected, "{name}");
    }
}
