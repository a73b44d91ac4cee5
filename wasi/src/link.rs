//! The functions as imports of a loader.

use wasm_aot_loader::{BoxError, Caller, FuncType, Imports, SharedMemory, Val};

use crate::{FUNCTIONS, Function, GuestMemory, MODULE, Outcome, SharedBytes, ValType, WasiCtx};

/// The guest called `proc_exit` with this status. It ends the call into the
/// guest as the error of a host function: the embedder finds it with
/// [`HostError::downcast_ref`](wasm_aot_loader::HostError::downcast_ref).
///
/// ```
/// use wasm_aot_loader::CallError;
/// use wasm_aot_wasi::Exit;
///
/// /// The status of a program whose `_start` has ended like this.
/// fn status(result: Result<(), CallError>) -> Result<u32, CallError> {
///     match result {
///         Ok(()) => Ok(0),
///         Err(CallError::Host(error)) if error.downcast_ref::<Exit>().is_some() => {
///             Ok(error.downcast_ref::<Exit>().unwrap().0)
///         }
///         Err(error) => Err(error),
///     }
/// }
/// assert_eq!(status(Ok(())).unwrap(), 0);
/// ```
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
        let ty = function_type(function);
        imports.func_dynamic(MODULE, function.name, ty, |caller, arguments, results| {
            call(function, caller, arguments, results)
        });
    }
}

/// As [`add_to_imports`], with functions that do not block the thread: those
/// that may wait are [asynchronous](wasm_aot_loader::Imports::func_async), so
/// that the instance has to be called with
/// [`call_async`](wasm_aot_loader::TypedFunc::call_async) and instantiated with
/// [`new_async`](wasm_aot_loader::Instance::new_async). Other tasks of the
/// executor run meanwhile, whichever executor that is.
///
/// [`Function::attempt`] says what waits. A call that is dropped ends its wait.
///
/// ```
/// use wasm_aot_loader::{Imports, Instance, Module, Store};
/// use wasm_aot_wasi::{Input, WasiCtx, add_to_imports_async};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let artefact = wasm_aot_compiler::compile(br#"(module (func (export "_start")))"#, &Default::default())?;
/// let module = Module::from_bytes(&artefact)?;
/// let mut imports = Imports::new();
/// add_to_imports_async(&mut imports);
/// # futures_lite::future::block_on(async {
/// let mut store = Store::new();
/// store.insert(WasiCtx::builder().stdin(Input::inherit()).build()?);
/// let instance = Instance::new_async(&mut store, &module, &imports).await?;
/// let start = instance.get_typed_func::<(), ()>(&store, "_start")?;
/// start.call_async(&mut store, ()).await?;
/// # Ok(()) })}
/// ```
#[cfg(feature = "async")]
pub fn add_to_imports_async(imports: &mut Imports) {
    add_to_imports(imports);
    for function in FUNCTIONS.iter().filter(|function| function.may_wait()) {
        let ty = function_type(function);
        imports.func_dynamic_async(MODULE, function.name, ty, |caller, arguments, results| {
            Box::pin(call_async(function, caller, arguments, results))
        });
    }
}

fn function_type(function: &Function) -> FuncType {
    FuncType::new(types(function.params), types(function.results))
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
    let arguments = Arguments::new(arguments);
    let outcome = with_context(&mut caller, |ctx, mem| {
        (function.call)(ctx, mem, arguments.slots())
    });
    #[cfg(feature = "async")]
    if outcome.is_err()
        && let Some(member) = caller.get::<crate::threads::Member>().cloned()
    {
        let outcome = member.call(function, &mut caller, arguments.slots())?;
        return finish(outcome, results);
    }
    finish(outcome?, results)
}

#[cfg(feature = "async")]
async fn call_async(
    function: &Function,
    mut caller: Caller<'_>,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<(), BoxError> {
    let arguments = Arguments::new(arguments);
    let mut repeat = crate::Repeat::default();
    let outcome = loop {
        let attempt = with_context(&mut caller, |ctx, mem| {
            function.attempt(ctx, mem, arguments.slots(), &mut repeat)
        })?;
        match attempt {
            Ok(outcome) => break outcome,
            Err(wait) => wait.await,
        }
    };
    finish(outcome, results)
}

/// The arguments of a call.
struct Arguments {
    slots: [u64; MAX_PARAMS],
    len: usize,
}

impl Arguments {
    fn new(arguments: &[Val]) -> Self {
        let mut slots = [0; MAX_PARAMS];
        for (slot, argument) in slots.iter_mut().zip(arguments) {
            *slot = match *argument {
                Val::I32(value) => u64::from(value.cast_unsigned()),
                Val::I64(value) => value.cast_unsigned(),
                _ => unreachable!("preview 1 has no other types"),
            };
        }
        Self {
            slots,
            len: arguments.len(),
        }
    }

    fn slots(&self) -> &[u64] {
        &self.slots[..self.len]
    }
}

/// Calls `body` with the context of the store and the memory of the caller.
fn with_context<R>(
    caller: &mut Caller<'_>,
    body: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R,
) -> Result<R, NoContext> {
    let memory = caller.memory();
    if let Some(shared) = memory.and_then(|memory| memory.shared(caller)) {
        let ctx = caller.get_mut::<WasiCtx>().ok_or(NoContext)?;
        return Ok(body(ctx, &mut GuestMemory::shared(&shared)));
    }
    match memory {
        Some(memory) => {
            let (bytes, ctx) = memory.data_and_mut::<WasiCtx>(caller);
            let ctx = ctx.ok_or(NoContext)?;
            Ok(body(ctx, &mut GuestMemory::new(bytes)))
        }
        None => {
            let ctx = caller.get_mut::<WasiCtx>().ok_or(NoContext)?;
            Ok(body(ctx, &mut GuestMemory::new(&mut [])))
        }
    }
}

/// Calls `body` with the memory of the caller.
#[cfg(feature = "async")]
pub(crate) fn with_memory<R>(
    caller: &mut Caller<'_>,
    body: impl FnOnce(&mut GuestMemory<'_>) -> R,
) -> R {
    match caller.memory() {
        Some(memory) => match memory.shared(caller) {
            Some(shared) => body(&mut GuestMemory::shared(&shared)),
            None => body(&mut GuestMemory::new(memory.data_mut(caller))),
        },
        None => body(&mut GuestMemory::new(&mut [])),
    }
}

impl SharedBytes for SharedMemory {
    fn len(&self) -> u64 {
        self.byte_len()
    }

    fn read(&self, offset: u64, to: &mut [u8]) {
        let result = SharedMemory::read(self, offset, to);
        result.expect("a memory does not shrink");
    }

    fn write(&self, offset: u64, from: &[u8]) {
        let result = SharedMemory::write(self, offset, from);
        result.expect("a memory does not shrink");
    }
}

fn finish(outcome: Outcome, results: &mut [Val]) -> Result<(), BoxError> {
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
