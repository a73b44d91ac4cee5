//! What the tests share.
#![allow(dead_code)]

use std::path::PathBuf;
use std::process::{Command, Output};

use wasm_aot_loader::{CallError, Imports, Instance, Module, Store, Trap, TrapCode, Val};

/// The artefact of a module in the text format.
pub(crate) fn artefact(wat: &str) -> Vec<u8> {
    wasm_aot_compiler::compile(wat.as_bytes(), &Default::default()).expect("compiles")
}

/// A module in the text format, compiled and opened.
pub(crate) fn module(wat: &str) -> Module {
    Module::from_bytes(&artefact(wat)).expect("opens")
}

/// An instance of a module without imports.
pub(crate) fn instance(store: &mut Store, wat: &str) -> Instance {
    instance_with(store, wat, &Imports::new())
}

/// An instance of a module.
pub(crate) fn instance_with(store: &mut Store, wat: &str, imports: &Imports) -> Instance {
    Instance::new(store, &module(wat), imports).expect("instantiates")
}

/// Calls an export.
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
pub(crate) fn trap<T: std::fmt::Debug>(outcome: Result<T, CallError>) -> Trap {
    match outcome {
        Err(CallError::Trap(trap)) => trap,
        other => panic!("expected a trap, got {other:?}"),
    }
}

/// Checks why a call has ended.
#[track_caller]
pub(crate) fn assert_traps<T: std::fmt::Debug>(outcome: Result<T, CallError>, code: TrapCode) {
    assert_eq!(trap(outcome).code(), code);
}

/// Set to the name of a child in the process that is to be it.
const CHILD: &str = "WASM_AOT_TEST_CHILD";

/// Runs the test of this name again, in a process of its own, where
/// [`is_child`] holds.
pub(crate) fn run_child(test: &str, child: &str) -> Output {
    let program: PathBuf = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]);
    command.env(CHILD, child).env("RUST_BACKTRACE", "0");
    command.output().expect("it runs")
}

/// Whether this process was started by [`run_child`] as this child.
pub(crate) fn is_child(child: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|name| name == child)
}
