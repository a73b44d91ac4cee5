//! The operations in Wasmtime, with an unchanged configuration, and those that
//! pooled instances make faster.
#![expect(
    unsafe_code,
    reason = "Wasmtime offers no safe way to load native code"
)]

use std::hint::black_box;
use std::path::Path;

use wasmtime::{
    Caller, Config, Engine, Func, FuncType, InstanceAllocationStrategy, InstancePre, Linker,
    Module, PoolingAllocationConfig, Result, Store, Val, ValType,
};
use wasmtime_wasi::p1::{self, WasiP1Ctx};

use crate::{CALLS, HOST_CALLS, Operation, TINY, copy};

/// None of the instances runs, so WASI needs nothing.
type Host = Option<WasiP1Ctx>;

pub(crate) fn operations(folder: &Path) -> Result<Vec<Operation>> {
    let engine = Engine::new(&Config::new())?;
    let mut all = calls(&engine)?;
    for (what, name, times) in [
        ("open an artefact: hello, in C", "hello.cwasm", 20),
        ("open an artefact: SQLite", "sqlite.cwasm", 5),
    ] {
        let engine = engine.clone();
        let Some(file) = copy(&folder.join(name))? else {
            continue;
        };
        all.push(Operation::new(what, times, move || {
            black_box(open(&engine, &file).expect("it could be opened before"));
        }));
    }
    all.extend(instances(&engine, folder)?);
    Ok(all)
}

/// Instances from a pool.
pub(crate) fn pooling(folder: &Path) -> Result<Vec<Operation>> {
    instances(&pooling_engine()?, folder)
}

/// An engine with room for a thousand instances.
pub(crate) fn pooling_engine() -> Result<Engine> {
    let mut config = Config::new();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(1000)
        .total_memories(1000)
        .total_tables(1000);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

fn instances(engine: &Engine, folder: &Path) -> Result<Vec<Operation>> {
    let mut linker: Linker<Host> = Linker::new(engine);
    p1::add_to_linker_sync(&mut linker, |host| host.as_mut().expect("nothing runs"))?;
    let tiny = Module::new(engine, wat::parse_str(TINY)?)?;
    let hello = open(engine, &folder.join("hello.cwasm"))?;
    let operation = |what, pre: InstancePre<Host>| {
        let engine = engine.clone();
        Operation::new(what, 200, move || {
            let mut store: Store<Host> = Store::new(&engine, None);
            black_box(pre.instantiate(&mut store).expect("memory suffices"));
        })
    };
    Ok(vec![
        operation(
            "store, instance, drop: tiny",
            linker.instantiate_pre(&tiny)?,
        ),
        operation(
            "store, instance, drop: hello, in C",
            linker.instantiate_pre(&hello)?,
        ),
    ])
}

/// Maps an artefact.
pub(crate) fn open(engine: &Engine, file: &Path) -> Result<Module> {
    // SAFETY: the harness has had the file made by the same version, and nothing
    // changes it meanwhile.
    unsafe { Module::deserialize_file(engine, file) }
}

fn calls(engine: &Engine) -> Result<Vec<Operation>> {
    let module = Module::new(engine, wat::parse_str(CALLS)?)?;
    let with_host = |untyped: bool| -> Result<_> {
        let mut store = Store::new(engine, ());
        let next = if untyped {
            let ty = FuncType::new(engine, [ValType::I32], [ValType::I32]);
            Func::new(&mut store, ty, |_: Caller<'_, ()>, params, results| {
                results[0] = Val::I32(params[0].unwrap_i32() + 1);
                Ok(())
            })
        } else {
            Func::wrap(&mut store, |value: i32| value + 1)
        };
        let instance = wasmtime::Instance::new(&mut store, &module, &[next.into()])?;
        Ok((store, instance))
    };

    let (mut store, instance) = with_host(false)?;
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    let typed = Operation::new("call into WebAssembly, typed", 10_000, move || {
        black_box(add.call(&mut store, (1, 2)).expect("it adds"));
    });
    let (mut store, instance) = with_host(false)?;
    let add = instance
        .get_func(&mut store, "add")
        .expect("it is exported");
    let values = Operation::new("call into WebAssembly, by values", 10_000, move || {
        let mut results = [Val::I32(0)];
        let params = [Val::I32(1), Val::I32(2)];
        add.call(&mut store, &params, &mut results)
            .expect("it adds");
        black_box(results);
    });
    let mut all = vec![typed, values];
    for (what, untyped) in [
        ("call of the host, typed", false),
        ("call of the host, by values", true),
    ] {
        let (mut store, instance) = with_host(untyped)?;
        let hosts = instance.get_typed_func::<i32, i32>(&mut store, "hosts")?;
        let mut operation = Operation::new(what, 10, move || {
            let calls = HOST_CALLS.cast_signed();
            black_box(hosts.call(&mut store, calls).expect("it counts"));
        });
        operation.inner = HOST_CALLS;
        all.push(operation);
    }
    let (mut store, instance) = with_host(false)?;
    let traps = instance.get_typed_func::<(), ()>(&mut store, "traps")?;
    all.push(Operation::new(
        "trap, caught by the host: unreachable",
        100,
        move || {
            black_box(traps.call(&mut store, ()).expect_err("it traps"));
        },
    ));
    let (mut store, instance) = with_host(false)?;
    let faults = instance.get_typed_func::<(), i32>(&mut store, "faults")?;
    all.push(Operation::new(
        "trap, caught by the host: out of bounds",
        100,
        move || {
            black_box(faults.call(&mut store, ()).expect_err("it traps"));
        },
    ));
    Ok(all)
}
