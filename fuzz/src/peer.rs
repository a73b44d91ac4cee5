//! Wasmtime's side.

use std::sync::LazyLock;

use wasmtime::{
    Config, Engine, Error, Extern, Instance, Module, Ref, Store, ThrownException, Trap, Val,
};

use crate::observe::{Failure, Observed, State, Value};
use crate::plan::Call;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config
        .shared_memory(true)
        .wasm_custom_page_sizes(true)
        .wasm_exceptions(true)
        .wasm_extended_const(true)
        .wasm_function_references(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(true)
        .wasm_tail_call(true)
        .wasm_threads(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config).expect("a configuration that is supported")
});

/// Compiles and runs a module.
pub(crate) fn run(wasm: &[u8], plan: &[Call]) -> Result<Observed, Failure> {
    let module = Module::new(&ENGINE, wasm).map_err(refused)?;
    let mut store = Store::new(&ENGINE, ());
    let mut instance = instantiate(&mut store, &module)?;

    let mut observed = Observed::default();
    for call in plan {
        let func = instance
            .get_func(&mut store, &call.export)
            .ok_or_else(|| Failure::Refused("no such function".to_owned()))?;
        let ty = func.ty(&store);
        let arguments: Vec<Val> = (call.arguments.iter().zip(ty.params()))
            .map(|(value, ty)| match *value {
                Value::I32(value) => Val::I32(value),
                Value::I64(value) => Val::I64(value),
                Value::F32(bits) => Val::F32(bits),
                Value::F64(bits) => Val::F64(bits),
                Value::V128(bits) => Val::V128(bits.into()),
                Value::Null | Value::Reference => {
                    let ty = ty.as_ref().expect("nulls are for references");
                    Ref::null(ty.heap_type()).into()
                }
            })
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        let result = match func.call(&mut store, &arguments, &mut results) {
            Ok(()) => Ok(results.iter().map(value).collect()),
            Err(error) => Err(failure(&mut store, error)),
        };
        observed.see(state(&mut store, instance));
        if result.is_err() {
            instance = instantiate(&mut store, &module)?;
        }
        observed.calls.push(result);
    }
    Ok(observed)
}

fn instantiate(store: &mut Store<()>, module: &Module) -> Result<Instance, Failure> {
    Instance::new(&mut *store, module, &[]).map_err(|error| failure(store, error))
}

fn state(store: &mut Store<()>, instance: Instance) -> Vec<(String, State)> {
    let exports: Vec<(String, Extern)> = (instance.exports(&mut *store))
        .map(|export| (export.name().to_owned(), export.into_extern()))
        .collect();
    let mut seen = Vec::new();
    for (name, export) in exports {
        let state = match export {
            Extern::Global(global) => State::Global(value(&global.get(&mut *store))),
            Extern::Memory(memory) => State::memory(memory.data(&*store).iter().copied()),
            Extern::SharedMemory(memory) => State::Shared(memory.size()),
            Extern::Table(table) => State::Table(
                (0..table.size(&*store))
                    .map(|index| {
                        table
                            .get(&mut *store, index)
                            .is_some_and(|item| item.is_null())
                    })
                    .collect(),
            ),
            _ => continue,
        };
        seen.push((name, state));
    }
    seen
}

fn value(value: &Val) -> Value {
    match *value {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits.as_u128()),
        ref reference => match reference.ref_().is_none_or(|reference| reference.is_null()) {
            true => Value::Null,
            false => Value::Reference,
        },
    }
}

/// In the words of the specification's suite.
fn failure(store: &mut Store<()>, error: Error) -> Failure {
    if error.is::<ThrownException>() {
        // It stays pending in the store otherwise.
        let _ = store.take_pending_exception();
        return Failure::Exception;
    }
    let text = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Failure::StackOverflow,
        Some(Trap::TableOutOfBounds) => "out of bounds table access".to_owned(),
        Some(Trap::UnreachableCodeReached) => "unreachable".to_owned(),
        Some(Trap::AtomicWaitNonSharedMemory) => "expected shared memory".to_owned(),
        // With what the text of the others starts with.
        Some(trap) => trap.to_string().replace("wasm trap: ", ""),
        None => return refused(error),
    };
    Failure::Trap(text)
}

fn refused(error: Error) -> Failure {
    Failure::Refused(format!("{error:#}"))
}
