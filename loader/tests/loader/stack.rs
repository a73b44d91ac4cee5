//! Running out of stack.

use wasm_aot_loader::{BoxError, Caller, Config, Imports, Instance, Store, TrapCode};

use crate::support::{add, names, run, trap, trap_code};

const RECURSE: &str = r#"(module
  (global $depth (export "depth") (mut i32) (i32.const 0))
  (func $recurse (export "run")
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (call $recurse)
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1))))
  (func (export "reset") (global.set $depth (i32.const 0)))
  (func $frames (export "frames") (param i64 i64 i64 i64) (result i64)
    (i64.add (local.get 0) (call $frames (i64.add (local.get 1) (local.get 2)) (local.get 2)
      (i64.mul (local.get 3) (local.get 0)) (local.get 1)))))"#;

fn depth(store: &Store, instance: Instance) -> i32 {
    match instance.get_global(store, "depth").unwrap().get(store) {
        wasm_aot_loader::Val::I32(depth) => depth,
        other => panic!("{other:?}"),
    }
}

fn overflow(store: &mut Store, instance: Instance) -> i32 {
    run(store, instance, "reset").unwrap();
    let trap = trap(run(store, instance, "run"));
    assert_eq!(trap.message(), "call stack exhausted");
    assert!(trap.backtrace().omitted() > 100);
    let young = &names(trap.backtrace())[..48];
    assert!(young.iter().all(|&name| name == "recurse"));
    assert!(
        trap.backtrace()
            .frames()
            .iter()
            .all(|frame| frame.offset().is_some())
    );
    depth(store, instance)
}

#[test]
fn endless_recursion_is_a_trap_again_and_again() {
    let mut store = Store::new();
    let instance = add(&mut store, RECURSE, &Imports::new());
    let first = overflow(&mut store, instance);
    assert!(first > 1000);
    for _ in 0..10 {
        let depth = overflow(&mut store, instance);
        assert!(depth.abs_diff(first) < 100);
    }
    let frames = instance
        .get_typed_func::<(i64, i64, i64, i64), i64>(&store, "frames")
        .unwrap();
    assert_eq!(
        trap_code(frames.call(&mut store, (1, 2, 3, 4))),
        TrapCode::StackOverflow
    );
}

#[test]
fn a_store_can_be_given_less_or_more_stack() {
    let depth = |bytes: usize| {
        let mut store = Store::with_config(&Config::new().max_wasm_stack(bytes));
        let instance = add(&mut store, RECURSE, &Imports::new());
        overflow(&mut store, instance)
    };
    let thread = std::thread::Builder::new().stack_size(8 << 20);
    let thread = thread.spawn(move || {
        let (small, default, large) = (depth(1 << 17), depth(1 << 20), depth(4 << 20));
        assert!(small * 7 < default, "{small} {default}");
        assert!(default * 3 < large, "{default} {large}");
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_small_thread_gets_what_its_stack_allows() {
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let thread = thread.spawn(|| {
        let mut store = Store::with_config(&Config::new().max_wasm_stack(usize::MAX));
        let instance = add(&mut store, RECURSE, &Imports::new());
        assert!(overflow(&mut store, instance) > 100);
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn recursion_through_host_functions_is_a_trap() {
    let mut imports = Imports::new();
    imports.func(
        "h",
        "again",
        |mut caller: Caller<'_>| -> Result<(), BoxError> {
            let run = caller
                .instance()
                .unwrap()
                .get_typed_func::<(), ()>(&caller, "run")?;
            Ok(run.call(&mut caller, ())?)
        },
    );
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module (import "h" "again" (func $again)) (func $run (export "run") (call $again)))"#,
        &imports,
    );
    for _ in 0..3 {
        let trap = trap(run(&mut store, instance, "run"));
        assert_eq!(trap.code(), TrapCode::StackOverflow);
        assert!(
            trap.backtrace().omitted() > 10,
            "all activations are walked"
        );
    }
}

/// Each of `n` calls of the host has what `run` does in its way; the innermost one recurses
/// without end.
const ALTERNATE: &str = r#"(module
  (import "h" "down" (func $down (param i32) (result i32)))
  (func $run (export "run") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1)))))
      (else (call $recurse (i64.const 1)) (i32.const 0))))
  (func $recurse (param i64)
    (call $recurse (i64.add (local.get 0) (i64.const 1)))
    (drop (memory.grow (i32.const 0))))
  (memory 1))"#;

/// At every depth of WebAssembly that is called by the host that is called by
/// WebAssembly, until this alone is too deep.
#[test]
fn the_stack_can_overflow_at_every_depth_of_calls_to_the_host_and_back() {
    type Depth = (i32, i32);
    let mut imports = Imports::new();
    imports.func("h", "down", |mut caller: Caller<'_>, n: i32| {
        let instance = caller.instance().unwrap();
        let run = instance.get_typed_func::<i32, i32>(&caller, "run")?;
        let result = run.call(&mut caller, n);
        let &(total, catch) = caller.get::<Depth>().unwrap();
        match result {
            // So many calls below the first one, the host takes the error and goes on.
            Err(error) if total - n == catch => {
                assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
                Ok(1000)
            }
            result => Ok::<_, BoxError>(result?),
        }
    });
    let mut store = Store::with_config(&Config::new().max_wasm_stack(256 << 10));
    let instance = add(&mut store, ALTERNATE, &imports);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let mut deepest = 0;
    for depth in 0.. {
        store.insert::<Depth>((depth, -1));
        let trap = trap(run.call(&mut store, depth));
        assert_eq!(trap.code(), TrapCode::StackOverflow);
        let backtrace = trap.backtrace();
        let innermost = names(backtrace)[0] == "recurse";
        assert!(!backtrace.frames().is_empty());
        for catch in [1, depth / 2, depth] {
            if depth > 0 && innermost {
                store.insert::<Depth>((depth, catch.max(1)));
                let result = run.call(&mut store, depth).unwrap();
                assert_eq!(result, 1000 + catch.max(1));
            }
        }
        if !innermost {
            deepest = depth;
            break;
        }
    }
    assert!(deepest > 100, "{deepest}");
}

#[test]
fn recursion_across_instances_is_a_trap() {
    let wat = r#"(module
      (import "e" "table" (table 2 funcref))
      (global $other (mut i32) (i32.const 0))
      (func (export "init") (param i32) (global.set $other (local.get 0)))
      (func $run (export "run") (call_indirect (global.get $other)) (global.set $other (global.get $other))))"#;
    let mut store = Store::new();
    let ty = wasm_aot_loader::TableType::new(wasm_aot_loader::ValType::FUNCREF, 2, None);
    let null = wasm_aot_loader::Val::FuncRef(None);
    let table = wasm_aot_loader::Table::new(&mut store, ty, null).unwrap();
    let mut imports = Imports::new();
    imports.define("e", "table", table);
    let instances = [
        add(&mut store, wat, &imports),
        add(&mut store, wat, &imports),
    ];
    for (index, instance) in instances.iter().enumerate() {
        let run = instance.get_func(&store, "run").unwrap();
        table.set(&mut store, index as u64, run.into()).unwrap();
        let init = instance.get_typed_func::<i32, ()>(&store, "init").unwrap();
        init.call(&mut store, 1 - index as i32).unwrap();
    }
    for instance in instances {
        let trap = trap(run(&mut store, instance, "run"));
        assert_eq!(trap.code(), TrapCode::StackOverflow);
    }
}

#[test]
fn recursion_through_stores_is_a_trap() {
    fn nest() -> Result<(), BoxError> {
        let mut imports = Imports::new();
        imports.func("h", "nest", nest);
        let mut store = Store::new();
        let wat = r#"(module (import "h" "nest" (func $nest)) (func (export "run") (call $nest)))"#;
        thread_local! {
            static MODULE: std::cell::OnceCell<wasm_aot_loader::Module> =
                const { std::cell::OnceCell::new() };
        }
        let module = MODULE.with(|cell| cell.get_or_init(|| crate::support::module(wat)).clone());
        let instance = Instance::new(&mut store, &module, &imports)?;
        Ok(run(&mut store, instance, "run")?)
    }
    let error = nest().unwrap_err();
    let error = error.downcast::<wasm_aot_loader::CallError>().unwrap();
    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
}

#[test]
fn a_nested_call_on_another_thread_has_that_threads_stack() {
    let mut store = Store::new();
    let recurse = add(&mut store, RECURSE, &Imports::new());
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>| {
        let store: &mut Store = &mut caller;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                assert!(overflow(store, recurse) > 1000);
            });
            thread.join().unwrap();
        });
        assert!(overflow(&mut caller, recurse) > 1000);
    });
    let outer = add(
        &mut store,
        r#"(module (import "h" "f" (func $f)) (func (export "run") (call $f)))"#,
        &imports,
    );
    run(&mut store, outer, "run").unwrap();
    assert!(overflow(&mut store, recurse) > 1000);
}
