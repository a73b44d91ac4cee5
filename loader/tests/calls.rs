//! Calls from the host: values of every type, many of them, and wrong ones.

mod common;

use common::{call, instance};
use wasm_aot_loader::{
    ArgumentError, CallError, ExportError, ExternRef, Func, Instance, Store, Val, ValType,
};

const IDENTITIES: &str = r#"(module
    (func (export "i32") (param i32) (result i32) local.get 0)
    (func (export "i64") (param i64) (result i64) local.get 0)
    (func (export "f32") (param f32) (result f32) local.get 0)
    (func (export "f64") (param f64) (result f64) local.get 0)
    (func (export "v128") (param v128) (result v128) local.get 0)
    (func (export "funcref") (param funcref) (result funcref) local.get 0)
    (func (export "externref") (param externref) (result externref) local.get 0)
    (func (export "all") (param i32 i64 f32 f64 v128 funcref externref)
        (result externref funcref v128 f64 f32 i64 i32)
        local.get 6 local.get 5 local.get 4 local.get 3 local.get 2 local.get 1 local.get 0))"#;

fn samples(store: &mut Store, func: Func) -> [Val; 7] {
    [
        Val::I32(-2),
        Val::I64(i64::MIN + 1),
        // Signalling NaNs with payloads.
        Val::F32(0x7fa0_1234),
        Val::F64(0xfff4_0000_dead_beef),
        Val::V128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        Val::FuncRef(Some(func)),
        Val::ExternRef(Some(ExternRef::new(store, "object"))),
    ]
}

fn identities() -> (Store, Instance, [Val; 7]) {
    let mut store = Store::new();
    let instance = instance(&mut store, IDENTITIES);
    let func = instance.get_func(&store, "i32").unwrap();
    let samples = samples(&mut store, func);
    (store, instance, samples)
}

#[test]
fn values_of_every_type_pass_bit_for_bit() {
    let (mut store, instance, samples) = identities();
    for sample in samples {
        for value in [sample, Val::default_for(sample.ty())] {
            let name = value.ty().to_string();
            assert_eq!(
                call(&mut store, instance, &name, &[value]).unwrap(),
                [value]
            );
        }
    }
    let mut reversed = samples;
    reversed.reverse();
    assert_eq!(
        call(&mut store, instance, "all", &samples).unwrap(),
        reversed
    );
}

#[test]
fn typed_calls_pass_values_of_every_type() {
    type Params = (i32, i64, f32, f64, u128, Option<Func>, Option<ExternRef>);
    type Results = (Option<ExternRef>, Option<Func>, u128, f64, f32, i64, i32);
    let (mut store, instance, _) = identities();
    let func = instance.get_func(&store, "i32").unwrap();
    let object = ExternRef::new(&mut store, 5u8);
    let all = instance
        .get_typed_func::<Params, Results>(&store, "all")
        .unwrap();
    let vector = u128::MAX / 3;
    let results = all.call(
        &mut store,
        (-1, 2, 0.5, -0.25, vector, Some(func), Some(object)),
    );
    let (object, func_again, vector_again, f64, f32, i64, i32) = results.unwrap();
    assert_eq!(
        (i32, i64, f32, f64, vector_again),
        (-1, 2, 0.5, -0.25, vector)
    );
    assert_eq!(func_again, Some(func));
    assert_eq!(object.unwrap().get::<u8>(&store), Some(&5));

    let unsigned = instance.get_typed_func::<u32, u32>(&store, "i32").unwrap();
    assert_eq!(unsigned.call(&mut store, u32::MAX).unwrap(), u32::MAX);
}

#[test]
fn a_function_can_have_dozens_of_parameters_and_results() {
    const COUNT: usize = 40;
    let types = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
    ];
    let types: Vec<ValType> = types.into_iter().cycle().take(COUNT).collect();
    let list = |types: &mut dyn Iterator<Item = &ValType>| {
        types.map(|ty| format!(" {ty}")).collect::<String>()
    };
    let wat = format!(
        r#"(module (func (export "reverse") (param{}) (result{}) {}))"#,
        list(&mut types.iter()),
        list(&mut types.iter().rev()),
        (0..COUNT)
            .rev()
            .map(|index| format!("local.get {index} "))
            .collect::<String>(),
    );
    let mut store = Store::new();
    let instance = instance(&mut store, &wat);
    let arguments: Vec<Val> = (1..)
        .zip(&types)
        .map(|(number, ty)| match ty {
            ValType::I32 => Val::I32(number),
            ValType::I64 => Val::I64(i64::from(number) << 33),
            ValType::F32 => Val::from(number as f32),
            ValType::F64 => Val::from(f64::from(number)),
            _ => Val::V128(u128::from(number as u32) << 64 | 1),
        })
        .collect();
    let mut expected = arguments.clone();
    expected.reverse();
    assert_eq!(
        call(&mut store, instance, "reverse", &arguments).unwrap(),
        expected
    );
}

#[test]
fn sixteen_typed_values_pass_each_way() {
    type Sixteen = (
        i32,
        i32,
        i32,
        i32,
        i32,
        i32,
        i32,
        i32,
        f64,
        f64,
        f64,
        f64,
        f64,
        f64,
        f64,
        f64,
    );
    let params = "i32 i32 i32 i32 i32 i32 i32 i32 f64 f64 f64 f64 f64 f64 f64 f64";
    let body: String = (0..16).map(|index| format!("local.get {index} ")).collect();
    let wat = format!(r#"(module (func (export "f") (param {params}) (result {params}) {body}))"#);
    let mut store = Store::new();
    let instance = instance(&mut store, &wat);
    let f = instance
        .get_typed_func::<Sixteen, Sixteen>(&store, "f")
        .unwrap();
    let values = (
        1, 2, 3, 4, 5, 6, 7, 8, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5,
    );
    let results = f.call(&mut store, values).unwrap();
    let (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) = results;
    assert_eq!([a, b, c, d, e, f, g, h], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        [i, j, k, l, m, n, o, p],
        [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5]
    );
}

#[test]
fn wrong_arguments_are_errors_that_say_what_is_expected() {
    let (mut store, instance, _) = identities();
    let func = instance.get_func(&store, "i32").unwrap();
    let mut results = [Val::I32(7)];
    let error = |outcome: Result<(), CallError>| match outcome {
        Err(CallError::Arguments(error)) => error,
        other => panic!("{other:?}"),
    };
    let count = error(func.call(&mut store, &[], &mut results));
    assert_eq!(
        count,
        ArgumentError::Count {
            expected: 1,
            found: 0
        }
    );
    let ty = error(func.call(&mut store, &[Val::I64(1)], &mut results));
    assert_eq!(ty.to_string(), "argument 0: expected i32, got i64");
    let space = error(func.call(&mut store, &[Val::I32(1)], &mut []));
    assert_eq!(space.to_string(), "expected space for 1 results, got 0");
    assert_eq!(results, [Val::I32(7)]);
}

#[test]
fn a_typed_handle_of_another_type_is_refused_with_both_types() {
    let (store, instance, _) = identities();
    let error = instance
        .get_typed_func::<i64, i32>(&store, "i32")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"export "i32" is (func (param i32) (result i32)), not (func (param i64) (result i32))"#
    );
    let func = instance.get_func(&store, "i32").unwrap();
    assert!(func.typed::<(i32, i32), i32>(&store).is_err());
    assert!(func.typed::<i32, ()>(&store).is_err());
    let missing = instance.get_func(&store, "nothing").unwrap_err();
    assert_eq!(
        missing,
        ExportError::Missing {
            name: "nothing".into()
        }
    );
    assert!(matches!(
        instance.get_memory(&store, "i32"),
        Err(ExportError::Type { .. })
    ));
}

#[test]
#[should_panic(expected = "belongs to another store")]
fn a_function_of_another_store_panics() {
    let (store, instance, _) = identities();
    let typed = instance.get_typed_func::<i32, i32>(&store, "i32").unwrap();
    let _ = typed.call(&mut Store::new(), 1);
}

#[test]
#[should_panic(expected = "belongs to another store")]
fn an_argument_that_refers_to_another_store_panics() {
    let (_other, _, samples) = identities();
    let (mut store, instance, _) = identities();
    let _ = call(&mut store, instance, "funcref", &[samples[5]]);
}
