//! Limits of stores, and limiters.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use wasm_aot_loader::{
    CallError, Config, GrowError, Growable, Growth, Imports, Instance, InstancePre,
    InstantiationError, Memory, MemoryType, ResourceError, SharedMemory, Store, Table, TableError,
    TableType, Val, ValType, imports,
};

use crate::support::{add, call, module, run};

const PAGE: u64 = 65536;

/// A memory, a table and functions that let them grow.
const BOTH: &str = r#"(module (memory (export "memory") 1 8) (table (export "table") 2 9 externref)
    (func (export "memory-grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "memory-size") (result i32) (memory.size))
    (func (export "table-grow") (param i32) (result i32)
        (table.grow (ref.null extern) (local.get 0)))
    (func (export "table-size") (result i32) (table.size)))"#;

fn store(config: Config) -> Store {
    Store::with_config(&config)
}

#[track_caller]
fn number(store: &mut Store, instance: Instance, name: &str, arguments: &[Val]) -> i32 {
    match call(store, instance, name, arguments).unwrap()[..] {
        [Val::I32(value)] => value,
        ref other => panic!("{other:?}"),
    }
}

#[track_caller]
fn grow(store: &mut Store, instance: Instance, what: &str, delta: i32) -> i32 {
    number(store, instance, &format!("{what}-grow"), &[delta.into()])
}

/// Why an instance could not be made.
#[track_caller]
fn refused(store: &mut Store, wat: &str, imports: &Imports) -> String {
    match Instance::new(store, &module(wat), imports) {
        Err(InstantiationError::Resource(error)) => reason(&error),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn reason(error: &ResourceError) -> String {
    assert!(error.is_limit());
    let source = std::error::Error::source(error).expect("a reason");
    format!("{error}: {source}")
}

fn host_memory(store: &mut Store, pages: u64) -> Result<Memory, ResourceError> {
    Memory::new(store, MemoryType::new(pages, None))
}

fn host_table(store: &mut Store, len: u64) -> Result<Table, TableError> {
    let ty = TableType::new(ValType::EXTERNREF, len, None);
    Table::new(store, ty, Val::ExternRef(None))
}

/// What grows, from where to where, and how far it may by its type.
type Asked = (Growable, u64, u64, Option<u64>);

/// What a limiter was asked, which allows what `allow` says.
fn asking(
    store: &mut Store,
    allow: impl Fn(Growth) -> bool + Send + 'static,
) -> Arc<Mutex<Vec<Asked>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    store.set_limiter(move |growth| {
        let entry = (growth.what, growth.current, growth.desired, growth.maximum);
        log.lock().unwrap().push(entry);
        allow(growth)
    });
    asked
}

#[test]
fn code_grows_up_to_the_limits_of_its_store() {
    let config = Config::new()
        .max_memory_bytes(3 * PAGE + 1)
        .max_table_elements(4);
    let mut store = store(config);
    let instance = add(&mut store, BOTH, &Imports::new());
    assert_eq!(grow(&mut store, instance, "memory", 3), -1);
    assert_eq!(grow(&mut store, instance, "memory", -1), -1);
    assert_eq!(number(&mut store, instance, "memory-size", &[]), 1);
    assert_eq!(grow(&mut store, instance, "memory", 2), 1);
    assert_eq!(grow(&mut store, instance, "memory", 1), -1);
    assert_eq!(grow(&mut store, instance, "memory", 0), 3);
    assert_eq!(grow(&mut store, instance, "table", 3), -1);
    assert_eq!(number(&mut store, instance, "table-size", &[]), 2);
    assert_eq!(grow(&mut store, instance, "table", 2), 2);
    assert_eq!(grow(&mut store, instance, "table", 1), -1);
    assert_eq!(grow(&mut store, instance, "table", 0), 4);
}

#[test]
fn the_host_grows_up_to_the_limits_of_the_store() {
    let config = Config::new()
        .max_memory_bytes(2 * PAGE)
        .max_table_elements(3);
    let mut store = store(config);
    let memory = host_memory(&mut store, 1).unwrap();
    let error = memory.grow(&mut store, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot grow a memory of 1 pages by 2: its limit is 2"
    );
    assert!(matches!(error, GrowError::Limit { limit: 2, .. }));
    assert_eq!(memory.size(&store), 1);
    assert_eq!(memory.grow(&mut store, 1).unwrap(), 1);
    let table = host_table(&mut store, 1).unwrap();
    match table.grow(&mut store, 3, Val::ExternRef(None)) {
        Err(TableError::Grow(GrowError::Limit { limit: 3, .. })) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(table.size(&store), 1);
    assert_eq!(table.grow(&mut store, 2, Val::ExternRef(None)).unwrap(), 1);
}

#[test]
fn a_memory_of_small_pages_is_limited_in_bytes() {
    let mut store = store(Config::new().max_memory_bytes(100));
    let ty = MemoryType::new(10, None).with_page_size(1);
    let memory = Memory::new(&mut store, ty).unwrap();
    assert_eq!(memory.grow(&mut store, 90).unwrap(), 10);
    assert!(memory.grow(&mut store, 1).is_err());
    assert!(host_memory(&mut store, 1).is_err());
}

#[test]
fn an_instance_beyond_the_limits_is_not_made() {
    let touches = r#"(module (import "host" "memory" (memory 1))
        (import "host" "called" (func $called))
        (memory 3) (data (memory 0) (i32.const 0) "written")
        (start $called))"#;
    let mut store = store(Config::new().max_memory_bytes(2 * PAGE));
    let memory = host_memory(&mut store, 1).unwrap();
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let imports = imports! { "host" => {
        "memory" => memory,
        "called" => move || { count.fetch_add(1, Ordering::Relaxed); },
    } };
    assert_eq!(
        refused(&mut store, touches, &imports),
        "cannot allocate a linear memory: 196608 bytes are more than the store's limit of 131072"
    );
    assert_eq!(called.load(Ordering::Relaxed), 0);
    assert_eq!(memory.data(&store)[..7], [0; 7]);
    drop(imports);
    assert_eq!(Arc::strong_count(&called), 1, "nothing keeps the import");
}

#[test]
fn a_table_beyond_the_limit_is_not_made_even_if_code_needs_it_not() {
    // Nothing but calls use it: it is constants of the text.
    let wat = r#"(module (table 3 3 funcref) (elem (i32.const 0) $f $f $f)
        (func $f) (func (export "run") (call_indirect (i32.const 1))))"#;
    assert_eq!(
        refused(
            &mut store(Config::new().max_table_elements(2)),
            wat,
            &Imports::new()
        ),
        "cannot allocate a table: 3 elements are more than the store's limit of 2"
    );
    let mut enough = store(Config::new().max_table_elements(3));
    let instance = add(&mut enough, wat, &Imports::new());
    run(&mut enough, instance, "run").unwrap();
    match host_table(&mut enough, 4) {
        Err(TableError::Resource(error)) => assert!(error.is_limit()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn instances_are_counted() {
    let mut store = store(Config::new().max_instances(2));
    let empty = module("(module)");
    let pre = InstancePre::new(&empty, &Imports::new()).unwrap();
    pre.instantiate(&mut store).unwrap();
    // One that fails later than this stays in the store.
    let traps = module("(module (func $f unreachable) (start $f))");
    let error = Instance::new(&mut store, &traps, &Imports::new()).unwrap_err();
    assert!(matches!(error, InstantiationError::Trap(_)));
    match pre.instantiate(&mut store) {
        Err(InstantiationError::Resource(error)) => assert_eq!(
            reason(&error),
            "cannot allocate an instance: the store's limit is 2 instances"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn memories_and_tables_are_counted_wherever_they_come_from() {
    let config = Config::new().max_memories(3).max_tables(2);
    let mut store = store(config);
    let two = r#"(module (memory (export "m") 1) (memory 1) (table (export "t") 1 funcref))"#;
    let first = add(&mut store, two, &Imports::new());
    assert_eq!(
        refused(&mut store, two, &Imports::new()),
        "cannot allocate an instance: the store's limit is 3 memories"
    );
    host_table(&mut store, 0).unwrap();
    assert!(host_table(&mut store, 0).is_err());
    // What was refused does not count; what is imported was counted before.
    let mut imports = Imports::new();
    imports.instance("one", &store, first);
    let wat = r#"(module (import "one" "m" (memory 1)) (import "one" "t" (table 1 funcref)))"#;
    add(&mut store, wat, &imports);
    host_memory(&mut store, 0).unwrap();
    let error = host_memory(&mut store, 0).unwrap_err();
    assert_eq!(
        reason(&error),
        "cannot allocate a linear memory: the store's limit is 3 memories"
    );
}

#[test]
fn imports_grow_up_to_the_limits() {
    let mut store = store(Config::new().max_memory_bytes(2 * PAGE));
    let memory = host_memory(&mut store, 1).unwrap();
    let imports = imports! { "host" => { "memory" => memory } };
    let wat = r#"(module (import "host" "memory" (memory 1))
        (func (export "memory-grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let instance = add(&mut store, wat, &imports);
    assert_eq!(grow(&mut store, instance, "memory", 2), -1);
    assert_eq!(grow(&mut store, instance, "memory", 1), 1);
    assert_eq!(memory.size(&store), 2);
}

#[test]
fn a_limiter_is_asked_before_anything_is_made_or_grows() {
    use Growable::{Memory, Table};
    let mut store = Store::new();
    let asked = asking(&mut store, |_| true);
    let take = || std::mem::take(&mut *asked.lock().unwrap());
    let instance = add(&mut store, BOTH, &Imports::new());
    assert_eq!(
        take(),
        [(Memory, 0, PAGE, Some(8 * PAGE)), (Table, 0, 2, Some(9))]
    );
    assert_eq!(grow(&mut store, instance, "memory", 2), 1);
    assert_eq!(grow(&mut store, instance, "table", 3), 2);
    assert_eq!(
        take(),
        [
            (Memory, PAGE, 3 * PAGE, Some(8 * PAGE)),
            (Table, 2, 5, Some(9))
        ]
    );
    // What cannot be is not asked about, nor what is nothing.
    assert_eq!(grow(&mut store, instance, "memory", 6), -1);
    assert_eq!(grow(&mut store, instance, "table", -1), -1);
    assert_eq!(grow(&mut store, instance, "memory", 0), 3);
    assert_eq!(grow(&mut store, instance, "table", 0), 5);
    assert_eq!(take(), []);
    let memory = host_memory(&mut store, 0).unwrap();
    memory.grow(&mut store, 1).unwrap();
    let table = host_table(&mut store, 7).unwrap();
    table.grow(&mut store, 1, Val::ExternRef(None)).unwrap();
    assert_eq!(
        take(),
        [
            (Memory, 0, 0, None),
            (Memory, 0, PAGE, None),
            (Table, 0, 7, None),
            (Table, 7, 8, None)
        ]
    );
    store.remove_limiter();
    memory.grow(&mut store, 1).unwrap();
    assert_eq!(take(), []);
    assert_eq!(Arc::strong_count(&asked), 1, "it is dropped");
}

#[test]
fn what_a_limiter_denies_stays_as_it_was() {
    let mut store = Store::new();
    let instance = add(&mut store, BOTH, &Imports::new());
    let memory = instance.get_memory(&store, "memory").unwrap();
    let table = instance.get_table(&store, "table").unwrap();
    memory.write(&mut store, 0, b"here").unwrap();
    let asked = asking(&mut store, |_| false);
    assert_eq!(grow(&mut store, instance, "memory", 1), -1);
    assert_eq!(grow(&mut store, instance, "table", 1), -1);
    let error = memory.grow(&mut store, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot grow a memory of 1 pages by 1: the store's limiter has denied it"
    );
    match table.grow(&mut store, 1, Val::ExternRef(None)) {
        Err(TableError::Grow(GrowError::Denied { size: 2, .. })) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(memory.size(&store), 1);
    assert_eq!(memory.data(&store)[..4], *b"here");
    assert_eq!(table.size(&store), 2);
    assert_eq!(
        refused(&mut store, BOTH, &Imports::new()),
        "cannot allocate a linear memory: the store's limiter has denied it"
    );
    assert!(host_table(&mut store, 0).is_err());
    assert_eq!(asked.lock().unwrap().len(), 6);
    store.set_limiter(|_| true);
    assert_eq!(grow(&mut store, instance, "memory", 1), 1);
    add(&mut store, BOTH, &Imports::new());
}

#[test]
fn an_instance_that_is_denied_in_part_does_not_count() {
    let mut store = store(Config::new().max_instances(1).max_memories(1));
    asking(&mut store, |growth| growth.what == Growable::Memory);
    assert_eq!(
        refused(&mut store, BOTH, &Imports::new()),
        "cannot allocate a table: the store's limiter has denied it"
    );
    store.remove_limiter();
    add(&mut store, BOTH, &Imports::new());
}

#[test]
fn bounds_come_before_the_limiter() {
    let mut store = store(Config::new().max_memory_bytes(PAGE).max_memories(1));
    let asked = asking(&mut store, |_| true);
    assert!(host_memory(&mut store, 2).is_err());
    let memory = host_memory(&mut store, 1).unwrap();
    assert!(memory.grow(&mut store, 1).is_err());
    assert!(host_memory(&mut store, 1).is_err());
    assert_eq!(asked.lock().unwrap().len(), 1);
}

fn message(payload: Box<dyn std::any::Any + Send>) -> &'static str {
    payload.downcast_ref::<&str>().expect("a message")
}

#[test]
fn a_panic_of_a_limiter_goes_through_the_code_that_grows() {
    let wat = r#"(module (memory (export "memory") 1) (table 1 funcref)
        (global (export "after") (mut i32) (i32.const 0))
        (func $memory (drop (memory.grow (i32.const 1))) (global.set 0 (i32.const 1)))
        (func (export "memory") call $memory)
        (func (export "caught") (block (try_table (catch_all 0) call $memory)))
        (func (export "table") (drop (table.grow (ref.null func) (i32.const 1)))
            (global.set 0 (i32.const 1))))"#
        .replacen(
            "(export \"memory\") 1",
            "(export \"the memory\") 1",
            1,
        );
    let mut store = Store::new();
    let instance = add(&mut store, &wat, &Imports::new());
    store.set_limiter(|_| panic!("the limiter does not know"));
    for name in ["memory", "caught", "table"] {
        let call = AssertUnwindSafe(|| run(&mut store, instance, name));
        let payload = catch_unwind(call).expect_err(name);
        assert_eq!(message(payload), "the limiter does not know");
    }
    let memory = instance.get_memory(&store, "the memory").unwrap();
    let grow = AssertUnwindSafe(|| memory.grow(&mut store, 1));
    assert!(catch_unwind(grow).is_err());
    let module = module("(module (memory 1))");
    let new = AssertUnwindSafe(|| Instance::new(&mut store, &module, &Imports::new()));
    assert!(catch_unwind(new).is_err());
    assert!(store.only_instance_of(&module).is_none());
    assert_eq!(memory.size(&store), 1);
    let after = instance.get_global(&store, "after").unwrap();
    assert_eq!(after.get(&store), Val::I32(0), "code did not go on");
    store.remove_limiter();
    run(&mut store, instance, "memory").unwrap();
    run(&mut store, instance, "table").unwrap();
    assert_eq!(memory.size(&store), 2);
}

#[test]
fn a_panic_of_a_limiter_ends_the_innermost_call_only() {
    let wat = r#"(module (import "host" "inner" (func $inner)) (memory 1)
        (func (export "outer") call $inner)
        (func (export "inner") (drop (memory.grow (i32.const 1)))))"#;
    let caught = |mut caller: wasm_aot_loader::Caller<'_>| {
        let instance = caller.instance().expect("who imports it");
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut caller, instance, "inner")));
        match result {
            Err(payload) => Err(message(payload)),
            Ok(_) => Ok(()),
        }
    };
    let mut store = Store::new();
    let imports = imports! { "host" => { "inner" => caught } };
    let instance = add(&mut store, wat, &imports);
    store.set_limiter(|_| panic!("no"));
    match run(&mut store, instance, "outer") {
        Err(CallError::Host(error)) => assert_eq!(error.to_string(), "no"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limiter_may_use_another_store() {
    let (mut other, sum) = crate::support::instance(
        r#"(module (global $sum (mut i64) (i64.const 0))
        (func (export "add") (param i64) (result i64)
            (global.set $sum (i64.add (global.get $sum) (local.get 0)))
            (global.get $sum)))"#,
    );
    let add_up = sum.get_typed_func::<i64, i64>(&other, "add").unwrap();
    let mut store = Store::new();
    let instance = add(&mut store, BOTH, &Imports::new());
    store.set_limiter(move |growth| {
        let more = (growth.desired - growth.current) as i64;
        add_up.call(&mut other, more).unwrap() <= 3 * PAGE as i64
    });
    assert_eq!(grow(&mut store, instance, "memory", 2), 1);
    assert_eq!(grow(&mut store, instance, "memory", 1), 3);
    assert_eq!(grow(&mut store, instance, "memory", 1), -1);
}

#[test]
fn limits_of_a_shared_memory_are_those_of_who_makes_it_or_lets_it_grow() {
    let wat = r#"(module (import "env" "memory" (memory 1 8 shared))
        (func (export "memory-grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let limited = || store(Config::new().max_memory_bytes(2 * PAGE).max_memories(0));
    let memory = SharedMemory::new(MemoryType::shared(1, 8)).unwrap();
    let imports = imports! { "env" => { "memory" => memory.clone() } };
    let (mut bound, mut free) = (limited(), Store::new());
    let here = add(&mut bound, wat, &imports);
    let there = add(&mut free, wat, &imports);
    assert_eq!(grow(&mut bound, here, "memory", 2), -1);
    assert_eq!(grow(&mut bound, here, "memory", 1), 1);
    assert_eq!(grow(&mut bound, here, "memory", 1), -1);
    assert_eq!(grow(&mut free, there, "memory", 1), 2);
    memory.grow(1).unwrap();
    assert_eq!(grow(&mut bound, here, "memory", 0), 4);
    let handle = memory.in_store(&mut bound);
    match handle.grow(&mut bound, 1) {
        Err(GrowError::Limit {
            size: 4, limit: 2, ..
        }) => {}
        other => panic!("{other:?}"),
    }
    let own = "(module (memory 1 8 shared))";
    assert!(refused(&mut limited(), own, &Imports::new()).contains("0 memories"));
}

#[test]
fn a_limiter_is_asked_again_if_a_memory_grows_meanwhile() {
    let memory = SharedMemory::new(MemoryType::shared(0, 8)).unwrap();
    let mut store = Store::new();
    let handle = memory.in_store(&mut store);
    let other = memory.clone();
    let asked = asking(&mut store, move |growth| {
        // In place of another thread, which waits for nobody.
        if growth.current == 0 {
            other.grow(1).unwrap();
        }
        growth.desired <= 2 * PAGE
    });
    assert_eq!(handle.grow(&mut store, 1).unwrap(), 1);
    let (what, max) = (Growable::Memory, Some(8 * PAGE));
    assert_eq!(
        *asked.lock().unwrap(),
        [(what, 0, PAGE, max), (what, PAGE, 2 * PAGE, max)]
    );
    assert_eq!(memory.size(), 2);
}

#[test]
fn threads_that_let_a_memory_grow_ask_about_sizes_that_are_so() {
    let wat = r#"(module (import "env" "memory" (memory 0 1000 shared))
        (func (export "memory-grow") (param i32) (result i32) (memory.grow (local.get 0))))"#;
    let module = module(wat);
    let memory = SharedMemory::new(MemoryType::shared(0, 1000)).unwrap();
    let imports = imports! { "env" => { "memory" => memory.clone() } };
    let sizes: Vec<i32> = std::thread::scope(|scope| {
        let one = || {
            let mut store = Store::new();
            // The store's own bound holds exactly, whoever else is at it.
            store.set_limiter(|growth| growth.desired <= 100 * PAGE);
            let instance = Instance::new(&mut store, &module, &imports).unwrap();
            let sizes = (0..100).map(|_| grow(&mut store, instance, "memory", 1));
            sizes.filter(|&size| size >= 0).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        let sizes = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        sizes.collect()
    });
    let mut sizes = sizes;
    sizes.sort_unstable();
    assert_eq!(sizes, (0..100).collect::<Vec<_>>());
    assert_eq!(memory.size(), 100);
}

#[cfg(feature = "async")]
#[test]
fn a_panic_of_a_limiter_ends_an_asynchronous_call() {
    let mut store = Store::new();
    let instance = add(&mut store, BOTH, &Imports::new());
    let func = instance.get_typed_func::<i32, i32>(&store, "memory-grow");
    let func = func.unwrap();
    store.set_limiter(|growth| {
        if growth.desired > 2 * PAGE {
            panic!("no")
        } else {
            true
        }
    });
    assert_eq!(
        futures_lite::future::block_on(func.call_async(&mut store, 1)).unwrap(),
        1
    );
    let call = AssertUnwindSafe(|| futures_lite::future::block_on(func.call_async(&mut store, 1)));
    assert_eq!(message(catch_unwind(call).unwrap_err()), "no");
    assert_eq!(
        futures_lite::future::block_on(func.call_async(&mut store, 0)).unwrap(),
        2
    );
}
