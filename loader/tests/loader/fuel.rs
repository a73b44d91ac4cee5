//! Fuel: what it costs, the same at every level, and exact.

use std::sync::{Arc, Mutex};

use wasm_aot_compiler::{Level, Options, compile};
use wasm_aot_loader::{
    CallError, Caller, Config, Imports, Instance, InstantiationError, Module, Store, TrapCode, Val,
};

use crate::support::options;

const LEVELS: [Level; 4] = [Level::O0, Level::O1, Level::O2, Level::Os];

fn paying(wat: &str, level: Level) -> Module {
    let options = Options {
        fuel: true,
        level,
        ..options()
    };
    Module::from_bytes(&compile(wat.as_bytes(), &options).unwrap()).unwrap()
}

/// The rest of the fuel of a call of `run`, and how it has ended.
fn left(module: &Module, fuel: u64, argument: i32) -> (u64, Option<TrapCode>) {
    let mut store = Store::with_config(&Config::new().fuel(fuel));
    let mut imports = Imports::new();
    imports.func("host", "nothing", |_: Caller<'_>| ());
    let instance = Instance::new(&mut store, module, &imports).unwrap();
    let run = instance.get_typed_func::<i32, ()>(&store, "run").unwrap();
    let result = run.call(&mut store, argument);
    (
        store.fuel(),
        result.err().and_then(|error| error.trap_code()),
    )
}

/// Bodies of `run`, an argument, and what that costs.
const COSTS: &[(&str, i32, u64)] = &[
    ("", 0, 0),
    ("nop nop (block (nop))", 0, 0),
    ("(drop (i32.const 1))", 0, 1),
    ("(local.set 0 (i32.add (local.get 0) (i32.const 1)))", 0, 4),
    ("(block (br 0))", 0, 1),
    ("(block (br 0) (drop (i32.const 1)) (unreachable))", 0, 1),
    ("return", 0, 1),
    // get, if, const; get, if, const, const
    (
        "(if (local.get 0) (then (drop (i32.const 1))) (else (drop (i32.const 1)) (drop (i32.const 2))))",
        1,
        3,
    ),
    (
        "(if (local.get 0) (then (drop (i32.const 1))) (else (drop (i32.const 1)) (drop (i32.const 2))))",
        0,
        4,
    ),
    ("(if (local.get 0) (then (drop (i32.const 1))))", 0, 2),
    // get, const, sub, tee, br_if
    (
        "(loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))",
        100,
        500,
    ),
    (
        "(loop $a (loop $b (br_if $b (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))",
        7,
        35,
    ),
    // call; get, if, ...
    ("(call $leaf)", 0, 3),
    ("(call $down (local.get 0))", 0, 4),
    ("(call $down (local.get 0))", 3, 22),
    ("(call $nothing)", 0, 1),
    ("(call_indirect $table (i32.const 0))", 0, 4),
    // get, br_table, then what comes
    (
        "(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))",
        0,
        3,
    ),
    (
        "(block (block (br_table 0 1 (local.get 0))) (drop (i32.const 1)))",
        1,
        2,
    ),
    // throw; the clause costs nothing
    ("(block (try_table (catch $tag 0) (throw $tag)))", 0, 1),
    ("(block (try_table (catch $tag 0) (call $throws)))", 0, 2),
    (
        "(memory.fill (i32.const 0) (i32.const 1) (i32.const 1000))",
        0,
        4,
    ),
    (
        "(memory.copy (i32.const 0) (i32.const 8) (i32.const 8))",
        0,
        4,
    ),
    // i64 constants, a call, and what is in __multi3
    (
        "(call $wide (i32.const 8) (i64.const 3) (i64.const 0) (i64.const 5) (i64.const 0))",
        0,
        16,
    ),
];

fn with_body(body: &str) -> String {
    format!(
        r#"(module
        (import "host" "nothing" (func $nothing))
        (memory 1)
        (tag $tag)
        (table $table funcref (elem $leaf))
        (func $leaf (drop (i32.const 1)) (drop (i32.const 2)))
        (func $down (param i32)
          (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func $throws (throw $tag))
        (func $wide (param i32 i64 i64 i64 i64)
          (i64.store (local.get 0) (i64.mul (local.get 1) (local.get 3)))
          (i64.store offset=8 (local.get 0) (i64.add (local.get 2) (local.get 4))))
        (func (export "run") (param i32) {body}))"#
    )
}

#[test]
fn operators_cost_what_is_documented_at_every_level() {
    for &(body, argument, cost) in COSTS {
        for level in LEVELS {
            let module = paying(&with_body(body), level);
            let what = format!("{body} of {argument} at {level:?}");
            assert_eq!(left(&module, 1000, argument), (1000 - cost, None), "{what}");
            // Exactly enough, and one too little.
            assert_eq!(left(&module, cost, argument), (0, None), "{what}");
            if cost > 0 {
                let (_, trap) = left(&module, cost - 1, argument);
                assert_eq!(trap, Some(TrapCode::OutOfFuel), "{what}");
            }
        }
    }
}

#[test]
fn every_budget_ends_in_the_same_way_at_every_level() {
    let body = r#"
        (loop $next
          (if (i32.and (local.get 0) (i32.const 1))
            (then (call $down (local.get 0)) (call $nothing))
            (else (i32.store (i32.const 0) (i32.div_u (i32.const 9) (local.get 0)))))
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br $next))"#;
    let modules = LEVELS.map(|level| paying(&with_body(body), level));
    for fuel in 0..400 {
        let results = modules.each_ref().map(|module| left(module, fuel, 9));
        assert!(
            results.iter().all(|&result| result == results[0]),
            "{fuel}: {results:?}"
        );
    }
    // In the end it divides by zero.
    let (rest, trap) = left(&modules[0], 400, 9);
    assert_eq!(trap, Some(TrapCode::IntegerDivisionByZero));
    assert_eq!(left(&modules[2], 400, 9).0, rest);
}

#[test]
fn nothing_is_executed_that_is_not_paid_for() {
    for level in LEVELS {
        let module = paying(
            r#"(module (global (export "g") (mut i32) (i32.const 0))
              (func (export "run")
                (global.set 0 (i32.const 1))
                (global.set 0 (i32.const 2))
                (block)
                (global.set 0 (i32.const 3))))"#,
            level,
        );
        for (fuel, value, rest) in [(3, 0, 3), (4, 2, 0), (5, 2, 1), (6, 3, 0)] {
            let mut store = Store::with_config(&Config::new().fuel(fuel));
            let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
            let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
            assert_eq!(run.call(&mut store, ()).is_err(), fuel < 6);
            let global = instance.get_global(&store, "g").unwrap();
            assert!(matches!(global.get(&store), Val::I32(found) if found == value));
            assert_eq!(store.fuel(), rest);
        }
    }
}

#[test]
fn a_host_function_sees_what_is_left_and_may_change_it() {
    let wat = r#"(module (import "host" "fuel" (func $fuel))
      (func (export "run") (drop (i32.const 1)) (call $fuel) (drop (i32.const 1)) (call $fuel)))"#;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let mut imports = Imports::new();
    imports.func("host", "fuel", move |mut caller: Caller<'_>| {
        log.lock().unwrap().push(caller.fuel());
        caller.set_fuel(5);
    });
    let mut store = Store::with_config(&Config::new().fuel(100));
    let module = paying(wat, Level::O2);
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
    run.call(&mut store, ()).unwrap();
    assert_eq!(*seen.lock().unwrap(), [98, 3]);
    assert_eq!(store.fuel(), 5);
}

#[cfg(feature = "async")]
#[test]
fn calls_that_wait_have_the_fuel_of_their_store() {
    use futures_lite::future::{block_on, yield_now};
    let wat = r#"(module (import "host" "wait" (func $wait))
      (func (export "run") (call $wait) (call $wait) (drop (i32.const 1))))"#;
    let mut imports = Imports::new();
    imports.func_async("host", "wait", |mut caller, ()| {
        Box::pin(async move {
            yield_now().await;
            let fuel = caller.fuel();
            caller.set_fuel(fuel + 10);
        })
    });
    let mut store = Store::with_config(&Config::new().fuel(2));
    let module = paying(wat, Level::O2);
    block_on(async {
        let instance = Instance::new_async(&mut store, &module, &imports)
            .await
            .unwrap();
        let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
        run.call_async(&mut store, ()).await.unwrap();
    });
    assert_eq!(store.fuel(), 2 + 20 - 3);
}

#[test]
fn a_store_with_fuel_takes_no_code_that_does_not_pay() {
    let module = crate::support::module("(module)");
    let mut store = Store::with_config(&Config::new().fuel(1));
    let error = Instance::new(&mut store, &module, &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::NoFuel));
    assert_eq!(
        error.to_string(),
        "the code does not count fuel, as the store demands"
    );
    Instance::new(&mut Store::new(), &module, &Imports::new()).unwrap();
}

#[test]
fn without_a_budget_there_is_no_end_of_it() {
    let module = paying(&with_body("(call $leaf)"), Level::O2);
    let mut store = Store::new();
    assert_eq!(store.fuel(), u64::MAX);
    let mut imports = Imports::new();
    imports.func("host", "nothing", |_: Caller<'_>| ());
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let run = instance.get_typed_func::<i32, ()>(&store, "run").unwrap();
    run.call(&mut store, 0).unwrap();
    assert_eq!(store.fuel(), u64::MAX - 3);
    store.set_fuel(2);
    let Err(CallError::Trap(trap)) = run.call(&mut store, 0) else {
        panic!("not enough");
    };
    assert_eq!(trap.code(), TrapCode::OutOfFuel);
    assert_eq!(trap.backtrace().frames().len(), 2);
}

#[test]
fn a_start_function_pays() {
    let module = paying(
        "(module (func $start (loop (br 0))) (start $start))",
        Level::O2,
    );
    let mut store = Store::with_config(&Config::new().fuel(1000));
    match Instance::new(&mut store, &module, &Imports::new()) {
        Err(InstantiationError::Trap(trap)) => assert_eq!(trap.code(), TrapCode::OutOfFuel),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.fuel(), 0);
}
