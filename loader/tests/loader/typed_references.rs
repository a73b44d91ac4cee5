//! Typed references between two artefacts and the host: what passes, what is
//! refused where, and which function is called.

use wasm_aot_abi::{Descriptor, Required, Wire};
use wasm_aot_loader::{
    ArgumentError, CallError, ExternRef, ExternType, Func, FuncType, Global, GlobalType, HeapType,
    Imports, Instance, InstantiationError, RefType, Store, Table, TableType, TrapCode, Val,
    ValType,
};

use crate::damage::descriptor;
use crate::support::{add, artefact, assert_traps, call, instance, module};

/// Takes and gives references of a type.
const USER: &str = r#"(module
  (type $t (func (param i32) (result i32)))
  (func (export "apply") (param (ref $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0)))
  (func (export "perhaps") (param (ref null $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0)))
  (func $double (export "double") (type $t) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "give") (result (ref $t)) (ref.func $double))
  (table (export "table") 2 4 (ref $t) (ref.func $double))
  (global (export "global") (mut (ref $t)) (ref.func $double))
  (func (export "through_table") (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 1) (local.get 0))))"#;

fn t() -> FuncType {
    FuncType::new([ValType::I32], [ValType::I32])
}

fn concrete(nullable: bool, ty: FuncType) -> ValType {
    RefType::new(nullable, HeapType::ConcreteFunc(ty)).into()
}

/// The type of an import of functions.
fn imported_type(wat: &str, nth: usize) -> FuncType {
    let module = module(wat);
    match module.imports().nth(nth).unwrap().ty {
        ExternType::Func(ty) => ty,
        other => panic!("{other}"),
    }
}

#[test]
fn functions_of_wasm_and_of_the_host_are_called_through_references() {
    let (mut store, user) = instance(USER);
    let other = r#"(module (func (export "triple") (param i32) (result i32)
      (i32.mul (local.get 0) (i32.const 3))))"#;
    let other = add(&mut store, other, &Imports::new());
    let double = user.get_func(&store, "double").unwrap();
    let triple = other.get_func(&store, "triple").unwrap();
    let square = Func::wrap(&mut store, |x: i32| x * x);
    for (func, expected) in [(double, 14), (triple, 21), (square, 49)] {
        for name in ["apply", "perhaps"] {
            let results = call(&mut store, user, name, &[func.into(), 7.into()]).unwrap();
            assert_eq!(results, [Val::I32(expected)]);
        }
    }
    let given = call(&mut store, user, "give", &[]).unwrap();
    assert_eq!(given, [Val::from(double)]);
}

#[test]
fn null_and_functions_of_other_types_are_refused_at_the_boundary() {
    let (mut store, user) = instance(USER);
    let expected = concrete(false, t());
    let null = Val::FuncRef(None);
    let error = call(&mut store, user, "apply", &[null, 1.into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "argument 0: expected (ref (func (param i32) (result i32))), got (ref null nofunc)"
    );
    let wrong = Func::wrap(&mut store, |x: i64| x);
    let found = concrete(false, wrong.ty(&store));
    match call(&mut store, user, "apply", &[wrong.into(), 1.into()]) {
        Err(CallError::Arguments(error)) => assert_eq!(
            error,
            ArgumentError::Type {
                index: 0,
                expected,
                found
            }
        ),
        other => panic!("{other:?}"),
    }
    let outcome = call(&mut store, user, "perhaps", &[null, 1.into()]);
    assert_traps(outcome, TrapCode::NullFunctionReference);

    let table = user.get_table(&store, "table").unwrap();
    let global = user.get_global(&store, "global").unwrap();
    for value in [null, wrong.into(), Val::ExternRef(None)] {
        assert!(table.set(&mut store, 0, value).is_err());
        assert!(table.fill(&mut store, 0, value, 1).is_err());
        assert!(table.grow(&mut store, 1, value).is_err());
        assert!(global.set(&mut store, value).is_err());
        assert!(Global::new(&mut store, GlobalType::new(expected, false), value).is_err());
        assert!(Table::new(&mut store, TableType::new(expected, 1, None), value).is_err());
    }
    let right = Func::wrap(&mut store, |x: i32| x + 1);
    table.set(&mut store, 1, right.into()).unwrap();
    global.set(&mut store, right.into()).unwrap();
    assert_eq!(global.get(&store), right.into());
    assert_eq!(table.grow(&mut store, 2, right.into()).unwrap(), 2);
    for (index, result) in [(0, 10), (1, 6), (3, 6)] {
        let arguments = [index.into(), 5.into()];
        let results = call(&mut store, user, "through_table", &arguments).unwrap();
        assert_eq!(results, [Val::I32(result)]);
    }
    // Elements of any kind do not belong there, those of the type belong anywhere.
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let any = Table::new(&mut store, ty, null).unwrap();
    assert!(table.copy(&mut store, 0, any, 0, 1).is_err());
    any.copy(&mut store, 0, table, 1, 1).unwrap();
    assert_eq!(any.get(&store, 0), Some(right.into()));
}

#[test]
fn results_of_a_host_function_are_checked() {
    let user = r#"(module (type $t (func)) (import "h" "f" (func $f (result (ref $t))))
      (func (export "run") (call_ref $t (call $f))))"#;
    let ty = FuncType::new([], [concrete(false, FuncType::new([], []))]);
    let mut store = Store::new();
    let nothing = Func::new(&mut store, ty, |_, _, _| Ok(()));
    let mut imports = Imports::new();
    imports.define("h", "f", nothing);
    let user = add(&mut store, user, &imports);
    let run = std::panic::AssertUnwindSafe(|| call(&mut store, user, "run", &[]));
    let payload = std::panic::catch_unwind(run).unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    assert_eq!(
        text,
        "expected a value of type (ref (func)), got one of type (ref null nofunc)"
    );
}

#[test]
fn references_that_are_never_null_have_types_in_rust() {
    let (mut store, instance) = instance(
        r#"(module (type $t (func (result i32)))
          (func $one (export "one") (result i32) (i32.const 1))
          (func (export "take") (param (ref func)) (result i32) (i32.const 2))
          (func (export "make") (result (ref $t)) (ref.func $one))
          (func (export "same") (param (ref extern)) (result externref) (local.get 0))
          (func (export "exact") (param (ref null $t))))"#,
    );
    let one = instance.get_func(&store, "one").unwrap();
    let take = instance
        .get_typed_func::<Func, i32>(&store, "take")
        .unwrap();
    assert_eq!(take.call(&mut store, one).unwrap(), 2);
    // Results may be known less exactly, and arguments more exactly.
    let make = instance.get_typed_func::<(), Func>(&store, "make").unwrap();
    assert_eq!(make.call(&mut store, ()).unwrap(), one);
    let make = instance.get_typed_func::<(), Option<Func>>(&store, "make");
    assert_eq!(make.unwrap().call(&mut store, ()).unwrap(), Some(one));
    let object = ExternRef::new(&mut store, 5);
    let same = instance.get_typed_func::<ExternRef, Option<ExternRef>>(&store, "same");
    assert_eq!(
        same.unwrap().call(&mut store, object).unwrap(),
        Some(object)
    );
    assert!(
        instance
            .get_typed_func::<Option<Func>, i32>(&store, "take")
            .is_err()
    );
    assert!(
        instance
            .get_typed_func::<Func, ()>(&store, "exact")
            .is_err()
    );
    let same = instance.get_typed_func::<ExternRef, ExternRef>(&store, "same");
    assert!(same.is_err());
    // A closure of such types is a function of them.
    let host = Func::wrap(&mut store, |func: Func, object: ExternRef| (object, func));
    assert_eq!(
        host.ty(&store).to_string(),
        "(func (param (ref func) (ref extern)) (result (ref extern) (ref func)))"
    );
    let host = host
        .typed::<(Func, ExternRef), (ExternRef, Func)>(&store)
        .unwrap();
    assert_eq!(host.call(&mut store, (one, object)).unwrap(), (object, one));
}

#[test]
fn the_same_parameters_in_other_recursion_groups_are_another_type() {
    let exporter = r#"(module (rec (type $a (func)) (type $b (func)))
      (func (export "a") (type $a)) (func (export "b") (type $b)))"#;
    let mut store = Store::new();
    let exporter = add(&mut store, exporter, &Imports::new());
    let mut imports = Imports::new();
    imports.instance("e", &store, exporter);
    let mut link = |name, types| {
        let wat = format!(r#"(module {types} (import "e" "{name}" (func (type $t))))"#);
        match Instance::new(&mut store, &module(&wat), &imports) {
            Ok(_) => true,
            Err(InstantiationError::Link(_)) => false,
            Err(other) => panic!("{other}"),
        }
    };
    let first = "(rec (type $t (func)) (type (func)))";
    let second = "(rec (type (func)) (type $t (func)))";
    assert!(link("a", first) && link("b", second));
    assert!(!link("a", second) && !link("b", first));
    assert!(!link("a", "(type $t (func))"));
    assert!(!link(
        "a",
        "(rec (type $t (func)) (type (func)) (type (func)))"
    ));
    assert!(!link("a", "(rec (type $t (sub (func))) (type (func)))"));
    let plain = module(r#"(module (import "e" "a" (func)))"#);
    let error = Instance::new(&mut store, &plain, &imports).unwrap_err();
    assert_eq!(
        error.to_string(),
        "incompatible import type: \"e\" \"a\": expected (func), found (func) \
         (the types are in different recursion groups, or have other supertypes)"
    );
}

/// Two types, of which one is a subtype of the other.
const SUBTYPES: &str = "(type $super (sub (func (param i32) (result funcref))))
  (type $sub (sub $super (func (param i32) (result (ref func)))))";

#[test]
fn a_function_that_was_imported_as_of_a_supertype_still_has_its_own_type() {
    let exporter =
        format!(r#"(module {SUBTYPES} (func $f (export "f") (type $sub) (ref.func $f)))"#);
    let importer = format!(
        r#"(module {SUBTYPES} (import "e" "f" (func $f (type $super)))
          (table $shared (export "table") 2 funcref) (elem (table $shared) (i32.const 0) func $f)
          (table $own 1 funcref) (elem (table $own) (i32.const 0) func $g)
          (func $g (type $sub) (ref.func $g))
          (type $final (func (param i32) (result funcref)))
          (func (export "super") (result funcref)
            (call_indirect $shared (type $super) (i32.const 0) (i32.const 0)))
          (func (export "sub") (result funcref)
            (call_indirect $shared (type $sub) (i32.const 0) (i32.const 0)))
          (func (export "final") (result funcref)
            (call_indirect $shared (type $final) (i32.const 0) (i32.const 0)))
          (func (export "null") (result funcref)
            (call_indirect $shared (type $super) (i32.const 0) (i32.const 1)))
          (func (export "own_super") (result funcref)
            (call_indirect $own (type $super) (i32.const 0) (i32.const 0)))
          (func (export "own_final") (result funcref)
            (call_indirect $own (type $final) (i32.const 0) (i32.const 0))))"#
    );
    let mut store = Store::new();
    let exporter = add(&mut store, &exporter, &Imports::new());
    let f = exporter.get_func(&store, "f").unwrap();
    let mut imports = Imports::new();
    imports.instance("e", &store, exporter);
    let importer = add(&mut store, &importer, &imports);
    for name in ["super", "sub"] {
        assert_eq!(call(&mut store, importer, name, &[]).unwrap(), [f.into()]);
    }
    let own = call(&mut store, importer, "own_super", &[]).unwrap();
    assert!(matches!(own[..], [Val::FuncRef(Some(_))]));
    for name in ["final", "own_final"] {
        let outcome = call(&mut store, importer, name, &[]);
        assert_traps(outcome, TrapCode::IndirectCallTypeMismatch);
    }
    let outcome = call(&mut store, importer, "null", &[]);
    assert_traps(outcome, TrapCode::UninitializedElement);

    // The same with a function of the host, of a type that it has from a module.
    let wanted = format!(r#"(module {SUBTYPES} (import "h" "f" (func (type $sub))))"#);
    let sub = imported_type(&wanted, 0);
    assert!(!sub.is_final() && sub.supertype().is_some_and(|ty| sub.matches(ty)));
    let host = Func::new(&mut store, sub, move |_, _, results| {
        results[0] = f.into();
        Ok(())
    });
    let table = importer.get_table(&store, "table").unwrap();
    table.set(&mut store, 0, host.into()).unwrap();
    for name in ["super", "sub"] {
        assert_eq!(call(&mut store, importer, name, &[]).unwrap(), [f.into()]);
    }
    imports.define("e", "f", host);
    add(&mut store, &wanted.replace("\"h\"", "\"e\""), &imports);
}

#[test]
fn a_subtype_may_not_be_imported_as_a_final_type_or_the_other_way() {
    let wat = |own: &str| format!(r#"(module {SUBTYPES} (import "h" "f" (func (type {own}))))"#);
    let [sup, sub] = ["$super", "$sub"].map(|ty| imported_type(&wat(ty), 0));
    let mut store = Store::new();
    let mut link = |ty, wanted: &str| {
        let func = Func::new(&mut store, ty, |_, _, _| Ok(()));
        let mut imports = Imports::new();
        imports.define("h", "f", func);
        Instance::new(&mut store, &module(wanted), &imports).is_ok()
    };
    assert!(link(sub, &wat("$sub")) && link(sub, &wat("$super")) && link(sup, &wat("$super")));
    assert!(!link(sup, &wat("$sub")));
    let structural = FuncType::new([ValType::I32], [ValType::FUNCREF]);
    assert!(!link(structural, &wat("$super")));
    let plain = r#"(module (import "h" "f" (func (param i32) (result funcref))))"#;
    assert!(!link(sup, plain) && link(structural, plain));
}

#[test]
fn constant_globals_match_by_subtype_and_everything_that_changes_exactly() {
    let mut store = Store::new();
    let func = Val::from(Func::wrap(&mut store, |x: i32| x));
    let exact = concrete(false, t());
    let mut imports = Imports::new();
    for (name, mutable) in [("constant", false), ("variable", true)] {
        let ty = GlobalType::new(exact, mutable);
        imports.define("h", name, Global::new(&mut store, ty, func).unwrap());
    }
    let ty = TableType::new(exact, 1, None);
    imports.define("h", "table", Table::new(&mut store, ty, func).unwrap());
    let mut link = |import: &str| {
        let wat = format!(
            r#"(module (type $t (func (param i32) (result i32))) (type $u (func))
              (import "h" {import}))"#
        );
        Instance::new(&mut store, &module(&wat), &imports).is_ok()
    };
    for ty in ["(ref $t)", "(ref null $t)", "(ref func)", "funcref"] {
        assert!(link(&format!(r#""constant" (global {ty})"#)), "{ty}");
        let same = ty == "(ref $t)";
        assert_eq!(
            link(&format!(r#""variable" (global (mut {ty}))"#)),
            same,
            "{ty}"
        );
        assert_eq!(link(&format!(r#""table" (table 1 {ty})"#)), same, "{ty}");
    }
    for ty in ["(ref $u)", "nullfuncref", "externref", "i32"] {
        assert!(!link(&format!(r#""constant" (global {ty})"#)), "{ty}");
    }
}

#[test]
fn what_would_be_garbage_collected_is_null() {
    let (mut store, instance) = instance(
        r#"(module
          (table 2 anyref)
          (global (mut eqref) (ref.null none))
          (func (export "same") (param structref) (result anyref)
            (table.set (i32.const 1) (local.get 0))
            (table.get (i32.const 1)))
          (func (export "is_null") (param nullref) (result i32) (ref.is_null (local.get 0))))"#,
    );
    let null = Val::AnyRef(None);
    assert_eq!(call(&mut store, instance, "same", &[null]).unwrap(), [null]);
    let result = call(&mut store, instance, "is_null", &[null]).unwrap();
    assert_eq!(result, [Val::I32(1)]);
    assert!(call(&mut store, instance, "same", &[Val::FuncRef(None)]).is_err());
}

#[test]
fn an_artefact_says_that_it_has_typed_references_only_if_it_has() {
    let required = |wat: &str| {
        let bytes = artefact(wat);
        Required(Descriptor::decode(&bytes[descriptor(&bytes)..]).required)
    };
    for (wat, typed) in [
        (USER, true),
        ("(module (rec (type (func)) (type (func))))", true),
        ("(module (type (sub (func))))", true),
        ("(module (global nullexternref (ref.null noextern)))", true),
        ("(module (func (drop (ref.null none))))", false),
        ("(module (table 1 funcref) (func (param externref)))", false),
        ("(module (rec (type (func))) (elem func 0) (func))", false),
        (
            "(module (type $t (func)) (elem declare func 0) (func (call_ref $t (ref.func 0))))",
            true,
        ),
    ] {
        assert_eq!(
            required(wat).contains(Required::TYPED_REFERENCES),
            typed,
            "{wat}"
        );
    }
}
