//! The functions as imports of a loader.

use wasm_aot_loader::{BoxError, Caller, FuncType, Imports, Val};

use crate::{FUNCTIONS, Function, GuestMemory, MODULE, Outcome, ValType, WasiCtx};

/// The guest called `proc_exit` with this status. It ends the call into the
/// guest as the error of a host function: the embedder finds it with
/// [`HostError::downcast_ref`](wasm_aot_loader::HostError::downcast_ref).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program exited with status {0}")]
pub struct Exit(pub u32);

/// A WASI function was called in a store that has no [`WasiCtx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store has no WASI context")]
pub struct NoContext;

/// Defines every function of [`MODULE`] in `imports`.
///
/// The functions act on the [`WasiCtx`] that was
/// [inserted](wasm_aot_loader::Store::insert) into the store they are called
/// in, and on the memory that the calling instance exports as `memory`. Without
/// a context they fail with [`NoContext`].
pub fn add_to_imports(imports: &mut Imports) {
    for function in FUNCTIONS {
        let ty = FuncType::new(types(function.params), types(function.results));
        imports.func_dynamic(MODULE, function.name, ty, |caller, arguments, results| {
            call(function, caller, arguments, results)
        });
    }
}

fn types(types: &[ValType]) -> impl Iterator<Item = wasm_aot_loader::ValType> {
    types.iter().map(|ty| match ty {
        ValType::I32 => wasm_aot_loader::ValType::I32,
        ValType::I64 => wasm_aot_loader::ValType::I64,
    })
}

fn call(
    function: &Function,
    mut caller: Caller<'_>,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), BoxError> {
    let mut slots = [0; MAX_PARAMS];
    for (slot, argument) in slots.iter_mut().zip(arguments) {
        *slot = match *argument {
            Val::I32(value) => u64::from(value.cast_unsigned()),
            Val::I64(value) => value.cast_unsigned(),
            _ => unreachable!("preview 1 has no other types"),
        };
    }
    let slots = &slots[..arguments.len()];

    let outcome = match caller.memory() {
        Some(memory) => {
            let (bytes, ctx) = memory.data_and_mut::<WasiCtx>(&mut caller);
            let ctx = ctx.ok_or(NoContext)?;
            (function.call)(ctx, &mut GuestMemory::new(bytes), slots)
        }
        None => {
            let ctx = caller.get_mut::<WasiCtx>().ok_or(NoContext)?;
            (function.call)(ctx, &mut GuestMemory::new(&mut []), slots)
        }
    };
    match outcome {
        Outcome::Errno(errno) => {
            if let Some(result) = results.first_mut() {
                *result = Val::I32(errno.cast_signed());
            }
            Ok(())
        }
        Outcome::Exit(status) => Err(Exit(status).into()),
    }
}

/// The most parameters that a function has: `path_open`.
const MAX_PARAMS: usize = 9;
