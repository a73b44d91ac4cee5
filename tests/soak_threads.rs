//! A program of eight threads, again and again: no update is lost, nothing hangs, and
//! no thread is left behind. `SOAK_SECONDS` says for how long.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{CallError, Imports, Module};
use wasm_aot_wasi::{Exit, GroupError, ThreadGroup, WasiCtx, add_to_imports};

/// What the program exits with if all of its checks hold.
const WELL: u32 = 42;

#[test]
fn threads_lose_no_update_and_never_hang() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(2, |text| text.parse().unwrap());
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/threads/threads.wasm");
    let artefact = compile(&fs::read(program).unwrap(), &Options::default()).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < 3 || start.elapsed() < Duration::from_secs(seconds) {
        let module = module.clone();
        let (sender, status) = mpsc::channel();
        std::thread::spawn(move || sender.send(run(&module)));
        let status = status.recv_timeout(Duration::from_secs(120));
        assert_eq!(status, Ok(WELL), "in round {rounds}");
        rounds += 1;
    }
    println!("{rounds} rounds in {:.1} s", start.elapsed().as_secs_f64());
}

/// The exit status of the program, when all of its threads are gone.
fn run(module: &Module) -> u32 {
    let mut imports = Imports::new();
    add_to_imports(&mut imports);
    let ctx = WasiCtx::builder().build().unwrap();
    let group = ThreadGroup::new(module, imports, ctx).unwrap();
    let result = group.run(ThreadGroup::command);
    group.join();
    match result {
        Err(GroupError::Call(CallError::Host(error))) => error.downcast_ref::<Exit>().unwrap().0,
        other => panic!("{other:?}"),
    }
}
