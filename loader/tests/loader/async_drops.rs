//! Calls that wait and do not come to their end: dropped, forgotten, panicking.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures_lite::future::{block_on, poll_once, yield_now};
use wasm_aot_loader::{Imports, Instance, Store, TypedFunc};

use crate::support::{add, isolated, isolated_ok};

/// `run(n)` calls `step` until that returns 0, and counts in `steps`.
const STEPS: &str = r#"(module
  (import "h" "step" (func $step (param i32) (result i32)))
  (global $steps (export "steps") (mut i32) (i32.const 0))
  (func (export "run") (param $n i32) (result i32)
    (loop $next
      (global.set $steps (i32.add (global.get $steps) (i32.const 1)))
      (local.set $n (call $step (local.get $n)))
      (br_if $next (local.get $n)))
    (global.get $steps)))"#;

/// How many host functions have begun, and how many of their futures were
/// dropped.
#[derive(Clone, Default)]
struct Counts(Arc<[AtomicUsize; 2]>);

impl Counts {
    fn get(&self) -> (usize, usize) {
        (
            self.0[0].load(Ordering::SeqCst),
            self.0[1].load(Ordering::SeqCst),
        )
    }

    fn begin(&self) -> impl Send + 'static {
        struct Dropped(Counts);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.0[1].fetch_add(1, Ordering::SeqCst);
            }
        }
        self.0[0].fetch_add(1, Ordering::SeqCst);
        Dropped(self.clone())
    }
}

/// [`STEPS`] with a `step` that waits once.
fn steps(counts: &Counts) -> (Store, Instance, TypedFunc<i32, i32>) {
    let mut imports = Imports::new();
    let counts = counts.clone();
    imports.func_async("h", "step", move |_caller, n: i32| {
        let dropped = counts.begin();
        Box::pin(async move {
            let _dropped = dropped;
            yield_now().await;
            n - 1
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, STEPS, &imports);
    let run = instance.get_typed_func(&store, "run").unwrap();
    (store, instance, run)
}

#[test]
fn a_call_can_be_dropped_wherever_it_waits() {
    for polls in 0..6usize {
        let counts = Counts::default();
        let (mut store, instance, run) = steps(&counts);
        {
            let mut call = Box::pin(run.call_async(&mut store, 6));
            for _ in 0..polls {
                assert!(block_on(poll_once(&mut call)).is_none());
            }
            assert_eq!(counts.get(), (polls, polls.saturating_sub(1)));
        }
        assert_eq!(
            counts.get(),
            (polls, polls),
            "the future that waited is dropped"
        );
        let steps = instance.get_global(&store, "steps").unwrap();
        let steps = steps.get(&store);
        assert_eq!(steps, wasm_aot_loader::Val::I32(polls as i32));
        let again = block_on(run.call_async(&mut store, 2)).unwrap();
        assert_eq!(again as usize, polls + 2);
    }
}

#[test]
fn a_call_can_be_dropped_on_another_thread() {
    let counts = Counts::default();
    let (mut store, _, run) = steps(&counts);
    let mut call = Box::pin(run.call_async(&mut store, 6));
    assert!(block_on(poll_once(&mut call)).is_none());
    thread::scope(|scope| {
        scope.spawn(move || drop(call));
    });
    assert_eq!(counts.get(), (1, 1));
    assert_eq!(block_on(run.call_async(&mut store, 1)).unwrap(), 2);
}

#[test]
fn dropping_a_call_drops_the_calls_within() {
    let counts = Counts::default();
    let (mut store, _, inner) = steps(&counts);
    let mut imports = Imports::new();
    let outer_counts = Counts::default();
    let begin = outer_counts.clone();
    imports.func_async("h", "step", move |mut caller, n: i32| {
        let dropped = begin.begin();
        Box::pin(async move {
            let _dropped = dropped;
            inner.call_async(&mut caller, n).await
        })
    });
    let outer = add(&mut store, STEPS, &imports);
    let outer = outer.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let mut call = Box::pin(outer.call_async(&mut store, 6));
    for _ in 0..3 {
        assert!(block_on(poll_once(&mut call)).is_none());
    }
    drop(call);
    assert_eq!(counts.get(), (3, 3));
    assert_eq!(outer_counts.get(), (1, 1));
    assert_eq!(block_on(inner.call_async(&mut store, 1)).unwrap(), 4);
}

#[test]
fn a_future_that_is_dropped_can_use_the_store() {
    struct CallsBack<'a>(wasm_aot_loader::Caller<'a>);
    impl Drop for CallsBack<'_> {
        fn drop(&mut self) {
            let instance = self.0.instance().unwrap();
            let add = instance.get_typed_func::<i32, ()>(&self.0, "add").unwrap();
            add.call(&mut self.0, 10).unwrap();
            block_on(add.call_async(&mut self.0, 100)).unwrap();
        }
    }
    let wat = r#"(module (import "h" "f" (func $f))
      (global $total (export "total") (mut i32) (i32.const 0))
      (func (export "add") (param i32) (global.set $total (i32.add (global.get $total) (local.get 0))))
      (func (export "run") (call $f) (global.set $total (i32.const -1))))"#;
    let mut imports = Imports::new();
    imports.func_async("h", "f", |caller, ()| {
        Box::pin(async move {
            let _calls_back = CallsBack(caller);
            std::future::pending::<()>().await;
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, wat, &imports);
    let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
    assert!(block_on(poll_once(run.call_async(&mut store, ()))).is_none());
    let total = instance.get_global(&store, "total").unwrap();
    assert_eq!(total.get(&store), wasm_aot_loader::Val::I32(110));
}

#[test]
fn a_panic_goes_on_in_the_poller() {
    let mut imports = Imports::new();
    imports.func_async("h", "step", |_, n: i32| {
        assert_ne!(n, 3, "before the future");
        Box::pin(async move {
            if n == 1 {
                panic_any("at once");
            }
            yield_now().await;
            if n == 2 {
                panic_any("later");
            }
            n - 5
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, STEPS, &imports);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    for n in 1..4 {
        let call = AssertUnwindSafe(|| block_on(run.call_async(&mut store, n)));
        let payload = catch_unwind(call).unwrap_err();
        if n < 3 {
            let message = payload.downcast_ref::<&str>();
            assert_eq!(message, Some(&["at once", "later"][n as usize - 1]));
        }
    }
    assert_eq!(block_on(run.call_async(&mut store, 5)).unwrap(), 4);
}

#[test]
fn a_panic_when_a_future_is_dropped_goes_on_where_the_call_is_dropped() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic_any("dropped");
        }
    }
    let mut imports = Imports::new();
    imports.func_async("h", "step", |_, n: i32| {
        Box::pin(async move {
            if n > 1 {
                let _panics = Panics;
                yield_now().await;
            }
            0
        })
    });
    let mut store = Store::new();
    let instance = add(&mut store, STEPS, &imports);
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    let mut call = Box::pin(run.call_async(&mut store, 2));
    assert!(block_on(poll_once(&mut call)).is_none());
    let payload = catch_unwind(AssertUnwindSafe(|| drop(call))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"dropped"));
    assert_eq!(block_on(run.call_async(&mut store, 1)).unwrap(), 2);
}

#[test]
fn a_forgotten_call_leaves_the_store_usable() {
    let counts = Counts::default();
    let (mut store, _, run) = steps(&counts);
    for n in 1..4 {
        let mut call = Box::pin(run.call_async(&mut store, 6));
        assert!(block_on(poll_once(&mut call)).is_none());
        mem::forget(call);
        assert_eq!(block_on(run.call_async(&mut store, 1)).unwrap(), 2 * n);
    }
    assert_eq!(counts.get(), (6, 3));
    drop(store);
}

#[test]
fn a_call_forgotten_within_a_call_leaves_both_usable() {
    let counts = Counts::default();
    let (mut store, _, inner) = steps(&counts);
    let mut imports = Imports::new();
    imports.func_async("h", "step", move |mut caller, n: i32| {
        Box::pin(async move {
            let mut call = Box::pin(inner.call_async(&mut caller, n));
            assert!(poll_once(&mut call).await.is_none());
            mem::forget(call);
            yield_now().await;
            inner.call_async(&mut caller, 1).await.unwrap();
            n - 1
        })
    });
    let outer = add(&mut store, STEPS, &imports);
    let outer = outer.get_typed_func::<i32, i32>(&store, "run").unwrap();
    assert_eq!(block_on(outer.call_async(&mut store, 3)).unwrap(), 3);
    assert_eq!(counts.get(), (6, 3));
}

#[test]
fn stacks_are_used_again() {
    isolated_ok("async_drops::stacks_are_used_again", || {
        let mappings = || {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            maps.lines().count()
        };
        let (mut store, _, run) = steps(&Counts::default());
        let mut before = 0;
        for round in 0..200 {
            block_on(run.call_async(&mut store, 1)).unwrap();
            assert!(block_on(poll_once(run.call_async(&mut store, 1))).is_none());
            if round == 0 {
                before = mappings();
            }
        }
        // Each would be two; the test's own allocations make a few.
        assert!(mappings() < before + 50, "{} {before}", mappings());
    });
}

#[test]
fn waiting_without_the_store_aborts() {
    let output = isolated("async_drops::waiting_without_the_store_aborts", || {
        let mut imports = Imports::new();
        imports.func_async("h", "step", |mut caller, n: i32| {
            Box::pin(async move {
                let _store = mem::take(&mut *caller);
                yield_now().await;
                n
            })
        });
        let mut store = Store::new();
        let instance = add(&mut store, STEPS, &imports);
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        let _ = block_on(run.call_async(&mut store, 1));
        println!("not reached");
    });
    if let Some(output) = output {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success());
        assert!(errors.contains("has replaced the store"), "{errors}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("not reached"));
    }
}
