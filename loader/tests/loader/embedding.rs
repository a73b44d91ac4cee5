//! What interfaces for other languages are built on.

use wasm_aot_loader::{
    Extern, Func, Imports, Instance, InstantiationError, Memory, MemoryType, Module, Store,
};

use crate::support::{artefact, module};

const TWICE: &str = r#"(module
  (import "host" "f" (func $a (result i32)))
  (import "host" "f" (func $b (result i32)))
  (func (export "run") (result i32)
    (i32.sub (call $a) (call $b))))"#;

#[test]
fn externs_in_order_tell_imports_of_one_name_apart() {
    let mut store = Store::new();
    let externs: [Extern; 2] = [
        Func::wrap(&mut store, || 50).into(),
        Func::wrap(&mut store, || 8).into(),
    ];
    let instance = Instance::from_externs(&mut store, &module(TWICE), &externs).unwrap();
    let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 42);
}

#[test]
fn externs_that_are_missing_or_foreign_are_link_errors() {
    let mut store = Store::new();
    let first: Extern = Func::wrap(&mut store, || 50).into();
    let foreign: Extern = Func::wrap(&mut Store::new(), || 8).into();
    for externs in [&[][..], &[first], &[first, foreign]] {
        let error = Instance::from_externs(&mut store, &module(TWICE), externs).unwrap_err();
        let InstantiationError::Link(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(
            error.problems().len(),
            if externs.is_empty() { 2 } else { 1 }
        );
    }
}

#[test]
#[should_panic(expected = "more externals than imports")]
fn more_externs_than_imports_are_a_mistake_of_the_embedder() {
    let mut store = Store::new();
    let item: Extern = Func::wrap(&mut store, || 50).into();
    let _ = Instance::from_externs(&mut store, &module(TWICE), &[item; 3]);
}

#[test]
fn the_bytes_of_an_artefact_can_be_read_back() {
    let bytes = artefact(TWICE);
    let module = Module::from_bytes(&bytes).unwrap();
    assert!(module.read_artefact().unwrap() == bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.so");
    std::fs::write(&path, &bytes).unwrap();
    let module = Module::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(module.read_artefact().unwrap() == bytes);
}

#[test]
fn the_only_instance_of_a_module_is_known() {
    let (one, other) = (module("(module)"), module("(module)"));
    let mut store = Store::new();
    assert_eq!(store.only_instance_of(&one), None);
    let imports = Imports::new();
    let first = Instance::new(&mut store, &one, &imports).unwrap();
    Instance::new(&mut store, &other, &imports).unwrap();
    assert_eq!(store.only_instance_of(&one), Some(first));
    Instance::new(&mut store, &one, &imports).unwrap();
    assert_eq!(store.only_instance_of(&one), None);
}

#[test]
fn a_frame_counts_from_the_body_of_its_function() {
    let module = module("(module (func) (func (export \"run\") (local i32) nop unreachable))");
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let run = instance.get_func(&store, "run").unwrap();
    let error = run.call(&mut store, &[], &mut []).unwrap_err();
    let wasm_aot_loader::CallError::Trap(trap) = error else {
        panic!("{error:?}");
    };
    // The body starts with its locals, in three bytes; then comes the `nop`.
    assert_eq!(trap.backtrace().frames()[0].func_offset(), Some(4));
}

#[test]
fn the_bytes_of_a_memory_stay_where_they_are() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(100))).unwrap();
    let before = memory.data_ptr(&mut store);
    memory.grow(&mut store, 99).unwrap();
    assert_eq!(memory.data_ptr(&mut store), before);
    assert_eq!(memory.data(&store).as_ptr(), before.cast_const());
}

#[test]
fn no_two_stores_have_one_id() {
    let (a, b) = (Store::new(), Store::new());
    assert_ne!(a.id(), b.id());
}
