//! What is particular to LLVM as the code generator. Besides, `make test-llvm` runs the
//! specification's test suite and programs with it.

use std::fmt::Write as _;

use wasm_aot_compiler::{Codegen, Cpu, Error, Level, Options, Target, compile};
use wasm_aot_loader::{CallError, Imports, Instance, Module, Store, Trap, TrapCode, Val};

fn options() -> Options {
    Options {
        codegen: Some(Codegen::Llvm),
        level: Level::O3,
        ..Options::default()
    }
}

fn instance(store: &mut Store, wat: &str) -> (Module, Instance) {
    instance_of(store, wat, &options())
}

/// With signals, and without.
fn ways() -> [Options; 2] {
    let without = Options {
        signals: false,
        ..options()
    };
    [options(), without]
}

fn instance_of(store: &mut Store, wat: &str, options: &Options) -> (Module, Instance) {
    let artefact = compile(wat.as_bytes(), options).expect("it compiles");
    let module = Module::from_bytes(&artefact).expect("it opens");
    let instance = Instance::new(store, &module, &Imports::new()).expect("it has no imports");
    (module, instance)
}

fn trap<T>(result: Result<T, CallError>) -> Trap {
    match result {
        Err(CallError::Trap(trap)) => trap,
        Err(other) => panic!("not a trap: {other}"),
        Ok(_) => panic!("it returned"),
    }
}

#[test]
fn the_artefact_says_what_made_it() {
    let (module, _) = instance(&mut Store::new(), "(module (func))");
    assert!(module.producer().contains("llvm 19."));
    assert!(module.options().contains("--codegen llvm"));
}

#[test]
fn the_highest_level_chooses_it_where_it_is_possible() {
    let chosen = |level, target| {
        let options = Options {
            level,
            cpu: Cpu::portable(target),
            ..Options::default()
        };
        options.codegen().expect("nothing is asked for")
    };
    assert_eq!(chosen(Level::O3, Target::X86_64Linux), Codegen::Llvm);
    assert_eq!(chosen(Level::O2, Target::X86_64Linux), Codegen::Cranelift);
    assert_eq!(chosen(Level::O3, Target::Aarch64Linux), Codegen::Cranelift);
    let elsewhere = Options {
        cpu: Cpu::portable(Target::Aarch64Linux),
        ..options()
    };
    let result = compile(b"(module)", &elsewhere);
    assert!(matches!(result, Err(Error::Options(message)) if message.contains("cranelift")));
}

#[test]
fn compiling_again_gives_the_same_bytes() {
    let forth = include_bytes!("../examples/forth/forth.wasm");
    let compile = || compile(forth, &options()).expect("it compiles");
    assert!(compile() == compile());
}

#[test]
fn a_trap_in_an_inlined_function_is_shown_as_that_functions() {
    let wat = r#"(module $app (memory 1)
        (func $inner (param i32) (result i32) (i32.load offset=8 (local.get 0)))
        (func $outer (export "run") (param i32) (result i32)
            (i32.add (call $inner (local.get 0)) (i32.const 1))))"#;
    for options in ways() {
        let mut store = Store::new();
        let (_, instance) = instance_of(&mut store, wat, &options);
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 65524).unwrap(), 1);
        let trap = trap(run.call(&mut store, 65525));
        assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds);
        let frame = &trap.backtrace().frames()[0];
        assert_eq!(frame.func_name(), Some("inner"));
        // Behind the declaration of locals and `local.get`.
        assert_eq!(frame.func_offset(), Some(3));
    }
}

/// The call that traps is the last of the code: where it returns to is no other function's.
#[test]
fn without_signals_a_function_that_only_traps_is_in_its_own_backtrace() {
    let wat = r#"(module
        (func $never (export "never") unreachable)
        (func $next (export "next") (result i32) (i32.const 1)))"#;
    let [_, without] = ways();
    let mut store = Store::new();
    let (_, instance) = instance_of(&mut store, wat, &without);
    let never = instance.get_typed_func::<(), ()>(&store, "never").unwrap();
    let trap = trap(never.call(&mut store, ()));
    assert_eq!(trap.code(), TrapCode::Unreachable);
    assert_eq!(trap.backtrace().frames()[0].func_name(), Some("never"));
}

/// More parameters than registers, and more results: by an array, from the host, from
/// tables of the instance and of the text.
#[test]
fn functions_of_many_parameters_are_called_from_everywhere() {
    let mut store = Store::new();
    let wat = r#"(module
        (type $many (func (param i32 i32 i32 i32 i32 i32 i64) (result i64 i32 f64 i32 i32)))
        (table $fixed funcref (elem $swap))
        (table $open (export "open") 1 funcref)
        (elem (table $open) (i32.const 0) func $swap)
        (func $swap (export "swap") (type $many)
            (local.get 6) (local.get 5) (f64.const 2.5) (local.get 0) (local.get 1))
        (func (export "fixed") (result i64 i32 f64 i32 i32)
            (call_indirect $fixed (type $many) (i32.const 1) (i32.const 2) (i32.const 3)
                (i32.const 4) (i32.const 5) (i32.const 6) (i64.const 7) (i32.const 0)))
        (func (export "open-call") (result i64 i32 f64 i32 i32)
            (call_indirect $open (type $many) (i32.const 1) (i32.const 2) (i32.const 3)
                (i32.const 4) (i32.const 5) (i32.const 6) (i64.const 7) (i32.const 0))))"#;
    let (_, instance) = instance(&mut store, wat);
    let expected = (7_i64, 6, 2.5, 1, 2);
    for name in ["fixed", "open-call"] {
        let func = instance.get_typed_func::<(), (i64, i32, f64, i32, i32)>(&store, name);
        assert_eq!(func.unwrap().call(&mut store, ()).unwrap(), expected);
    }
    type Params = (i32, i32, i32, i32, i32, i32, i64);
    let swap = instance.get_typed_func::<Params, (i64, i32, f64, i32, i32)>(&store, "swap");
    let result = swap.unwrap().call(&mut store, (1, 2, 3, 4, 5, 6, 7));
    assert_eq!(result.unwrap(), expected);
}

/// What LLVM's code would find out too late is left to Cranelift.
#[test]
fn enormous_frames_overflow_the_stack_as_small_ones_do() {
    const LOCALS: usize = 1500;
    let mut wat = String::from(
        "(module (memory 1) (table funcref (elem $run)) (func $run (export \"run\") (result i64)
         (local",
    );
    wat.push_str(&" i64".repeat(LOCALS));
    wat.push(')');
    for local in 0..LOCALS {
        let offset = 8 * local;
        write!(
            wat,
            "(local.set {local} (i64.load offset={offset} (i32.const 0)))"
        )
        .unwrap();
    }
    wat.push_str("(call_indirect (result i64) (i32.const 0))");
    for local in 0..LOCALS {
        write!(wat, "(i64.add (local.get {local}))").unwrap();
    }
    wat.push_str("))");
    for options in ways() {
        let mut store = Store::new();
        let (_, instance) = instance_of(&mut store, &wat, &options);
        let run = instance.get_typed_func::<(), i64>(&store, "run").unwrap();
        let trap = trap(run.call(&mut store, ()));
        assert_eq!(trap.code(), TrapCode::StackOverflow);
    }
}

/// Neither is a store left out because of one that follows, nor done that follows a trap.
#[test]
fn what_was_stored_before_a_trap_is_there_and_nothing_else() {
    let wat = r#"(module (memory (export "memory") 1) (global $g (export "g") (mut i32) (i32.const 0))
        (func (export "run") (param i32)
            (global.set $g (i32.const 1))
            (i32.store (i32.const 0) (i32.const 1))
            (drop (i32.load (local.get 0)))
            (i32.store (i32.const 0) (i32.const 2))
            (global.set $g (i32.const 2))
            (i32.store (local.get 0) (i32.const 3))
            (global.set $g (i32.const 3)))
        (func (export "quotient") (param i32) (result i32)
            (global.set $g (i32.const 4))
            (i32.store (i32.const 0) (i32.const 4))
            (drop (i32.div_u (i32.const 1) (local.get 0)))
            (global.set $g (i32.const 5))
            (i32.store (i32.const 0) (i32.const 5))
            (i32.const 0)))"#;
    for options in ways() {
        let mut store = Store::new();
        let (_, instance) = instance_of(&mut store, wat, &options);
        let seen = |store: &Store| {
            let memory = instance.get_memory(store, "memory").unwrap();
            let global = instance.get_global(store, "g").unwrap().get(store);
            let Val::I32(global) = global else {
                panic!("a global of another type")
            };
            (memory.data(store)[0], global)
        };
        let run = instance.get_typed_func::<i32, ()>(&store, "run").unwrap();
        assert_eq!(
            trap(run.call(&mut store, -1)).code(),
            TrapCode::MemoryOutOfBounds
        );
        assert_eq!(seen(&store), (1, 1));
        let quotient = instance
            .get_typed_func::<i32, i32>(&store, "quotient")
            .unwrap();
        let code = trap(quotient.call(&mut store, 0)).code();
        assert_eq!(code, TrapCode::IntegerDivisionByZero);
        assert_eq!(seen(&store), (4, 4));
    }
}

/// Also where the compiler could know better.
#[test]
fn arithmetic_makes_signalling_nans_quiet() {
    let mut store = Store::new();
    let wat = r#"(module
        (func $scale (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
        (func $bits (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
        (func (export "one") (param i64) (result i64)
            (call $bits (call $scale (f64.reinterpret_i64 (local.get 0)) (f64.const 1))))
        (func (export "converted") (param i64) (result i64)
            (call $bits (call $scale (f64.reinterpret_i64 (local.get 0))
                (f64.convert_i32_s (i32.const 1)))))
        (func (export "zero") (param i64) (result i64)
            (call $bits (f64.sub (f64.reinterpret_i64 (local.get 0)) (f64.const 0)))))"#;
    let (_, instance) = instance(&mut store, wat);
    let signalling = 0x7ff4_0000_0000_0001_i64;
    for name in ["one", "converted", "zero"] {
        let func = instance.get_typed_func::<i64, i64>(&store, name).unwrap();
        let result = func.call(&mut store, signalling).unwrap();
        assert_eq!(result, 0x7ffc_0000_0000_0001, "{name}: {result:x}");
    }
}

/// LLVM would take the third float of several results over the x87.
#[test]
fn signalling_nans_pass_as_results() {
    let mut store = Store::new();
    let wat = r#"(module
        (table funcref (elem $three))
        (func $three (param i32) (result f32 f64 f32 f64)
            (f32.reinterpret_i32 (local.get 0)) (f64.const 2)
            (f32.reinterpret_i32 (local.get 0)) (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
        (func (export "third") (param i32) (result i32 i64) (local f64)
            (call_indirect (param i32) (result f32 f64 f32 f64) (local.get 0) (i32.const 0))
            (local.set 1) (i32.reinterpret_f32) (i64.reinterpret_f64 (local.get 1))
            (return)))"#;
    let (_, instance) = instance(&mut store, wat);
    let third = instance
        .get_typed_func::<i32, (i32, i64)>(&store, "third")
        .unwrap();
    let result = third.call(&mut store, 0x7fa0_0001).unwrap();
    assert_eq!(result, (0x7fa0_0001, 0x7ff4_0000_0000_0001));
}

/// Vectors are in the registers that floats are in.
#[test]
fn signalling_nans_pass_as_results_behind_vectors() {
    let mut store = Store::new();
    let wat = r#"(module
        (table funcref (elem $three))
        (func $three (result f64 v128 f64)
            (f64.const 2) (v128.const i64x2 1 2) (f64.const nan:0x4000000000001))
        (func (export "third") (result i64)
            (i64.reinterpret_f64 (call_indirect (result f64 v128 f64) (i32.const 0)))
            (return)))"#;
    let (_, instance) = instance(&mut store, wat);
    let third = instance.get_typed_func::<(), i64>(&store, "third").unwrap();
    let result = third.call(&mut store, ()).unwrap();
    assert_eq!(result, 0x7ff4_0000_0000_0001, "{result:x}");
}

/// Without signals, LLVM makes vectors of such a loop, and finds out before how often it goes
/// round until it traps: with a division of 128 bits.
#[test]
fn loops_over_records_end_where_they_should() {
    const RECORD: u32 = 48;
    const LENGTH: u32 = 1 << 16;
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "sum") (param $at i32) (param $count i32) (result i32)
            (local $done i32) (local $sum i32)
            (loop $again
                (local.set $sum (i32.add (local.get $sum) (i32.add
                    (i32.load offset=4 (local.get $at)) (i32.load offset=20 (local.get $at)))))
                (local.set $at (i32.add (local.get $at) (i32.const 48)))
                (local.set $done (i32.add (local.get $done) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $done) (local.get $count))))
            (local.get $sum)))"#;
    let load = |at: u64| {
        let word = |at: u64| (at as u32).wrapping_mul(2_654_435_761).to_le_bytes()[0];
        let bytes = [at, at + 1, at + 2, at + 3].map(word);
        (at + 4 <= u64::from(LENGTH)).then(|| u32::from_le_bytes(bytes))
    };
    let expected = |mut at: u32, count: u32| {
        let mut sum = 0_u32;
        for _ in 0..count.max(1) {
            let (one, other) = (load(u64::from(at) + 4)?, load(u64::from(at) + 20)?);
            sum = sum.wrapping_add(one).wrapping_add(other);
            at = at.wrapping_add(RECORD);
        }
        Some(sum as i32)
    };
    for options in ways() {
        let mut store = Store::new();
        let (_, instance) = instance_of(&mut store, wat, &options);
        let memory = instance.get_memory(&store, "memory").unwrap();
        for (at, byte) in (0_u32..).zip(memory.data_mut(&mut store)) {
            *byte = at.wrapping_mul(2_654_435_761).to_le_bytes()[0];
        }
        let sum = instance
            .get_typed_func::<(i32, i32), i32>(&store, "sum")
            .unwrap();
        let most = LENGTH / RECORD;
        for at in [
            0,
            1,
            4,
            40,
            47,
            48,
            LENGTH - 24,
            LENGTH - 23,
            LENGTH,
            0_u32.wrapping_sub(48),
        ] {
            for count in [0, 1, 2, 7, 8, 9, 31, most - 1, most, most + 1, u32::MAX] {
                let result = sum.call(&mut store, (at as i32, count as i32)).ok();
                assert_eq!(result, expected(at, count), "{count} from {at} on");
            }
        }
    }
}

/// An interpreter of `count` instructions besides the one that ends: each changes what the
/// function has in locals, by what it finds there, and some go back from two places.
fn interpreter(count: u32) -> String {
    let mut handlers = String::new();
    for number in 0..count {
        let factor = 2 * number + 3;
        let change = match number % 4 {
            0 => format!("(local.set $b (i32.add (local.get $a) (i32.const {factor})))"),
            1 => "(local.set $b (local.get $c)) (local.set $c (local.get $op))".to_owned(),
            2 => "(if (i32.and (local.get $a) (i32.const 4)) (then
                (local.set $c (local.get $pc)) (br $next)))"
                .to_owned(),
            _ => "(i32.store offset=4096 (local.get $op) (local.get $a))
                (local.set $c (i32.load offset=4097 (local.get $op)))"
                .to_owned(),
        };
        write!(
            handlers,
            "end (local.set $a (i32.add (i32.xor (i32.mul (local.get $a) (i32.const {factor}))
                (local.get $b)) (local.get $c))) {change} br $next "
        )
        .unwrap();
    }
    let labels: String = (0..=count).map(|label| format!(" {label}")).collect();
    format!(
        r#"(module (memory (export "memory") 1)
        (func (export "run") (param $pc i32) (result i32)
            (local $a i32) (local $b i32) (local $c i32) (local $op i32)
            loop $next {blocks}
                (local.set $op (i32.load8_u (local.get $pc)))
                (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
                (br_table{labels} {beyond} (local.get $op))
            {handlers}
            end (return (i32.sub (local.get $a) (local.get $b)))
            end (return (i32.sub (local.get $c) (local.get $pc)))
            end unreachable))"#,
        blocks = "block ".repeat(count as usize + 2),
        beyond = count + 1,
    )
}

#[test]
fn the_switch_of_an_interpreter_is_behind_each_of_its_instructions() {
    const COUNT: u32 = 40;
    const PROGRAM: usize = 200;
    let wat = interpreter(COUNT);
    let compiled = |codegen| {
        let options = Options {
            codegen: Some(codegen),
            ..options()
        };
        compile(wat.as_bytes(), &options).expect("it compiles")
    };
    let artefacts = [compiled(Codegen::Llvm), compiled(Codegen::Cranelift)];
    // `jmp *reg`
    let jumps = artefacts[0].windows(2);
    let jumps = jumps.filter(|it| it[0] == 0xff && (0xe0..0xe8).contains(&it[1]));
    assert!(jumps.count() >= COUNT as usize);
    let mut random = 1_u32;
    let mut next = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        random >> 16
    };
    for _ in 0..100 {
        let mut program: Vec<u8> = (0..PROGRAM).map(|_| (next() % COUNT) as u8).collect();
        // The one that ends, or what is beyond the table.
        program[next() as usize % PROGRAM] = (COUNT + next() % 200) as u8;
        let results = artefacts.each_ref().map(|artefact| {
            let mut store = Store::new();
            let module = Module::from_bytes(artefact).expect("it opens");
            let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
            let memory = instance.get_memory(&store, "memory").unwrap();
            memory.data_mut(&mut store)[..PROGRAM].copy_from_slice(&program);
            let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
            let result = run.call(&mut store, 0).unwrap();
            (result, memory.data(&store).to_vec())
        });
        assert!(results[0] == results[1], "{program:?}");
    }
}
