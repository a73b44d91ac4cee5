//! The ends of small and shared stacks, and the site behind a call.

use wasm_aot_loader::{BoxError, CallError, Imports, Instance, Store, TrapCode, Val};

use crate::support::{add, assert_traps, call, module, trap};

const RECURSION: &str = r#"(module
    (import "e" "f" (func $f (param i32) (result i32)))
    (func (export "plain") (param i32) (result i32)
        (i32.add (call 1 (local.get 0)) (i32.const 1)))
    (func (export "run") (param i32) (result i32)
        (i32.add (call $f (local.get 0)) (i32.const 1))))"#;

const OVERFLOW: &str = r#"(module
    (func $overflow (export "overflow") (call $overflow))
    (func (export "zero") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#;

#[test]
fn plain_recursion_traps_on_a_stack_smaller_than_the_reserve() {
    let mut store = Store::new();
    let instance = add(&mut store, OVERFLOW, &Imports::new());
    let overflow = instance
        .get_typed_func::<(), ()>(&store, "overflow")
        .unwrap();
    let zero = instance.get_typed_func::<(), ()>(&store, "zero").unwrap();
    for kib in [96, 128, 192] {
        let thread = std::thread::Builder::new().stack_size(kib << 10);
        store = thread
            .spawn(move || {
                assert_traps(overflow.call(&mut store, ()), TrapCode::StackOverflow);
                assert_traps(zero.call(&mut store, ()), TrapCode::IntegerDivisionByZero);
                store
            })
            .unwrap()
            .join()
            .unwrap();
    }
}

#[test]
fn a_second_store_entered_near_the_end_of_the_stack_traps_too() {
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let work = || {
        // Each level makes a new store and enters it, until that fails.
        fn deeper(level: u32) -> u32 {
            let mut imports = Imports::new();
            imports.func("e", "f", move |_: i32| -> Result<i32, BoxError> {
                Ok(deeper(level + 1) as i32)
            });
            let mut store = Store::new();
            let artefact = ARTEFACT.get_or_init(|| module(RECURSION));
            let instance = Instance::new(&mut store, artefact, &imports).unwrap();
            match call(&mut store, instance, "run", &[Val::I32(0)]) {
                Ok(values) => match values[..] {
                    [Val::I32(reached)] => reached as u32,
                    _ => unreachable!(),
                },
                Err(error) => {
                    assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
                    level
                }
            }
        }
        assert!(deeper(0) > 5);
    };
    static ARTEFACT: std::sync::OnceLock<wasm_aot_loader::Module> = std::sync::OnceLock::new();
    ARTEFACT.get_or_init(|| module(RECURSION));
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_trap_right_behind_a_call_has_its_own_offset() {
    // In both functions `unreachable` is the instruction that the call returns
    // to; `second` is where the trap is, `first` where the call is.
    let wat = r#"(module
        (import "e" "f" (func $f (param i32) (result)))
        (func (export "run") (param i32) (call $f (local.get 0)) unreachable))"#;
    let mut imports = Imports::new();
    imports.func("e", "f", |fail: i32| match fail {
        0 => Ok(()),
        _ => Err("failed"),
    });
    let mut store = Store::new();
    let instance = add(&mut store, wat, &imports);
    let trap = trap(call(&mut store, instance, "run", &[Val::I32(0)]));
    let behind = trap.backtrace().frames()[0].offset().unwrap();
    let call = match call(&mut store, instance, "run", &[Val::I32(1)]) {
        Err(CallError::Host(error)) => error.backtrace().frames()[0].offset().unwrap(),
        other => panic!("{other:?}"),
    };
    // `call` takes two bytes.
    assert_eq!(behind, call + 2);
}
