//! Calls of functions that multiply numbers of 128 bits do what the functions do.

use wasm_aot_loader::{Memory, Store, TrapCode, Val};

use crate::support::{call, instance, trap_code};

/// Those that the compiler knows.
const FUNCTIONS: [(&str, &str); 4] = [
    (
        "clang 14",
        include_str!("../../../compiler/tests/products/clang14.wat"),
    ),
    (
        "clang 19",
        include_str!("../../../compiler/tests/products/clang19.wat"),
    ),
    (
        "Rust",
        include_str!("../../../compiler/tests/products/rust.wat"),
    ),
    (
        "Go",
        include_str!("../../../compiler/tests/products/go.wat"),
    ),
];

/// Calls `function` directly.
fn module(function: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1)
          (func (export "multiply") (param i32 i64 i64 i64 i64)
            (call $multiply (local.get 0) (local.get 1) (local.get 2)
              (local.get 3) (local.get 4)))
          {function})"#
    )
}

/// The same, but that the compiler does not know the function.
fn unknown(function: &str) -> String {
    let end = function.rfind(')').unwrap();
    module(&format!("{} (drop (i32.const 0)))", &function[..end]))
}

/// Numbers whose halves, and sums of products of halves, are at their limits, and others.
fn numbers() -> Vec<u64> {
    let halves = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
    let pairs = halves
        .iter()
        .flat_map(|high| halves.map(|low| high << 32 | low));
    let mut numbers: Vec<u64> = pairs.collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..20 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        numbers.push(state ^ state >> 29);
    }
    numbers
}

#[test]
fn a_recognised_multiplication_has_the_right_result() {
    let numbers = numbers();
    for (name, function) in FUNCTIONS {
        for text in [module(function), unknown(function)] {
            let (mut store, instance) = instance(&text);
            let multiply = instance
                .get_typed_func::<(i32, i64, i64, i64, i64), ()>(&store, "multiply")
                .unwrap();
            let memory = instance.get_memory(&store, "memory").unwrap();
            for (index, &a) in numbers.iter().enumerate() {
                for &b in &numbers {
                    let a_high = numbers[(index + 1) % numbers.len()];
                    let b_high = a.rotate_left(17) ^ b;
                    for (a_high, b_high) in [(0, 0), (a_high, b_high)] {
                        let operands = [a, a_high, b, b_high].map(|half| half as i64);
                        let [x, x_high, y, y_high] = operands;
                        multiply
                            .call(&mut store, (5, x, x_high, y, y_high))
                            .unwrap();
                        let a = u128::from(a_high) << 64 | u128::from(a);
                        let b = u128::from(b_high) << 64 | u128::from(b);
                        let product = stored(&store, memory, 5);
                        assert_eq!(product, a.wrapping_mul(b), "{name}: {a:#x} * {b:#x}");
                    }
                }
            }
        }
    }
}

fn stored(store: &Store, memory: Memory, address: u64) -> u128 {
    let mut bytes = [0; 16];
    memory.read(store, address, &mut bytes).unwrap();
    u128::from_le_bytes(bytes)
}

#[test]
fn a_recognised_multiplication_traps_where_the_function_does() {
    for (name, function) in FUNCTIONS {
        let mut left = Vec::new();
        for text in [module(function), unknown(function)] {
            let (mut store, instance) = instance(&text);
            let memory = instance.get_memory(&store, "memory").unwrap();
            for address in [-1, -8, -16, 65536, 65535, 65528, 65527, 65524, 65521, 65520] {
                memory.write(&mut store, 65504, &[0xee; 32]).unwrap();
                let operands = [1, 2, 3, 4].map(|n| Val::I64(n << 40 | 0x0102_0304));
                let arguments: Vec<Val> = [Val::I32(address)].into_iter().chain(operands).collect();
                let result = call(&mut store, instance, "multiply", &arguments);
                assert_eq!(result.is_ok(), address == 65520, "{name}: {address}");
                if result.is_err() {
                    assert_eq!(trap_code(result), TrapCode::MemoryOutOfBounds);
                }
                let mut bytes = [0; 32];
                memory.read(&store, 65504, &mut bytes).unwrap();
                left.push(bytes);
            }
        }
        let (known, unknown) = left.split_at(left.len() / 2);
        assert_eq!(known, unknown, "{name}");
        let some_half = |bytes: &[u8; 32]| bytes[..24] == [0xee; 24] && bytes[24..] != [0xee; 8];
        // Those that store the low half first have done so.
        assert!(
            name.starts_with("clang") || known.iter().any(some_half),
            "{name}"
        );
    }
}
