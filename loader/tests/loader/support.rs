//! What the tests have in common.

use std::io::{self, Write};
use std::process::{Command, Output};
#[cfg(feature = "async")]
use std::sync::{Arc, Mutex};

use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{
    Backtrace, CallError, Imports, Instance, Module, OpenError, OpenOptions, Seal, Store, Trap,
    TrapCode, Val, Verify,
};

/// What modules are compiled with: without signals where `WASM_AOT_TEST_NO_SIGNALS` is set.
pub(crate) fn options() -> Options {
    Options {
        signals: std::env::var_os("WASM_AOT_TEST_NO_SIGNALS").is_none(),
        ..Options::default()
    }
}

/// The artefact of a module in text.
pub(crate) fn artefact(wat: &str) -> Vec<u8> {
    let wasm = wat::parse_str(wat).expect("valid text");
    compile(&wasm, &options()).expect("a valid module")
}

/// Opens what was changed since it was compiled: the digest is not looked at, all else
/// is checked.
pub(crate) fn open_changed(bytes: &[u8]) -> Result<Module, OpenError> {
    OpenOptions::new()
        .verify(Verify::TrustedPath)
        .from_bytes(bytes)
}

/// Sets the digest of what was changed to what it should be.
pub(crate) fn reseal(file: &mut [u8]) {
    let seal = Seal::read(file).unwrap();
    let digest = seal.compute_digest(file).unwrap();
    file[seal.offset() + 8..][..32].copy_from_slice(&digest);
}

pub(crate) fn module(wat: &str) -> Module {
    Module::from_bytes(&artefact(wat)).expect("a sound artefact")
}

/// An instance without imports in a new store.
pub(crate) fn instance(wat: &str) -> (Store, Instance) {
    let mut store = Store::new();
    let instance = add(&mut store, wat, &Imports::new());
    (store, instance)
}

/// An instance in a store.
pub(crate) fn add(store: &mut Store, wat: &str, imports: &Imports) -> Instance {
    Instance::new(store, &module(wat), imports).expect("matching imports")
}

/// Calls an exported function without parameters and results.
pub(crate) fn run(store: &mut Store, instance: Instance, name: &str) -> Result<(), CallError> {
    let run = instance.get_typed_func::<(), ()>(store, name).unwrap();
    run.call(store, ())
}

/// Calls an exported function whatever its type.
pub(crate) fn call(
    store: &mut Store,
    instance: Instance,
    name: &str,
    arguments: &[Val],
) -> Result<Vec<Val>, CallError> {
    let func = instance.get_func(store, name).expect("the export exists");
    let ty = func.ty(store);
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|&ty| Val::default_for(ty))
        .collect();
    func.call(store, arguments, &mut results)?;
    Ok(results)
}

/// The trap that a call has ended with.
#[track_caller]
pub(crate) fn trap<T: std::fmt::Debug>(result: Result<T, CallError>) -> Trap {
    match result {
        Err(CallError::Trap(trap)) => trap,
        other => panic!("expected a trap, got {other:?}"),
    }
}

#[track_caller]
pub(crate) fn trap_code<T: std::fmt::Debug>(result: Result<T, CallError>) -> TrapCode {
    trap(result).code()
}

/// Checks why a call has ended.
#[track_caller]
pub(crate) fn assert_traps<T: std::fmt::Debug>(outcome: Result<T, CallError>, code: TrapCode) {
    assert_eq!(trap(outcome).code(), code);
}

/// The names of the functions in a backtrace.
pub(crate) fn names(backtrace: &Backtrace) -> Vec<&str> {
    let frames = backtrace.frames().iter();
    frames
        .map(|frame| frame.func_name().unwrap_or("?"))
        .collect()
}

/// Set in the environment of a process that [`isolated`] has started.
const CHILD: &str = "WASM_AOT_TEST_CHILD";

/// Runs `body` in a process of its own, in which no other test runs, and
/// returns how that ended. `test` is the path of the test that calls it.
pub(crate) fn isolated(test: &str, body: impl FnOnce()) -> Option<Output> {
    if std::env::var_os(CHILD).is_some() {
        body();
        return None;
    }
    let this = std::env::current_exe().unwrap();
    // For another machine, there is an emulator before it.
    let runner = std::env::var("WASM_AOT_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().chain(this.to_str());
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        // Of more threads that compile, one could start whenever it gets to it, and with
        // it the memory and the system calls that it takes.
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "no test is called {test}");
    Some(output)
}

/// As [`isolated`], for a `body` that must succeed.
#[track_caller]
pub(crate) fn isolated_ok(test: &str, body: impl FnOnce()) {
    if let Some(output) = isolated(test, body) {
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}\n{text}\n{errors}",
            output.status
        );
        for line in errors.lines().filter(|line| line.starts_with("skipped: ")) {
            // The test harness would hold back what eprintln! prints.
            let notice = format!("{line}\n");
            io::stderr().write_all(notice.as_bytes()).unwrap();
        }
    }
}

/// An asynchronous host function `h` `wait`, which yields once and returns its
/// parameter.
#[cfg(feature = "async")]
pub(crate) fn waiting() -> Imports {
    let mut imports = Imports::new();
    imports.func_async("h", "wait", |_, n: i32| {
        Box::pin(async move {
            futures_lite::future::yield_now().await;
            n
        })
    });
    imports
}

/// What has happened, in order.
#[cfg(feature = "async")]
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

#[cfg(feature = "async")]
impl Log {
    pub(crate) fn push(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
