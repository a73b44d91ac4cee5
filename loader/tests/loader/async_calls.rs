//! Calls that wait: executors, threads, nesting, stacks, errors.

use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_lite::future::{block_on, poll_once, yield_now, zip};
use wasm_aot_loader::{
    BoxError, CallError, Caller, Config, ExternRef, Func, FuncType, Imports, Instance,
    InstantiationError, Module, Store, SynchronousCall, Trap, TrapCode, Val, ValType,
};

use crate::support::{Log, add, module, names, run, trap, trap_code, waiting};

/// `run(n)`: 1 + ... + n, waiting in every step, with values of all kinds alive
/// meanwhile.
const SUM: &str = r#"(module $sum
  (import "h" "wait" (func $wait (param i32) (result i32)))
  (memory 1)
  (func $run (export "run") (param $n i32) (result i32) (local $sum i32) (local $f f64) (local $v v128)
    (local.set $f (f64.const 1.5))
    (local.set $v (i32x4.splat (i32.const 7)))
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (call $wait (local.get $n))))
      (local.set $f (f64.add (local.get $f) (f64.const 1)))
      (local.set $v (i32x4.add (local.get $v) (i32x4.splat (i32.const 1))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (if (i32.ne (i32.sub (i32x4.extract_lane 2 (local.get $v)) (i32.const 7))
                (i32.sub (i32.trunc_f64_s (local.get $f)) (i32.const 1)))
      (then (unreachable)))
    (local.get $sum))
  (func $load (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "load") (param i32) (result i32)
    (drop (call $wait (i32.const 1)))
    (call $load (local.get 0)))
  (func (export "divide") (param i32) (result i32)
    (drop (call $wait (i32.const 1)))
    (i32.div_u (i32.const 1) (local.get 0)))
  (func $endless (export "endless") (param i32) (result i32)
    (i32.add (i32.const 1) (call $endless (local.get 0))))
  (func (export "wait_then_endless") (param i32) (result i32)
    (drop (call $wait (i32.const 1)))
    (call $endless (local.get 0))))"#;

async fn sum(module: &Module, n: i32) -> i32 {
    let mut store = Store::new();
    let instance = Instance::new_async(&mut store, module, &waiting()).await;
    let run = instance
        .unwrap()
        .get_typed_func::<i32, i32>(&store, "run")
        .unwrap();
    run.call_async(&mut store, n).await.unwrap()
}

#[test]
fn a_call_waits_on_any_executor() {
    let module = module(SUM);
    assert_eq!(block_on(sum(&module, 10)), 55);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(tokio.block_on(sum(&module, 10)), 55);
    let tokio = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    assert_eq!(tokio.block_on(sum(&module, 10)), 55);
}

#[test]
fn many_tasks_wait_at_once() {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let module = module(SUM);
    let tasks: Vec<_> = (1..=200)
        .map(|n| {
            let module = module.clone();
            tokio.spawn(async move { (sum(&module, n).await, n * (n + 1) / 2) })
        })
        .collect();
    for task in tasks {
        let (found, expected) = tokio.block_on(task).unwrap();
        assert_eq!(found, expected);
    }
}

/// Polls to the end, every time on another new thread; how often.
fn migrate<F: Future + Send>(future: F) -> (F::Output, usize)
where
    F::Output: Send,
{
    let mut future = std::pin::pin!(future);
    for polls in 1.. {
        let future = future.as_mut();
        let outcome = thread::scope(|scope| {
            let poll = scope.spawn(|| block_on(poll_once(future)));
            poll.join().unwrap()
        });
        if let Some(output) = outcome {
            return (output, polls);
        }
    }
    unreachable!()
}

#[test]
fn a_call_goes_on_on_the_thread_that_polls_it() {
    let threads = Arc::new(Mutex::new(Vec::<ThreadId>::new()));
    let seen = threads.clone();
    let mut imports = Imports::new();
    imports.func_async("h", "wait", move |_, n: i32| {
        let seen = seen.clone();
        Box::pin(async move {
            seen.lock().unwrap().push(thread::current().id());
            yield_now().await;
            seen.lock().unwrap().push(thread::current().id());
            n
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &imports);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let call = run.call_async(&mut store, 10);
    assert_eq!((55, 11), {
        let (sum, polls) = migrate(call);
        (sum.unwrap(), polls)
    });
    let threads = threads.lock().unwrap();
    for pair in threads.chunks(2) {
        assert_ne!(pair[0], pair[1]);
    }
    assert_eq!(threads.len(), 20);
}

#[test]
fn a_trap_on_another_thread_has_its_code_and_backtrace() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    for (name, argument, code, frames) in [
        (
            "load",
            -4,
            TrapCode::MemoryOutOfBounds,
            &["load", "load"] as &[&str],
        ),
        ("divide", 0, TrapCode::IntegerDivisionByZero, &["divide"]),
    ] {
        let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        let call = func.call_async(&mut store, argument);
        let (outcome, polls) = migrate(call);
        assert_eq!(polls, 2);
        let trap = trap(outcome);
        assert_eq!(trap.code(), code);
        assert_eq!(names(trap.backtrace()), frames);
    }
}

#[test]
fn a_stack_overflow_on_a_stack_of_its_own_is_a_trap() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    for name in ["endless", "wait_then_endless", "endless"] {
        let func = instance.get_typed_func::<i32, i32>(&store, name).unwrap();
        for _ in 0..3 {
            let call = func.call_async(&mut store, 0);
            let trap = trap(migrate(call).0);
            assert_eq!(trap.code(), TrapCode::StackOverflow);
            assert!(trap.backtrace().omitted() > 100);
        }
    }
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    assert_eq!(block_on(run.call_async(&mut store, 3)).unwrap(), 6);
}

#[test]
fn a_call_can_end_with_a_timeout() {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut imports = Imports::new();
    imports.func_async("h", "wait", |_, n: i32| {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(if n == 2 { 1000 } else { 0 })).await;
            n
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &imports);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    tokio.block_on(async {
        let call = run.call_async(&mut store, 3);
        let limited = tokio::time::timeout(Duration::from_millis(5), call);
        assert!(limited.await.is_err());
        assert_eq!(run.call_async(&mut store, 1).await.unwrap(), 1);
    });
}

#[test]
fn calls_in_one_task_take_turns() {
    let log = Log::default();
    let task = async |name: &'static str| {
        let mut imports = Imports::new();
        let log = log.clone();
        imports.func_async("h", "wait", move |_, n: i32| {
            let log = log.clone();
            Box::pin(async move {
                log.push(format!("{name}{n}"));
                yield_now().await;
                n
            })
        });
        let mut store = Store::new();
        let instance = add(&mut store, SUM, &imports);
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        run.call_async(&mut store, 3).await.unwrap()
    };
    assert_eq!(block_on(zip(task("a"), task("b"))), (6, 6));
    assert_eq!(log.take(), ["a3", "b3", "a2", "b2", "a1", "b1"]);
}

#[test]
fn a_store_can_move_between_calls() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    for n in 1..5 {
        let thread = thread::spawn(move || {
            let sum = block_on(run.call_async(&mut store, n)).unwrap();
            (store, sum)
        });
        let (back, sum) = thread.join().unwrap();
        assert_eq!(sum, n * (n + 1) / 2);
        store = back;
        assert_eq!(block_on(run.call_async(&mut store, 4)).unwrap(), 10);
    }
}

/// Passes what it is called with on to `h` `f`.
const FORWARD: &str = r#"(module $forward
  (import "h" "f" (func $f (param i32) (result i32)))
  (func $run (export "run") (param i32) (result i32) (call $f (local.get 0))))"#;

fn forward(store: &mut Store, imports: &Imports) -> wasm_aot_loader::TypedFunc<i32, i32> {
    let instance = add(store, FORWARD, imports);
    instance.get_typed_func(store, "run").unwrap()
}

#[test]
fn an_asynchronous_host_function_can_call_and_wait() {
    let mut store = Store::new();
    let sum = add(&mut store, SUM, &waiting());
    let run = sum.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let load = sum.get_typed_func::<i32, i32>(&store, "load").unwrap();
    let mut imports = Imports::new();
    imports.func_async("h", "f", move |mut caller, n: i32| {
        Box::pin(async move {
            yield_now().await;
            if n < 0 {
                return load.call_async(&mut caller, n).await;
            }
            let first = run.call_async(&mut caller, n).await?;
            yield_now().await;
            Ok(first + run.call_async(&mut caller, n).await?)
        })
    });
    let outer = forward(&mut store, &imports);
    let call = outer.call_async(&mut store, 4);
    assert_eq!(migrate(call).0.unwrap(), 20);

    let call = outer.call_async(&mut store, -4);
    let trap = trap(migrate(call).0);
    assert_eq!(trap.code(), TrapCode::MemoryOutOfBounds);
    assert_eq!(names(trap.backtrace()), ["load", "load", "run"]);
}

#[test]
fn nested_calls_can_be_polled_together_with_other_futures() {
    let mut store = Store::new();
    let sum = add(&mut store, SUM, &waiting());
    let run = sum.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let other = module(SUM);
    let mut imports = Imports::new();
    imports.func_async("h", "f", move |mut caller, n: i32| {
        let other = other.clone();
        Box::pin(async move {
            let (own, other) = zip(run.call_async(&mut caller, n), self::sum(&other, 2 * n)).await;
            Ok::<_, CallError>(own? + other)
        })
    });
    let outer = forward(&mut store, &imports);
    let call = outer.call_async(&mut store, 4);
    assert_eq!(migrate(call).0.unwrap(), 10 + 36);
}

#[track_caller]
fn assert_synchronous<T: std::fmt::Debug>(outcome: Result<T, CallError>) {
    let Err(CallError::Host(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.downcast_ref(), Some(&SynchronousCall));
    assert!(error.to_string().contains("synchronous call"));
}

#[test]
fn a_synchronous_call_cannot_reach_an_asynchronous_host_function() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    assert_synchronous(run.call(&mut store, 1));
    let func = Func::wrap_async(&mut store, |_, ()| Box::pin(async {}));
    assert_synchronous(func.call(&mut store, &[], &mut []));
    assert_eq!(block_on(run.call_async(&mut store, 2)).unwrap(), 3);
    block_on(func.call_async(&mut store, &[], &mut [])).unwrap();
}

#[test]
fn a_synchronous_call_within_an_asynchronous_one_cannot_wait() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    // Made by a synchronous host function, and by an asynchronous one.
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>, n: i32| {
        assert_synchronous(run.call(&mut caller, n));
        n + 1
    });
    let outer = forward(&mut store, &imports);
    assert_eq!(block_on(outer.call_async(&mut store, 2)).unwrap(), 3);

    imports.func_async("h", "f", move |mut caller, n: i32| {
        Box::pin(async move {
            yield_now().await;
            assert_synchronous(run.call(&mut caller, n));
            yield_now().await;
            run.call_async(&mut caller, n).await
        })
    });
    let outer = forward(&mut store, &imports);
    assert_eq!(block_on(outer.call_async(&mut store, 2)).unwrap(), 3);
}

#[test]
fn a_synchronous_host_function_can_block_on_a_call_that_waits() {
    let mut store = Store::new();
    let instance = add(&mut store, SUM, &waiting());
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>, n: i32| {
        block_on(run.call_async(&mut caller, n))
    });
    let outer = forward(&mut store, &imports);
    assert_eq!(outer.call(&mut store, 3).unwrap(), 6);
    assert_eq!(block_on(outer.call_async(&mut store, 3)).unwrap(), 6);
}

#[test]
fn synchronous_calls_work_on_a_stack_of_its_own() {
    let mut store = Store::new();
    let adder = r#"(module (import "h" "one" (func $one (result i32)))
      (func (export "add") (param i32) (result i32) (i32.add (call $one) (local.get 0))))"#;
    let mut imports = Imports::new();
    imports.func("h", "one", || 1);
    let adder = add(&mut store, adder, &imports);
    let add_one = adder.get_typed_func::<i32, i32>(&store, "add").unwrap();
    imports.func_async("h", "f", move |mut caller, n: i32| {
        Box::pin(async move {
            let n = add_one.call(&mut caller, n)?;
            yield_now().await;
            add_one.call(&mut caller, n)
        })
    });
    let outer = forward(&mut store, &imports);
    let call = outer.call_async(&mut store, 5);
    assert_eq!(migrate(call).0.unwrap(), 7);
}

#[test]
fn a_synchronous_start_function_cannot_wait() {
    let wat = r#"(module (import "h" "f" (func $f)) (start $f))"#;
    let mut imports = Imports::new();
    imports.func_async("h", "f", |_, ()| Box::pin(async {}));
    let outcome = Instance::new(&mut Store::new(), &module(wat), &imports);
    let Err(InstantiationError::Host(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.downcast_ref(), Some(&SynchronousCall));
}

#[test]
fn recursion_through_asynchronous_host_functions_is_a_trap() {
    let mut imports = Imports::new();
    imports.func_async("h", "f", |mut caller, n: i32| {
        Box::pin(async move {
            if n % 7 == 0 {
                yield_now().await;
            }
            let run = caller.instance().unwrap();
            let run = run.get_typed_func::<i32, i32>(&caller, "run")?;
            Ok::<_, BoxError>(run.call_async(&mut caller, n + 1).await?)
        })
    });
    let mut store = Store::new();
    let outer = forward(&mut store, &imports);
    for _ in 0..3 {
        let trap = trap(block_on(outer.call_async(&mut store, 1)));
        assert_eq!(trap.code(), TrapCode::StackOverflow);
        assert!(trap.backtrace().frames().len() > 10, "all calls are walked");
    }
}

#[test]
fn recursion_of_asynchronous_host_functions_alone_is_a_trap() {
    let mut store = Store::new();
    store.insert(None::<Func>);
    let func = Func::wrap_async(&mut store, |mut caller, ()| {
        Box::pin(async move {
            let func = caller.get::<Option<Func>>().unwrap().unwrap();
            func.call_async(&mut caller, &[], &mut []).await
        })
    });
    store.insert(Some(func));
    let outcome = block_on(func.call_async(&mut store, &[], &mut []));
    assert_eq!(trap_code(outcome), TrapCode::StackOverflow);
}

#[test]
fn another_store_keeps_to_the_stack_that_it_is_called_on() {
    let mut other = Store::with_config(&Config::new().max_wasm_stack(64 << 20));
    let endless = add(&mut other, SUM, &waiting());
    let endless = endless
        .get_typed_func::<i32, i32>(&other, "endless")
        .unwrap();
    let other = Mutex::new(other);
    let mut imports = Imports::new();
    imports.func("h", "f", move |n: i32| {
        let mut other = other.lock().unwrap();
        assert_eq!(
            trap_code(endless.call(&mut other, 0)),
            TrapCode::StackOverflow
        );
        let outcome = block_on(endless.call_async(&mut other, 0));
        assert_eq!(trap_code(outcome), TrapCode::StackOverflow);
        n
    });
    let mut store = Store::new();
    let outer = forward(&mut store, &imports);
    for n in 0..3 {
        assert_eq!(block_on(outer.call_async(&mut store, n)).unwrap(), n);
    }
}

#[test]
fn errors_of_asynchronous_host_functions_end_the_call() {
    let mut imports = Imports::new();
    imports.func_async("h", "f", |_, n: i32| {
        Box::pin(async move {
            yield_now().await;
            match n {
                0 => Err(BoxError::from("no")),
                _ => Err(Trap::from(TrapCode::Interrupted).into()),
            }
            .map(|()| 0i32)
        })
    });
    let mut store = Store::new();
    let outer = forward(&mut store, &imports);
    let outcome = block_on(outer.call_async(&mut store, 0));
    let Err(CallError::Host(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.to_string(), "no");
    assert_eq!(names(error.backtrace()), ["run"]);
    let trap = trap(block_on(outer.call_async(&mut store, 1)));
    assert_eq!(trap.code(), TrapCode::Interrupted);
    assert_eq!(names(trap.backtrace()), ["run"]);
}

#[test]
fn a_function_of_a_type_known_at_run_time_can_wait() {
    let wat = r#"(module
      (import "h" "f" (func $f (param i64 externref f64 v128 i32 i32 i32 i32 i32) (result externref i32 f64)))
      (func (export "run") (param externref) (result externref i32 f64)
        (call $f (i64.const 1) (local.get 0) (f64.const 2) (v128.const i64x2 3 4)
          (i32.const 5) (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9))))"#;
    let mut imports = Imports::new();
    use ValType::{F64, I32, I64, V128};
    let ty = FuncType::new(
        [I64, ValType::EXTERNREF, F64, V128, I32, I32, I32, I32, I32],
        [ValType::EXTERNREF, I32, F64],
    );
    imports.func_dynamic_async("h", "f", ty, |_, params, results| {
        Box::pin(async move {
            assert_eq!(results[1], Val::I32(0));
            yield_now().await;
            assert_eq!(params[3], Val::V128(4 << 64 | 3));
            results[0] = params[1];
            yield_now().await;
            results[1] = params[8];
            results[2] = params[2];
            Ok(())
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, wat, &imports);
    let object = ExternRef::new(&mut store, "an object");
    let run = instance.get_func(&store, "run").unwrap();
    let arguments = [Val::ExternRef(Some(object))];
    let mut results = [Val::ExternRef(None), Val::I32(0), Val::F64(0)];
    block_on(run.call_async(&mut store, &arguments, &mut results)).unwrap();
    let expected = [arguments[0], Val::I32(9), Val::F64(2f64.to_bits())];
    assert_eq!(results, expected);
    let outcome = block_on(run.call_async(&mut store, &[], &mut results));
    assert!(matches!(outcome, Err(CallError::Arguments(_))));
}

#[test]
fn a_future_of_a_call_can_be_sent() {
    fn send<T: Send>(_: &T) {}
    let (mut store, module, imports) = (Store::new(), module(FORWARD), waiting());
    send(&Module::open_async("x"));
    send(&Instance::new_async(&mut store, &module, &imports));
    let func = Func::wrap_async(&mut store, |_, ()| Box::pin(async {}));
    send(&func.call_async(&mut store, &[], &mut []));
    let typed = func.typed::<(), ()>(&store).unwrap();
    send(&typed.call_async(&mut store, ()));
}

#[test]
fn a_function_of_another_store_is_refused() {
    let mut store = Store::new();
    let instance = add(
        &mut store,
        "(module (func (export \"run\")))",
        &Imports::new(),
    );
    let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
    let mut other = Store::new();
    let call = std::panic::AssertUnwindSafe(|| block_on(run.call_async(&mut other, ())));
    assert!(std::panic::catch_unwind(call).is_err());
    self::run(&mut store, instance, "run").unwrap();
}

#[test]
fn a_call_without_memory_for_a_stack_is_an_error() {
    crate::support::isolated_ok(
        "async_calls::a_call_without_memory_for_a_stack_is_an_error",
        || {
            let mut store = Store::new();
            let instance = add(&mut store, SUM, &waiting());
            let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
            let mut limit = rustix::process::getrlimit(rustix::process::Resource::As);
            limit.current = Some(1 << 20);
            rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
            let outcome = block_on(run.call_async(&mut store, 1));
            limit.current = limit.maximum;
            rustix::process::setrlimit(rustix::process::Resource::As, limit).unwrap();
            assert!(
                matches!(outcome, Err(CallError::Resource(_))),
                "{outcome:?}"
            );
            assert_eq!(block_on(run.call_async(&mut store, 1)).unwrap(), 1);
        },
    );
}
