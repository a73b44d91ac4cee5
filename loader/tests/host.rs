//! Host functions: what they see of their caller, and how they fail.

mod common;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{call, instance_with, trap};
use wasm_aot_loader::{
    BoxError, CallError, Caller, Func, FuncType, HostError, Imports, Instance, Store, TrapCode,
    Val, ValType,
};

#[derive(Debug, PartialEq)]
struct Refused(u32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl Error for Refused {}

#[derive(Debug)]
struct Outer(Refused);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// `run` hands its parameter to `e.f` and adds one to what comes back.
const CALLS_F: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "text")
    (global (export "calls") (mut i32) (i32.const 0))
    (func (export "run") (param i32) (result i32)
        (global.set 0 (i32.add (global.get 0) (i32.const 1)))
        (i32.add (call $f (local.get 0)) (i32.const 1))))"#;

/// The store and instance with this `e.f`.
fn with_f<P, R>(f: impl wasm_aot_loader::IntoHostFunc<P, R>) -> (Store, Instance) {
    let mut imports = Imports::new();
    imports.func("e", "f", f);
    let mut store = Store::new();
    let instance = instance_with(&mut store, CALLS_F, &imports);
    (store, instance)
}

fn run(store: &mut Store, instance: Instance, value: i32) -> Result<i32, CallError> {
    let run = instance.get_typed_func::<i32, i32>(store, "run").unwrap();
    run.call(store, value)
}

#[track_caller]
fn host_error<T: fmt::Debug>(outcome: Result<T, CallError>) -> HostError {
    match outcome {
        Err(CallError::Host(error)) => error,
        other => panic!("expected a host error, got {other:?}"),
    }
}

#[test]
fn a_closure_is_a_host_function() {
    let offset = 5;
    let (mut store, instance) = with_f(move |value: i32| value * 2 + offset);
    assert_eq!(run(&mut store, instance, 10).unwrap(), 26);
}

#[test]
fn a_dynamic_host_function_gets_and_returns_values_of_every_type() {
    let types = "i32 i64 f32 f64 v128 funcref externref";
    let wat = format!(
        r#"(module (import "e" "f" (func $f (param {types}) (result {types})))
            (func (export "run") (param {types}) (result {types})
                local.get 0 local.get 1 local.get 2 local.get 3 local.get 4 local.get 5
                local.get 6 call $f))"#
    );
    let all = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FuncRef,
        ValType::ExternRef,
    ];
    let mut imports = Imports::new();
    imports.func_dynamic("e", "f", FuncType::new(all, all), |_, params, results| {
        results.copy_from_slice(params);
        Ok(())
    });
    let mut store = Store::new();
    let instance = instance_with(&mut store, &wat, &imports);
    let values = [
        Val::I32(i32::MIN),
        Val::I64(-1),
        Val::F32(0x7fa0_0001),
        Val::F64(0x7ff4_0000_0000_0001),
        Val::V128(1 << 127 | 3),
        Val::from(instance.get_func(&store, "run").unwrap()),
        Val::ExternRef(None),
    ];
    assert_eq!(call(&mut store, instance, "run", &values).unwrap(), values);
}

#[test]
fn a_caller_shows_the_importer_its_memory_and_the_state_of_the_store() {
    #[derive(Default)]
    struct Log(Vec<String>);
    let (mut store, instance) = with_f(|mut caller: Caller<'_>, value: i32| {
        let memory = caller.memory().expect("it exports one");
        assert_eq!(caller.get_export("memory"), Some(memory.into()));
        let (bytes, log) = memory.data_and_mut::<Log>(&mut caller);
        log.expect("inserted")
            .0
            .push(String::from_utf8_lossy(&bytes[8..12]).into());
        bytes[8..12].copy_from_slice(b"seen");
        value
    });
    store.insert(Log::default());
    run(&mut store, instance, 0).unwrap();
    run(&mut store, instance, 0).unwrap();
    assert_eq!(store.get::<Log>().unwrap().0, ["text", "seen"]);
    assert!(store.remove::<Log>().is_some() && store.get::<Log>().is_none());
}

#[test]
fn a_host_function_that_the_host_calls_has_no_importer() {
    let mut store = Store::new();
    let f = Func::wrap(&mut store, |caller: Caller<'_>| {
        i32::from(caller.instance().is_some())
    });
    let typed = f.typed::<(), i32>(&store).unwrap();
    assert_eq!(typed.call(&mut store, ()).unwrap(), 0);
}

#[test]
fn an_error_keeps_its_type_and_source_and_says_where_it_was() {
    let (mut store, instance) =
        with_f(|value: u32| -> Result<u32, Outer> { Err(Outer(Refused(value))) });
    let error = host_error(run(&mut store, instance, 3));
    assert_eq!(error.to_string(), "outer");
    assert_eq!(error.source().unwrap().downcast_ref(), Some(&Refused(3)));
    assert_eq!(error.downcast_ref::<Outer>().unwrap().0, Refused(3));
    assert!(error.downcast_ref::<Refused>().is_none());
    assert_eq!(error.backtrace().frames().len(), 1);
    assert_eq!(error.backtrace().frames()[0].func_index(), 1);
    assert!(error.into_inner().downcast::<Outer>().is_ok());
}

#[test]
fn a_trap_code_returned_by_a_host_function_traps() {
    let (mut store, instance) = with_f(|_: i32| -> Result<i32, BoxError> {
        Err(wasm_aot_loader::Trap::from(TrapCode::Unreachable).into())
    });
    let trap = trap(run(&mut store, instance, 3));
    assert_eq!(trap.code(), TrapCode::Unreachable);
    assert_eq!(trap.backtrace().frames().len(), 1);
}

#[test]
fn a_panic_goes_on_at_the_hosts_edge_and_leaves_the_store_usable() {
    let (mut store, instance) = with_f(|value: i32| match value {
        0 => 41,
        _ => std::panic::panic_any(Refused(value as u32)),
    });
    for round in 1..=100 {
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut store, instance, round)));
        let payload = outcome.expect_err("it panics");
        assert_eq!(payload.downcast_ref(), Some(&Refused(round as u32)));
        assert_eq!(run(&mut store, instance, 0).unwrap(), 42);
    }
    let calls = instance.get_global(&store, "calls").unwrap();
    assert_eq!(calls.get(&store), Val::I32(200));
}

#[test]
fn a_dynamic_host_function_with_a_wrong_result_panics() {
    let mut store = Store::new();
    let ty = FuncType::new([], [ValType::I32]);
    let f = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I64(1);
        Ok(())
    });
    let call = AssertUnwindSafe(|| f.call(&mut store, &[], &mut [Val::I32(0)]));
    let payload = catch_unwind(call).expect_err("it panics");
    let message = payload.downcast_ref::<String>().unwrap();
    assert_eq!(message, "expected a value of type i32, got one of type i64");
}

/// Calls `run` of the importer with one less, until 0.
fn descend(mut caller: Caller<'_>, value: i32) -> Result<i32, BoxError> {
    if value == 0 {
        return Ok(0);
    }
    let run = caller
        .get_export("run")
        .and_then(|item| item.func())
        .expect("a function");
    let run = run.typed::<i32, i32>(&caller)?;
    Ok(run.call(&mut caller, value - 1)? + 1000)
}

#[test]
fn a_host_function_can_call_back_to_any_depth() {
    let (mut store, instance) = with_f(descend);
    assert_eq!(run(&mut store, instance, 0).unwrap(), 1);
    assert_eq!(run(&mut store, instance, 50).unwrap(), 50_051);
}

#[test]
fn a_failure_passes_through_several_levels_as_itself() {
    let (mut store, instance) = with_f(|caller: Caller<'_>, value: i32| match value {
        0 => Err(Refused(77).into()),
        _ => descend(caller, value),
    });
    let error = host_error(run(&mut store, instance, 3));
    assert_eq!(error.downcast_ref(), Some(&Refused(77)));
    assert_eq!(
        error.backtrace().frames().len(),
        4,
        "{:?}",
        error.backtrace()
    );
    assert_eq!(
        run(&mut store, instance, 0).unwrap_err().to_string(),
        "refused 77"
    );
}

#[test]
fn a_panic_passes_through_several_levels() {
    let (mut store, instance) = with_f(|caller: Caller<'_>, value: i32| match value {
        0 => panic!("at the bottom"),
        _ => descend(caller, value),
    });
    let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut store, instance, 3)));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"at the bottom"));
    assert!(store.get::<u8>().is_none());
}

#[test]
fn a_host_function_can_handle_the_failure_of_an_inner_call() {
    let (mut store, instance) = with_f(|caller: Caller<'_>, value: i32| match value {
        0 => Err(Refused(1).into()),
        1 => Ok::<_, BoxError>(descend(caller, 1).unwrap_or(-10)),
        _ => descend(caller, value),
    });
    // `run(1)` is -9, and each level adds 1001 to it.
    assert_eq!(run(&mut store, instance, 2).unwrap(), -9 + 1001);
}

#[test]
fn a_host_function_can_hand_its_store_to_another_thread_and_call_there() {
    let (mut store, instance) = with_f(|mut caller: Caller<'_>, value: i32| {
        std::thread::scope(|scope| {
            scope
                .spawn(|| descend_here(&mut caller, value))
                .join()
                .unwrap()
        })
    });
    fn descend_here(caller: &mut Store, value: i32) -> i32 {
        match value {
            0 => 0,
            _ => {
                let instance = *caller.get::<Instance>().expect("inserted");
                run(caller, instance, value - 1).unwrap() + 1000
            }
        }
    }
    store.insert(instance);
    assert_eq!(run(&mut store, instance, 3).unwrap(), 3004);
}
