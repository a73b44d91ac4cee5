//! Two WebAssembly programs that wait for each other on one thread: host functions
//! that are futures, and calls that are tasks of an executor.
//!
//! `cargo run --example async_host`
use std::error::Error;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use wasm_aot_loader::{BoxError, Imports, Instance, Module, Store};

const PRODUCER: &[u8] = br#"
    (module
      (import "channel" "send" (func $send (param i32)))
      (func (export "run") (local $n i32)
        (loop $next
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (call $send (i32.mul (local.get $n) (local.get $n)))
          (br_if $next (i32.lt_u (local.get $n) (i32.const 4))))))
"#;

const CONSUMER: &[u8] = br#"
    (module
      (import "channel" "receive" (func $receive (result i32)))
      (func (export "run") (result i32) (local $sum i32) (local $n i32)
        (loop $next
          (local.set $n (call $receive))
          (local.set $sum (i32.add (local.get $sum) (local.get $n)))
          (br_if $next (local.get $n)))
        (local.get $sum)))
"#;

async fn produce(sender: Sender<i32>) -> Result<(), Box<dyn Error>> {
    let module = Module::from_bytes(&wasm_aot_compiler::compile(PRODUCER, &Default::default())?)?;
    let mut imports = Imports::new();
    imports.func_async("channel", "send", move |_caller, value: i32| {
        let sender = sender.clone();
        Box::pin(async move {
            println!("producer: sends {value}");
            sender.send(value).await?;
            Ok::<_, BoxError>(())
        })
    });
    let mut store = Store::new();
    let instance = Instance::new_async(&mut store, &module, &imports).await?;
    let run = instance.get_typed_func::<(), ()>(&store, "run")?;
    run.call_async(&mut store, ()).await?;
    println!("producer: is done");
    Ok(())
}

async fn consume(receiver: Receiver<i32>) -> Result<i32, Box<dyn Error>> {
    let module = Module::from_bytes(&wasm_aot_compiler::compile(CONSUMER, &Default::default())?)?;
    let receiver = Arc::new(Mutex::new(receiver));
    let mut imports = Imports::new();
    imports.func_async("channel", "receive", move |_caller, ()| {
        let receiver = receiver.clone();
        Box::pin(async move {
            println!("consumer: waits");
            // The channel is closed when the store of the producer is dropped.
            receiver.lock().await.recv().await.unwrap_or(0)
        })
    });
    let mut store = Store::new();
    let instance = Instance::new_async(&mut store, &module, &imports).await?;
    let run = instance.get_typed_func::<(), i32>(&store, "run")?;
    Ok(run.call_async(&mut store, ()).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sender, receiver) = channel(1);
    let (produced, consumed) = tokio::join!(produce(sender), consume(receiver));
    produced?;
    println!("consumer: received {} in all", consumed?);
    Ok(())
}
