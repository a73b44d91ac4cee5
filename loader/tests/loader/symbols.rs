//! The C symbols of exports do what the functions do, whichever way they take: with
//! the same results, traps and changes of memory and globals.

use std::ffi::c_void;
use std::fmt::Write as _;

use libloading::Library;
use wasm_aot_loader::{CallError, DirectStore, Imports, Instance, Module, Store, TrapCode, Val};

use crate::support::artefact;

/// Bodies of functions of type `[i64 i64] -> [i64]`, with `$a` and `$b`.
const BODIES: &[&str] = &[
    "(i64.add (local.get $a) (local.get $b))",
    "(i64.div_s (local.get $a) (local.get $b))",
    "(i64.div_u (local.get $a) (local.get $b))",
    "(i64.rem_s (local.get $a) (local.get $b))",
    "(i64.rem_u (local.get $a) (local.get $b))",
    "(i64.extend_i32_s (i32.div_s (i32.wrap_i64 (local.get $a)) (i32.wrap_i64 (local.get $b))))",
    "(i64.extend_i32_s (i32.div_u (i32.wrap_i64 (local.get $a)) (i32.wrap_i64 (local.get $b))))",
    "(i64.extend_i32_s (i32.rem_s (i32.wrap_i64 (local.get $a)) (i32.wrap_i64 (local.get $b))))",
    "(i64.load (i32.wrap_i64 (local.get $a)))",
    "(i64.load8_s offset=65535 (i32.wrap_i64 (local.get $a)))",
    "(i64.load16_u offset=0xfffffff0 (i32.wrap_i64 (local.get $a)))",
    "(i64.extend_i32_u (i32.load align=1 (i32.wrap_i64 (local.get $b))))",
    "(i64.trunc_f64_s (f64.load (i32.wrap_i64 (local.get $b))))",
    // Stores, before and behind what may trap.
    "(i64.store (i32.wrap_i64 (local.get $a)) (local.get $b)) (i64.const 1)",
    "(i64.store8 (i32.wrap_i64 (local.get $a)) (local.get $b)) \
     (i64.load (i32.wrap_i64 (local.get $b)))",
    "(i64.store (i32.wrap_i64 (local.get $a)) (i64.load (i32.wrap_i64 (local.get $b)))) \
     (local.get $a)",
    "(global.set $g (i64.add (global.get $g) (i64.const 1))) (global.get $g)",
    "(global.set $g (i64.add (global.get $g) (i64.const 1))) \
     (i64.div_u (local.get $a) (local.get $b))",
    "(global.set $g (i64.div_u (global.get $g) (local.get $b))) (global.get $g)",
    // Branches.
    "(if (i64.eqz (local.get $a)) (then unreachable)) (local.get $b)",
    "(if (i64.eqz (local.get $a)) (then (global.set $g (local.get $b)) (return (i64.const 7)))) \
     (i64.load (i32.wrap_i64 (local.get $a)))",
    "(if (i64.eqz (local.get $a)) (then (global.set $g (local.get $b)))) \
     (i64.load (i32.wrap_i64 (local.get $a)))",
    "(block $out (result i64) \
       (br_if $out (local.get $b) (i64.lt_s (local.get $a) (i64.const 3))) \
       (drop) (i64.load32_u (i32.wrap_i64 (local.get $a))))",
    "(block (block (block (br_table 0 1 2 (i32.wrap_i64 (local.get $a))) ) \
       (return (i64.const 1))) unreachable) (local.get $b)",
    // Loops: one that may trap half-way, and one that has stored by then.
    "(local $sum i64) (local.set $a (i64.and (local.get $a) (i64.const 15))) (loop $more \
       (local.set $sum (i64.add (local.get $sum) (i64.load8_u (i32.wrap_i64 (local.get $b))))) \
       (local.set $b (i64.add (local.get $b) (i64.const 1))) \
       (local.set $a (i64.sub (local.get $a) (i64.const 1))) \
       (br_if $more (i64.gt_s (local.get $a) (i64.const 0)))) (local.get $sum)",
    "(local.set $a (i64.and (local.get $a) (i64.const 15))) (loop $more \
       (i64.store8 (i32.wrap_i64 (local.get $b)) (local.get $a)) \
       (local.set $b (i64.add (local.get $b) (i64.const 1))) \
       (local.set $a (i64.sub (local.get $a) (i64.const 1))) \
       (br_if $more (i64.gt_s (local.get $a) (i64.const 0)))) (local.get $b)",
    // What only the real function does.
    "(i64.extend_i32_s (memory.grow (i32.and (i32.wrap_i64 (local.get $a)) (i32.const 1))))",
    "(i64.extend_i32_u (memory.size))",
    "(call $callee (local.get $a) (local.get $b))",
];

const ARGUMENTS: [i64; 12] = [
    0,
    1,
    2,
    5,
    -1,
    i64::MIN,
    i32::MIN as i64,
    0xfff8,
    0xfff9,
    0xffff,
    0x10000,
    u32::MAX as i64,
];

fn wat() -> String {
    let mut wat = r#"(module
        (memory (export "memory") 1 4) (global $g (export "g") (mut i64) (i64.const 1000))
        (data (i32.const 0xfff0) "0123456789abcdef")
        (func $callee (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))"#
        .to_owned();
    for (index, body) in BODIES.iter().enumerate() {
        write!(
            wat,
            "(func (export \"f{index}\") (param $a i64) (param $b i64) (result i64) {body})"
        )
        .unwrap();
    }
    wat + ")"
}

/// A result or trap, and what the instance is like then.
type Outcome = (Result<i64, TrapCode>, Vec<u8>, Val);

fn outcome(store: &Store, instance: Instance, result: Result<i64, CallError>) -> Outcome {
    let result = result.map_err(|error| match error {
        CallError::Trap(trap) => trap.code(),
        other => panic!("{other}"),
    });
    let memory = instance.get_memory(store, "memory").unwrap();
    let global = instance.get_global(store, "g").unwrap().get(store);
    (result, memory.data(store).to_vec(), global)
}

#[test]
fn c_symbols_do_what_the_functions_do() {
    type Symbol = unsafe extern "C" fn(*mut c_void, i64, i64, *mut i64) -> u32;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("module.so");
    let bytes = artefact(&wat());
    // Some symbols contain the function, and leave what traps to another piece.
    assert!(bytes.windows(7).any(|name| name == b"\0enter["));
    std::fs::write(&path, bytes).unwrap();
    // SAFETY: it has no constructors.
    let library = unsafe { Library::new(&path).unwrap() };
    // SAFETY: the compiler has made what the symbol stands for; the library is
    // dropped after the module.
    let module = unsafe {
        let descriptor: *const u8 = *library.get(b"module_Zmodule").unwrap();
        Module::from_linked(descriptor).unwrap()
    };
    let new = |store: &mut Store| Instance::new(store, &module, &Imports::new()).unwrap();
    for (index, body) in BODIES.iter().enumerate() {
        let name = format!("f{index}");
        // SAFETY: they all have this type.
        let symbol: Symbol = unsafe { *library.get(format!("module_{name}").as_bytes()).unwrap() };
        for a in ARGUMENTS {
            for b in ARGUMENTS {
                let mut store = Store::new();
                let instance = new(&mut store);
                let func = instance
                    .get_typed_func::<(i64, i64), i64>(&store, &name)
                    .unwrap();
                let result = func.call(&mut store, (a, b));
                let expected = outcome(&store, instance, result);

                let mut store = Store::new();
                let instance = new(&mut store);
                let direct = DirectStore::new(store);
                let context = direct.context(instance).cast();
                let mut result = 0;
                // SAFETY: the context is that of an instance of the module; only
                // this thread uses the store.
                let status = unsafe { symbol(context, a, b, &mut result) };
                let result = direct.failure(status).map_or(Ok(result), Err);
                // SAFETY: no call runs.
                let found = outcome(unsafe { &*direct.as_ptr() }, instance, result);
                assert!(
                    found == expected,
                    "{body} with {a:#x} and {b:#x}: {:?} instead of {:?}",
                    (found.0, found.2),
                    (expected.0, expected.2)
                );
            }
        }
    }
}
