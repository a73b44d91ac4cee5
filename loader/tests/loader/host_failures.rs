//! Host functions that fail or panic.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasm_aot_loader::{
    BoxError, CallError, Caller, Func, FuncType, Imports, Instance, InstantiationError, Store,
    Trap, TrapCode, Val, ValType,
};

use crate::support::{add, instance, isolated, module, names, run, trap, trap_code};

#[derive(Debug)]
struct Exit(i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl Error for Exit {}

const CALLS: &str = r#"(module $guest
  (import "h" "f" (func $f))
  (memory (export "memory") 1)
  (func $inner (call $f))
  (func $outer (export "run")
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
    (call $inner)
    (i32.store (i32.const 0) (i32.const 1000))))"#;

/// [`CALLS`] with a host function as `f`.
fn guest<P, R>(f: impl wasm_aot_loader::IntoHostFunc<P, R>) -> (Store, Instance) {
    let mut imports = Imports::new();
    imports.func("h", "f", f);
    let mut store = Store::new();
    let instance = add(&mut store, CALLS, &imports);
    (store, instance)
}

#[test]
fn an_error_ends_the_call_and_keeps_its_type() {
    let (mut store, instance) = guest(|| Err::<(), _>(Exit(3)));
    let Err(CallError::Host(error)) = run(&mut store, instance, "run") else {
        panic!("expected a host error");
    };
    assert_eq!(error.to_string(), "exit 3");
    assert_eq!(error.downcast_ref::<Exit>().unwrap().0, 3);
    assert_eq!(names(error.backtrace()), ["inner", "outer"]);
    assert_eq!(error.into_inner().downcast::<Exit>().unwrap().0, 3);
    // The instance lives on, with what was done before.
    run(&mut store, instance, "run").unwrap_err();
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.data(&store)[..4], 2u32.to_le_bytes());
}

#[test]
fn the_source_of_an_error_is_preserved() {
    #[derive(Debug)]
    struct Wrapped(std::io::Error);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    let (mut store, instance) = guest(|| Err::<(), _>(Wrapped(std::io::Error::other("inside"))));
    let error = run(&mut store, instance, "run").unwrap_err();
    assert_eq!(error.to_string(), "wrapped");
    assert_eq!(error.source().unwrap().to_string(), "inside");
}

#[test]
fn a_dynamic_host_function_can_fail() {
    let mut imports = Imports::new();
    let ty = FuncType::new([], []);
    imports.func_dynamic("h", "f", ty, |_, _, _| Err(Exit(4).into()));
    let mut store = Store::new();
    let instance = add(&mut store, CALLS, &imports);
    let error = run(&mut store, instance, "run").unwrap_err();
    assert_eq!(error.to_string(), "exit 4");
}

#[test]
fn a_host_function_that_the_host_calls_fails_the_same_way() {
    let mut store = Store::new();
    let func = Func::wrap(&mut store, || Err::<(), _>(Exit(5)));
    let Err(CallError::Host(error)) = func.call(&mut store, &[], &mut []) else {
        panic!("expected a host error");
    };
    assert_eq!(error.downcast_ref::<Exit>().unwrap().0, 5);
    assert!(error.backtrace().frames().is_empty());
}

#[test]
fn a_host_function_can_trap() {
    let (mut store, instance) = guest(|| Err::<(), _>(Trap::from(TrapCode::Interrupted)));
    let trap = trap(run(&mut store, instance, "run"));
    assert_eq!(trap.code(), TrapCode::Interrupted);
    assert_eq!(names(trap.backtrace()), ["inner", "outer"]);
}

#[test]
fn a_trap_of_an_inner_call_that_is_passed_on_stays_a_trap() {
    let (mut store, inner) = instance(r#"(module $inner (func $bad (export "bad") unreachable))"#);
    let bad = inner.get_typed_func::<(), ()>(&store, "bad").unwrap();
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>| {
        bad.call(&mut caller, ())
    });
    let outer = add(&mut store, CALLS, &imports);
    let trap = trap(run(&mut store, outer, "run"));
    assert_eq!(trap.code(), TrapCode::Unreachable);
    let frames = trap.backtrace().frames().iter();
    let frames: Vec<_> = frames
        .map(|frame| (frame.module_name(), frame.func_name()))
        .collect();
    let expected = [
        ("inner", Some("bad")),
        ("guest", Some("inner")),
        ("guest", Some("outer")),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn an_error_of_an_inner_call_that_is_passed_on_stays_that_error() {
    let (mut store, inner) = guest(|| Err::<(), _>(Exit(6)));
    let bad = inner.get_typed_func::<(), ()>(&store, "run").unwrap();
    let mut imports = Imports::new();
    imports.func(
        "h",
        "f",
        move |mut caller: Caller<'_>| -> Result<(), BoxError> { Ok(bad.call(&mut caller, ())?) },
    );
    let outer = add(&mut store, CALLS, &imports);
    let Err(CallError::Host(error)) = run(&mut store, outer, "run") else {
        panic!("expected a host error");
    };
    assert_eq!(error.downcast_ref::<Exit>().unwrap().0, 6);
    assert_eq!(
        names(error.backtrace()),
        ["inner", "outer", "inner", "outer"]
    );
}

#[test]
fn an_inner_failure_can_be_handled() {
    let (mut store, inner) = instance(r#"(module (func (export "bad") unreachable))"#);
    let bad = inner.get_typed_func::<(), ()>(&store, "bad").unwrap();
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>| {
        assert_eq!(trap_code(bad.call(&mut caller, ())), TrapCode::Unreachable);
    });
    let outer = add(&mut store, CALLS, &imports);
    run(&mut store, outer, "run").unwrap();
}

#[test]
fn a_failure_after_a_handled_one_has_its_own_backtrace() {
    let (mut store, inner) = instance(r#"(module (func $bad (export "bad") unreachable))"#);
    let bad = inner.get_typed_func::<(), ()>(&store, "bad").unwrap();
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>| {
        bad.call(&mut caller, ()).unwrap_err();
        Err::<(), _>(Exit(7))
    });
    let outer = add(&mut store, CALLS, &imports);
    let Err(CallError::Host(error)) = run(&mut store, outer, "run") else {
        panic!("expected a host error");
    };
    assert_eq!(names(error.backtrace()), ["inner", "outer"]);
}

#[test]
fn a_panic_goes_on_in_the_host_and_drops_what_the_closure_holds() {
    let held = Arc::new(());
    let token = held.clone();
    let (mut store, instance) = guest(move || {
        let _held = token.clone();
        if true {
            std::panic::panic_any(String::from("from the host"));
        }
    });
    for _ in 0..3 {
        let payload = catch_unwind(AssertUnwindSafe(|| run(&mut store, instance, "run")));
        let payload = payload.unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "from the host");
    }
    assert_eq!(Arc::strong_count(&held), 2, "the closure's own and ours");
    // The instance lives on.
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.data(&store)[..4], 3u32.to_le_bytes());
}

#[test]
fn a_panic_crosses_nested_calls() {
    let (mut store, inner) = guest(|| -> () { panic!("deep") });
    let bad = inner.get_typed_func::<(), ()>(&store, "run").unwrap();
    let mut imports = Imports::new();
    imports.func("h", "f", move |mut caller: Caller<'_>| {
        bad.call(&mut caller, ())
    });
    let outer = add(&mut store, CALLS, &imports);
    let payload = catch_unwind(AssertUnwindSafe(|| run(&mut store, outer, "run"))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"deep"));
    let payload = catch_unwind(AssertUnwindSafe(|| run(&mut store, inner, "run"))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"deep"));
}

#[test]
fn a_result_of_the_wrong_type_is_a_panic() {
    let mut imports = Imports::new();
    let ty = FuncType::new([], [ValType::I32]);
    imports.func_dynamic("h", "f", ty, |_, _, results| {
        results[0] = Val::I64(0);
        Ok(())
    });
    let wat = r#"(module (import "h" "f" (func $f (result i32)))
      (func (export "run") (drop (call $f))))"#;
    let mut store = Store::new();
    let instance = add(&mut store, wat, &imports);
    let payload = catch_unwind(AssertUnwindSafe(|| run(&mut store, instance, "run")));
    let payload = payload.unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert_eq!(text, "expected a value of type i32, got one of type i64");
}

#[test]
fn a_start_function_can_fail() {
    let wat = r#"(module (import "h" "f" (func $f)) (func $main (call $f)) (start $main))"#;
    let mut imports = Imports::new();
    imports.func("h", "f", || Err::<(), _>(Exit(8)));
    let result = Instance::new(&mut Store::new(), &module(wat), &imports);
    match result {
        Err(InstantiationError::Host(error)) => {
            assert_eq!(error.downcast_ref::<Exit>().unwrap().0, 8);
            assert_eq!(names(error.backtrace()), ["main"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_imported_start_function_is_called() {
    let wat = r#"(module (import "h" "f" (func $f)) (start $f))"#;
    let mut imports = Imports::new();
    imports.func("h", "f", |mut caller: Caller<'_>| {
        *caller.get_mut::<i32>().unwrap() += 1;
    });
    let mut store = Store::new();
    store.insert(0i32);
    add(&mut store, wat, &imports);
    assert_eq!(store.get::<i32>(), Some(&1));
}

#[test]
fn a_store_that_a_host_function_replaces_aborts_the_process() {
    let output = isolated(
        "host_failures::a_store_that_a_host_function_replaces_aborts_the_process",
        || {
            let (mut store, instance) = guest(|mut caller: Caller<'_>| {
                drop(std::mem::take(&mut *caller));
            });
            let _ = run(&mut store, instance, "run");
        },
    );
    if let Some(output) = output {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("has replaced the store"), "{errors}");
        assert!(!output.status.success());
    }
}

#[test]
fn a_store_that_a_host_function_puts_back_is_all_right() {
    let (mut store, instance) = guest(|mut caller: Caller<'_>| {
        let mut taken = std::mem::take(&mut *caller);
        taken.insert(1i32);
        let empty = std::mem::replace(&mut *caller, taken);
        assert_eq!(empty.get::<i32>(), None);
    });
    run(&mut store, instance, "run").unwrap();
    assert_eq!(store.get::<i32>(), Some(&1));
}
