//! Deadlines by epochs: what ends, what goes on, and that nothing notices.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, zip};
use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{
    AtDeadline, CallError, Epoch, Imports, Instance, Module, Store, TrapCode, TypedFunc,
};

use crate::support::options;

const CODE: &str = r#"(module $app
    (memory 1)
    (global $calls (mut i32) (i32.const 0))
    (func $spin (export "spin") (loop (br 0)))
    (func (export "inner") (call $spin))
    (func (export "short") (result i32) (loop (br_if 0 (i32.const 0))) (i32.const 7))

    ;; n rounds with values of all kinds, more than there are registers.
    (func (export "mix") (param $n i32) (result i64)
      (local $a i64) (local $b i64) (local $c i64) (local $d i64) (local $e i64)
      (local $g i64) (local $h i64) (local $i i64) (local $j i64) (local $k i64)
      (local $x f64) (local $y f64) (local $z f32) (local $v v128) (local $w v128)
      (local.set $a (i64.const 0x123456789abcdef)) (local.set $b (i64.const 3))
      (local.set $c (i64.const 5)) (local.set $d (i64.const 7)) (local.set $e (i64.const 11))
      (local.set $g (i64.const 13)) (local.set $h (i64.const 17)) (local.set $i (i64.const 19))
      (local.set $j (i64.const 23)) (local.set $k (i64.const 29))
      (local.set $x (f64.const 1)) (local.set $y (f64.const 0.5)) (local.set $z (f32.const 2))
      (local.set $v (i64x2.splat (i64.const 31))) (local.set $w (i32x4.splat (i32.const 37)))
      (loop $next
        (local.set $a (i64.add (i64.rotl (local.get $a) (i64.const 7)) (local.get $b)))
        (local.set $b (i64.xor (local.get $b) (local.get $c)))
        (local.set $c (i64.add (local.get $c) (local.get $d)))
        (local.set $d (i64.mul (local.get $d) (local.get $e)))
        (local.set $e (i64.add (local.get $e) (local.get $g)))
        (local.set $g (i64.xor (local.get $g) (local.get $h)))
        (local.set $h (i64.sub (local.get $h) (local.get $i)))
        (local.set $i (i64.add (local.get $i) (local.get $j)))
        (local.set $j (i64.xor (local.get $j) (local.get $k)))
        (local.set $k (i64.add (local.get $k) (local.get $a)))
        (local.set $x (f64.add (local.get $x) (local.get $y)))
        (local.set $y (f64.sub (local.get $y) (f64.const 0.25)))
        (local.set $z (f32.add (local.get $z) (f32.const 1)))
        (local.set $v (i64x2.add (local.get $v) (local.get $w)))
        (local.set $w (i32x4.add (local.get $w) (i32x4.splat (i32.const 41))))
        (i64.store (i32.const 8) (i64.add (i64.load (i32.const 8)) (local.get $a)))
        (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i64.xor (i64.add (local.get $a) (i64.reinterpret_f64 (local.get $x)))
        (i64.add (i64.xor (i64.extend_i32_u (i32.reinterpret_f32 (local.get $z)))
            (i64.reinterpret_f64 (local.get $y)))
          (i64.add (i64x2.extract_lane 1 (local.get $v))
            (i64.xor (i64x2.extract_lane 0 (local.get $w))
              (i64.add (i64.load (i32.const 8)) (local.get $k))))))))"#;

fn store() -> (Store, Instance) {
    let options = Options {
        interruptible: true,
        ..options()
    };
    let artefact = compile(CODE.as_bytes(), &options).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    (store, instance)
}

fn func<P: wasm_aot_loader::WasmValues, R: wasm_aot_loader::WasmValues>(
    store: &Store,
    instance: Instance,
    name: &str,
) -> TypedFunc<P, R> {
    instance.get_typed_func(store, name).unwrap()
}

fn ticking() -> Epoch {
    Epoch::ticking(Duration::from_micros(500)).unwrap()
}

/// How many rounds of `mix` take some tenths of a second.
fn rounds(store: &mut Store, mix: &TypedFunc<i32, i64>) -> i32 {
    let start = Instant::now();
    mix.call(store, 1 << 16).unwrap();
    let each = start.elapsed().as_secs_f64() / f64::from(1 << 16);
    (0.2 / each) as i32
}

/// What `mix` returns in a new store.
fn undisturbed(calls: &[i32]) -> i64 {
    let (mut store, instance) = store();
    let mix = func::<i32, i64>(&store, instance, "mix");
    let results = calls.iter().map(|&n| mix.call(&mut store, n).unwrap());
    results.last().unwrap()
}

#[test]
fn code_ends_at_its_deadline_and_not_before() {
    let (mut store, instance) = store();
    let epoch = Epoch::new();
    let short = func::<(), i32>(&store, instance, "short");
    store.set_deadline(&epoch, 2);
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    epoch.increment();
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    epoch.increment();
    assert_eq!(epoch.current(), 2);
    for _ in 0..2 {
        let error = short.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
    }
    // It is no interruption by a handle, and none takes it back.
    assert!(!store.interrupt_handle().is_interrupted());
    store.interrupt_handle().take_back();
    short.call(&mut store, ()).unwrap_err();
    store.set_deadline(&epoch, 1);
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    store.remove_deadline();
    epoch.increment();
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
    store.set_deadline(&epoch, 0);
    short.call(&mut store, ()).unwrap_err();
}

#[test]
fn endless_code_ends_at_a_time_with_a_backtrace() {
    let (mut store, instance) = store();
    let epoch = ticking();
    let inner = func::<(), ()>(&store, instance, "inner");
    for asked in [false, true] {
        if asked {
            store.at_deadline(|_| Ok(AtDeadline::Trap));
        }
        store.set_deadline(&epoch, 20);
        let Err(CallError::Trap(trap)) = inner.call(&mut store, ()) else {
            panic!("it does not end by itself");
        };
        assert_eq!(trap.code(), TrapCode::Interrupted);
        let names = trap
            .backtrace()
            .frames()
            .iter()
            .map(|frame| frame.func_name());
        assert_eq!(
            names.collect::<Vec<_>>(),
            [Some("spin"), Some("inner")],
            "{asked}"
        );
        assert!(trap.backtrace().frames()[0].offset().is_some());
    }
}

#[test]
fn code_that_goes_on_has_not_noticed() {
    let (mut store, instance) = store();
    let mix = func::<i32, i64>(&store, instance, "mix");
    let n = rounds(&mut store, &mix);
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    store.at_deadline(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        // Uses registers of all kinds.
        let text = format!(
            "{:?} {:?}",
            std::hint::black_box(1.5f64).sin(),
            [0x55u8; 99]
        );
        assert!(text.len() > 99);
        Ok(AtDeadline::Extend(1))
    });
    let epoch = ticking();
    store.set_deadline(&epoch, 1);
    let result = mix.call(&mut store, n).unwrap();
    assert!(asked.load(Ordering::Relaxed) > 10);
    assert_eq!(result, undisturbed(&[1 << 16, n]));
}

#[test]
fn who_is_asked_may_use_the_store() {
    let (mut store, instance) = store();
    let mix = func::<i32, i64>(&store, instance, "mix");
    let n = rounds(&mut store, &mix);
    let epoch = ticking();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    store.at_deadline(move |store| {
        let short = func::<(), i32>(store, instance, "short");
        log.lock().unwrap().push(short.call(store, ())?);
        Ok(AtDeadline::Extend(40))
    });
    store.set_deadline(&epoch, 40);
    let result = mix.call(&mut store, n).unwrap();
    assert_eq!(result, undisturbed(&[1 << 16, n]));
    assert!(seen.lock().unwrap().iter().all(|&value| value == 7));
    assert!(!seen.lock().unwrap().is_empty());

    // What traps meanwhile has the frames of both.
    let spin = func::<(), ()>(&store, instance, "spin");
    let handle = store.interrupt_handle();
    store.at_deadline(move |store| {
        handle.interrupt();
        let error = func::<(), ()>(store, instance, "inner").call(store, ());
        let Err(CallError::Trap(trap)) = error else {
            panic!("interrupted");
        };
        assert_eq!(trap.backtrace().frames().len(), 2);
        Err(trap.into())
    });
    store.set_deadline(&epoch, 1);
    let error = spin.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Interrupted));
}

#[test]
fn errors_and_panics_of_who_is_asked_end_the_call() {
    let (mut store, instance) = store();
    let epoch = ticking();
    let spin = func::<(), ()>(&store, instance, "spin");
    store.at_deadline(|_| Err("enough".into()));
    store.set_deadline(&epoch, 1);
    let Err(CallError::Host(error)) = spin.call(&mut store, ()) else {
        panic!("an error of the host");
    };
    assert_eq!(error.to_string().lines().next(), Some("enough"));
    assert_eq!(error.backtrace().frames().len(), 1);

    store.at_deadline(|_| panic!("far too long"));
    store.set_deadline(&epoch, 1);
    let panic = catch_unwind(AssertUnwindSafe(|| spin.call(&mut store, ()))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"far too long"));
    store.remove_deadline();
    let short = func::<(), i32>(&store, instance, "short");
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
}

#[test]
fn calls_on_one_thread_take_turns() {
    let epoch = ticking();
    let log = Arc::new(Mutex::new(Vec::new()));
    let call = |name: char| {
        let (mut store, instance) = store();
        let mix = func::<i32, i64>(&store, instance, "mix");
        let n = rounds(&mut store, &mix);
        let log = log.clone();
        store.at_deadline(move |_| {
            log.lock().unwrap().push(name);
            Ok(AtDeadline::Yield(1))
        });
        store.set_deadline(&epoch, 1);
        async move {
            let result = mix.call_async(&mut store, n).await.unwrap();
            assert_eq!(result, undisturbed(&[1 << 16, n]));
        }
    };
    block_on(zip(call('a'), call('b')));
    let log = log.lock().unwrap();
    let changes = log.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 10, "{log:?}");
}

#[test]
fn a_synchronous_call_goes_on_instead_of_waiting() {
    let (mut store, instance) = store();
    let mix = func::<i32, i64>(&store, instance, "mix");
    let n = rounds(&mut store, &mix);
    store.at_deadline(|_| Ok(AtDeadline::Yield(1)));
    store.set_deadline(&ticking(), 1);
    let result = mix.call(&mut store, n).unwrap();
    assert_eq!(result, undisturbed(&[1 << 16, n]));
}

#[test]
fn a_call_goes_on_on_another_thread() {
    let (mut store, instance) = store();
    let mix = func::<i32, i64>(&store, instance, "mix");
    let n = rounds(&mut store, &mix);
    store.at_deadline(|_| Ok(AtDeadline::Yield(1)));
    let epoch = ticking();
    store.set_deadline(&epoch, 1);
    let mut call: Pin<Box<dyn Future<Output = i64> + Send>> =
        Box::pin(async move { mix.call_async(&mut store, n).await.unwrap() });
    let mut polls = 0;
    let result = loop {
        polls += 1;
        let (poll, back) = thread::spawn(move || {
            let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            (poll, call)
        })
        .join()
        .unwrap();
        call = back;
        if let Poll::Ready(result) = poll {
            break result;
        }
    };
    assert!(polls > 10);
    assert_eq!(result, undisturbed(&[1 << 16, n]));
}

#[test]
fn a_call_that_lets_others_run_can_be_dropped() {
    let (mut store, instance) = store();
    let epoch = ticking();
    store.at_deadline(|_| Ok(AtDeadline::Yield(1)));
    store.set_deadline(&epoch, 1);
    let spin = func::<(), ()>(&store, instance, "spin");
    {
        let mut call = Box::pin(spin.call_async(&mut store, ()));
        for _ in 0..5 {
            let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
        }
    }
    store.remove_deadline();
    let short = func::<(), i32>(&store, instance, "short");
    assert_eq!(short.call(&mut store, ()).unwrap(), 7);
}

#[test]
fn an_epoch_has_nothing_to_do_with_stores_that_are_gone() {
    let epoch = Epoch::new();
    for _ in 0..3 {
        let (mut store, _) = store();
        store.set_deadline(&epoch, 1);
    }
    epoch.increment();
    assert_eq!(epoch.current(), 1);
}
