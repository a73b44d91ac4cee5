//! Modules with several memories.

use wasm_aot_loader::{
    Imports, Instance, InstantiationError, Memory, MemoryType, Store, TrapCode, Val,
};

use crate::support::{add, artefact, call, instance, module, trap_code};

/// One memory with an image, one with a segment that is copied, one without.
const THREE: &str = r#"(module
  (memory $a (export "a") 1) (memory $b (export "b") 2 3) (memory $c (export "c") 0 1)
  (data (memory $a) (i32.const 8) "first")
  (data (memory $b) (i32.const 0x1fffb) "other")
  (data $later "later")
  (func (export "load") (param i32 i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.load8_u $a (local.get 1)))
      (else (if (result i32) (i32.eq (local.get 0) (i32.const 1))
        (then (i32.load8_u $b (local.get 1))) (else (i32.load8_u $c (local.get 1)))))))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (memory.init $b $later (i32.const 1) (i32.const 0) (i32.const 5)))
  (func (export "fill") (memory.fill $c (i32.const 0) (i32.const 7) (i32.const 0x10000)))
  (func (export "grow") (result i32) (memory.grow $c (i32.const 1)))
  (func (export "sizes") (result i32 i32 i32)
    (memory.size $a) (memory.size $b) (memory.size $c)))"#;

#[test]
fn each_memory_has_its_own_bytes_length_and_limit() {
    let (mut store, instance) = instance(THREE);
    let [a, b, c] = ["a", "b", "c"].map(|name| instance.get_memory(&store, name).unwrap());
    assert_eq!(a.data(&store)[8..13], *b"first");
    assert_eq!(b.data(&store)[0x1fffb..], *b"other");
    let mut run = |name: &str, arguments: &[i32]| {
        let arguments: Vec<_> = arguments.iter().copied().map(Val::I32).collect();
        call(&mut store, instance, name, &arguments)
    };
    assert_eq!(run("load", &[1, 0x1fffb]).unwrap(), [Val::I32('o' as i32)]);
    assert_eq!(run("sizes", &[]).unwrap(), [1, 2, 0].map(Val::I32));
    // Bounds are those of the memory that is named, also where the other is larger.
    let code = trap_code(run("load", &[0, 0x10000]));
    assert_eq!(code, TrapCode::MemoryOutOfBounds);
    assert_eq!(trap_code(run("load", &[2, 0])), TrapCode::MemoryOutOfBounds);
    assert_eq!(trap_code(run("fill", &[])), TrapCode::MemoryOutOfBounds);
    let code = trap_code(run("copy", &[0xfffc, 0x1fffb, 5]));
    assert_eq!(code, TrapCode::MemoryOutOfBounds);
    run("copy", &[0xfffb, 0x1fffb, 5]).unwrap();
    run("init", &[]).unwrap();
    assert_eq!(run("grow", &[]).unwrap(), [Val::I32(0)]);
    assert_eq!(run("grow", &[]).unwrap(), [Val::I32(-1)]);
    run("fill", &[]).unwrap();
    assert_eq!(a.data(&store)[0xfffb..], *b"other");
    assert_eq!(b.data(&store)[..6], *b"\0later");
    assert!(c.data(&store).iter().all(|&byte| byte == 7));
}

#[test]
fn instances_of_one_module_start_alike_whatever_others_did_to_their_memories() {
    let module = module(THREE);
    for _ in 0..3 {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| instance.get_memory(&store, name).unwrap());
        assert_eq!(a.data(&store)[8..13], *b"first");
        assert_eq!(b.data(&store)[0x1fffb..], *b"other");
        assert_eq!(b.data(&store).len(), 2 * Memory::PAGE);
        let sum: usize = b.data(&store).iter().map(|&byte| usize::from(byte)).sum();
        assert_eq!(sum, b"other".iter().map(|&byte| usize::from(byte)).sum());
        assert_eq!(c.size(&store), 0);
        for memory in [a, b, c] {
            let _ = memory.grow(&mut store, 1);
            memory.data_mut(&mut store).fill(9);
        }
    }
}

/// The segments of memory 0 are mapped, unless a segment of any memory can trap.
#[test]
fn a_segment_that_traps_leaves_what_those_of_other_memories_have_written() {
    let mapped = wasm_aot_loader::Description::from_bytes(artefact(THREE)).unwrap();
    assert!(mapped.image_size() > 0);
    let mut store = Store::new();
    let ty = MemoryType::new(1, None);
    let (first, second) = (Memory::new(&mut store, ty), Memory::new(&mut store, ty));
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut imports = Imports::new();
    imports.define("h", "a", first).define("h", "b", second);
    let module = module(
        r#"(module (memory $a (import "h" "a") 1) (memory $b (import "h" "b") 1)
          (data (memory $b) (i32.const 0) "b") (data (memory $a) (i32.const 0) "a")
          (data (memory $b) (i32.const 0x10000) "x") (data (memory $a) (i32.const 1) "y"))"#,
    );
    let error = Instance::new(&mut store, &module, &imports).unwrap_err();
    assert!(matches!(error, InstantiationError::Trap(_)), "{error}");
    assert_eq!(first.data(&store)[..2], *b"a\0");
    assert_eq!(second.data(&store)[..2], *b"b\0");
}

#[test]
fn imported_memories_come_first_and_may_be_the_same_one() {
    let mut store = Store::new();
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let mut imports = Imports::new();
    imports.define("h", "a", memory).define("h", "b", memory);
    let instance = add(
        &mut store,
        r#"(module (memory (import "h" "a") 1) (memory (import "h" "b") 1)
          (memory (export "own") 3 3) (data (memory 2) (i32.const 0) "own")
          (func (export "f") (result i32)
            (i32.store 0 (i32.const 4) (i32.const 1))
            (i32.store 1 (i32.const 4) (i32.const 2))
            (drop (memory.grow 1 (i32.const 1)))
            (i32.add (i32.load 0 (i32.const 4)) (memory.size 0))))"#,
        &imports,
    );
    // Neither a stale value nor a stale length of what is the same memory.
    assert_eq!(call(&mut store, instance, "f", &[]).unwrap(), [Val::I32(4)]);
    let own = instance.get_memory(&store, "own").unwrap();
    assert_eq!(own.data(&store)[..3], *b"own");
    assert_eq!(memory.size(&store), 2);
}

#[test]
fn each_imported_memory_is_matched_with_its_own_type() {
    let mut store = Store::new();
    let large = Memory::new(&mut store, MemoryType::new(2, Some(2))).unwrap();
    let small = Memory::new(&mut store, MemoryType::new(1, Some(1))).unwrap();
    let module = module(r#"(module (memory (import "h" "a") 2 2) (memory (import "h" "b") 1 1))"#);
    let mut imports = Imports::new();
    imports.define("h", "a", large).define("h", "b", small);
    Instance::new(&mut store, &module, &imports).unwrap();
    imports.define("h", "a", small).define("h", "b", large);
    let error = Instance::new(&mut store, &module, &imports).unwrap_err();
    let InstantiationError::Link(error) = error else {
        panic!("{error}");
    };
    assert_eq!(error.problems().len(), 2);
}
