//! How each runtime does a mechanism.

use std::hint::black_box;
use std::time::{Duration, Instant};

use wasm_aot_compiler::compile;
use wasm_aot_loader as ours;

use crate::mechanisms::How;

/// A runtime with a module that exports `run`.
pub(crate) trait Side {
    const NAME: &str;

    fn new(wat: &str) -> Self;

    /// Does it so many times.
    fn time(&mut self, times: u64, how: How) -> Duration;
}

/// Parameters of eight, and of the functions of the host that take as many.
type Eight = (i32, i32, i32, i32, i32, i32, i32, i32);
const EIGHT: Eight = (1, 2, 3, 4, 5, 6, 7, 8);

/// What it takes to do something so many times.
fn repeat(times: u64, mut body: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..times).for_each(|_| body());
    start.elapsed()
}

/// This project.
pub(crate) struct Ours {
    module: ours::Module,
    imports: ours::Imports,
    store: ours::Store,
    instance: ours::Instance,
}

impl Side for Ours {
    const NAME: &str = "wasm-aot";

    fn new(wat: &str) -> Self {
        use ours::{Func, FuncType, ValType};
        let code = compile(wat.as_bytes(), &Default::default()).expect("it compiles");
        let module = ours::Module::from_bytes(&code).expect("it opens");
        let mut store = ours::Store::new();
        let mut imports = ours::Imports::new();
        imports
            .func("host", "typed0", || 1)
            .func("host", "typed1", |a: i32| a)
            .func("host", "typed2", |a: i32, b: i32| a ^ b)
            .func("host", "typed4", |a: i32, b: i32, c: i32, d: i32| {
                a ^ b ^ c ^ d
            })
            .func(
                "host",
                "typed8",
                |a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32| {
                    a ^ b ^ c ^ d ^ e ^ f ^ g ^ h
                },
            );
        for (name, params) in [("values2", 2), ("values8", 8)] {
            let ty = FuncType::new(vec![ValType::I32; params], [ValType::I32]);
            let first = Func::new(&mut store, ty, |_, params, results| {
                results[0] = params[0].clone();
                Ok(())
            });
            imports.define("host", name, first);
        }
        let instance = ours::Instance::new(&mut store, &module, &imports).expect("it links");
        Self {
            module,
            imports,
            store,
            instance,
        }
    }

    fn time(&mut self, times: u64, how: How) -> Duration {
        let Self {
            store, instance, ..
        } = self;
        match how {
            How::Loop => {
                let run = instance
                    .get_typed_func::<i64, ()>(store, "run")
                    .expect("it is there");
                let start = Instant::now();
                run.call(store, times.cast_signed())
                    .expect("it does not trap");
                start.elapsed()
            }
            How::Traps => {
                let run = instance
                    .get_typed_func::<(), ()>(store, "run")
                    .expect("it is there");
                repeat(times, || {
                    black_box(run.call(store, ()).expect_err("it traps"));
                })
            }
            How::Called => {
                let run = instance
                    .get_typed_func::<(), ()>(store, "run")
                    .expect("it is there");
                repeat(times, || run.call(store, ()).expect("it does not trap"))
            }
            How::Called2 => {
                let run = instance.get_typed_func::<(i32, i32), i32>(store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    black_box(run.call(store, (1, 2)).expect("it does not trap"));
                })
            }
            How::Called8 => {
                let run = instance.get_typed_func::<Eight, i32>(store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    black_box(run.call(store, EIGHT).expect("it does not trap"));
                })
            }
            How::Fresh => (0..times)
                .map(|_| {
                    let mut store = ours::Store::new();
                    let instance = ours::Instance::new(&mut store, &self.module, &self.imports);
                    let instance = instance.expect("it links");
                    let run = instance
                        .get_typed_func::<(), ()>(&store, "run")
                        .expect("it is there");
                    repeat(1, || run.call(&mut store, ()).expect("it does not trap"))
                })
                .sum(),
        }
    }
}

/// Wasmtime with its defaults, and the proposals that mechanisms need.
pub(crate) struct Wasmtime {
    module: wasmtime::Module,
    store: wasmtime::Store<()>,
    instance: wasmtime::Instance,
}

impl Side for Wasmtime {
    const NAME: &str = "wasmtime";

    fn new(wat: &str) -> Self {
        use wasmtime::{Caller, Func, FuncType, Linker, ValType};
        let mut config = wasmtime::Config::new();
        config.wasm_function_references(true).wasm_exceptions(true);
        config.wasm_memory64(true).wasm_multi_memory(true);
        config.wasm_threads(true).shared_memory(true);
        let engine = wasmtime::Engine::new(&config).expect("it supports these");
        let wasm = wat::parse_str(wat).expect("it is well-formed");
        let module = wasmtime::Module::new(&engine, wasm).expect("it compiles");
        let mut store = wasmtime::Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let host = "host";
        let typed = [
            ("typed0", Func::wrap(&mut store, || 1)),
            ("typed1", Func::wrap(&mut store, |a: i32| a)),
            ("typed2", Func::wrap(&mut store, |a: i32, b: i32| a ^ b)),
            (
                "typed4",
                Func::wrap(&mut store, |a: i32, b: i32, c: i32, d: i32| a ^ b ^ c ^ d),
            ),
            (
                "typed8",
                Func::wrap(
                    &mut store,
                    |a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32| {
                        a ^ b ^ c ^ d ^ e ^ f ^ g ^ h
                    },
                ),
            ),
        ];
        for (name, func) in typed {
            linker.define(&store, host, name, func).expect("it is new");
        }
        for (name, params) in [("values2", 2), ("values8", 8)] {
            let ty = FuncType::new(&engine, vec![ValType::I32; params], [ValType::I32]);
            let first = Func::new(&mut store, ty, |_: Caller<'_, ()>, params, results| {
                results[0] = params[0];
                Ok(())
            });
            linker.define(&store, host, name, first).expect("it is new");
        }
        let instance = linker.instantiate(&mut store, &module).expect("it links");
        Self {
            module,
            store,
            instance,
        }
    }

    fn time(&mut self, times: u64, how: How) -> Duration {
        let Self {
            store, instance, ..
        } = self;
        match how {
            How::Loop => {
                let run = instance.get_typed_func::<i64, ()>(&mut *store, "run");
                let run = run.expect("it is there");
                let start = Instant::now();
                run.call(store, times.cast_signed())
                    .expect("it does not trap");
                start.elapsed()
            }
            How::Traps => {
                let run = instance.get_typed_func::<(), ()>(&mut *store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    black_box(run.call(&mut *store, ()).expect_err("it traps"));
                })
            }
            How::Called => {
                let run = instance.get_typed_func::<(), ()>(&mut *store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    run.call(&mut *store, ()).expect("it does not trap")
                })
            }
            How::Called2 => {
                let run = instance.get_typed_func::<(i32, i32), i32>(&mut *store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    black_box(run.call(&mut *store, (1, 2)).expect("it does not trap"));
                })
            }
            How::Called8 => {
                let run = instance.get_typed_func::<Eight, i32>(&mut *store, "run");
                let run = run.expect("it is there");
                repeat(times, || {
                    black_box(run.call(&mut *store, EIGHT).expect("it does not trap"));
                })
            }
            How::Fresh => (0..times)
                .map(|_| {
                    let mut store = wasmtime::Store::new(self.module.engine(), ());
                    let instance = wasmtime::Instance::new(&mut store, &self.module, &[]);
                    let instance = instance.expect("it has no imports");
                    let run = instance.get_typed_func::<(), ()>(&mut store, "run");
                    let run = run.expect("it is there");
                    repeat(1, || run.call(&mut store, ()).expect("it does not trap"))
                })
                .sum(),
        }
    }
}
