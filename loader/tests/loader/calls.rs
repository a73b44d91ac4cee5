//! Calls from the host.

use wasm_aot_loader::{
    ArgumentError, CallError, ExternRef, Func, FuncType, Instance, Store, Val, ValType,
};

use crate::support::instance;

#[test]
fn a_function_is_called_by_its_name() {
    let (mut store, instance) = instance(
        r#"(module (func (export "double") (param i32) (result i32)
            (i32.mul (local.get 0) (i32.const 2))))"#,
    );
    let double = instance
        .get_typed_func::<i32, i32>(&store, "double")
        .unwrap();
    assert_eq!(double.call(&mut store, 21).unwrap(), 42);
    assert_eq!(double.call(&mut store, i32::MAX).unwrap(), -2);
}

/// Returns its parameters, in reverse.
const REVERSE: &str = r#"(module
    (func (export "reverse")
      (param i32 i64 f32 f64 funcref externref)
      (result externref funcref f64 f32 i64 i32)
      (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0)))"#;

#[test]
fn values_of_every_scalar_type_pass_unchanged() {
    type Params = (i32, i64, f32, f64, Option<Func>, Option<ExternRef>);
    type Results = (Option<ExternRef>, Option<Func>, f64, f32, i64, i32);
    let (mut store, instance) = instance(REVERSE);
    let reverse = instance.get_func(&store, "reverse").unwrap();
    let object = ExternRef::new(&mut store, String::from("object"));
    let typed = reverse.typed::<Params, Results>(&store).unwrap();
    let params = (-1, i64::MIN, 1.5, -0.0, Some(reverse), Some(object));
    let results = typed.call(&mut store, params).unwrap();
    assert_eq!(
        results,
        (Some(object), Some(reverse), -0.0, 1.5, i64::MIN, -1)
    );
    assert!(results.2.is_sign_negative());
    assert_eq!(object.get::<String>(&store).unwrap(), "object");
    assert_eq!(object.get::<i32>(&store), None);

    let results = typed
        .call(&mut store, (0, 0, 0.0, 0.0, None, None))
        .unwrap();
    assert_eq!(results, (None, None, 0.0, 0.0, 0, 0));
}

#[test]
fn dynamic_calls_keep_the_bits_of_floats() {
    let (mut store, instance) = instance(REVERSE);
    let reverse = instance.get_func(&store, "reverse").unwrap();
    let arguments = [
        Val::I32(i32::MIN),
        Val::I64(-7),
        Val::F32(0x7fa0_0001),
        Val::F64(0xfff4_0000_0000_0001),
        Val::FuncRef(None),
        Val::ExternRef(None),
    ];
    let mut results = [Val::I32(0); 6];
    reverse.call(&mut store, &arguments, &mut results).unwrap();
    results.reverse();
    assert_eq!(results, arguments);
}

#[test]
fn vectors_pass_unchanged() {
    let (mut store, instance) = instance(
        r#"(module (func (export "swap") (param v128 i32 v128) (result v128 i32 v128)
            (local.get 2) (local.get 1) (local.get 0)))"#,
    );
    let swap = instance.get_typed_func::<(u128, i32, u128), (u128, i32, u128)>(&store, "swap");
    let (a, b) = (0x0011_2233_4455_6677_8899_aabb_ccdd_eeff, u128::MAX - 1);
    assert_eq!(
        swap.unwrap().call(&mut store, (a, -5, b)).unwrap(),
        (b, -5, a)
    );
}

#[test]
fn sixteen_parameters_and_results_pass_in_order() {
    let types = "i64 ".repeat(16);
    let gets: String = (0..16).map(|i| format!("(local.get {i})")).collect();
    let wat = format!(r#"(module (func (export "same") (param {types}) (result {types}) {gets}))"#);
    let (mut store, instance) = instance(&wat);
    type Four = (i64, i64, i64, i64);
    #[rustfmt::skip]
    type Sixteen = (
        i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64,
    );
    let same = instance
        .get_typed_func::<Sixteen, Sixteen>(&store, "same")
        .unwrap();
    let values = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, i64::MIN);
    let results = same.call(&mut store, values).unwrap();
    let quarters = |v: Sixteen| -> [Four; 4] {
        [
            (v.0, v.1, v.2, v.3),
            (v.4, v.5, v.6, v.7),
            (v.8, v.9, v.10, v.11),
            (v.12, v.13, v.14, v.15),
        ]
    };
    assert_eq!(quarters(results), quarters(values));
}

#[test]
fn a_dynamic_call_may_have_more_than_sixteen_values() {
    let types = "f64 ".repeat(40);
    let gets: String = (0..40).map(|i| format!("(local.get {i})")).collect();
    let wat = format!(r#"(module (func (export "same") (param {types}) (result {types}) {gets}))"#);
    let (mut store, instance) = instance(&wat);
    let same = instance.get_func(&store, "same").unwrap();
    let arguments: Vec<Val> = (0..40).map(|i| Val::from(f64::from(i))).collect();
    let mut results = vec![Val::F64(0); 40];
    same.call(&mut store, &arguments, &mut results).unwrap();
    assert_eq!(results, arguments);
}

#[test]
fn arguments_of_a_dynamic_call_are_checked() {
    let (mut store, instance) =
        instance(r#"(module (func (export "f") (param i32 i64) (result f32) (f32.const 0)))"#);
    let func = instance.get_func(&store, "f").unwrap();
    let mut call = |arguments: &[Val], results: &mut [Val]| match func
        .call(&mut store, arguments, results)
        .unwrap_err()
    {
        CallError::Arguments(error) => error,
        other => panic!("{other:?}"),
    };
    let mut result = [Val::F32(0)];
    let error = call(&[Val::I32(0)], &mut result);
    assert_eq!(error.to_string(), "expected 2 arguments, got 1");
    let error = call(&[Val::I32(0), Val::I32(0)], &mut result);
    let (expected, found) = (ValType::I64, ValType::I32);
    assert_eq!(
        error,
        ArgumentError::Type {
            index: 1,
            expected,
            found
        }
    );
    let error = call(&[Val::I32(0), Val::I64(0)], &mut []);
    assert_eq!(
        error,
        ArgumentError::Results {
            expected: 1,
            found: 0
        }
    );
}

#[test]
fn a_typed_function_must_have_the_type() {
    let (store, instance) =
        instance(r#"(module (func (export "f") (param i32) (result i64) (i64.const 0)))"#);
    let error = instance
        .get_typed_func::<i64, i64>(&store, "f")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "export \"f\" is (func (param i32) (result i64)), \
         not (func (param i64) (result i64))"
    );
    assert!(instance.get_typed_func::<(), i64>(&store, "f").is_err());
    assert!(instance.get_typed_func::<i32, ()>(&store, "f").is_err());
    assert!(
        instance
            .get_typed_func::<(u32,), (u64,)>(&store, "f")
            .is_ok()
    );
}

#[test]
fn exports_of_other_names_and_kinds_are_told_apart() {
    let (store, instance) =
        instance(r#"(module (memory (export "m") 1) (global (export "g") i32 (i32.const 1)))"#);
    let text = |result: Result<_, wasm_aot_loader::ExportError>| result.unwrap_err().to_string();
    assert_eq!(
        text(instance.get_func(&store, "x")),
        "no export is named \"x\""
    );
    assert_eq!(
        text(instance.get_func(&store, "m")),
        "export \"m\" is (memory 1), not a function"
    );
    assert!(instance.get_memory(&store, "m").is_ok());
    assert!(instance.get_table(&store, "m").is_err());
    assert!(instance.get_global(&store, "g").is_ok());
    assert!(instance.get_export(&store, "x").is_none());
}

#[test]
#[should_panic(expected = "another store")]
fn a_function_of_another_store_cannot_be_called() {
    let (store, instance) = instance(r#"(module (func (export "f")))"#);
    let func = instance.get_typed_func::<(), ()>(&store, "f").unwrap();
    let _ = func.call(&mut Store::new(), ());
}

#[test]
#[should_panic(expected = "another store")]
fn an_instance_of_another_store_has_no_exports() {
    let (_store, instance) = instance(r#"(module (func (export "f")))"#);
    let _ = instance.get_export(&Store::new(), "f");
}

#[test]
#[should_panic(expected = "another store")]
fn a_reference_of_another_store_cannot_be_passed() {
    let (mut store, instance) = instance(r#"(module (func (export "f") (param funcref)))"#);
    let take = instance
        .get_typed_func::<Option<Func>, ()>(&store, "f")
        .unwrap();
    let mut other = Store::new();
    let foreign = Func::wrap(&mut other, || ());
    let _ = take.call(&mut store, Some(foreign));
}

#[test]
fn handles_can_be_sent_and_stores_can_be_moved() {
    let (mut store, instance) =
        instance(r#"(module (func (export "one") (result i32) (i32.const 1)))"#);
    let one = instance.get_typed_func::<(), i32>(&store, "one").unwrap();
    assert_eq!(one.call(&mut store, ()).unwrap(), 1);
    let thread = std::thread::spawn(move || one.call(&mut store, ()).unwrap());
    assert_eq!(thread.join().unwrap(), 1);
}

#[test]
fn types_are_reported_as_written() {
    let (store, instance): (Store, Instance) = instance(REVERSE);
    let ty = instance.get_func(&store, "reverse").unwrap().ty(&store);
    use ValType::{F32, F64, I32, I64};
    let expected = FuncType::new(
        [I32, I64, F32, F64, ValType::FUNCREF, ValType::EXTERNREF],
        [ValType::EXTERNREF, ValType::FUNCREF, F64, F32, I64, I32],
    );
    assert_eq!(ty, expected);
}
