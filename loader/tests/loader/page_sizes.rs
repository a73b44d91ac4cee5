//! Memories with pages of one byte: they end anywhere, so code compares with their
//! length.

use wasm_aot_abi::{Descriptor, ExternType as Record, Required, Wire};
use wasm_aot_loader::{
    ExternType, Imports, Instance, InstantiationError, Memory, MemoryType, OpenError, Store,
    TrapCode, Val,
};

use crate::damage::descriptor;
use crate::support::{add, artefact, call, instance, module, open_changed, trap_code};

/// Accesses of all widths to a memory of 100 bytes.
const BYTES: &str = r#"(module (memory (export "m") 100 200000 (pagesize 1))
  (data (i32.const 96) "tail")
  (func (export "l8") (param i32) (drop (i32.load8_u (local.get 0))))
  (func (export "l32") (param i32) (drop (i32.load (local.get 0))))
  (func (export "l64") (param i32) (drop (i64.load offset=8 (local.get 0))))
  (func (export "v128") (param i32) (drop (v128.load (local.get 0))))
  (func (export "lane") (param i32)
    (drop (v128.load16_lane 3 (local.get 0) (v128.const i64x2 0 0))))
  (func (export "s8") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
  (func (export "far") (param i32) (i32.store8 offset=0xffffffff (local.get 0) (i32.const 1)))
  (func (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 4)))
  (func (export "copy") (param i32) (memory.copy (i32.const 0) (local.get 0) (i32.const 4)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size)))"#;

#[test]
fn accesses_end_with_the_last_byte_wherever_that_is() {
    let (mut store, instance) = instance(BYTES);
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(memory.data(&store)[96..], *b"tail");
    let widths = [
        ("l8", 1),
        ("l32", 4),
        ("l64", 16),
        ("v128", 16),
        ("lane", 2),
        ("s8", 1),
        ("fill", 4),
        ("copy", 4),
    ];
    // Within the first page of the machine, at its end, and beyond 64 KiB.
    for length in [100, 4096, 65535, 65537, 200_000] {
        let delta = length - memory.size(&store) as i32;
        let grown = call(&mut store, instance, "grow", &[Val::I32(delta)]).unwrap();
        assert_eq!(grown, [Val::I32(length - delta)]);
        assert_eq!(
            call(&mut store, instance, "size", &[]).unwrap(),
            [Val::I32(length)]
        );
        for (name, width) in widths {
            let mut at = |index: i32| call(&mut store, instance, name, &[Val::I32(index)]);
            at(length - width).unwrap_or_else(|error| panic!("{name} {length}: {error}"));
            for index in [length - width + 1, length, length + 1, i32::MAX, -1] {
                assert_eq!(
                    trap_code(at(index)),
                    TrapCode::MemoryOutOfBounds,
                    "{name} {index}"
                );
            }
        }
        let far = call(&mut store, instance, "far", &[Val::I32(-1)]);
        assert_eq!(trap_code(far), TrapCode::MemoryOutOfBounds);
    }
    assert_eq!(
        call(&mut store, instance, "grow", &[Val::I32(1)]).unwrap(),
        [Val::I32(-1)]
    );
}

#[test]
fn what_a_memory_grows_by_is_zero_also_when_its_space_is_used_again() {
    let module = module(BYTES);
    for _ in 0..3 {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let memory = instance.get_memory(&store, "m").unwrap();
        let mut expected = vec![0; 96];
        expected.extend(b"tail");
        for delta in [0, 1, 4000, 61435, 1, 70000] {
            memory.grow(&mut store, delta).unwrap();
            expected.resize(expected.len() + delta as usize, 0);
            assert!(memory.data(&store) == expected);
        }
        memory.data_mut(&mut store).fill(0xff);
    }
}

#[test]
fn segments_fit_to_the_byte() {
    let wat = |at| {
        format!(r#"(module (memory (export "m") 5 (pagesize 1)) (data (i32.const {at}) "abc"))"#)
    };
    let (store, fits) = instance(&wat(2));
    let memory = fits.get_memory(&store, "m").unwrap();
    assert_eq!(memory.data(&store), b"\0\0abc");
    let error = Instance::new(&mut Store::new(), &module(&wat(3)), &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::Trap(_)), "{error}");
}

#[test]
fn the_host_makes_memories_of_bytes_and_is_told_their_type() {
    let mut store = Store::new();
    let ty = MemoryType::new(10, Some(20)).with_page_size(1);
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!((memory.size(&store), memory.page_size(&store)), (10, 1));
    assert_eq!(memory.data(&store).len(), 10);
    assert!(memory.write(&mut store, 8, b"xyz").is_err());
    memory.write(&mut store, 7, b"xyz").unwrap();
    let mut imports = Imports::new();
    imports.define("h", "m", memory);
    let instance = add(
        &mut store,
        r#"(module (memory (import "h" "m") 10 20 (pagesize 1)) (export "m" (memory 0))
          (func (export "f") (param i32) (result i32) (i32.load8_u (local.get 0)))
          (func (export "grow") (result i32) (memory.grow (i32.const 10))))"#,
        &imports,
    );
    let at = |store: &mut Store, index| call(store, instance, "f", &[Val::I32(index)]);
    assert_eq!(at(&mut store, 9).unwrap(), [Val::I32('z' as i32)]);
    assert_eq!(trap_code(at(&mut store, 10)), TrapCode::MemoryOutOfBounds);
    assert_eq!(
        call(&mut store, instance, "grow", &[]).unwrap(),
        [Val::I32(10)]
    );
    assert_eq!(at(&mut store, 19).unwrap(), [Val::I32(0)]);
    let now = MemoryType::new(20, Some(20)).with_page_size(1);
    assert_eq!(memory.ty(&store), now);
    assert_eq!(
        memory.grow(&mut store, 1).unwrap_err().to_string(),
        "cannot grow a memory of 20 pages by 1: its limit is 20"
    );
}

#[test]
fn memories_with_other_pages_do_not_match() {
    let mut store = Store::new();
    let large = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let small = MemoryType::new(65536, None).with_page_size(1);
    let small = Memory::new(&mut store, small).unwrap();
    let cases = [
        (
            r#"(module (memory (import "h" "m") 1))"#,
            small,
            "(memory 65536 (pagesize 1))",
        ),
        (
            r#"(module (memory (import "h" "m") 1 (pagesize 1)))"#,
            large,
            "(memory 1)",
        ),
    ];
    for (wat, memory, found) in cases {
        let mut imports = Imports::new();
        imports.define("h", "m", memory);
        let error = Instance::new(&mut store, &module(wat), &imports).unwrap_err();
        let InstantiationError::Link(error) = error else {
            panic!("{error}");
        };
        let text = error.to_string();
        assert!(text.contains("incompatible import type"), "{text}");
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn a_module_tells_the_size_of_pages_and_requires_a_loader_that_knows_it() {
    let module = module(BYTES);
    let ty = MemoryType::new(100, Some(200_000)).with_page_size(1);
    assert_eq!(module.get_export("m"), Some(ExternType::Memory(ty)));
    assert!(module.required().contains(Required::PAGE_SIZES));
    let usual = self::module("(module (memory 1 (pagesize 65536)))");
    assert!(!usual.required().contains(Required::PAGE_SIZES));
}

#[test]
fn impossible_pages_and_limits_are_refused() {
    let bytes = artefact(BYTES);
    let start = descriptor(&bytes);
    let fields = Descriptor::decode(&bytes[start..]);
    let at = start + fields.memories.offset as usize;
    let damage = |change: &dyn Fn(&mut Record)| {
        let mut bytes = bytes.clone();
        let mut record = Record::decode(&bytes[at..]);
        change(&mut record);
        record.encode(&mut bytes[at..at + Record::SIZE]);
        match open_changed(&bytes) {
            Err(OpenError::Damaged { what }) => what,
            other => panic!("{other:?}"),
        }
    };
    for size in [1, 12, 15, 17, 64, u32::MAX] {
        let what = damage(&|record| record.ty = size);
        assert_eq!(what, "memory 0: its pages are of an impossible size");
    }
    let what = damage(&|record| record.max = 1 << 32);
    assert_eq!(what, "memory 0: its limits are impossible");
    let what = damage(&|record| record.ty = 16);
    assert_eq!(what, "memory 0: its limits are impossible");
}
