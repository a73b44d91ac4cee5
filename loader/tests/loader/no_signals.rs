//! Code that was compiled without signals: it traps as other code does, and needs no
//! handler for that.

use std::sync::atomic::{AtomicU64, Ordering};

use wasm_aot_abi::{self as abi, Required, Wire};
use wasm_aot_compiler::{Level, Options, compile};
use wasm_aot_loader::{
    AtDeadline, BoxError, CallError, Caller, Config, Epoch, Imports, Instance, InstantiationError,
    Module, Store, TrapCode, Val,
};

use crate::support::{call, isolated_ok, open_changed, run, trap};

/// Every kind of trap that code without parameters leads to: what is in the module besides,
/// the body of the function, and what has to come of it.
const TRAPS: &[(&str, &str, TrapCode)] = {
    use TrapCode::*;
    const MEMORY: &str = "(memory 1)";
    const MEMORY64: &str = "(memory i64 1)";
    const EMPTY: &str = "(memory 0)";
    const SHARED: &str = "(memory 1 1 shared)";
    const TABLE: &str = r#"(table $t (export "t") 2 10 funcref) (type $v (func)) (type $i (func (result i32)))
        (elem (i32.const 0) $v) (func $v (type $v))"#;
    const CONSTANT: &str = r#"(table $t 2 2 funcref) (type $v (func)) (type $i (func (result i32)))
        (elem (i32.const 0) $v) (func $v (type $v))"#;
    const REFERENCES: &str = "(type $v (func)) (table $t 1 externref)";
    const FLOATS: &str = "(global $nan f64 (f64.const nan)) (global $g (mut i32) (i32.const 0))";
    &[
        ("", "unreachable", Unreachable),
        (
            MEMORY,
            "(drop (i32.load (i32.const 65533)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(drop (i32.load8_u (i32.const 65536)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(drop (i32.load offset=65533 (i32.const 0)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(drop (i64.load offset=4294967295 (i32.const -1)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(drop (v128.load offset=65521 (i32.const 0)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(i64.store (i32.const -1) (i64.const 1))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(i32.store16 offset=1 (i32.const 65534) (i32.const 1))",
            MemoryOutOfBounds,
        ),
        (
            EMPTY,
            "(drop (i32.load8_u (i32.const 0)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY64,
            "(drop (i32.load (i64.const 65533)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY64,
            "(drop (i32.load offset=8 (i64.const -4)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY64,
            "(drop (i32.load offset=0xffffffffffffffff (i64.const 0)))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(memory.fill (i32.const 65530) (i32.const 1) (i32.const 7))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65537))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(memory.copy (i32.const 65530) (i32.const 1) (i32.const 7))",
            MemoryOutOfBounds,
        ),
        (
            MEMORY,
            "(memory.copy (i32.const 0) (i32.const 65530) (i32.const 70))",
            MemoryOutOfBounds,
        ),
        (
            "(memory 1) (data $d \"abc\")",
            "(memory.init $d (i32.const 0) (i32.const 2) (i32.const 2))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(drop (i32.atomic.load (i32.const 65536)))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(drop (i32.atomic.rmw.add (i32.const 65536) (i32.const 1)))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(i32.atomic.store offset=65536 (i32.const 0) (i32.const 1))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(drop (i64.atomic.rmw8.xchg_u (i32.const 65536) (i64.const 1)))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(drop (i32.atomic.rmw16.cmpxchg_u (i32.const 65536) (i32.const 0) (i32.const 1)))",
            MemoryOutOfBounds,
        ),
        (
            SHARED,
            "(i64.atomic.store (i32.const 4) (i64.const 1))",
            UnalignedAtomic,
        ),
        (
            SHARED,
            "(drop (i32.atomic.load offset=2 (i32.const 4)))",
            UnalignedAtomic,
        ),
        (
            MEMORY,
            "(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))",
            ExpectedSharedMemory,
        ),
        (
            "",
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            IntegerDivisionByZero,
        ),
        (
            "",
            "(drop (i64.div_u (i64.const 1) (i64.const 0)))",
            IntegerDivisionByZero,
        ),
        (
            "",
            "(drop (i32.rem_s (i32.const 1) (i32.const 0)))",
            IntegerDivisionByZero,
        ),
        (
            "",
            "(drop (i64.rem_u (i64.const 1) (i64.const 0)))",
            IntegerDivisionByZero,
        ),
        (
            "",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            IntegerOverflow,
        ),
        (
            "",
            "(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i32.trunc_f64_s (global.get $nan)))",
            InvalidConversionToInteger,
        ),
        (
            FLOATS,
            "(drop (i64.trunc_f32_u (f32.const nan)))",
            InvalidConversionToInteger,
        ),
        (
            FLOATS,
            "(drop (i32.trunc_f64_s (f64.const 2147483648)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i32.trunc_f64_s (f64.const -2147483649)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i32.trunc_f32_s (f32.const -2147483904)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i32.trunc_f32_u (f32.const -1)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i64.trunc_f64_u (f64.const inf)))",
            IntegerOverflow,
        ),
        (
            FLOATS,
            "(drop (i64.trunc_f64_s (f64.const -9223372036854777856)))",
            IntegerOverflow,
        ),
        (
            TABLE,
            "(call_indirect (type $v) (i32.const 2))",
            UndefinedElement,
        ),
        (
            TABLE,
            "(call_indirect (type $v) (i32.const 1))",
            UninitializedElement,
        ),
        (
            TABLE,
            "(drop (call_indirect (type $i) (i32.const 0)))",
            IndirectCallTypeMismatch,
        ),
        (
            TABLE,
            "(return_call_indirect (type $v) (i32.const 1))",
            UninitializedElement,
        ),
        (
            CONSTANT,
            "(call_indirect (type $v) (i32.const -1))",
            UndefinedElement,
        ),
        (
            CONSTANT,
            "(call_indirect (type $v) (i32.const 1))",
            UninitializedElement,
        ),
        (
            CONSTANT,
            "(drop (call_indirect (type $i) (i32.const 0)))",
            IndirectCallTypeMismatch,
        ),
        (
            TABLE,
            "(drop (table.get $t (i32.const 2)))",
            TableOutOfBounds,
        ),
        (
            TABLE,
            "(table.set $t (i32.const 2) (ref.null func))",
            TableOutOfBounds,
        ),
        (
            TABLE,
            "(table.fill $t (i32.const 1) (ref.null func) (i32.const 2))",
            TableOutOfBounds,
        ),
        (
            TABLE,
            "(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 2))",
            TableOutOfBounds,
        ),
        (
            REFERENCES,
            "(call_ref $v (ref.null $v))",
            NullFunctionReference,
        ),
        (
            REFERENCES,
            "(return_call_ref $v (ref.null $v))",
            NullFunctionReference,
        ),
        (
            REFERENCES,
            "(drop (ref.as_non_null (ref.null func)))",
            NullReference,
        ),
        (REFERENCES, "(throw_ref (ref.null exn))", NullReference),
        (
            REFERENCES,
            "(drop (table.get $t (i32.const 1)))",
            TableOutOfBounds,
        ),
    ]
};

/// Numbers that are not known when the code is compiled, in place of constants: what can be
/// checked then is checked.
fn hidden(body: &str) -> String {
    let mut text = String::new();
    for (index, part) in body.split("(i32.const ").enumerate() {
        match part.split_once(')') {
            Some((number, rest)) if index > 0 => {
                text += &format!("(i32.xor (global.get $zero) (i32.const {number})){rest}");
            }
            _ => text += part,
        }
    }
    text
}

fn options(signals: bool, level: Level) -> Options {
    Options {
        signals,
        level,
        ..Options::default()
    }
}

fn open(wat: &str, options: &Options) -> Module {
    let artefact =
        compile(wat.as_bytes(), options).unwrap_or_else(|error| panic!("{error}: {wat}"));
    Module::from_bytes(&artefact).expect("a sound artefact")
}

/// A store that takes no code with signals.
fn store() -> Store {
    Store::with_config(&Config::new().signals(false))
}

/// The module of every trap: the function that traps is called by another one, and both
/// have something before.
fn modules() -> impl Iterator<Item = (String, TrapCode)> {
    // Not all processors of that architecture have vectors.
    let can = |body: &str| !(cfg!(target_arch = "riscv64") && body.contains("v128"));
    let traps = TRAPS.iter().filter(move |trap| can(trap.1));
    traps.flat_map(|&(items, body, code)| {
        [body.to_owned(), hidden(body)].map(|body| {
            let wat = format!(
                r#"(module {items} (global $zero (mut i32) (i32.const 0))
                  (func $around (export "run") (global.set $zero (i32.const 0)) (call $traps)
                    (global.set $zero (i32.const 1)))
                  (func $traps (export "alone") (global.set $zero (i32.const 0)) {body}))"#
            );
            (wat, code)
        })
    })
}

/// A message, and of each frame the name of the function and the offset in the module.
type Told = (String, Vec<(String, Option<u32>)>);

fn told(result: Result<(), CallError>) -> Told {
    let trap = trap(result);
    let frames = trap.backtrace().frames().iter();
    let frames = frames.map(|frame| {
        let name = frame.func_name().expect("all have names");
        (name.to_owned(), frame.offset())
    });
    (trap.message().to_owned(), frames.collect())
}

#[test]
fn traps_and_their_backtraces_are_those_of_code_with_signals() {
    for level in [Level::O0, Level::O2] {
        for (wat, code) in modules() {
            let outcomes = [true, false].map(|signals| {
                let module = open(&wat, &options(signals, level));
                assert_eq!(module.needs_signals(), signals);
                let mut store = Store::with_config(&Config::new().signals(signals));
                let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
                ["run", "alone", "run"].map(|name| told(run(&mut store, instance, name)))
            });
            assert_eq!(outcomes[0], outcomes[1], "{wat}");
            let [(message, frames), ..] = &outcomes[1];
            assert_eq!(message, code.message(), "{wat}");
            // A tail call leaves its frame before it is known to be possible.
            assert_eq!(frames.len(), 2, "{wat}");
            assert!(frames.iter().all(|(_, offset)| offset.is_some()));
        }
    }
}

/// Ends the process where a signal comes.
extern "C" fn no_signal_is_expected(signal: libc::c_int) {
    let message = b"a signal has come to the host's own handler\n";
    // SAFETY: both may be called in a handler.
    unsafe {
        libc::write(2, message.as_ptr().cast(), message.len());
        libc::_exit(100 + signal);
    }
}

const SIGNALS: [libc::c_int; 5] = [
    libc::SIGSEGV,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGBUS,
    libc::SIGTRAP,
];

/// The handler of a signal.
fn handler(signal: libc::c_int) -> usize {
    // SAFETY: asks for the present action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(signal, std::ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

/// The stack for signal handlers that this thread has.
fn signal_stack() -> (usize, usize, libc::c_int) {
    // SAFETY: asks for the present stack.
    unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        assert_eq!(libc::sigaltstack(std::ptr::null(), &mut stack), 0);
        (stack.ss_sp.addr(), stack.ss_size, stack.ss_flags)
    }
}

/// Does something on a thread of its own, to whose signals nothing may have been done; what
/// it starts with has handlers of the host's for all of them.
fn undisturbed(test: &str, act: impl Fn() + Send + Sync) {
    isolated_ok(test, || {
        for signal in SIGNALS {
            // SAFETY: a valid handler.
            unsafe { libc::signal(signal, no_signal_is_expected as *const () as usize) };
        }
        let thread = std::thread::Builder::new().stack_size(8 << 20);
        std::thread::scope(|scope| {
            let thread = thread.spawn_scoped(scope, || {
                let stack = signal_stack();
                act();
                assert_eq!(signal_stack(), stack);
            });
            thread.unwrap().join().unwrap();
        });
        for signal in SIGNALS {
            assert_eq!(handler(signal), no_signal_is_expected as *const () as usize);
        }
    });
}

#[test]
fn every_trap_does_without_handlers() {
    undisturbed("no_signals::every_trap_does_without_handlers", || {
        for level in [Level::O0, Level::O2, Level::Os] {
            for spectre_guards in [true, false] {
                for (wat, code) in modules() {
                    let options = Options {
                        spectre_guards,
                        ..options(false, level)
                    };
                    let mut store = store();
                    let module = open(&wat, &options);
                    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
                    for name in ["run", "alone"] {
                        let trap = trap(run(&mut store, instance, name));
                        assert_eq!(trap.code(), code, "{wat}");
                    }
                }
            }
        }
    });
}

/// Ways to use up the stack: by a function itself, by two, with parameters on the stack, by
/// tail calls from time to time, through a table, and through the host.
const DEEP: &str = r#"(module
  (import "h" "again" (func $again (param i32)))
  (type $v (func (param i32)))
  (table 1 1 funcref) (elem (i32.const 0) $indirect)
  (memory 1)
  (global $depth (export "depth") (mut i32) (i32.const 0))
  (func $deeper (global.set $depth (i32.add (global.get $depth) (i32.const 1))))
  (func $self (export "self") (param i32) (call $deeper) (call $self (local.get 0)) (call $deeper))
  (func $one (export "mutual") (param i32) (call $two (local.get 0) (i64.const 1)) (call $deeper))
  (func $two (param i32 i64) (call $deeper) (call $one (local.get 0)) (call $deeper))
  (func $many (export "many") (param i32)
    (call $wide (local.get 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8) (i64.const 9))
    (drop) (drop)
    (call $deeper))
  (func $wide (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64 i64)
    (call $deeper)
    (call $many (local.get 0))
    (local.get 9) (local.get 8))
  (func $indirect (export "indirect") (param i32)
    (call $deeper)
    (call_indirect (type $v) (local.get 0) (i32.const 0))
    (call $deeper))
  (func $tail (export "tail") (param i32)
    (call $deeper)
    (call $not_tail (local.get 0)) (call $deeper))
  (func $not_tail (param i32) (return_call $tail (local.get 0)))
  (func $leaf (param i32) (result i32)
    (i32.div_s (i32.load (local.get 0)) (i32.load offset=4 (local.get 0))))
  (func $grows (export "grows") (param i32)
    (call $deeper)
    (drop (memory.grow (i32.const 0)))
    (i32.store (local.get 0) (i32.add (i32.const 1) (call $leaf (i32.const 8))))
    (call $grows (local.get 0)))
  (data (i32.const 8) "\01\00\00\00\01")
  (func $host (export "host") (param i32)
    (call $deeper)
    (call $again (local.get 0))
    (call $deeper)))"#;

#[test]
fn using_up_the_stack_does_without_handlers() {
    undisturbed(
        "no_signals::using_up_the_stack_does_without_handlers",
        || {
            let mut imports = Imports::new();
            imports.func("h", "again", |mut caller: Caller<'_>, n: i32| {
                let instance = caller.instance().unwrap();
                let host = instance.get_typed_func::<i32, ()>(&caller, "host")?;
                Ok::<(), BoxError>(host.call(&mut caller, n)?)
            });
            for level in [Level::O0, Level::O2] {
                let mut store = store();
                let module = open(DEEP, &options(false, level));
                let instance = Instance::new(&mut store, &module, &imports).unwrap();
                let ways = [
                    "self", "mutual", "many", "indirect", "tail", "grows", "host",
                ];
                for way in ways.repeat(2) {
                    let func = instance.get_typed_func::<i32, ()>(&store, way).unwrap();
                    let trap = trap(func.call(&mut store, 0));
                    assert_eq!(trap.code(), TrapCode::StackOverflow, "{way}");
                    assert!(trap.backtrace().omitted() > 10);
                    let frames = trap.backtrace().frames();
                    assert!(frames.iter().all(|frame| frame.offset().is_some()), "{way}");
                }
                let depth = instance.get_global(&store, "depth").unwrap();
                assert!(matches!(depth.get(&store), Val::I32(depth) if depth > 10_000));
            }
        },
    );
}

/// A function with a frame of so many words, which lives while it calls itself: all are
/// loaded before and added behind.
fn frame_of(words: usize) -> String {
    // The first one is furthest behind, so that there is nothing to compare for the others.
    let load = |word| {
        format!(
            "(i64.load offset={} (local.get $p))",
            (words - 1 - word) * 8
        )
    };
    let loads: String = (0..words)
        .map(|word| format!("(local.set $w{word} {})\n", load(word)))
        .collect();
    let sum: String = (0..words)
        .map(|word| format!("(local.set $s (i64.add (local.get $s) (local.get $w{word})))\n"))
        .collect();
    let locals: String = (0..words)
        .map(|word| format!("(local $w{word} i64)"))
        .collect();
    format!(
        r#"(module (memory 3)
          (func $large (export "large") (param $p i32) (param $n i32) (result i64)
            (local $s i64) {locals}
            {loads}
            (if (local.get $n)
              (then (local.set $s (call $large (local.get $p) (i32.sub (local.get $n) (i32.const 1))))))
            {sum}
            (i64.add (local.get $s) (i64.const 1)))
          (func $outer (export "outer") (param $p i32) (param $n i32) (result i64)
            (i64.add (i64.const 0) (call $large (local.get $p) (local.get $n)))))"#
    )
}

#[test]
fn large_frames_are_compared_with_the_stack_before_they_are_made() {
    let test = "no_signals::large_frames_are_compared_with_the_stack_before_they_are_made";
    undisturbed(test, || {
        // Below what is made without looking, above, and larger than what is left for hosts.
        for words in [100, 900, 1100, 17_000] {
            let module = open(&frame_of(words), &options(false, Level::O2));
            // Where a frame that is made without looking would be beyond the stack.
            let small = std::thread::Builder::new().stack_size(96 << 10);
            std::thread::scope(|scope| {
                let thread = small.spawn_scoped(scope, || {
                    let mut store = store();
                    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
                    let outer = instance.get_func(&store, "outer").unwrap();
                    let arguments = [Val::I32(0), Val::I32(i32::MAX)];
                    let trap = trap(outer.call(&mut store, &arguments, &mut [Val::I64(0)]));
                    assert_eq!(trap.code(), TrapCode::StackOverflow);
                });
                thread.unwrap().join().unwrap();
            });
            for stack in [256 << 10, 1 << 20, usize::MAX] {
                let config = Config::new().signals(false).max_wasm_stack(stack);
                let mut store = Store::with_config(&config);
                let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
                let outer = instance
                    .get_typed_func::<(i32, i32), i64>(&store, "outer")
                    .unwrap();
                // The last one is all that the thread has, of which some is left to the host.
                let fits = stack.min(7 << 20) / (words * 8 + 512);
                if fits > 0 {
                    let deep = fits as i32 - 1;
                    assert_eq!(
                        outer.call(&mut store, (0, deep)).unwrap(),
                        i64::from(deep) + 1
                    );
                }
                for _ in 0..2 {
                    let trap = trap(outer.call(&mut store, (0, i32::MAX)));
                    assert_eq!(trap.code(), TrapCode::StackOverflow);
                    let frames = trap.backtrace().frames();
                    assert_eq!(frames[0].func_name(), Some("large"));
                    assert_eq!(frames.last().unwrap().func_name(), Some("outer"));
                    assert!(trap.backtrace().omitted() + frames.len() >= fits);
                    // Where others are told to be, too.
                    assert!(frames.iter().all(|frame| frame.offset().is_some()));
                }
            }
        }
    });
}

#[test]
fn a_large_frame_throws_and_catches_as_others_do() {
    let locals: String = (0..3000).map(|n| format!("(local $w{n} i64)")).collect();
    let loads: String = (0..3000)
        .map(|n| {
            format!(
                "(local.set $w{n} (i64.load offset={} (local.get $p)))\n",
                n * 8
            )
        })
        .collect();
    let sum: String = (0..3000)
        .map(|n| format!("(local.set $s (i64.add (local.get $s) (local.get $w{n})))\n"))
        .collect();
    let wat = format!(
        r#"(module (memory 1) (tag $t (param i64)) (data (i32.const 16) "\05")
          (func $throw (param i64) (throw $t (local.get 0)))
          (func (export "run") (param $p i32) (result i64) (local $s i64) {locals} {loads}
            (block $caught (result i64)
              (try_table (catch $t $caught) (call $throw (i64.const 7)))
              unreachable)
            (local.set $s) {sum} (local.get $s))
          (func (export "traps") (param $p i32) (result i64) (local $s i64) {locals} {loads}
            (call $throw (i64.const 1)) {sum} (i64.div_u (local.get $s) (i64.const 0))))"#
    );
    let mut store = store();
    let module = open(&wat, &options(false, Level::O2));
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let run = instance.get_typed_func::<i32, i64>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, 0).unwrap(), 12);
    let traps = instance
        .get_typed_func::<i32, i64>(&store, "traps")
        .unwrap();
    assert!(matches!(
        traps.call(&mut store, 0),
        Err(CallError::Exception(_))
    ));
    // A trap in the middle of what is behind the guard.
    let trap = trap(run.call(&mut store, 65_535));
    assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds);
    assert!(trap.backtrace().frames()[0].offset().is_some());
}

const ENDLESS: &str = r#"(module (memory 1)
  (tag $t)
  (global $rounds (export "rounds") (mut i64) (i64.const 0))
  (func $step (global.set $rounds (i64.add (global.get $rounds) (i64.const 1))))
  (func $loop (export "loop") (loop (call $step) (br 0)))
  (func (export "recursion") (call $step) (return_call $loop))
  (func (export "throw") (throw $t))
  (func (export "count") (param $n i32) (result i64) (local $sum i64)
    (loop $again
      (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (local.get $n))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))"#;

#[test]
fn interruption_deadlines_fuel_and_exceptions_do_without_handlers() {
    let test = "no_signals::interruption_deadlines_fuel_and_exceptions_do_without_handlers";
    undisturbed(test, || {
        let interruptible = Options {
            interruptible: true,
            ..options(false, Level::O2)
        };
        let module = open(ENDLESS, &interruptible);
        let config = Config::new().signals(false).interruptible(true);
        let mut store = Store::with_config(&config);
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let handle = store.interrupt_handle();
        for name in ["loop", "recursion"] {
            let stop = std::thread::spawn({
                let handle = handle.clone();
                move || {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    handle.interrupt();
                }
            });
            let (message, frames) = told(run(&mut store, instance, name));
            stop.join().unwrap();
            assert_eq!(message, "interrupted");
            assert!(frames.iter().all(|(_, offset)| offset.is_some()));
            handle.take_back();
        }

        // Somebody is asked at every deadline, and lets it go on, until not.
        let epoch = Epoch::ticking(std::time::Duration::from_millis(1)).unwrap();
        static ASKED: AtomicU64 = AtomicU64::new(0);
        store.at_deadline(|_| match ASKED.fetch_add(1, Ordering::Relaxed) {
            0..5 => Ok(AtDeadline::Extend(1)),
            _ => Ok(AtDeadline::Trap),
        });
        store.set_deadline(&epoch, 1);
        let trapped = trap(run(&mut store, instance, "loop"));
        assert_eq!(trapped.code(), TrapCode::Interrupted);
        assert_eq!(ASKED.load(Ordering::Relaxed), 6);
        store.remove_deadline();
        let count = call(&mut store, instance, "count", &[Val::I32(1000)]).unwrap();
        assert!(matches!(count[..], [Val::I64(500_500)]));

        let outcome = run(&mut store, instance, "throw");
        assert!(matches!(outcome, Err(CallError::Exception(_))));

        let fuel = Options {
            fuel: true,
            ..options(false, Level::O2)
        };
        let config = Config::new().signals(false).fuel(100_000);
        let mut store = Store::with_config(&config);
        let module = open(ENDLESS, &fuel);
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let trap = trap(run(&mut store, instance, "loop"));
        assert_eq!(trap.code(), TrapCode::OutOfFuel);
    });
}

#[test]
fn handlers_are_there_unless_the_store_is_to_do_without() {
    let test = "no_signals::handlers_are_there_unless_the_store_is_to_do_without";
    isolated_ok(test, || {
        let wat = r#"(module (func (export "run") unreachable))"#;
        let none = handler(libc::SIGILL);
        let [without, with] = [false, true].map(|yes| open(wat, &options(yes, Level::O2)));
        let trap_in = |mut store: Store, module: &Module| {
            let instance = Instance::new(&mut store, module, &Imports::new()).unwrap();
            let code = trap(run(&mut store, instance, "run")).code();
            assert_eq!(code, TrapCode::Unreachable);
        };
        trap_in(store(), &without);
        assert_eq!(handler(libc::SIGILL), none);
        trap_in(Store::new(), &without);
        assert_ne!(handler(libc::SIGILL), none);
        for (store, module) in [(Store::new(), &with), (store(), &without)] {
            trap_in(store, module);
        }
    });
}

#[test]
fn a_store_without_signals_refuses_code_that_needs_them() {
    let with = open("(module)", &options(true, Level::O2));
    let error = Instance::new(&mut store(), &with, &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::NeedsSignals));
    assert_eq!(
        error.to_string(),
        "the code traps by signals, which the store excludes"
    );
}

/// A host with handlers has them whatever artefacts say of themselves.
#[test]
fn what_falsely_says_that_it_does_not_fault_traps() {
    isolated_ok(
        "no_signals::what_falsely_says_that_it_does_not_fault_traps",
        || {
            let wat = r#"(module (func (export "run") unreachable))"#;
            let options = options(true, Level::O2);
            let mut bytes = compile(wat.as_bytes(), &options).unwrap();
            let start = crate::damage::descriptor(&bytes);
            let fields = abi::Descriptor::decode(&bytes[start..]);
            let faults = Required(fields.required).contains(Required::FAULTS);
            assert!(faults);
            let claimed = fields.required & !Required::FAULTS.0 | Required::TRAP_CALLS.0;
            let at = start + std::mem::offset_of!(abi::Descriptor, required);
            bytes[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
            let module = open_changed(&bytes).unwrap();
            assert!(!module.needs_signals());
            let mut store = Store::new();
            let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
            let trap = trap(run(&mut store, instance, "run"));
            assert_eq!(trap.code(), TrapCode::Unreachable);
        },
    );
}
