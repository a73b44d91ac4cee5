//! What calls cost, and calls that can wait: `cargo bench --bench calls`.
//!
//! Each line is the best of many rounds, in nanoseconds. What a host function
//! costs is the difference between a loop that calls it and a call of a function
//! that does nothing.

use std::error::Error;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wasm_aot_compiler::compile;
use wasm_aot_loader::{Imports, Instance, Module, Store, TypedFunc};

const ROUNDS: u32 = 200;
const PER_ROUND: u32 = 2000;

const WAT: &str = r#"(module
  (import "h" "sync" (func $sync))
  (import "h" "ready" (func $ready))
  (import "h" "waits" (func $waits))
  (func (export "nothing") (param i32))
  (func (export "sync") (param i32)
    (loop $l (call $sync) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "ready") (param i32)
    (loop $l (call $ready) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "waits") (param i32)
    (loop $l (call $waits) (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

fn main() -> Result<(), Box<dyn Error>> {
    let module = Module::from_bytes(&compile(WAT.as_bytes(), &Default::default())?)?;
    let mut imports = Imports::new();
    imports.func("h", "sync", || {});
    imports.func_async("h", "ready", |_, ()| Box::pin(async {}));
    imports.func_async("h", "waits", |_, ()| Box::pin(Once(false)));
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &imports)?;
    let func = |name| instance.get_typed_func::<i32, ()>(&store, name);
    let (nothing, sync, ready, waits) = (
        func("nothing")?,
        func("sync")?,
        func("ready")?,
        func("waits")?,
    );

    let single = |body: &mut dyn FnMut()| best(PER_ROUND, || (0..PER_ROUND).for_each(|_| body()));
    let n = PER_ROUND as i32;
    let call = single(&mut || nothing.call(&mut store, 1).unwrap());
    let call_async = single(&mut || drive(&nothing, &mut store, 1));
    println!("call                         {call:8.1} ns");
    println!("call_async                   {call_async:8.1} ns");
    let host = best(PER_ROUND, || sync.call(&mut store, n).unwrap());
    println!("host function                {host:8.1} ns");
    let host = best(PER_ROUND, || drive(&ready, &mut store, n));
    println!("asynchronous, ready at once  {host:8.1} ns");
    let host = best(PER_ROUND, || drive(&waits, &mut store, n));
    println!("asynchronous, waits once     {host:8.1} ns");
    let dropped = single(&mut || {
        let call = pin!(waits.call_async(&mut store, 1));
        assert!(
            call.poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    });
    println!("call_async, dropped          {dropped:8.1} ns");
    let mut calls = Vec::new();
    let start = Instant::now();
    for _ in 0..10_000 {
        let (module, imports) = (module.clone(), imports.clone());
        let mut call = Box::pin(async move {
            let mut store = Store::new();
            let instance = Instance::new_async(&mut store, &module, &imports).await;
            let waits = instance.unwrap().get_typed_func::<i32, ()>(&store, "waits");
            waits.unwrap().call_async(&mut store, 1).await.unwrap();
        });
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        calls.push(call);
    }
    let made = start.elapsed().as_micros() as f64 / 10_000.0;
    println!(
        "10,000 at once wait: {made:.1} us and {} KiB each",
        resident() / 10_000
    );
    Ok(())
}

/// A future that is pending once.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        }
    }
}

/// Polls a call to its end.
fn drive(func: &TypedFunc<i32, ()>, store: &mut Store, argument: i32) {
    let mut call = pin!(func.call_async(store, argument));
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = call.as_mut().poll(&mut context) {
            return outcome.unwrap();
        }
    }
}

/// Nanoseconds of one of `times`, in the best round.
fn best(times: u32, mut body: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        body();
        start.elapsed()
    });
    let best = rounds.min().unwrap_or(Duration::ZERO);
    best.as_nanos() as f64 / f64::from(times)
}

/// Memory of the process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
