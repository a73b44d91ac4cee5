//! Closures that WebAssembly code calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasm_aot_loader::{Caller, ExternRef, Func, FuncType, Imports, Instance, Store, Val, ValType};

use crate::support::{add, artefact, module, run};

#[test]
fn a_closure_can_be_imported() {
    let mut imports = Imports::new();
    imports.func("host", "add", |a: i32, b: i32| a + b);
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "host" "add" (func $add (param i32 i32) (result i32)))
          (func (export "sum") (param i32) (result i32)
            (call $add (local.get 0) (i32.const 100))))"#,
        &imports,
    );
    let sum = instance.get_typed_func::<i32, i32>(&store, "sum").unwrap();
    assert_eq!(sum.call(&mut store, 11).unwrap(), 111);
}

#[test]
fn a_closure_may_return_nothing_a_value_a_tuple_or_a_result() {
    let mut imports = Imports::new();
    imports
        .func("h", "nothing", || ())
        .func("h", "value", || 1u32)
        .func("h", "tuple", || (2i64, 3.5f32))
        .func("h", "nothing?", || Ok::<_, std::io::Error>(()))
        .func("h", "value?", || Ok::<_, String>(4i32))
        .func("h", "tuple?", |a: f64| Ok::<_, &'static str>((a, 5u64)));
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "nothing" (func $a))
          (import "h" "value" (func $b (result i32)))
          (import "h" "tuple" (func $c (result i64 f32)))
          (import "h" "nothing?" (func $d))
          (import "h" "value?" (func $e (result i32)))
          (import "h" "tuple?" (func $f (param f64) (result f64 i64)))
          (func (export "all") (result i32 i64 f32 i32 f64 i64)
            call $a call $b call $c call $d call $e f64.const 6.25 call $f))"#,
        &imports,
    );
    let all = instance.get_typed_func::<(), (i32, i64, f32, i32, f64, i64)>(&store, "all");
    let results = all.unwrap().call(&mut store, ()).unwrap();
    assert_eq!(results, (1, 2, 3.5, 4, 6.25, 5));
}

#[test]
fn parameters_of_every_type_arrive_unchanged() {
    let mut imports = Imports::new();
    imports.func(
        "h",
        "reverse",
        |a: i32, b: i64, c: f32, d: f64, e: u128, f: Option<Func>, g: Option<ExternRef>| {
            (g, f, e, d, c, b, a)
        },
    );
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "reverse" (func $reverse
            (param i32 i64 f32 f64 v128 funcref externref)
            (result externref funcref v128 f64 f32 i64 i32)))
          (func (export "reverse")
            (param i32 i64 f32 f64 v128 funcref externref)
            (result externref funcref v128 f64 f32 i64 i32)
            (call $reverse (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
              (local.get 5) (local.get 6))))"#,
        &imports,
    );
    type Params = (i32, i64, f32, f64, u128, Option<Func>, Option<ExternRef>);
    type Results = (Option<ExternRef>, Option<Func>, u128, f64, f32, i64, i32);
    let func = instance.get_func(&store, "reverse").unwrap();
    let object = ExternRef::new(&mut store, ());
    let reverse = func.typed::<Params, Results>(&store).unwrap();
    let params = (-1, -2, -3.0, -4.0, 5 << 100, Some(func), Some(object));
    let results = reverse.call(&mut store, params).unwrap();
    let expected = (Some(object), Some(func), 5 << 100, -4.0, -3.0, -2, -1);
    assert_eq!(results, expected);
}

#[test]
fn sixteen_parameters_arrive_in_order() {
    let mut imports = Imports::new();
    #[rustfmt::skip]
    imports.func("h", "f", |
        a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32,
        i: i32, j: i32, k: i32, l: i32, m: i32, n: i32, o: i32, p: i32,
    | {
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p].iter().fold(0i64, |sum, &x| sum * 3 + i64::from(x))
    });
    let params = "i32 ".repeat(16);
    let values: String = (0..16).map(|i| format!("(i32.const {i})")).collect();
    let mut store = Store::new();
    let wat = format!(
        r#"(module (import "h" "f" (func $f (param {params}) (result i64)))
          (func (export "run") (result i64) (call $f {values})))"#
    );
    let instance = add(&mut store, &wat, &imports);
    let run = instance.get_typed_func::<(), i64>(&store, "run").unwrap();
    let expected = (0..16).fold(0i64, |sum, x| sum * 3 + x);
    assert_eq!(run.call(&mut store, ()).unwrap(), expected);
}

#[test]
fn a_dynamic_function_gets_values_and_zeroed_results() {
    use ValType::{F32, F64, I32, I64, V128};
    let mut store = Store::new();
    let all = [
        I32,
        I64,
        F32,
        F64,
        V128,
        ValType::FUNCREF,
        ValType::EXTERNREF,
    ];
    let mut imports = Imports::new();
    imports.func_dynamic(
        "h",
        "f",
        FuncType::new(all, all),
        move |_, params, results| {
            assert_eq!(results, all.map(Val::default_for));
            results.copy_from_slice(params);
            results[0] = Val::I32(7);
            Ok(())
        },
    );
    let types = "i32 i64 f32 f64 v128 funcref externref";
    let wat = format!(
        r#"(module (import "h" "f" (func $f (param {types}) (result {types})))
          (export "f" (func $f))
          (func (export "run") (param {types}) (result {types})
            (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4)
            (local.get 5) (local.get 6) (call $f)))"#
    );
    let instance = add(&mut store, &wat, &imports);
    let func = instance.get_func(&store, "run").unwrap();
    let object = wasm_aot_loader::ExternRef::new(&mut store, 1);
    let arguments = [
        Val::I32(1),
        Val::I64(2),
        Val::F32(0x7f80_0001),
        Val::F64(4),
        Val::V128(5 << 90),
        Val::FuncRef(Some(func)),
        Val::ExternRef(Some(object)),
    ];
    let mut expected = arguments;
    expected[0] = Val::I32(7);
    let mut results = [Val::I32(0); 7];
    func.call(&mut store, &arguments, &mut results).unwrap();
    assert_eq!(results, expected);
    // And without the way through compiled code.
    let host = instance.get_func(&store, "f").unwrap();
    let mut results = [Val::I32(0); 7];
    host.call(&mut store, &arguments, &mut results).unwrap();
    assert_eq!(results, expected);
}

#[test]
fn a_caller_reaches_memory_exports_and_data_of_the_store() {
    struct Log(Vec<String>);
    let mut imports = Imports::new();
    imports.func("h", "log", |mut caller: Caller<'_>, at: u32, len: u32| {
        let memory = caller.memory().expect("it exports one");
        assert_eq!(caller.get_export("memory").unwrap().memory(), Some(memory));
        let instance = caller.instance().unwrap();
        assert_eq!(instance.get_memory(&caller, "memory"), Ok(memory));
        let (bytes, log) = memory.data_and_mut::<Log>(&mut caller);
        let text = &bytes[at as usize..][..len as usize];
        log.unwrap()
            .0
            .push(String::from_utf8_lossy(text).into_owned());
        bytes[0] += 1;
    });
    let wat = r#"(module
      (import "h" "log" (func $log (param i32 i32)))
      (memory (export "memory") 1)
      (data (i32.const 16) "hello world")
      (func (export "run") (result i32)
        (call $log (i32.const 16) (i32.const 5))
        (call $log (i32.const 22) (i32.const 5))
        (i32.load8_u (i32.const 0))))"#;
    let mut store = Store::new();
    store.insert(Log(Vec::new()));
    let instance = add(&mut store, wat, &imports);
    let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 2);
    assert_eq!(store.get::<Log>().unwrap().0, ["hello", "world"]);
}

#[test]
fn the_caller_is_the_importer_even_through_a_table() {
    let mut imports = Imports::new();
    imports.func("h", "who", |caller: Caller<'_>| {
        let global = caller.get_export("id").and_then(|item| item.global());
        global.map_or(0, |global| match global.get(&caller) {
            Val::I32(id) => id,
            _ => unreachable!(),
        })
    });
    let wat = |id: i32| {
        format!(
            r#"(module
              (import "h" "who" (func $who (result i32)))
              (global (export "id") i32 (i32.const {id}))
              (table (export "t") 1 funcref)
              (elem (i32.const 0) $who)
              (func (export "direct") (result i32) (call $who))
              (func (export "indirect") (result i32)
                (call_indirect (result i32) (i32.const 0))))"#
        )
    };
    let mut store = Store::new();
    let one = add(&mut store, &wat(1), &imports);
    let two = add(&mut store, &wat(2), &imports);
    let mut call = |instance: Instance, name: &str| {
        let func = instance.get_typed_func::<(), i32>(&store, name).unwrap();
        func.call(&mut store, ()).unwrap()
    };
    assert_eq!(call(one, "direct"), 1);
    assert_eq!(call(two, "direct"), 2);
    assert_eq!(call(one, "indirect"), 1);
    assert_eq!(call(two, "indirect"), 2);
    // What one puts into a table of two still calls as one.
    let (from, to) = (
        one.get_table(&store, "t").unwrap(),
        two.get_table(&store, "t").unwrap(),
    );
    to.copy(&mut store, 0, from, 0, 1).unwrap();
    let func = two.get_typed_func::<(), i32>(&store, "indirect").unwrap();
    assert_eq!(func.call(&mut store, ()).unwrap(), 1);
}

#[test]
fn a_host_function_called_by_the_host_has_no_importer() {
    let mut store = Store::new();
    let func = Func::wrap(&mut store, |caller: Caller<'_>, x: i32| {
        assert_eq!(caller.instance(), None);
        assert_eq!(caller.memory(), None);
        assert_eq!(caller.get_export("memory"), None);
        x + 1
    });
    let typed = func.typed::<i32, i32>(&store).unwrap();
    assert_eq!(typed.call(&mut store, 1).unwrap(), 2);
    let mut result = [Val::I32(0)];
    func.call(&mut store, &[Val::I32(2)], &mut result).unwrap();
    assert_eq!(result, [Val::I32(3)]);
}

#[test]
fn host_functions_can_call_back_and_instantiate() {
    let mut imports = Imports::new();
    imports.func("h", "down", |mut caller: Caller<'_>, n: i32| {
        if n == 0 {
            return Ok(0);
        }
        let instance = caller.instance().unwrap();
        let run = instance.get_typed_func::<i32, i32>(&caller, "run")?;
        Ok::<i32, wasm_aot_loader::BoxError>(run.call(&mut caller, n - 1)? + 1)
    });
    let inner = module(r#"(module (func (export "two") (result i32) (i32.const 2)))"#);
    imports.func("h", "two", move |mut caller: Caller<'_>| {
        let instance = Instance::new(&mut caller, &inner, &Imports::new())?;
        let two = instance.get_typed_func::<(), i32>(&caller, "two")?;
        Ok::<i32, wasm_aot_loader::BoxError>(two.call(&mut caller, ())?)
    });
    let mut store = Store::new();
    let instance = add(
        &mut store,
        r#"(module
          (import "h" "down" (func $down (param i32) (result i32)))
          (import "h" "two" (func $two (result i32)))
          (func (export "run") (param i32) (result i32)
            (i32.add (call $down (local.get 0)) (call $two))))"#,
        &imports,
    );
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    // Each of the 11 levels adds 2, and each but the last adds 1.
    assert_eq!(run.call(&mut store, 10).unwrap(), 32);
}

#[test]
fn one_set_of_imports_serves_many_stores_and_threads() {
    let calls = Arc::new(AtomicU32::new(0));
    let mut imports = Imports::new();
    let counter = calls.clone();
    imports.func("h", "count", move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let wat = r#"(module (import "h" "count" (func $count)) (func (export "run") (call $count)))"#;
    let bytes = artefact(wat);
    let module = wasm_aot_loader::Module::from_bytes(&bytes).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let mut store = Store::new();
                    let instance = Instance::new(&mut store, &module, &imports).unwrap();
                    run(&mut store, instance, "run").unwrap();
                }
            });
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 40);
    drop(imports);
    assert_eq!(
        Arc::strong_count(&calls),
        1,
        "closures are dropped with their owners"
    );
}

#[test]
fn data_of_a_store_is_kept_by_its_type() {
    let mut store = Store::new();
    assert_eq!(store.get::<u8>(), None);
    assert_eq!(store.insert(1u8), None);
    assert_eq!(store.insert("two"), None);
    assert_eq!(store.insert(3u8), Some(1));
    *store.get_mut::<u8>().unwrap() += 1;
    assert_eq!(store.get::<u8>(), Some(&4));
    assert_eq!(store.remove::<&str>(), Some("two"));
    assert_eq!(store.remove::<&str>(), None);
}
