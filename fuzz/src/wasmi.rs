//! wasmi's side: an interpreter, so what it has in common with compilers is the
//! specification. Of what it does not know (threads, exceptions, typed references) and
//! of relaxed vectors, which are those of no processor, it refuses modules.

use std::sync::LazyLock;

use wasmi::{Config, Engine, Error, Extern, Instance, Module, Store, TrapCode, Val};

use crate::observe::{Failure, Observed, State, Value};
use crate::plan::Call;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::default();
    config
        .wasm_custom_page_sizes(true)
        .wasm_extended_const(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_wide_arithmetic(true);
    Engine::new(&config)
});

/// Translates and runs a module.
pub(crate) fn run(wasm: &[u8], plan: &[Call]) -> Result<Observed, Failure> {
    let module = Module::new(&ENGINE, wasm).map_err(refused)?;
    let mut store = Store::new(&ENGINE, ());
    let mut instance = instantiate(&mut store, &module)?;

    let mut observed = Observed::default();
    for call in plan {
        let func = instance
            .get_func(&store, &call.export)
            .ok_or_else(|| Failure::Refused("no such function".to_owned()))?;
        let ty = func.ty(&store);
        let arguments: Vec<Val> = (call.arguments.iter().zip(ty.params()))
            .map(|(value, &ty)| match *value {
                Value::I32(value) => Val::I32(value),
                Value::I64(value) => Val::I64(value),
                Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
                Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
                Value::V128(bits) => Val::V128(bits.into()),
                Value::Null | Value::Reference => Val::default_for_ty(ty),
            })
            .collect();
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for_ty(ty))
            .collect();
        let result = match func.call(&mut store, &arguments, &mut results) {
            Ok(()) => Ok(results.iter().map(value).collect()),
            Err(error) => Err(failure(error)),
        };
        observed.see(state(&store, instance));
        if result.is_err() {
            instance = instantiate(&mut store, &module)?;
        }
        observed.calls.push(result);
    }
    Ok(observed)
}

fn instantiate(store: &mut Store<()>, module: &Module) -> Result<Instance, Failure> {
    Instance::new(store, module, &[]).map_err(failure)
}

fn state(store: &Store<()>, instance: Instance) -> Vec<(String, State)> {
    let seen = |export| {
        Some(match export {
            Extern::Global(global) => State::Global(value(&global.get(store))),
            Extern::Memory(memory) => State::memory(memory.data(store).iter().copied()),
            Extern::Table(table) => State::Table(
                (0..table.size(store))
                    .map(|index| table.get(store, index).is_some_and(|item| item.is_null()))
                    .collect(),
            ),
            Extern::Func(_) => return None,
        })
    };
    (instance.exports(store))
        .filter_map(|export| Some((export.name().to_owned(), seen(export.into_extern())?)))
        .collect()
}

fn value(value: &Val) -> Value {
    let reference = |is_null| match is_null {
        true => Value::Null,
        false => Value::Reference,
    };
    match value {
        Val::I32(value) => Value::I32(*value),
        Val::I64(value) => Value::I64(*value),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(value) => reference(value.is_null()),
        Val::ExternRef(value) => reference(value.is_null()),
    }
}

fn failure(error: Error) -> Failure {
    match error.as_trap_code() {
        Some(TrapCode::StackOverflow) => Failure::StackOverflow,
        // One code for calls and accesses, as the other peer has it.
        Some(TrapCode::TableOutOfBounds) => Failure::Trap("out of bounds table access".into()),
        // wasmi says it as one test of the specification does: "uninitialized element 2".
        Some(TrapCode::IndirectCallToNull) => Failure::Trap("uninitialized element".into()),
        Some(TrapCode::UnreachableCodeReached) => Failure::Trap("unreachable".into()),
        // It also divides by zeros that a `select` in front of the division has replaced
        // (--seed 474), so this is nothing to compare with.
        Some(TrapCode::IntegerDivisionByZero) => refused(error),
        Some(TrapCode::OutOfSystemMemory | TrapCode::OutOfFuel) | None => refused(error),
        Some(code) => Failure::Trap(code.trap_message().to_owned()),
    }
}

fn refused(error: Error) -> Failure {
    Failure::Refused(error.to_string())
}
