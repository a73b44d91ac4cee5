//! Our side.

use wasm_aot_compiler::{Codegen, Cpu, Level, Options, compile};
use wasm_aot_loader::{
    CallError, Extern, Imports, Instance, InstantiationError, Module, Store, TrapCode, Val,
};

use crate::observe::{Failure, Observed, State, Value};
use crate::plan::Call;

/// Compiles a module at a level that follows from its number, and runs it.
pub(crate) fn run(
    wasm: &[u8],
    plan: &[Call],
    seed: u64,
    codegen: Codegen,
) -> Result<Observed, Failure> {
    let levels = match codegen {
        Codegen::Cranelift => [Level::O2, Level::O0, Level::O2, Level::O1, Level::Os],
        Codegen::Llvm => [Level::O3, Level::O0, Level::O3, Level::O2, Level::Os],
    };
    let native = Cpu::new(Cpu::default().target(), "native").map_err(refused)?;
    let options = Options {
        level: levels[(seed % 5) as usize],
        codegen: Some(codegen),
        // The peer's code is for this machine, too, and so are its relaxed vectors.
        cpu: native,
        interruptible: seed.is_multiple_of(7),
        fuel: seed.is_multiple_of(11),
        signals: !seed.is_multiple_of(3),
        ..Options::default()
    };
    let artefact = compile(wasm, &options).map_err(refused)?;
    let module = Module::from_bytes(&artefact).map_err(refused)?;
    let mut store = Store::new();
    let mut instance = instantiate(&mut store, &module)?;

    let mut observed = Observed::default();
    for call in plan {
        let func = instance.get_func(&store, &call.export).map_err(refused)?;
        let ty = func.ty(&store);
        let arguments: Vec<Val> = (call.arguments.iter().zip(ty.params()))
            .map(|(value, &ty)| match *value {
                Value::I32(value) => Val::I32(value),
                Value::I64(value) => Val::I64(value),
                Value::F32(bits) => Val::F32(bits),
                Value::F64(bits) => Val::F64(bits),
                Value::V128(bits) => Val::V128(bits),
                Value::Null | Value::Reference => Val::default_for(ty),
            })
            .collect();
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for(ty))
            .collect();
        let result = match func.call(&mut store, &arguments, &mut results) {
            Ok(()) => Ok(results.iter().map(value).collect()),
            Err(error) => Err(call_failure(error)),
        };
        observed.see(state(&store, instance));
        if result.is_err() {
            instance = instantiate(&mut store, &module)?;
        }
        observed.calls.push(result);
    }
    Ok(observed)
}

fn instantiate(store: &mut Store, module: &Module) -> Result<Instance, Failure> {
    Instance::new(store, module, &Imports::new()).map_err(|error| match error {
        InstantiationError::Trap(trap) => trap_failure(trap.code()),
        InstantiationError::Exception(_) => Failure::Exception,
        other => refused(other),
    })
}

fn state(store: &Store, instance: Instance) -> Vec<(String, State)> {
    let seen = |export| {
        Some(match export {
            Extern::Global(global) => State::Global(value(&global.get(store))),
            Extern::Memory(memory) if memory.ty(store).is_shared() => {
                State::Shared(memory.size(store))
            }
            Extern::Memory(memory) => State::memory(memory.data(store).iter().copied()),
            Extern::Table(table) => State::Table(
                (0..table.size(store))
                    .map(|index| table.get(store, index).is_some_and(|value| is_null(&value)))
                    .collect(),
            ),
            _ => return None,
        })
    };
    (instance.exports(store))
        .filter_map(|(name, export)| Some((name.to_owned(), seen(export)?)))
        .collect()
}

fn value(value: &Val) -> Value {
    match *value {
        Val::I32(value) => Value::I32(value),
        Val::I64(value) => Value::I64(value),
        Val::F32(bits) => Value::F32(bits),
        Val::F64(bits) => Value::F64(bits),
        Val::V128(bits) => Value::V128(bits),
        ref reference if is_null(reference) => Value::Null,
        _ => Value::Reference,
    }
}

fn is_null(value: &Val) -> bool {
    matches!(
        value,
        Val::FuncRef(None) | Val::ExternRef(None) | Val::ExnRef(None) | Val::AnyRef(None)
    )
}

fn trap_failure(code: TrapCode) -> Failure {
    match code {
        TrapCode::StackOverflow => Failure::StackOverflow,
        // The peer has one code for both.
        TrapCode::UndefinedElement => Failure::Trap(TrapCode::TableOutOfBounds.message().into()),
        code => Failure::Trap(code.message().to_owned()),
    }
}

fn call_failure(error: CallError) -> Failure {
    match error {
        CallError::Trap(trap) => trap_failure(trap.code()),
        CallError::Exception(_) => Failure::Exception,
        other => refused(other),
    }
}

fn refused(error: impl std::error::Error) -> Failure {
    Failure::Refused(error.to_string())
}
