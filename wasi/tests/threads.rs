//! Guests with threads: what they share, and how they end, whatever the others do.
#![cfg(feature = "async")]

use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use wasm_aot_loader::{CallError, Imports, MemoryType, Module, SharedMemory, TrapCode};
use wasm_aot_wasi::{
    Capture, Exit, GroupError, Input, Output, ThreadGroup, WasiCtx, add_to_imports,
};

/// Where the word is that says that the other thread is about to do what it does.
const READY: u64 = 0;
/// Where the word is that ends loops.
const STOP: u64 = 4;

/// A module whose main thread and other threads do this. The other threads have
/// parameters `$tid` and `$argument`.
fn module(main: &str, other: &str) -> Module {
    let wat = format!(
        r#"(module
          (import "env" "memory" (memory 1 4 shared))
          (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_read"
            (func $fd_read (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
          (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
          (import "host" "panic" (func $panic))
          (export "memory" (memory 0))
          (func $ready
            (i32.atomic.store (i32.const {READY}) (i32.const 1))
            (drop (memory.atomic.notify (i32.const {READY}) (i32.const -1))))
          (func $await_ready
            (drop (memory.atomic.wait32 (i32.const {READY}) (i32.const 0) (i64.const -1))))
          ;; Ways to block.
          (func $wait
            (drop (memory.atomic.wait32 (i32.const 64) (i32.const 0) (i64.const -1))))
          (func $sleep ;; for an hour, by the monotonic clock
            (i32.store (i32.const 128) (i32.const 0))
            (i32.store8 (i32.const 136) (i32.const 0))
            (i32.store (i32.const 144) (i32.const 1))
            (i64.store (i32.const 152) (i64.const 3600000000000))
            (drop (call $poll
              (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 256))))
          (func $read ;; what never comes
            (i32.store (i32.const 300) (i32.const 320))
            (i32.store (i32.const 304) (i32.const 8))
            (drop (call $fd_read (i32.const 0) (i32.const 300) (i32.const 1) (i32.const 308))))
          (func $spin
            (loop $again (br_if $again (i32.eqz (i32.atomic.load (i32.const {STOP}))))))
          (func $yields
            (loop $again (drop (call $yield)) (br $again)))
          (func (export "wasi_thread_start") (param $tid i32) (param $argument i32) {other})
          (func (export "_start") {main}))"#
    );
    let artefact = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default()).unwrap();
    Module::from_bytes(&artefact).unwrap()
}

struct Ran {
    result: Result<(), GroupError>,
    memory: SharedMemory,
    stdout: Vec<u8>,
}

/// Runs a group to its end, and waits until its threads are gone. Input never
/// comes.
fn run(main: &str, other: &str, max_threads: usize) -> Ran {
    let module = module(main, other);
    let memory = SharedMemory::new(MemoryType::shared(1, 4)).unwrap();
    let mut imports = Imports::new();
    add_to_imports(&mut imports);
    imports.define("env", "memory", memory.clone());
    imports.func("host", "panic", panic_on_purpose);
    let (input, _held) = rustix::pipe::pipe().unwrap();
    let stdout = Capture::new();
    let ctx = WasiCtx::builder()
        .stdin(Input::file(input))
        .stdout(Output::capture(&stdout))
        .build()
        .unwrap();
    let group = ThreadGroup::new(&module, imports, ctx).unwrap();
    let group = group.max_threads(max_threads);
    let result = within_seconds({
        let group = group.clone();
        move || group.run(ThreadGroup::command)
    });
    let word = memory.atomic_u32(STOP).unwrap();
    word.store(1, Ordering::SeqCst);
    within_seconds(move || group.join());
    Ran {
        result,
        stdout: stdout.contents(),
        memory,
    }
}

fn panic_on_purpose() {
    panic!("on purpose");
}

/// What must not take forever.
fn within_seconds<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = mpsc::channel();
    let thread = thread::spawn(move || drop(sender.send(body())));
    match result.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().unwrap_err())
        }
    }
}

fn exit_status(result: Result<(), GroupError>) -> u32 {
    match result {
        Err(GroupError::Call(CallError::Host(error))) => error.downcast_ref::<Exit>().unwrap().0,
        other => panic!("{other:?}"),
    }
}

fn trap(result: Result<(), GroupError>) -> TrapCode {
    match result {
        Err(GroupError::Call(CallError::Trap(trap))) => trap.code(),
        other => panic!("{other:?}"),
    }
}

const WAYS: [&str; 5] = ["$wait", "$sleep", "$read", "$spin", "$yields"];

#[test]
fn the_group_ends_when_main_returns_whatever_others_do() {
    for way in WAYS {
        let main = "(drop (call $spawn (i32.const 0))) (call $await_ready)";
        let ran = run(main, &format!("(call $ready) (call {way})"), 9);
        ran.result.unwrap();
    }
}

#[test]
fn the_group_ends_when_any_thread_exits_whatever_others_do() {
    for way in WAYS {
        let blocks = format!("(call $ready) (call {way})");
        let exits = "(call $await_ready) (call $exit (i32.const 33))";
        let spawn = "(drop (call $spawn (i32.const 0)))";
        let ran = run(&format!("{spawn} {exits}"), &blocks, 9);
        assert_eq!(exit_status(ran.result), 33, "main exits, others {way}");
        let ran = run(&format!("{spawn} {blocks}"), exits, 9);
        assert_eq!(exit_status(ran.result), 33, "main {way}");
    }
}

#[test]
fn the_group_ends_when_any_thread_traps_whatever_others_do() {
    for way in WAYS {
        let blocks = format!("(call $ready) (call {way})");
        let traps = "(call $await_ready) (drop (i32.load (i32.const -4)))";
        let spawn = "(drop (call $spawn (i32.const 0)))";
        for (main, other) in [(traps, &blocks[..]), (&blocks, traps)] {
            let ran = run(&format!("{spawn} {main}"), other, 9);
            assert_eq!(trap(ran.result), TrapCode::MemoryOutOfBounds, "{way}");
        }
    }
}

#[test]
fn threads_have_numbers_and_arguments_and_go_on_when_others_return() {
    // The third thread is the one that ends all, when the others are gone.
    let main = r#"
        (i32.store (i32.const 400) (call $spawn (i32.const 1000)))
        (i32.store (i32.const 404) (call $spawn (i32.const 2000)))
        (i32.store (i32.const 408) (call $spawn (i32.const 3000)))
        (call $wait)"#;
    let other = r#"(local $slot i32)
        (local.set $slot (i32.mul (i32.const 8)
          (i32.atomic.rmw.add (i32.const 500) (i32.const 1))))
        (i32.store offset=600 (local.get $slot) (local.get $tid))
        (i32.store offset=604 (local.get $slot) (local.get $argument))
        (if (i32.ge_u (i32.atomic.rmw.add (i32.const 504) (i32.const 1)) (i32.const 2))
          (then (call $exit (i32.const 0))))"#;
    let ran = run(main, other, 9);
    assert_eq!(exit_status(ran.result), 0);
    let word = |at: u64| ran.memory.atomic_u32(at).unwrap().load(Ordering::SeqCst);
    let mut started: Vec<_> = (0..3)
        .map(|n| (word(604 + 8 * n), word(600 + 8 * n)))
        .collect();
    started.sort_unstable();
    // What main was told last may not have been written before the end.
    let told = [(1000, word(400)), (2000, word(404))];
    assert_eq!(started[..2], told);
    let tids: Vec<_> = started.iter().map(|&(_, tid)| tid).collect();
    assert!(
        tids.iter().all(|tid| (1..1 << 29).contains(tid)),
        "{tids:?}"
    );
    assert!(tids[0] != tids[1] && tids[1] != tids[2] && tids[0] != tids[2]);
    assert_eq!(started[2].0, 3000);
}

#[test]
fn threads_have_one_table_of_descriptors() {
    let main = r#"
        (i32.store (i32.const 400) (i32.const 420)) (i32.store (i32.const 404) (i32.const 1))
        (i32.store8 (i32.const 420) (i32.const 33))
        (i32.store (i32.const 430)
          (call $fd_write (i32.const 1) (i32.const 400) (i32.const 1) (i32.const 440)))
        (drop (call $spawn (i32.const 0)))
        (call $await_ready)
        (i32.store (i32.const 434)
          (call $fd_write (i32.const 1) (i32.const 400) (i32.const 1) (i32.const 440)))"#;
    let ran = run(main, "(drop (call $close (i32.const 1))) (call $ready)", 9);
    ran.result.unwrap();
    let mut errors = [0; 8];
    ran.memory.read(430, &mut errors).unwrap();
    assert_eq!(errors, [0, 0, 0, 0, 8, 0, 0, 0]);
    assert_eq!(ran.stdout, b"!");
}

#[test]
fn no_more_threads_start_than_are_allowed() {
    let main = r#"
        (i32.store (i32.const 400) (call $spawn (i32.const 0)))
        (call $await_ready)
        (i32.store (i32.const 404) (call $spawn (i32.const 0)))"#;
    let ran = run(main, "(call $ready) (call $wait)", 2);
    ran.result.unwrap();
    let mut results = [0; 8];
    ran.memory.read(400, &mut results).unwrap();
    assert_eq!(results[..4], 1i32.to_le_bytes());
    assert_eq!(results[4..], (-6i32).to_le_bytes());
}

#[test]
#[should_panic(expected = "on purpose")]
fn a_panic_in_a_thread_reaches_who_runs_the_group() {
    run(
        "(drop (call $spawn (i32.const 0))) (call $wait)",
        "(call $panic)",
        9,
    );
}

#[test]
fn a_group_can_be_stopped_from_outside() {
    let module = module(
        "(drop (call $spawn (i32.const 0))) (call $sleep)",
        "(call $wait)",
    );
    let mut imports = Imports::new();
    add_to_imports(&mut imports);
    imports.func("host", "panic", || ());
    let ctx = WasiCtx::builder().build().unwrap();
    let group = ThreadGroup::new(&module, imports, ctx).unwrap();
    let running = group.clone();
    let main = thread::spawn(move || running.run(ThreadGroup::command));
    thread::sleep(Duration::from_millis(20));
    group.stop();
    assert_eq!(
        trap(within_seconds(move || main.join().unwrap())),
        TrapCode::Interrupted
    );
    within_seconds(move || group.join());
}

#[test]
fn a_thread_needs_a_function_to_start_with() {
    let wat = r#"(module (import "env" "memory" (memory 1 1 shared))
        (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
        (func (export "_start") (drop (call $spawn (i32.const 0)))))"#;
    let artefact = wasm_aot_compiler::compile(wat.as_bytes(), &Default::default()).unwrap();
    let module = Module::from_bytes(&artefact).unwrap();
    let ctx = WasiCtx::builder().build().unwrap();
    let group = ThreadGroup::new(&module, Imports::new(), ctx).unwrap();
    let error = group.run(ThreadGroup::command).unwrap_err();
    assert!(
        error.to_string().contains("no function wasi_thread_start"),
        "{error}"
    );
}
