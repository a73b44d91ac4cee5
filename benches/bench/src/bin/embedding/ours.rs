//! The operations in our loader.

use std::hint::black_box;
use std::path::Path;

use anyhow::Result;
use wasm_aot_compiler::compile;
use wasm_aot_loader::{
    Func, FuncType, Imports, Instance, InstancePre, Module, OpenOptions, Store, Val, ValType,
    Verify,
};

use crate::{CALLS, HOST_CALLS, Operation, TINY, copy};

pub(crate) fn operations(folder: &Path) -> Result<Vec<Operation>> {
    let mut all = calls()?;
    for (what, name, times) in [
        ("open an artefact: hello, in C", "hello.so", 20),
        ("open an artefact: SQLite", "sqlite.so", 5),
    ] {
        let Some(file) = copy(&folder.join(name))? else {
            continue;
        };
        // The others look at no digest either.
        let options = OpenOptions::new().verify(Verify::TrustedPath);
        all.push(Operation::new(what, times, move || {
            black_box(options.open(&file).expect("it could be opened before"));
        }));
    }
    let tiny = Module::from_bytes(&compile(TINY.as_bytes(), &Default::default())?)?;
    let mut imports = Imports::new();
    wasm_aot_wasi::add_to_imports(&mut imports);
    let hello = Module::open(folder.join("hello.so"))?;
    for (what, module) in [
        ("store, instance, drop: tiny", tiny),
        ("store, instance, drop: hello, in C", hello),
    ] {
        let pre = InstancePre::new(&module, &imports)?;
        all.push(Operation::new(what, 200, move || {
            let mut store = Store::new();
            black_box(pre.instantiate(&mut store).expect("memory suffices"));
        }));
    }
    Ok(all)
}

fn calls() -> Result<Vec<Operation>> {
    let module = Module::from_bytes(&compile(CALLS.as_bytes(), &Default::default())?)?;
    let with_host = |untyped: bool| -> Result<(Store, Instance)> {
        let mut store = Store::new();
        let mut imports = Imports::new();
        if untyped {
            let ty = FuncType::new([ValType::I32], [ValType::I32]);
            let next = Func::new(&mut store, ty, |_, params, results| {
                let [Val::I32(value)] = params else {
                    unreachable!()
                };
                results[0] = Val::I32(value + 1);
                Ok(())
            });
            imports.define("host", "next", next);
        } else {
            imports.func("host", "next", |value: i32| value + 1);
        }
        let instance = Instance::new(&mut store, &module, &imports)?;
        Ok((store, instance))
    };

    let (mut store, instance) = with_host(false)?;
    let add = instance.get_typed_func::<(i32, i32), i32>(&store, "add")?;
    let typed = Operation::new("call into WebAssembly, typed", 10_000, move || {
        black_box(add.call(&mut store, (1, 2)).expect("it adds"));
    });
    let (mut store, instance) = with_host(false)?;
    let add = instance.get_func(&store, "add")?;
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
        let hosts = instance.get_typed_func::<i32, i32>(&store, "hosts")?;
        let mut operation = Operation::new(what, 10, move || {
            let calls = HOST_CALLS.cast_signed();
            black_box(hosts.call(&mut store, calls).expect("it counts"));
        });
        operation.inner = HOST_CALLS;
        all.push(operation);
    }
    let (mut store, instance) = with_host(false)?;
    let traps = instance.get_typed_func::<(), ()>(&store, "traps")?;
    all.push(Operation::new(
        "trap, caught by the host: unreachable",
        100,
        move || {
            black_box(traps.call(&mut store, ()).expect_err("it traps"));
        },
    ));
    let (mut store, instance) = with_host(false)?;
    let faults = instance.get_typed_func::<(), i32>(&store, "faults")?;
    all.push(Operation::new(
        "trap, caught by the host: out of bounds",
        100,
        move || {
            black_box(faults.call(&mut store, ()).expect_err("it traps"));
        },
    ));
    Ok(all)
}
