//! Memories that threads share: atomic accesses, waiting, growing.

use std::sync::Barrier;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use wasm_aot_loader::{
    Imports, Instance, MemoryType, Module, SharedMemory, Store, TrapCode, Val, WaitResult, imports,
};

use crate::support::{assert_traps, call, instance, module, trap_code};

/// What an agent can do with the memory of all.
const AGENT: &str = r#"(module
  (import "env" "memory" (memory 1 100 shared))
  (func (export "add") (param $n i32)
    (loop $again
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (i32.atomic.rmw8.add_u (i32.const 5) (i32.const 1)))
      (drop (i64.atomic.rmw16.sub_u (i32.const 10) (i64.const 1)))
      (drop (i64.atomic.rmw.xor (i32.const 16) (i64.const -1)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "locked") (param $n i32)
    (loop $again
      (call $lock)
      (i32.store (i32.const 40) (i32.add (i32.load (i32.const 40)) (i32.const 1)))
      (call $unlock)
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  ;; A mutex of three states: free, taken, taken and waited for.
  (func $lock (local $was i32)
    (local.set $was (i32.atomic.rmw.cmpxchg (i32.const 32) (i32.const 0) (i32.const 1)))
    (if (local.get $was) (then
      (loop $again
        (if (i32.or (i32.eq (local.get $was) (i32.const 2))
              (i32.ne (i32.const 0)
                (i32.atomic.rmw.cmpxchg (i32.const 32) (i32.const 1) (i32.const 2))))
          (then (drop (memory.atomic.wait32 (i32.const 32) (i32.const 2) (i64.const -1)))))
        (br_if $again (local.tee $was
          (i32.atomic.rmw.cmpxchg (i32.const 32) (i32.const 0) (i32.const 2))))))))
  (func $unlock
    (if (i32.ne (i32.atomic.rmw.sub (i32.const 32) (i32.const 1)) (i32.const 1)) (then
      (i32.atomic.store (i32.const 32) (i32.const 0))
      (drop (memory.atomic.notify (i32.const 32) (i32.const 1))))))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "wait") (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32)
    (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1))))"#;

fn shared(min: u64, max: u64) -> SharedMemory {
    SharedMemory::new(MemoryType::shared(min, max)).unwrap()
}

/// An instance in a store of its own.
fn agent(module: &Module, memory: &SharedMemory) -> (Store, Instance) {
    let mut store = Store::new();
    let imports = imports! { "env" => { "memory" => memory.clone() } };
    let instance = Instance::new(&mut store, module, &imports).unwrap();
    (store, instance)
}

fn number(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) -> i32 {
    match call(store, instance, name, arguments).unwrap()[..] {
        [Val::I32(value)] => value,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn no_update_is_lost_between_four_threads() {
    let (module, memory) = (module(AGENT), shared(1, 100));
    memory.atomic_u64(8).unwrap().store(0, Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (mut store, instance) = agent(&module, &memory);
                call(&mut store, instance, "add", &[Val::I32(20_001)]).unwrap();
                call(&mut store, instance, "locked", &[Val::I32(5_000)]).unwrap();
            });
        }
    });
    let mut bytes = [0; 48];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(bytes[..4], 80_004u32.to_le_bytes());
    assert_eq!(bytes[4..8], [0, (80_004 % 256) as u8, 0, 0]);
    assert_eq!(
        bytes[8..12],
        [0, 0, (-80_004i32) as u8, (-80_004i32 >> 8) as u8]
    );
    assert_eq!(bytes[16..24], [0; 8], "an even number of times");
    assert_eq!(bytes[32..36], [0; 4], "nobody has the mutex");
    assert_eq!(bytes[40..44], 20_000u32.to_le_bytes());
}

#[test]
fn threads_that_grow_at_the_same_time_each_add_their_pages() {
    let (module, memory) = (module(AGENT), shared(1, 100));
    let barrier = Barrier::new(4);
    let mut before: Vec<i32> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut store, instance) = agent(&module, &memory);
                    barrier.wait();
                    let grow = |_| number(&mut store, instance, "grow", &[Val::I32(3)]);
                    (0..10).map(grow).collect::<Vec<_>>()
                })
            })
            .collect();
        let grown = threads.into_iter().map(|thread| thread.join().unwrap());
        grown.flatten().collect()
    });
    before.sort_unstable();
    // 99 more pages, 33 times 3, are more than 40 attempts.
    assert_eq!(before[..7], [-1; 7]);
    assert_eq!(before[7..], (0..33).map(|n| 1 + 3 * n).collect::<Vec<_>>());
    assert_eq!((memory.size(), memory.byte_len()), (100, 100 << 16));
    assert!(memory.grow(1).is_err());
    let (mut store, instance) = agent(&module, &memory);
    assert_eq!(number(&mut store, instance, "size", &[]), 100);
}

#[test]
fn growth_by_the_host_reaches_code_that_runs() {
    let module = module(
        r#"(module (import "env" "memory" (memory 1 2 shared))
          (func (export "watch") (result i32)
            (i32.atomic.store (i32.const 0) (i32.const 1))
            (loop $again (br_if $again (i32.eq (memory.size) (i32.const 1))))
            (i32.load offset=65536 (i32.const 65532))
            (i32.load8_u (i32.const 131071)) i32.add))"#,
    );
    let memory = shared(1, 2);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let (mut store, instance) = agent(&module, &memory);
            number(&mut store, instance, "watch", &[])
        });
        while memory.atomic_u32(0).unwrap().load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        assert_eq!(memory.grow(1).unwrap(), 1);
        assert_eq!(watch.join().unwrap(), 0);
    });
}

#[test]
fn waits_end_when_notified_or_in_time_or_do_not_begin() {
    let (module, memory) = (module(AGENT), shared(1, 100));
    let (mut store, instance) = agent(&module, &memory);
    let mut wait = |name: &str, expected: Val, ns: i64| {
        number(
            &mut store,
            instance,
            name,
            &[Val::I32(64), expected, Val::I64(ns)],
        )
    };
    assert_eq!(wait("wait", Val::I32(1), -1), 1);
    assert_eq!(wait("wait64", Val::I64(1 << 32), -1), 1);
    let start = Instant::now();
    assert_eq!(wait("wait", Val::I32(0), 20_000_000), 2);
    assert_eq!(wait("wait64", Val::I64(0), 0), 2);
    assert_eq!(wait("wait64", Val::I64(0), 20_000_000), 2);
    assert!(start.elapsed() >= Duration::from_millis(40));
    thread::scope(|scope| {
        scope.spawn(|| {
            while memory.atomic_notify(64, 1).unwrap() == 0 {
                thread::yield_now();
            }
        });
        assert_eq!(wait("wait", Val::I32(0), -1), 0);
    });
    // The host waits, code notifies; the other address nobody does.
    thread::scope(|scope| {
        let waits: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| memory.atomic_wait64(72, 0, None).unwrap()))
            .collect();
        let mut notify = |address, count| {
            number(
                &mut store,
                instance,
                "notify",
                &[Val::I32(address), Val::I32(count)],
            )
        };
        let mut notified = 0;
        while notified < 3 {
            assert_eq!(notify(76, -1), 0);
            let count = notify(72, 2);
            assert!(count <= 2);
            notified += count;
        }
        for wait in waits {
            assert_eq!(wait.join().unwrap(), WaitResult::Notified);
        }
    });
    assert_eq!(
        memory.atomic_wait32(0, 1, None).unwrap(),
        WaitResult::Mismatch
    );
    let soon = Some(Duration::from_millis(1));
    assert_eq!(
        memory.atomic_wait32(0, 0, soon).unwrap(),
        WaitResult::TimedOut
    );
}

#[test]
fn an_interrupted_store_waits_no_more() {
    let (module, memory) = (module(AGENT), shared(1, 100));
    let (mut store, instance) = agent(&module, &memory);
    let handle = store.interrupt_handle();
    let other = handle.clone();
    let wait = [Val::I32(0), Val::I32(0), Val::I64(-1)];
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        other.interrupt();
    });
    assert_traps(
        call(&mut store, instance, "wait", &wait),
        TrapCode::Interrupted,
    );
    assert!(handle.is_interrupted());
    assert_traps(
        call(&mut store, instance, "wait", &wait),
        TrapCode::Interrupted,
    );
    // It computes all the same, and others wait.
    assert_eq!(number(&mut store, instance, "size", &[]), 1);
    let (mut store, instance) = agent(&module, &memory);
    let wait = [Val::I32(0), Val::I32(0), Val::I64(1)];
    assert_eq!(number(&mut store, instance, "wait", &wait), 2);
}

#[test]
fn bad_addresses_trap_in_every_kind_of_memory() {
    let operators = [
        ("i32.atomic.load", "", 4),
        ("i64.atomic.load16_u", "", 2),
        ("i64.atomic.load", "", 8),
        ("i32.atomic.rmw8.or_u", "(i32.const 1)", 1),
        ("i32.atomic.rmw16.xchg_u", "(i32.const 1)", 2),
        ("i64.atomic.rmw32.add_u", "(i64.const 1)", 4),
        ("i64.atomic.rmw8.and_u", "(i64.const 1)", 1),
        ("i64.atomic.rmw.sub", "(i64.const 1)", 8),
        ("i32.atomic.rmw.xor", "(i32.const 1)", 4),
        (
            "i32.atomic.rmw8.cmpxchg_u",
            "(i32.const 1) (i32.const 2)",
            1,
        ),
        (
            "i64.atomic.rmw16.cmpxchg_u",
            "(i64.const 1) (i64.const 2)",
            2,
        ),
        ("i64.atomic.rmw.cmpxchg", "(i64.const 1) (i64.const 2)", 8),
        ("memory.atomic.notify", "(i32.const 1)", 4),
        ("memory.atomic.wait32", "(i32.const 1) (i64.const 0)", 4),
        ("memory.atomic.wait64", "(i64.const 1) (i64.const 0)", 8),
    ];
    for memory in ["1 1 shared", "1 1"] {
        for offset in [0, 8, 1, 0x7fff_fff8, 0xffff_fff8u32] {
            let mut text = format!("(module (memory {memory})");
            for (operator, operands, size) in operators {
                text += &format!(
                    "(func (export \"{operator}\") (param i32)
                       (drop ({operator} offset={offset} (local.get 0) {operands})))
                     (func (export \"{operator}/store\") (param i32)
                       (i{0}.atomic.store{1} offset={offset} (local.get 0) (i{0}.const 1)))",
                    if size == 8 { 64 } else { 32 },
                    match size {
                        1 => "8",
                        2 => "16",
                        _ => "",
                    },
                );
            }
            let (mut store, instance) = instance(&(text + ")"));
            for (operator, _, size) in operators {
                for name in [operator.to_owned(), format!("{operator}/store")] {
                    let mut run = |address: i64| {
                        let address = Val::I32(address as i32);
                        call(&mut store, instance, &name, &[address])
                    };
                    let offset = i64::from(offset);
                    let last = 65536 - size - offset;
                    let what = format!("{name} offset={offset} in {memory}");
                    let waits = name.contains("wait") && memory == "1 1";
                    let inside = last >= 0 && (last + offset) % size == 0 && offset % size == 0;
                    if inside && !waits {
                        run(last).unwrap_or_else(|error| panic!("{what}: {error}"));
                    }
                    let beyond = if inside {
                        last + size
                    } else {
                        (size - offset % size) % size
                    };
                    if inside || offset > 65536 {
                        let code = trap_code(run(beyond));
                        assert_eq!(code, TrapCode::MemoryOutOfBounds, "{what}");
                    }
                    if size > 1 {
                        let code = trap_code(run(size + 1 - offset % size));
                        assert_eq!(code, TrapCode::UnalignedAtomic, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn nobody_waits_in_a_memory_of_one_thread() {
    let (mut store, instance) = instance(
        r#"(module (memory 1)
          (func (export "wait") (drop
            (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))
          (func (export "notify") (result i32)
            (memory.atomic.notify (i32.const 0) (i32.const 1))))"#,
    );
    let wait = call(&mut store, instance, "wait", &[]);
    assert_traps(wait, TrapCode::ExpectedSharedMemory);
    assert_eq!(number(&mut store, instance, "notify", &[]), 0);
}

#[test]
fn a_memory_outlives_the_store_that_has_made_it() {
    let definer =
        module(r#"(module (memory (export "memory") 2 100 shared) (data (i32.const 7) "image"))"#);
    let user = module(
        r#"(module (import "env" "memory" (memory 1 100 shared))
          (data (i32.const 0) "active") (data $passive "passive")
          (func (export "init")
            (memory.init $passive (i32.const 65530) (i32.const 0) (i32.const 7))
            (memory.copy (i32.const 20) (i32.const 65530) (i32.const 7))
            (memory.fill (i32.const 24) (i32.const 33) (i32.const 2)))
          (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    );
    let memory = {
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &definer, &Imports::new()).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        assert!(memory.ty(&store).is_shared());
        memory.write(&mut store, 131_065, b"the end").unwrap();
        memory.fill(&mut store, 100, 1, 10_000).unwrap();
        let shared = memory.shared(&store).unwrap();
        // In the same store it is the same memory, too.
        let imports = imports! { "env" => { "memory" => shared.clone() } };
        let other = Instance::new(&mut store, &user, &imports).unwrap();
        assert_eq!(number(&mut store, other, "load", &[Val::I32(131_071)]), 100);
        assert_eq!(memory.shared(&store).unwrap(), shared);
        assert_eq!(shared.in_store(&mut store), memory);
        shared
    };
    let (mut store, instance) = agent(&user, &memory);
    let handle = memory.in_store(&mut store);
    assert_eq!(handle, memory.in_store(&mut store));
    assert_eq!(handle.byte_len(&store), 2 << 16);
    call(&mut store, instance, "init", &[]).unwrap();
    let mut bytes = [0; 28];
    memory.read(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"active\0image\0\0\0\0\0\0\0\0pass!!e\0");
    let mut end = [0; 7];
    memory.read(131_065, &mut end).unwrap();
    assert_eq!(&end, b"the end");
    assert_eq!(number(&mut store, instance, "load", &[Val::I32(10_099)]), 1);
    assert_eq!(number(&mut store, instance, "load", &[Val::I32(10_100)]), 0);
}

#[test]
fn bytes_are_copied_from_and_to_any_address() {
    let memory = shared(1, 1);
    let pattern: Vec<u8> = (1..=64).collect();
    for at in 0..9 {
        for len in 0..33 {
            memory.fill(0, 0xee, 64).unwrap();
            memory.write(at, &pattern[..len]).unwrap();
            let mut found = [0; 64];
            memory.read(0, &mut found).unwrap();
            let (start, end) = (at as usize, at as usize + len);
            assert!(
                found[..start]
                    .iter()
                    .chain(&found[end..])
                    .all(|&byte| byte == 0xee)
            );
            assert_eq!(found[start..end], pattern[..len]);
            let mut found = vec![0; len];
            memory.read(at, &mut found).unwrap();
            assert_eq!(found, pattern[..len]);
        }
    }
    let code = |result: Result<(), wasm_aot_loader::Trap>| result.unwrap_err().code();
    assert_eq!(
        code(memory.write(65_530, &[0; 7])),
        TrapCode::MemoryOutOfBounds
    );
    assert_eq!(
        code(memory.read(u64::MAX, &mut [0; 2])),
        TrapCode::MemoryOutOfBounds
    );
    assert_eq!(
        code(memory.fill(1, 0, u64::MAX)),
        TrapCode::MemoryOutOfBounds
    );
    assert_eq!(
        code(memory.atomic_u64(12).map(drop)),
        TrapCode::UnalignedAtomic
    );
    assert_eq!(
        code(memory.atomic_u32(65_536).map(drop)),
        TrapCode::MemoryOutOfBounds
    );
}

#[test]
#[should_panic(expected = "threads share the memory")]
fn there_is_no_slice_of_a_shared_memory() {
    let (store, instance) = instance(r#"(module (memory (export "m") 1 1 shared))"#);
    instance.get_memory(&store, "m").unwrap().data(&store);
}

#[test]
fn what_is_shared_is_part_of_the_type() {
    let module = module(AGENT);
    assert_eq!(
        module.imports().next().unwrap().ty.to_string(),
        "(memory 1 100 shared)"
    );
    let mut store = Store::new();
    let own = wasm_aot_loader::Memory::new(&mut store, MemoryType::new(1, Some(100))).unwrap();
    let imports = imports! { "env" => { "memory" => own } };
    let error = Instance::new(&mut store, &module, &imports).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("expected (memory 1 100 shared), found (memory 1 100)"),
        "{text}"
    );
    assert!(SharedMemory::new(MemoryType::new(1, Some(1))).is_err());
    assert!(SharedMemory::new(MemoryType::shared(2, 1)).is_err());
}
