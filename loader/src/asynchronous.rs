//! Futures: opening, instantiating and calling without blocking a thread.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use crate::host::HostReturn;
use crate::instance::prepare;
use crate::raw::{self, HostFunction};
use crate::typed::{TypedFunc, WasmValues};
use crate::{
    BoxError, CallError, Caller, Definition, Func, FuncType, Imports, Instance, InstancePre,
    InstantiationError, Module, OpenError, OpenOptions, Store, Val, link,
};

/// What an asynchronous host function returns: a future that may borrow its
/// [`Caller`] and can move between threads. Made by [`Box::pin`] from an `async`
/// block.
pub type HostFuture<'a, R> = Pin<Box<dyn Future<Output = R> + Send + 'a>>;

/// An asynchronous host function was reached by a synchronous call, which cannot
/// wait. It ends that call as the error of a host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an asynchronous host function was reached by a synchronous call, which cannot wait: the call \
     has to be made with `call_async`"
)]
pub struct SynchronousCall;

impl Module {
    /// Opens an artefact as [`open`](Module::open) does, in a thread for blocking
    /// work. Dropping the future leaves that thread to finish.
    ///
    /// ```
    /// use wasm_aot_loader::Module;
    ///
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("app.so");
    /// # std::fs::write(&path, wasm_aot_compiler::compile(b"(module $app)", &Default::default()).unwrap()).unwrap();
    /// # futures_lite::future::block_on(async {
    /// let module = Module::open_async(&path).await?;
    /// assert_eq!(module.name(), "app");
    /// # Ok::<(), wasm_aot_loader::OpenError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_async(
        path: impl AsRef<Path>,
    ) -> impl Future<Output = Result<Module, OpenError>> + Send + 'static {
        OpenOptions::new().open_async(path)
    }
}

impl OpenOptions {
    /// Opens an artefact as [`open`](OpenOptions::open) does, in a thread for blocking
    /// work. Dropping the future leaves that thread to finish.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open_async<P: AsRef<Path>>(
        &self,
        path: P,
    ) -> impl Future<Output = Result<Module, OpenError>> + Send + 'static + use<P> {
        let (options, path) = (self.clone(), path.as_ref().to_owned());
        blocking::unblock(move || options.open(path))
    }
}

impl Instance {
    /// Instantiates a module as [`new`](Instance::new) does, with a start function
    /// that may wait, as [`call_async`](Func::call_async) does.
    ///
    /// If the future is dropped while the start function waits, what that has
    /// done stays; there is no handle to the instance.
    ///
    /// # Errors
    ///
    /// See [`InstantiationError`] for what has happened by then.
    ///
    /// # Panics
    ///
    /// The future does if the start function leads to a panic in a host function.
    pub async fn new_async(
        store: &mut Store,
        module: &Module,
        imports: &Imports,
    ) -> Result<Instance, InstantiationError> {
        let definitions = link::resolve(Some(store), module, imports)?;
        let instance = prepare(store, module, &definitions)?;
        drop(definitions);
        start(store, instance).await
    }

    /// Calls `_initialize` as [`initialize`](Instance::initialize) does, with
    /// [`call_async`](Func::call_async).
    ///
    /// # Errors
    ///
    /// How the call ended, if it did not return.
    ///
    /// # Panics
    ///
    /// The future does if a host function panics.
    pub async fn initialize_async(self, store: &mut Store) -> Result<bool, CallError> {
        match self.initializer(store) {
            Some(initialize) => initialize.call_async(store, ()).await.map(|()| true),
            None => Ok(false),
        }
    }
}

impl InstancePre {
    /// Makes an instance, as [`Instance::new_async`] does.
    ///
    /// # Errors
    ///
    /// As for [`instantiate`](InstancePre::instantiate).
    ///
    /// # Panics
    ///
    /// The future does if the start function leads to a panic in a host function.
    pub async fn instantiate_async(
        &self,
        store: &mut Store,
    ) -> Result<Instance, InstantiationError> {
        let definitions = self.definitions_in(store)?;
        let instance = prepare(store, self.module(), definitions)?;
        start(store, instance).await
    }
}

/// Calls the start function of an instance.
async fn start(store: &mut Store, instance: Instance) -> Result<Instance, InstantiationError> {
    if let Some(start) = store.raw().start_function(instance) {
        start.call_async(store, ()).await?;
    }
    Ok(instance)
}

impl<P: WasmValues, R: WasmValues> TypedFunc<P, R> {
    /// Calls the function on a stack of its own, where it waits for the
    /// [asynchronous host functions](Imports::func_async) that it leads to.
    ///
    /// Nothing happens before the future is polled. It can be polled by any
    /// executor, and move to another thread in between. A poll runs WebAssembly
    /// code until that waits or ends.
    ///
    /// Dropping the future ends the call: the future of the host function that it
    /// waits for is dropped, then the WebAssembly frames are left as if that had
    /// failed. What the call has done by then stays done, and the store can be
    /// used on.
    ///
    /// ```
    /// use wasm_aot_loader::{Imports, Instance, Module, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let wat = br#"(module (import "host" "fetch" (func $fetch (param i32) (result i32)))
    /// #   (func (export "run") (result i32) (call $fetch (i32.const 41))))"#;
    /// # let artefact = wasm_aot_compiler::compile(wat, &Default::default())?;
    /// let module = Module::from_bytes(&artefact)?;
    /// let mut imports = Imports::new();
    /// imports.func_async("host", "fetch", |_caller, key: i32| {
    ///     Box::pin(async move {
    ///         futures_lite::future::yield_now().await; // Other tasks run here.
    ///         key + 1
    ///     })
    /// });
    /// # futures_lite::future::block_on(async {
    /// let mut store = Store::new();
    /// let instance = Instance::new_async(&mut store, &module, &imports).await?;
    /// let run = instance.get_typed_func::<(), i32>(&store, "run")?;
    /// assert_eq!(run.call_async(&mut store, ()).await?, 42);
    /// # Ok(()) })}
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallError::Trap`], [`CallError::Host`] or [`CallError::Resource`].
    ///
    /// # Panics
    ///
    /// The future does if `store` is not the function's, or if a host function
    /// panics.
    pub fn call_async<'a>(
        &self,
        store: &'a mut Store,
        params: P,
    ) -> impl Future<Output = Result<R, CallError>> + Send + use<'a, P, R> {
        self.callable().call_async(store, params)
    }
}

impl Func {
    /// Calls it as [`TypedFunc::call_async`] does.
    ///
    /// # Errors
    ///
    /// [`CallError::Arguments`] if `arguments` or `results` are not what the
    /// function's type says, else how the call ended.
    ///
    /// # Panics
    ///
    /// The future does if `store` is not the function's, or if a host function
    /// panics.
    pub fn call_async<'a>(
        self,
        store: &'a mut Store,
        arguments: &'a [Val],
        results: &'a mut [Val],
    ) -> impl Future<Output = Result<(), CallError>> + Send + use<'a> {
        raw::call_dynamic_async(store, self, arguments, results)
    }

    /// An asynchronous host function with the type of a closure; see
    /// [`Imports::func_async`].
    pub fn wrap_async<P, R, F>(store: &mut Store, function: F) -> Func
    where
        P: WasmValues,
        R: HostReturn + 'static,
        F: for<'a> Fn(Caller<'a>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        store
            .raw_mut()
            .add_host_function(HostFunction::typed_async(function))
    }

    /// An asynchronous host function whose type is known only at run time; see
    /// [`Imports::func_dynamic_async`].
    pub fn new_async<F>(store: &mut Store, ty: FuncType, function: F) -> Func
    where
        F: for<'a> Fn(Caller<'a>, &'a [Val], &'a mut [Val]) -> HostFuture<'a, Result<(), BoxError>>
            + Send
            + Sync
            + 'static,
    {
        store
            .raw_mut()
            .add_host_function(HostFunction::dynamic_async(ty, function))
    }
}

impl Definition {
    /// An asynchronous host function with the type of a closure; see
    /// [`Imports::func_async`].
    pub fn func_async<P, R, F>(function: F) -> Definition
    where
        P: WasmValues,
        R: HostReturn + 'static,
        F: for<'a> Fn(Caller<'a>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        Definition::host(HostFunction::typed_async(function))
    }

    /// An asynchronous host function whose type is known only at run time; see
    /// [`Imports::func_dynamic_async`].
    pub fn func_dynamic_async<F>(ty: FuncType, function: F) -> Definition
    where
        F: for<'a> Fn(Caller<'a>, &'a [Val], &'a mut [Val]) -> HostFuture<'a, Result<(), BoxError>>
            + Send
            + Sync
            + 'static,
    {
        Definition::host(HostFunction::dynamic_async(ty, function))
    }
}

impl Imports {
    /// Defines an asynchronous host function with the type of a closure.
    ///
    /// The closure takes the [`Caller`] and the parameters: one
    /// [`WasmType`](crate::WasmType), or a tuple of up to 16. Its future returns
    /// what a synchronous host function would, and may borrow the caller, whose
    /// store nobody else can use until it is ready.
    ///
    /// WebAssembly code can call it only within a `call_async`; if the innermost
    /// call into WebAssembly is a synchronous one, that ends with
    /// [`SynchronousCall`].
    ///
    /// ```
    /// use wasm_aot_loader::{BoxError, Imports};
    ///
    /// let mut imports = Imports::new();
    /// imports.func_async("host", "add", |_caller, (a, b): (i32, i32)| {
    ///     Box::pin(async move { a + b })
    /// });
    /// imports.func_async("host", "size", |caller, ()| {
    ///     Box::pin(async move {
    ///         futures_lite::future::yield_now().await;
    ///         let memory = caller.memory().ok_or("the caller has no memory")?;
    ///         Ok::<_, BoxError>(memory.data(&caller).len() as u64)
    ///     })
    /// });
    /// ```
    pub fn func_async<P, R, F>(&mut self, module: &str, field: &str, function: F) -> &mut Imports
    where
        P: WasmValues,
        R: HostReturn + 'static,
        F: for<'a> Fn(Caller<'a>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        self.define(module, field, Definition::func_async(function))
    }

    /// Defines an asynchronous host function whose type is known only at run time:
    /// [`func_dynamic`](Imports::func_dynamic) with a closure that returns a
    /// future.
    pub fn func_dynamic_async<F>(
        &mut self,
        module: &str,
        field: &str,
        ty: FuncType,
        function: F,
    ) -> &mut Imports
    where
        F: for<'a> Fn(Caller<'a>, &'a [Val], &'a mut [Val]) -> HostFuture<'a, Result<(), BoxError>>
            + Send
            + Sync
            + 'static,
    {
        self.define(module, field, Definition::func_dynamic_async(ty, function))
    }
}
