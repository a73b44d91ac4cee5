//! Modules whose artefact is in memory already, and stores that C code enters by
//! itself. A library that the test opens stands for what a linker makes.

use std::ffi::c_void;

use libloading::Library;
use wasm_aot_loader::{
    CallError, Caller, DirectStore, Imports, Instance, Module, OpenError, Store, TrapCode,
};

use crate::support::artefact;

/// A library of a module, and its descriptor.
struct Linked {
    module: Module,
    library: Library,
}

impl Linked {
    fn new(wat: &str) -> Linked {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("module.so");
        std::fs::write(&path, artefact(wat)).unwrap();
        // SAFETY: it has no constructors.
        let library = unsafe { Library::new(&path).unwrap() };
        // SAFETY: the compiler has made what the symbol stands for; the library is
        // dropped after the module.
        let module = unsafe { Module::from_linked(descriptor(&library)).unwrap() };
        Linked { module, library }
    }

    /// A typed symbol without parameters, with one result.
    fn symbol(&self, name: &str) -> unsafe extern "C" fn(*mut c_void, *mut i32) -> u32 {
        // SAFETY: all exports of these tests are of this type.
        *unsafe {
            self.library
                .get(format!("module_{name}").as_bytes())
                .unwrap()
        }
    }
}

fn descriptor(library: &Library) -> *const u8 {
    // SAFETY: the symbol is data, of which only the address is taken.
    *unsafe { library.get(b"module_Zmodule").unwrap() }
}

const MODULE: &str = r#"(module
    (import "host" "seven" (func $seven (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "\2a")
    (func (export "image") (result i32) (i32.load8_u (i32.const 100)))
    (func $boom (export "boom") (result i32) unreachable)
    (func (export "instead") (result i32) (return_call $boom))
    (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
    (func (export "seven") (result i32) (i32.add (call $seven) (i32.const 0))))"#;

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("host", "seven", |caller: Caller<'_>| {
        i32::from(caller.memory().is_some()) * 7
    });
    imports
}

#[test]
fn a_linked_module_is_a_module_as_any() {
    let linked = Linked::new(MODULE);
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &linked.module, &imports()).unwrap();
    let mut call = |name| {
        let function = instance.get_typed_func::<(), i32>(&store, name).unwrap();
        function.call(&mut store, ())
    };
    assert_eq!(call("image").unwrap(), 42);
    assert_eq!(call("seven").unwrap(), 7);
    let Err(CallError::Trap(trap)) = call("boom") else {
        panic!("it traps");
    };
    assert_eq!(trap.code(), TrapCode::Unreachable);
    assert_eq!(trap.backtrace().frames().len(), 1);
    assert!(linked.module.read_artefact().is_err());
}

#[test]
fn memories_of_a_linked_module_start_equal() {
    let linked = Linked::new(MODULE);
    for _ in 0..3 {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &linked.module, &imports()).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert_eq!(memory.data(&store)[100], 42);
        memory.data_mut(&mut store).fill(1);
    }
}

#[test]
fn what_is_no_descriptor_is_refused() {
    let bytes = [0_u8; 1024];
    // SAFETY: not at all: it is the check that is tested.
    let error = unsafe { Module::from_linked(bytes.as_ptr()).unwrap_err() };
    assert!(matches!(error, OpenError::NotArtefact), "{error}");
    static NOT_ONE: [u8; 1024] = [1; 1024];
    // SAFETY: as above.
    let error = unsafe { Module::from_linked(NOT_ONE.as_ptr()).unwrap_err() };
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn c_code_calls_symbols_and_traps_come_back() {
    let linked = Linked::new(MODULE);
    let store = DirectStore::new(Store::new());
    // SAFETY: nobody else uses the store.
    let inner = unsafe { &mut *store.as_ptr() };
    let instance = Instance::new(inner, &linked.module, &imports()).unwrap();
    let context: *mut c_void = store.context(instance).cast();
    let call = |name| {
        let mut result = 0;
        // SAFETY: the context is of this module, and the result has room.
        let status = unsafe { linked.symbol(name)(context, &mut result) };
        (status, result)
    };
    assert_eq!(call("image"), (0, 42));
    assert_eq!(call("seven"), (0, 7));
    let (status, _) = call("boom");
    let Some(CallError::Trap(trap)) = store.failure(status) else {
        panic!("it traps");
    };
    assert_eq!(trap.code(), TrapCode::Unreachable);
    assert_eq!(trap.backtrace().frames().len(), 1);
    assert_eq!(call("deep").0, TrapCode::StackOverflow as u32);
    assert_eq!(call("image"), (0, 42));
}

/// What a thread has used may go on on another one, also on the same stack.
#[test]
fn c_code_moves_a_store_from_thread_to_thread() {
    let linked = Linked::new(MODULE);
    let store = DirectStore::new(Store::new());
    // SAFETY: nobody else uses the store.
    let inner = unsafe { &mut *store.as_ptr() };
    let instance = Instance::new(inner, &linked.module, &imports()).unwrap();
    let context = store.context(instance).expose_provenance();
    // The one does nothing but call the other in tail position.
    let (boom, deep) = (linked.symbol("instead"), linked.symbol("deep"));
    let fail = move || {
        let context = std::ptr::with_exposed_provenance_mut(context);
        let mut result = 0;
        // SAFETY: as above; threads take turns.
        unsafe {
            assert_eq!(boom(context, &mut result), TrapCode::Unreachable as u32);
            assert_eq!(deep(context, &mut result), TrapCode::StackOverflow as u32);
        }
    };
    fail();
    for _ in 0..8 {
        std::thread::spawn(fail).join().unwrap();
    }
    fail();
    drop(store);
}

#[test]
fn stores_that_c_code_has_entered_do_not_get_in_the_way_of_others() {
    let linked = Linked::new(MODULE);
    let direct = DirectStore::new(Store::new());
    // SAFETY: nobody else uses the store.
    let inner = unsafe { &mut *direct.as_ptr() };
    let instance = Instance::new(inner, &linked.module, &imports()).unwrap();
    let context: *mut c_void = direct.context(instance).cast();
    let mut result = 0;
    // SAFETY: the context is of this module.
    let status = unsafe { linked.symbol("boom")(context, &mut result) };
    assert_eq!(status, TrapCode::Unreachable as u32);

    let mut store = Store::new();
    let instance = Instance::new(&mut store, &linked.module, &imports()).unwrap();
    let boom = instance.get_typed_func::<(), i32>(&store, "boom").unwrap();
    assert!(matches!(boom.call(&mut store, ()), Err(CallError::Trap(_))));
    drop(direct);
    assert!(matches!(boom.call(&mut store, ()), Err(CallError::Trap(_))));
}
