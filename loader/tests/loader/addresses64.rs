//! Memories and tables with 64-bit addresses.

use core::mem::offset_of;

use wasm_aot_abi::{Descriptor, ExternType as Record, Import, Required, Wire};
use wasm_aot_loader::{
    Func, Global, GlobalType, GrowError, Imports, Instance, InstantiationError, Memory, MemoryType,
    OpenError, Store, Table, TableType, TrapCode, Val, ValType,
};

use crate::damage::descriptor;
use crate::support::{add, artefact, call, instance, isolated_ok, module, open_changed, trap_code};

const PAGE: u64 = 65536;

/// Accesses of all widths and kinds to a memory of one page that may grow.
const MEMORY: &str = r#"(module (memory (export "m") i64 1)
  (func (export "l8") (param i64) (drop (i32.load8_u (local.get 0))))
  (func (export "l32") (param i64) (drop (i32.load (local.get 0))))
  (func (export "l64") (param i64) (drop (i64.load offset=8 (local.get 0))))
  (func (export "v128") (param i64) (drop (v128.load (local.get 0))))
  (func (export "lane") (param i64)
    (drop (v128.load16_lane 3 (local.get 0) (v128.const i64x2 0 0))))
  (func (export "splat") (param i64) (drop (v128.load32_splat (local.get 0))))
  (func (export "s8") (param i64) (i32.store8 (local.get 0) (i32.const 1)))
  (func (export "twice") (param i64)
    (i32.store8 (local.get 0) (i32.const 1)) (i64.store offset=16 (local.get 0) (i64.const 1)))
  (func (export "guard") (param i64) (drop (i32.load8_u offset=0x1fff000 (local.get 0))))
  (func (export "beyond") (param i64) (drop (i32.load8_u offset=0x2000000 (local.get 0))))
  (func (export "far") (param i64) (drop (i32.load8_u offset=0x1_0000_0000 (local.get 0))))
  (func (export "farthest") (param i64)
    (drop (i32.load8_u offset=0xffff_ffff_ffff_ffff (local.get 0))))
  (func (export "narrow") (param i32) (drop (i32.load8_u (i64.extend_i32_u (local.get 0)))))
  (func (export "masked") (param i64)
    (drop (i32.load8_u (i64.and (local.get 0) (i64.const 0xffffffff)))))
  (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (data $d "data")
  (func (export "init") (param i64 i32 i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2)))
  (func (export "get") (param i64) (result i64) (i64.load (local.get 0)))
  (func (export "set") (param i64 i64) (i64.store (local.get 0) (local.get 1)))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "size") (result i64) (memory.size)))"#;

#[track_caller]
fn outside(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) {
    let code = trap_code(call(store, instance, name, arguments));
    assert_eq!(code, TrapCode::MemoryOutOfBounds, "{name} {arguments:?}");
}

fn number(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) -> i64 {
    match call(store, instance, name, arguments).unwrap()[..] {
        [Val::I64(number)] => number,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn accesses_end_with_the_memory_whatever_the_index() {
    let (mut store, instance) = instance(MEMORY);
    let widths = [
        ("l8", 1),
        ("l32", 4),
        ("l64", 16),
        ("v128", 16),
        ("lane", 2),
        ("splat", 4),
        ("s8", 1),
        ("twice", 24),
        ("guard", 0x1ff_f001),
        ("beyond", 0x200_0001),
    ];
    // Small, larger than every offset above, and beyond 4 GiB.
    for pages in [1, 0x300, 0x1_0003] {
        let delta = pages - number(&mut store, instance, "size", &[]);
        call(&mut store, instance, "grow", &[Val::I64(delta)]).unwrap();
        let length = pages * PAGE as i64;
        for (name, width) in widths {
            if let last @ 0.. = length - width {
                call(&mut store, instance, name, &[Val::I64(last)])
                    .unwrap_or_else(|error| panic!("{name} {length}: {error}"));
            }
            let beyond = (length - width + 1).max(0);
            let beyond = [
                beyond,
                length,
                length + 1,
                1 << 33,
                1 << 62,
                i64::MIN,
                -width,
                -1,
            ];
            for index in beyond {
                outside(&mut store, instance, name, &[Val::I64(index)]);
            }
        }
        for index in [0, 1, length, 1 << 40, -1, i64::MIN] {
            outside(&mut store, instance, "farthest", &[Val::I64(index)]);
        }
    }
    // Index and offset together would wrap to a good address.
    outside(&mut store, instance, "far", &[Val::I64(-(1 << 32))]);
    outside(&mut store, instance, "beyond", &[Val::I64(-0x200_0000)]);
    outside(&mut store, instance, "l64", &[Val::I64(-8)]);
    call(
        &mut store,
        instance,
        "far",
        &[Val::I64(3 * PAGE as i64 - 1)],
    )
    .unwrap();
    outside(&mut store, instance, "far", &[Val::I64(3 * PAGE as i64)]);
    call(&mut store, instance, "narrow", &[Val::I32(-1)]).unwrap();
}

/// Without a check, but for the guard.
#[test]
fn an_index_of_32_bits_is_checked_by_the_address_space_alone() {
    let (mut store, instance) = instance(MEMORY);
    call(&mut store, instance, "narrow", &[Val::I32(65535)]).unwrap();
    call(
        &mut store,
        instance,
        "masked",
        &[Val::I64(65535 - (1 << 32))],
    )
    .unwrap();
    for index in [65536, i32::MAX, -1] {
        outside(&mut store, instance, "narrow", &[Val::I32(index)]);
        outside(&mut store, instance, "masked", &[Val::I64(index.into())]);
    }
}

/// The first access of several with one index traps before the others are done.
#[test]
fn accesses_with_one_index_trap_in_their_order() {
    let (mut store, instance) = instance(MEMORY);
    let memory = instance.get_memory(&store, "m").unwrap();
    outside(&mut store, instance, "twice", &[Val::I64(65535)]);
    assert_eq!(memory.data(&store)[65535], 1);
}

#[test]
fn bulk_operations_take_lengths_of_64_bits() {
    let (mut store, instance) = instance(MEMORY);
    let wide = |values: &[i64]| values.iter().copied().map(Val::I64).collect::<Vec<_>>();
    for arguments in [
        [0, 65537],
        [65536, 1],
        [65537, 0],
        [1, -1],
        [-1, 1],
        [-1, 2],
        [0, 1 << 32],
    ] {
        outside(&mut store, instance, "fill", &wide(&arguments));
        let [at, len] = arguments;
        outside(&mut store, instance, "copy", &wide(&[at, 0, len]));
        outside(&mut store, instance, "copy", &wide(&[0, at, len]));
    }
    for (at, from, len) in [
        (65533, 0, 4),
        (-1, 0, 1),
        (0, 1, 4),
        (0, -1, 1),
        (65537, 0, 0),
    ] {
        let arguments = [Val::I64(at), Val::I32(from), Val::I32(len)];
        outside(&mut store, instance, "init", &arguments);
    }
    let memory = instance.get_memory(&store, "m").unwrap();
    assert!(memory.data(&store).iter().all(|&byte| byte == 0));
    call(&mut store, instance, "fill", &wide(&[65536, 0])).unwrap();
    call(
        &mut store,
        instance,
        "init",
        &[Val::I64(65532), Val::I32(0), Val::I32(4)],
    )
    .unwrap();
    call(&mut store, instance, "copy", &wide(&[0, 65530, 6])).unwrap();
    assert_eq!(memory.data(&store)[..7], *b"\0\0data\0");
}

#[test]
fn a_memory_is_used_beyond_4_gib_by_code_and_host() {
    let (mut store, instance) = instance(MEMORY);
    let memory = instance.get_memory(&store, "m").unwrap();
    let base = memory.data(&store).as_ptr();
    let wide = |values: &[i64]| values.iter().copied().map(Val::I64).collect::<Vec<_>>();
    let four = 1i64 << 32;
    assert_eq!(
        call(&mut store, instance, "grow", &wide(&[0x1_ffff])).unwrap(),
        wide(&[1])
    );
    assert_eq!(
        call(&mut store, instance, "size", &[]).unwrap(),
        wide(&[0x2_0000])
    );
    assert_eq!(memory.data(&store).as_ptr(), base, "it does not move");
    assert_eq!(memory.data(&store).len() as i64, 2 * four);
    // Across the line.
    call(
        &mut store,
        instance,
        "set",
        &wide(&[four - 4, 0x1122_3344_5566_7788]),
    )
    .unwrap();
    let get = |store: &mut Store, at| call(store, instance, "get", &[Val::I64(at)]).unwrap()[0];
    assert_eq!(get(&mut store, four), Val::I64(0x1122_3344));
    assert_eq!(get(&mut store, 0), Val::I64(0));
    assert_eq!(get(&mut store, -4 + four), Val::I64(0x1122_3344_5566_7788));
    call(
        &mut store,
        instance,
        "copy",
        &wide(&[2 * four - 9, four - 4, 9]),
    )
    .unwrap();
    assert_eq!(get(&mut store, 2 * four - 8), Val::I64(0x11_2233_4455_6677));
    call(&mut store, instance, "fill", &wide(&[four - 2, 4])).unwrap();
    assert_eq!(get(&mut store, four - 4), Val::I64(0x1122_0101_0101_7788));
    call(
        &mut store,
        instance,
        "init",
        &[Val::I64(2 * four - 4), Val::I32(0), Val::I32(4)],
    )
    .unwrap();
    let mut bytes = [0; 4];
    memory
        .read(&store, 2 * four as u64 - 4, &mut bytes)
        .unwrap();
    assert_eq!(bytes, *b"data");
    assert!(
        memory
            .read(&store, 2 * four as u64 - 3, &mut bytes)
            .is_err()
    );
    memory
        .write(&mut store, four as u64 + 100, b"host")
        .unwrap();
    assert_eq!(get(&mut store, four + 100), Val::I64(0x7473_6f68));
    memory
        .copy(&mut store, 0, memory, four as u64 + 100, 4)
        .unwrap();
    assert_eq!(get(&mut store, 0), Val::I64(0x7473_6f68));
}

#[test]
fn growth_ends_with_the_maximum_or_the_address_space() {
    let grow =
        |store: &mut Store, instance, delta| number(store, instance, "grow", &[Val::I64(delta)]);
    let wat = |limits: &str| {
        format!(
            r#"(module (memory (export "m") i64 {limits})
              (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))"#
        )
    };
    // A declared maximum is reserved for, but not whatever it is.
    for (limits, limit) in [
        ("0", 64 << 14),
        ("0 3", 3),
        ("0 0x20_0000", 128 << 14),
        ("0 0x1_0000_0000_0000", 1 << 24),
        ("0x10_0001", (64 << 14) + 1),
    ] {
        let (mut store, instance) = instance(&wat(limits));
        let memory = instance.get_memory(&store, "m").unwrap();
        let first = memory.size(&store) as i64;
        assert_eq!(grow(&mut store, instance, -1), -1);
        assert_eq!(grow(&mut store, instance, limit - first + 1), -1);
        assert_eq!(grow(&mut store, instance, i64::MIN), -1);
        let error = memory.grow(&mut store, u64::MAX).unwrap_err();
        let GrowError::Limit { limit: told, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(told, limit as u64, "{limits}");
        assert_eq!(grow(&mut store, instance, 0), first);
    }
    let (mut store, instance) = instance(&wat("0 3"));
    assert_eq!(grow(&mut store, instance, 3), 0);
    assert_eq!(grow(&mut store, instance, 0), 3);
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(memory.ty(&store), MemoryType::new64(3, Some(3)));
}

#[test]
fn a_memory_that_cannot_be_had_is_an_error_of_the_instance() {
    for limits in [
        "0x1_0000_0000_0000",
        "0x100_0001",
        "0x100_0001 0x1_0000_0000_0000",
    ] {
        let module = module(&format!(r#"(module (memory (export "m") i64 {limits}))"#));
        let error = Instance::new(&mut Store::new(), &module, &Imports::new()).unwrap_err();
        assert!(matches!(error, InstantiationError::Resource(_)), "{error}");
        let source = std::error::Error::source(&error).expect("why").to_string();
        assert!(
            source.contains("is larger than 1099511627776 bytes from the start"),
            "{source}"
        );
    }
    let mut store = Store::new();
    assert!(Memory::new(&mut store, MemoryType::new64(2, Some(1))).is_err());
    assert!(Memory::new(&mut store, MemoryType::new64(u64::MAX, None)).is_err());
    let bytes = MemoryType::new64(u64::MAX, None).with_page_size(1);
    assert!(Memory::new(&mut store, bytes).is_err());
    let bytes = MemoryType::new64(5, Some(u64::MAX)).with_page_size(1);
    let memory = Memory::new(&mut store, bytes).unwrap();
    assert_eq!(memory.grow(&mut store, 1 << 33).unwrap(), 5);
    assert_eq!(memory.data(&store).len(), 5 + (1 << 33));
}

#[test]
fn segments_have_offsets_of_64_bits() {
    let mut store = Store::new();
    let ty = GlobalType::new(ValType::I64, false);
    let global = Global::new(&mut store, ty, Val::I64((1 << 32) + 7));
    let mut imports = Imports::new();
    imports.define("h", "g", global.unwrap());
    let wat = r#"(module (import "h" "g" (global $g i64)) (memory (export "m") i64 0x1_0001)
      (table (export "t") i64 3 funcref) (func $f)
      (data (i64.const 0x1_0000_0000) "beyond")
      (data (offset (i64.add (global.get $g) (i64.const 1))) "computed")
      (elem (table 0) (i64.const 2) func $f))"#;
    let instance = add(&mut store, wat, &imports);
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(memory.data(&store)[1 << 32..][..16], *b"beyond\0\0computed");
    let table = instance.get_table(&store, "t").unwrap();
    assert!(matches!(table.get(&store, 2), Some(Val::FuncRef(Some(_)))));
    // Mapped, not copied: the image starts beyond 4 GiB.
    let wat = r#"(module (memory (export "m") i64 0x1_0001)
      (data (i64.const 0x1_0000_0005) "image"))"#;
    let mapped = module(wat);
    assert!(mapped.image_size() > 0 && mapped.image_size() < 1 << 20);
    let instance = add(&mut store, wat, &imports);
    let memory = instance.get_memory(&store, "m").unwrap();
    assert_eq!(memory.data(&store)[1 << 32..][..10], *b"\0\0\0\0\0image");
    for (segment, code) in [
        ("(data (i64.const -1) \"x\")", TrapCode::MemoryOutOfBounds),
        (
            "(data (i64.const 0x1_0000_0000) \"x\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(elem (i64.const 0x1_0000_0000) func 0)",
            TrapCode::TableOutOfBounds,
        ),
        ("(elem (i64.const -1) func 0)", TrapCode::TableOutOfBounds),
    ] {
        let wat = format!("(module (memory i64 1) (table i64 1 funcref) (func) {segment})");
        let error = Instance::new(&mut store, &module(&wat), &imports).unwrap_err();
        let InstantiationError::Trap(trap) = error else {
            panic!("{error}");
        };
        assert_eq!(trap.code(), code, "{segment}");
    }
}

const TABLES: &str = r#"(module
  (table $t (export "t") i64 4 10 funcref) (table $x i64 2 externref) (table $s 4 funcref)
  (table $constant i64 2 funcref)
  (elem $e func $one $two) (elem (table $constant) (i64.const 0) func $one $two)
  (func $one (export "one") (result i32) (i32.const 1))
  (func $two (export "two") (result i32) (i32.const 2))
  (func (export "get") (param i64) (result funcref) (table.get $t (local.get 0)))
  (func (export "set") (param i64 funcref) (table.set $t (local.get 0) (local.get 1)))
  (func (export "xget") (param i64) (result externref) (table.get $x (local.get 0)))
  (func (export "size") (result i64) (table.size $t))
  (func (export "grow") (param i64) (result i64)
    (table.grow $t (ref.func $two) (local.get 0)))
  (func (export "fill") (param i64 i64)
    (table.fill $t (local.get 0) (ref.func $one) (local.get 1)))
  (func (export "init") (param i64 i32 i32)
    (table.init $t $e (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64)
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "in") (param i64 i32 i32)
    (table.copy $t $s (local.get 0) (local.get 1) (local.get 2)))
  (func (export "out") (param i32 i64 i32)
    (table.copy $s $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "call") (param i64) (result i32) (call_indirect $t (result i32) (local.get 0)))
  (func (export "small") (param i32) (result i32) (call_indirect $s (result i32) (local.get 0)))
  (func (export "constant") (param i64) (result i32)
    (call_indirect $constant (result i32) (local.get 0))))"#;

#[test]
fn tables_have_indices_of_64_bits() {
    let (mut store, instance) = instance(TABLES);
    let wide = |values: &[i64]| values.iter().copied().map(Val::I64).collect::<Vec<_>>();
    let mut run = |name: &str, arguments: &[Val]| call(&mut store, instance, name, arguments);
    run("init", &[Val::I64(1), Val::I32(0), Val::I32(2)]).unwrap();
    assert_eq!(run("call", &wide(&[1])).unwrap(), [Val::I32(1)]);
    assert_eq!(run("grow", &wide(&[3])).unwrap(), wide(&[4]));
    for delta in [4, 1 << 32, -1, i64::MIN] {
        assert_eq!(
            run("grow", &wide(&[delta])).unwrap(),
            wide(&[-1]),
            "{delta}"
        );
    }
    assert_eq!(run("size", &[]).unwrap(), wide(&[7]));
    run("copy", &wide(&[5, 1, 2])).unwrap();
    assert_eq!(run("call", &wide(&[5])).unwrap(), [Val::I32(1)]);
    run("fill", &wide(&[0, 1])).unwrap();
    assert_eq!(run("call", &wide(&[0])).unwrap(), [Val::I32(1)]);
    // Both ways between tables of different addresses; lengths are `i32`.
    run("out", &[Val::I32(2), Val::I64(5), Val::I32(2)]).unwrap();
    assert_eq!(run("small", &[Val::I32(3)]).unwrap(), [Val::I32(2)]);
    run("in", &[Val::I64(0), Val::I32(3), Val::I32(1)]).unwrap();
    assert_eq!(run("call", &wide(&[0])).unwrap(), [Val::I32(2)]);
    assert_eq!(run("constant", &wide(&[1])).unwrap(), [Val::I32(2)]);
    // No index is cut to 32 bits, none wraps.
    for index in [7, 1 << 32, (1 << 32) + 1, 1 << 59, -1, i64::MIN] {
        for name in ["call", "constant"] {
            assert_eq!(
                trap_code(run(name, &wide(&[index]))),
                TrapCode::UndefinedElement
            );
        }
        for (name, arguments) in [
            ("get", wide(&[index])),
            ("xget", wide(&[index])),
            ("set", vec![Val::I64(index), Val::FuncRef(None)]),
            ("fill", wide(&[index, 1])),
            ("fill", wide(&[1, index])),
            ("copy", wide(&[index, 0, 1])),
            ("copy", wide(&[0, index, 1])),
            ("copy", wide(&[1, 1, index])),
            ("init", vec![Val::I64(index), Val::I32(0), Val::I32(1)]),
            ("in", vec![Val::I64(index), Val::I32(0), Val::I32(1)]),
            ("out", vec![Val::I32(0), Val::I64(index), Val::I32(1)]),
        ] {
            let code = trap_code(run(name, &arguments));
            assert_eq!(code, TrapCode::TableOutOfBounds, "{name} {arguments:?}");
        }
    }
}

#[test]
fn memories_of_32_and_64_bits_are_copied_between() {
    let (mut store, instance) = instance(
        r#"(module (memory $large (export "large") i64 0x1_0001) (memory $small (export "small") 1)
          (data (memory $small) (i32.const 65532) "tail")
          (func (export "in") (param i64 i32 i32)
            (memory.copy $large $small (local.get 0) (local.get 1) (local.get 2)))
          (func (export "out") (param i32 i64 i32)
            (memory.copy $small $large (local.get 0) (local.get 1) (local.get 2))))"#,
    );
    let four = 1i64 << 32;
    let into = |to, from, len| ("in", [Val::I64(to), Val::I32(from), Val::I32(len)]);
    let out = |to, from, len| ("out", [Val::I32(to), Val::I64(from), Val::I32(len)]);
    for (name, arguments) in [into(four - 2, 65532, 4), out(0, four - 2, 4)] {
        call(&mut store, instance, name, &arguments).unwrap();
    }
    let small = instance.get_memory(&store, "small").unwrap();
    assert_eq!(small.data(&store)[..5], *b"tail\0");
    for (name, arguments) in [
        into(four + PAGE as i64 - 3, 65532, 4),
        into(-1, 0, 1),
        into(i64::MIN, 0, 1),
        into(0, 65533, 4),
        into(0, -1, 0),
        into(0, 0, -1),
        out(65533, 0, 4),
        out(0, four + PAGE as i64 - 3, 4),
        out(0, -4, 8),
        out(0, 0, -1),
    ] {
        outside(&mut store, instance, name, &arguments);
    }
}

#[test]
fn the_host_makes_memories_and_tables_with_64_bit_addresses() {
    let mut store = Store::new();
    let ty = MemoryType::new64(1, Some(0x2_0000));
    let memory = Memory::new(&mut store, ty).unwrap();
    let of_table = TableType::new64(ValType::FUNCREF, 2, Some(u64::MAX));
    let seven = Func::wrap(&mut store, || 7);
    let table = Table::new(&mut store, of_table, seven.into()).unwrap();
    assert_eq!((memory.ty(&store), table.ty(&store)), (ty, of_table));
    let mut imports = Imports::new();
    imports.define("h", "m", memory).define("h", "t", table);
    let instance = add(
        &mut store,
        r#"(module (memory (import "h" "m") i64 1 0x2_0000)
          (table (import "h" "t") i64 1 0xffff_ffff_ffff_ffff funcref)
          (func (export "call") (param i64) (result i32) (call_indirect (result i32) (local.get 0)))
          (func (export "get") (param i64) (result i64) (i64.load (local.get 0)))
          (func (export "guard") (param i64) (result i64)
            (i64.load offset=0x1fffff0 (local.get 0)))
          (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0))))"#,
        &imports,
    );
    assert_eq!(
        call(&mut store, instance, "call", &[Val::I64(1)]).unwrap(),
        [Val::I32(7)]
    );
    let grown = call(&mut store, instance, "grow", &[Val::I64(0x1_0000)]).unwrap();
    assert_eq!(grown, [Val::I64(1)]);
    memory.write(&mut store, 1 << 32, b"beyond!\0").unwrap();
    let got = call(&mut store, instance, "get", &[Val::I64(1 << 32)]).unwrap();
    assert_eq!(got, [Val::I64(i64::from_le_bytes(*b"beyond!\0"))]);
    let grown = memory.grow(&mut store, 0xffff).unwrap();
    assert_eq!((grown, memory.size(&store)), (0x1_0001, 0x2_0000));
    assert!(memory.grow(&mut store, 1).is_err());
    // Right behind all that it can have, too.
    for index in [2 << 32, (2 << 32) - 8, -1] {
        outside(&mut store, instance, "guard", &[Val::I64(index)]);
    }
}

#[test]
fn addresses_of_another_width_do_not_match() {
    let mut store = Store::new();
    let small = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let large = Memory::new(&mut store, MemoryType::new64(1, None)).unwrap();
    let null = Val::FuncRef(None);
    let ty = TableType::new(ValType::FUNCREF, 1, None);
    let table = Table::new(&mut store, ty, null).unwrap();
    let ty = TableType::new64(ValType::FUNCREF, 1, None);
    let large_table = Table::new(&mut store, ty, null).unwrap();
    let mut imports = Imports::new();
    imports
        .define("h", "small", small)
        .define("h", "large", large)
        .define("h", "table", table)
        .define("h", "large-table", large_table);
    for (item, found) in [
        (r#"(memory (import "h" "small") i64 1)"#, "(memory 1)"),
        (r#"(memory (import "h" "large") 1)"#, "(memory i64 1)"),
        (
            r#"(table (import "h" "table") i64 1 funcref)"#,
            "(table 1 funcref)",
        ),
        (
            r#"(table (import "h" "large-table") 1 funcref)"#,
            "(table i64 1 funcref)",
        ),
    ] {
        let module = module(&format!("(module {item})"));
        let error = Instance::new(&mut store, &module, &imports).unwrap_err();
        let InstantiationError::Link(error) = error else {
            panic!("{error}");
        };
        let text = error.to_string();
        assert!(text.contains("incompatible import type"), "{text}");
        assert!(text.contains(found), "{text}");
    }
}

#[test]
fn space_is_as_good_as_new_when_it_is_used_again() {
    let module = module(MEMORY);
    for _ in 0..3 {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
        let memory = instance.get_memory(&store, "m").unwrap();
        outside(&mut store, instance, "get", &[Val::I64(1 << 32)]);
        memory.grow(&mut store, 0x1_0000).unwrap();
        assert_eq!(
            call(&mut store, instance, "get", &[Val::I64(1 << 32)]).unwrap(),
            [Val::I64(0)]
        );
        memory.write(&mut store, 1 << 32, &[0xff; 8]).unwrap();
    }
}

#[test]
fn a_module_tells_the_width_of_addresses_and_requires_a_loader_that_knows_it() {
    let large =
        module(r#"(module (memory (export "m") i64 1 2) (table (export "t") i64 3 funcref))"#);
    let memory = MemoryType::new64(1, Some(2)).into();
    assert_eq!(large.get_export("m"), Some(memory));
    let table = TableType::new64(ValType::FUNCREF, 3, None).into();
    assert_eq!(large.get_export("t"), Some(table));
    for wat in [
        "(module (memory i64 1))",
        "(module (table i64 1 funcref))",
        r#"(module (import "h" "m" (memory i64 1)))"#,
        r#"(module (import "h" "t" (table i64 1 funcref)))"#,
    ] {
        assert!(
            module(wat).required().contains(Required::ADDRESS64),
            "{wat}"
        );
    }
    let small = module("(module (memory 1) (table 1 funcref))");
    assert!(!small.required().contains(Required::ADDRESS64));
}

#[test]
fn offsets_of_segments_have_the_type_of_the_addresses() {
    let wat = |ty: &str| {
        format!(
            r#"(module (import "h" "m" (memory {ty} 1)) (import "h" "g" (global $g {ty}))
              (data (global.get $g) "x") (import "h" "t" (table {ty} 1 funcref))
              (elem (table 0) (global.get $g) func $f) (func $f))"#
        )
    };
    for (ty, other) in [("i32", Record::ADDRESS64), ("i64", 0)] {
        let bytes = artefact(&wat(ty));
        let start = descriptor(&bytes);
        let fields = Descriptor::decode(&bytes[start..]);
        // The type of an import stands behind its two names.
        let imports = start + fields.imports.offset as usize;
        let import = |nth: usize| imports + nth * Import::SIZE + offset_of!(Import, ty);
        for (nth, what) in [(0, "data segment 0"), (2, "element segment 0")] {
            let mut bytes = bytes.clone();
            let mut record = Record::decode(&bytes[import(nth)..]);
            record.flags = other;
            record.encode(&mut bytes[import(nth)..][..Record::SIZE]);
            match open_changed(&bytes) {
                Err(OpenError::Damaged { what: text }) => {
                    assert_eq!(text, format!("{what}: a constant expression is wrong"));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn impossible_limits_are_refused() {
    let bytes = artefact(r#"(module (memory i64 1 0x1_0000_0000_0000))"#);
    let start = descriptor(&bytes);
    let fields = Descriptor::decode(&bytes[start..]);
    let at = start + fields.memories.offset as usize;
    for change in [
        |record: &mut Record| record.max += 1,
        |record: &mut Record| record.flags &= !Record::ADDRESS64,
        |record: &mut Record| record.min = record.max + 1,
    ] {
        let mut bytes = bytes.clone();
        let mut record = Record::decode(&bytes[at..]);
        change(&mut record);
        record.encode(&mut bytes[at..at + Record::SIZE]);
        match open_changed(&bytes) {
            Err(OpenError::Damaged { what }) => {
                assert_eq!(what, "memory 0: its limits are impossible");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// As much address space as there is will do.
fn with_little_address_space() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let module = module(MEMORY);
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().next().unwrap().parse().unwrap();
    let limit = Some(pages * 4096 + (10 << 30));
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::As, limit).unwrap();
    let mut store = Store::new();
    let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
    let memory = instance.get_memory(&store, "m").unwrap();
    let error = memory.grow(&mut store, u64::MAX).unwrap_err();
    let GrowError::Limit { limit, .. } = error else {
        panic!("{error}");
    };
    assert!((4 << 14..10 << 14).contains(&limit), "{limit}");
    assert_eq!(memory.grow(&mut store, limit - 1).unwrap(), 1);
    outside(
        &mut store,
        instance,
        "l8",
        &[Val::I64((limit * PAGE) as i64)],
    );
    outside(&mut store, instance, "l8", &[Val::I64(64 << 30)]);
}

#[test]
fn with_little_address_space_a_memory_can_grow_less() {
    isolated_ok(
        "addresses64::with_little_address_space_a_memory_can_grow_less",
        with_little_address_space,
    );
}
