//! The C API, called by a program in C: see `c_api.c`.
#![no_main]
#![allow(unsafe_code, reason = "it calls C")]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
// What the program is linked with.
use wasm_aot as _;

/// What the program instantiates.
static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = r#"(module $fuzzed
      (import "h" "f" (func $f (param i32) (result i32)))
      (import "h" "m" (memory 1))
      (table (export "table") 4 100 funcref)
      (table (export "objects") 2 externref)
      (global (export "count") (mut i32) (i32.const 0))
      (global (export "object") (mut externref) (ref.null extern))
      (elem (i32.const 1) $f $sum)
      (func $sum (export "sum") (param i32 i64) (result i64)
        (i64.add (i64.extend_i32_s (call $f (local.get 0))) (local.get 1)))
      (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "pick") (param i32) (result externref) (table.get 1 (local.get 0)))
      (func (export "indirect") (param i32) (result i32)
        (call_indirect 0 (param i32) (result i32) (local.get 0) (local.get 0)))
      (func $deep (export "deep") (call $deep) (drop (memory.grow (i32.const 1))))
      (func (export "divide") (param i32 i32) (result i32)
        (i32.div_s (local.get 0) (local.get 1))))"#;
    wat::parse_str(text).expect("valid text")
});

#[link(name = "fuzz_c_api", kind = "static")]
unsafe extern "C" {
    fn fuzz_c_api(data: *const u8, size: usize, wasm: *const u8, wasm_size: usize);
}

fuzz_target!(|input: &[u8]| {
    // SAFETY: it reads so many bytes.
    unsafe { fuzz_c_api(input.as_ptr(), input.len(), MODULE.as_ptr(), MODULE.len()) };
});
