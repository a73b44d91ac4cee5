//! Which functions are known to multiply numbers of 128 bits: those in `products/`,
//! and nothing that is one operator away from them. That calls of them still do the
//! same is tested with the loader.

use std::path::Path;
use std::{env, fs};

use wasm_aot_compiler::{Options, clif};

/// Whether calls of a function are replaced by a multiplication. `None` if it is
/// not valid.
fn is_multiplication(function: &str) -> Option<bool> {
    let module = format!(
        r#"(module (memory 1)
          (func (param i32 i64 i64 i64 i64)
            (call $multiply (local.get 0) (local.get 1) (local.get 2)
              (local.get 3) (local.get 4)))
          {function})"#
    );
    let functions = clif(module.as_bytes(), &Options::default()).ok()?;
    let caller = functions.split("\nfunction").next().unwrap();
    Some(!caller.contains("call"))
}

fn functions() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/products");
    let mut functions: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    functions.sort();
    assert!(functions.len() >= 4);
    functions
}

#[test]
fn multiplications_of_the_known_compilers_are_recognised() {
    for (name, function) in functions() {
        assert_eq!(is_multiplication(&function), Some(true), "{name}");
    }
}

#[test]
fn the_name_is_no_evidence() {
    let other = "(func $multiply (export \"__multi3\") (param i32 i64 i64 i64 i64)
      (i64.store (local.get 0) (i64.mul (local.get 1) (local.get 3)))
      (i64.store offset=8 (local.get 0) (i64.mul (local.get 2) (local.get 4))))";
    assert_eq!(is_multiplication(other), Some(false));
}

/// What an operator may be taken for.
const OTHERS: &[(&str, &str)] = &[
    ("i64.const 32", "i64.const 31"),
    ("i64.const 4294967295", "i64.const 4294967294"),
    ("i64.const 4294967295", "i64.const -1"),
    ("i64.add", "i64.sub"),
    ("i64.add", "i64.or"),
    ("i64.mul", "i64.add"),
    ("i64.and", "i64.or"),
    ("i64.or", "i64.add"), // the same, without common bits
    ("i64.or", "i64.and"),
    ("i64.shr_u", "i64.shr_s"),
    ("i64.shr_u", "i64.shl"),
    ("i64.shl", "i64.rotl"),
    ("i64.lt_u", "i64.lt_s"),
    ("i64.lt_u", "i64.le_u"),
    ("i64.extend_i32_u", "i64.extend_i32_s"),
    ("i64.store", "i64.store32"),
    ("i64.store", "i64.store offset=16"),
    ("i64.store", "i64.store offset=8"),
    ("i64.store offset=8", "i64.store"),
    ("i64.store offset=8", "i64.store offset=7"),
    ("local.get 1", "local.get 3"),
    ("local.get 1", "local.get 2"),
    ("local.get 2", "local.get 4"),
    ("local.get 3", "local.get 1"),
    ("local.get 3", "local.get 5"),
    ("local.get 4", "local.get 2"),
    ("local.get 4", "local.get 1"),
    ("local.get 5", "local.get 3"),
    ("local.get 6", "local.get 7"),
    ("local.get 8", "local.get 9"),
    ("local.get 10", "local.get 7"),
    ("local.tee 1", "local.tee 3"),
    ("local.tee 3", "local.tee 5"),
    ("local.tee 4", "local.tee 2"),
];

#[test]
fn what_differs_in_one_operator_is_not_recognised() {
    let mut tried = 0;
    for (name, function) in functions() {
        let lines: Vec<_> = function.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            for (from, to) in OTHERS.iter().filter(|(from, _)| *from == line.trim()) {
                let mut changed = lines.clone();
                changed[index] = to;
                let Some(recognised) = is_multiplication(&changed.join("\n")) else {
                    continue;
                };
                let line = index + 1;
                let same = (*from, *to) == ("i64.or", "i64.add");
                assert_eq!(recognised, same, "{name}, line {line}: {from} -> {to}");
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "{tried}");
}

#[test]
fn a_function_that_does_more_is_not_recognised() {
    for (name, function) in functions() {
        let end = function.rfind(')').unwrap();
        for more in [
            "(drop (i32.const 0))",
            "(i64.store (local.get 0) (i64.const 0))",
            "(i64.store offset=24 (local.get 0) (i64.const 0))",
            "(call $multiply (local.get 0) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))",
        ] {
            let function = format!("{}{more})", &function[..end]);
            assert_eq!(is_multiplication(&function), Some(false), "{name}: {more}");
        }
    }
}
