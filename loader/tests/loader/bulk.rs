//! Copying and filling as many bytes of a memory as the code says, which is done in
//! pieces if they are few.

use std::fmt::Write;

use wasm_aot_loader::{CallError, Instance, Store, TrapCode, Val};

use crate::support::{assert_traps, call, instance};

/// More than what is done in pieces.
const LENGTHS: std::ops::RangeInclusive<usize> = 0..=70;
/// Bytes of the memories.
const SIZE: usize = 1 << 16;

/// Functions `copyN`, `fillN` of N bytes, and `zeroN` that fills with a constant.
fn functions(memory: &str, address: &str) -> String {
    let mut text = format!("(module (memory (export \"m\") {memory})");
    for n in LENGTHS {
        write!(
            text,
            r#"(func (export "copy{n}") (param {address} {address})
                 (memory.copy (local.get 0) (local.get 1) ({address}.const {n})))
               (func (export "fill{n}") (param {address} i32)
                 (memory.fill (local.get 0) (local.get 1) ({address}.const {n})))
               (func (export "zero{n}") (param {address})
                 (memory.fill (local.get 0) (i32.const 0x700) ({address}.const {n})))"#
        )
        .unwrap();
    }
    text + ")"
}

/// A memory, what it should contain, and a way to make addresses.
struct Subject {
    store: Store,
    instance: Instance,
    expected: Vec<u8>,
    address: fn(usize) -> Val,
}

impl Subject {
    /// Every kind of memory that code is different for.
    fn all() -> Vec<Subject> {
        let narrow = |at| Val::I32(at as i32);
        let wide = |at| Val::I64(at as i64);
        let subject = |memory: &str, address: &str, make: fn(usize) -> Val| {
            let (store, instance) = instance(&functions(memory, address));
            Subject {
                store,
                instance,
                expected: vec![0; SIZE],
                address: make,
            }
        };
        vec![
            subject("1", "i32", narrow),
            subject("i64 1", "i64", wide),
            subject("i64 1 3", "i64", wide),
            subject("65536 65536 (pagesize 1)", "i32", narrow),
        ]
    }

    /// Puts other bytes everywhere.
    fn scramble(&mut self) {
        let mut state = 1_u32;
        for byte in &mut self.expected {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        let memory = self.instance.get_memory(&self.store, "m").unwrap();
        memory
            .data_mut(&mut self.store)
            .copy_from_slice(&self.expected);
    }

    fn call(&mut self, name: &str, arguments: &[Val]) -> Result<(), CallError> {
        call(&mut self.store, self.instance, name, arguments).map(drop)
    }

    fn check(&self, what: &str) {
        let memory = self.instance.get_memory(&self.store, "m").unwrap();
        assert!(memory.data(&self.store) == self.expected, "{what}");
    }
}

#[test]
fn a_copy_of_any_length_is_one_also_where_it_overlaps() {
    for mut it in Subject::all() {
        it.scramble();
        for n in LENGTHS {
            for (to, from) in [
                (100, 300),
                (1000, 1001),
                (1001, 1000),
                (2000, 2007),
                (2033, 2000),
            ] {
                let arguments = [(it.address)(to), (it.address)(from)];
                it.call(&format!("copy{n}"), &arguments).unwrap();
                it.expected.copy_within(from..from + n, to);
                it.check(&format!("{n} bytes from {from} to {to}"));
            }
        }
    }
}

#[test]
fn every_byte_is_filled_and_no_other() {
    for mut it in Subject::all() {
        it.scramble();
        for n in LENGTHS {
            let at = 100 * n + 3;
            let arguments = [(it.address)(at), Val::I32(0x1234_5600 + n as i32)];
            it.call(&format!("fill{n}"), &arguments).unwrap();
            it.expected[at..at + n].fill(n as u8);
            it.check(&format!("{n} bytes at {at}"));

            let at = 10_000 + 101 * n;
            let arguments = [(it.address)(at)];
            it.call(&format!("zero{n}"), &arguments).unwrap();
            it.expected[at..at + n].fill(0);
            it.check(&format!("{n} zeros at {at}"));
        }
    }
}

#[test]
fn what_is_not_all_in_the_memory_traps_before_a_byte_has_changed() {
    for mut it in Subject::all() {
        it.scramble();
        for n in LENGTHS {
            let end = SIZE - n;
            let last = [(it.address)(end), (it.address)(0)];
            it.call(&format!("copy{n}"), &last).unwrap();
            it.expected.copy_within(0..n, end);
            let mut beyond = vec![end + 1, SIZE + 1, 1 << 20, u32::MAX as usize];
            // As many of its bytes as there can be are still in the memory.
            beyond.extend((n > 1).then_some(SIZE - 1));
            for at in beyond {
                let at = (it.address)(at);
                let outside = [
                    it.call(&format!("copy{n}"), &[at, (it.address)(7)]),
                    it.call(&format!("copy{n}"), &[(it.address)(7), at]),
                    it.call(&format!("fill{n}"), &[at, Val::I32(1)]),
                    it.call(&format!("zero{n}"), &[at]),
                ];
                for outcome in outside {
                    assert_traps(outcome, TrapCode::MemoryOutOfBounds);
                }
                it.check(&format!("{n} bytes at {at:?}"));
            }
        }
    }
}
