//! Instances.

use std::borrow::Borrow;

use crate::definition::Definition;
use crate::link;
use crate::raw::Origin;
use crate::traced::span;
use crate::typed::{TypedFunc, WasmValues};
use crate::{
    ExportError, Extern, ExternType, Func, FuncType, FuncTypeError, Global, Imports,
    InstantiationError, Memory, Module, Store, Table, Tag,
};

/// A module with its state, in a store. Equal if it is the same one.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Imports, Instance, Store, Val};
///
/// let module = compile(r#"(module
///   (memory (export "memory") 1)
///   (global $count (export "count") (mut i32) (i32.const 0))
///   (func (export "next") (result i32)
///     (global.set $count (i32.add (global.get $count) (i32.const 1)))
///     (global.get $count)))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let names: Vec<&str> = instance.exports(&store).map(|(name, _)| name).collect();
/// assert_eq!(names, ["memory", "count", "next"]);
///
/// let next = instance.get_typed_func::<(), i32>(&store, "next")?;
/// assert_eq!(next.call(&mut store, ())?, 1);
/// assert_eq!(next.call(&mut store, ())?, 2);
/// let count = instance.get_global(&store, "count")?;
/// assert_eq!(count.get(&store), Val::I32(2));
///
/// let error = instance.get_func(&store, "memory").unwrap_err();
/// assert_eq!(error.to_string(), "export \"memory\" is (memory 1), not a function");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) origin: Origin,
}

impl Instance {
    /// Instantiates a module (core, 4.5.4): matches all imports, then allocates,
    /// then initialises globals, tables and memories, then runs the start
    /// function. [`InstancePre`](crate::InstancePre) does the first once for many
    /// instances; [`Imports::module`] and [`initialize`](Instance::initialize)
    /// know what WASI makes of the names of exports.
    ///
    /// # Errors
    ///
    /// See [`InstantiationError`] for what has happened by then.
    ///
    /// # Panics
    ///
    /// If the start function leads to a panic in a host function.
    pub fn new(
        store: &mut Store,
        module: &Module,
        imports: &Imports,
    ) -> Result<Instance, InstantiationError> {
        let definitions = link::resolve(Some(store), module, imports)?;
        instantiate(store, module, &definitions)
    }

    /// As [`new`](Instance::new), with one external for each import, in the order
    /// of [`Description::imports`](crate::Description::imports).
    ///
    /// # Errors
    ///
    /// As for `new`. An external that is missing is a [`LinkError`](crate::LinkError).
    ///
    /// # Panics
    ///
    /// As `new`, and if there are more externals than imports.
    pub fn from_externs(
        store: &mut Store,
        module: &Module,
        externs: &[Extern],
    ) -> Result<Instance, InstantiationError> {
        let definitions = link::resolve_externs(store, module, externs)?;
        instantiate(store, module, &definitions)
    }

    /// The module it was made from.
    pub fn module(self, store: &Store) -> &Module {
        store.raw().instance(self.origin).module()
    }

    /// Its exports, in the order of the source.
    ///
    /// They are handles, by value: what an instance exports under a name never
    /// changes.
    ///
    /// ```compile_fail,E0070
    /// # use wasm_aot_loader::{Extern, Instance, Store};
    /// # fn replace(instance: Instance, store: &Store, other: Extern) {
    /// instance.get_export(store, "run").unwrap() = other;
    /// # }
    /// ```
    pub fn exports(self, store: &Store) -> impl ExactSizeIterator<Item = (&str, Extern)> {
        let metadata = self.module(store).artefact().metadata();
        metadata.exports().map(move |export| {
            (
                metadata.text(export.name),
                store.raw().export(self, &export),
            )
        })
    }

    /// The export of a name.
    pub fn get_export(self, store: &Store, name: &str) -> Option<Extern> {
        let export = self.module(store).artefact().find_export(name)?;
        Some(store.raw().export(self, &export))
    }

    /// The function exported under a name.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn get_func(self, store: &Store, name: &str) -> Result<Func, ExportError> {
        self.get(store, name, "a function", Extern::func)
    }

    /// The table exported under a name.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn get_table(self, store: &Store, name: &str) -> Result<Table, ExportError> {
        self.get(store, name, "a table", Extern::table)
    }

    /// The memory exported under a name.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn get_memory(self, store: &Store, name: &str) -> Result<Memory, ExportError> {
        self.get(store, name, "a memory", Extern::memory)
    }

    /// The global exported under a name.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn get_global(self, store: &Store, name: &str) -> Result<Global, ExportError> {
        self.get(store, name, "a global", Extern::global)
    }

    /// The tag exported under a name.
    ///
    /// # Errors
    ///
    /// If there is none, or it is something else.
    pub fn get_tag(self, store: &Store, name: &str) -> Result<Tag, ExportError> {
        self.get(store, name, "a tag", Extern::tag)
    }

    /// The function exported under a name, with its type known at compile time.
    ///
    /// # Errors
    ///
    /// If there is none, or it is of another type, or something else.
    pub fn get_typed_func<P, R>(
        self,
        store: &Store,
        name: &str,
    ) -> Result<TypedFunc<P, R>, ExportError>
    where
        P: WasmValues,
        R: WasmValues,
    {
        let func = self.get_func(store, name)?;
        func.typed(store)
            .map_err(|FuncTypeError { expected, found }| {
                mismatch::<FuncType>(name, expected, found.into())
            })
    }

    fn get<T>(
        self,
        store: &Store,
        name: &str,
        expected: &str,
        select: fn(Extern) -> Option<T>,
    ) -> Result<T, ExportError> {
        let Some(found) = self.get_export(store, name) else {
            return Err(ExportError::Missing {
                name: name.to_owned(),
            });
        };
        select(found).ok_or_else(|| mismatch(name, expected, found.ty(store)))
    }
}

/// Makes an instance with imports that are resolved.
pub(crate) fn instantiate(
    store: &mut Store,
    module: &Module,
    definitions: &[impl Borrow<Definition>],
) -> Result<Instance, InstantiationError> {
    span!(DEBUG, "instantiate", module = module.name());
    let instance = allocate(store, module, definitions)?;
    if let Some(start) = store.raw().start_function(instance) {
        start.call(store, ())?;
    }
    Ok(instance)
}

/// Does everything but call the start function.
#[cfg(feature = "async")]
pub(crate) fn prepare(
    store: &mut Store,
    module: &Module,
    definitions: &[impl Borrow<Definition>],
) -> Result<Instance, InstantiationError> {
    span!(DEBUG, "instantiate", module = module.name());
    allocate(store, module, definitions)
}

fn allocate(
    store: &mut Store,
    module: &Module,
    definitions: &[impl Borrow<Definition>],
) -> Result<Instance, InstantiationError> {
    if !store.raw().takes(module) {
        return Err(InstantiationError::Convention);
    }
    if !store.raw().can_interrupt(module) {
        return Err(InstantiationError::Uninterruptible);
    }
    if !store.raw().can_limit(module) {
        return Err(InstantiationError::NoFuel);
    }
    if !store.raw().can_do_without_signals(module) {
        return Err(InstantiationError::NeedsSignals);
    }
    let instance = store.raw_mut().allocate(module, definitions)?;
    let initialised = store.raw_mut().initialise(instance);
    initialised.map_err(InstantiationError::Trap)?;
    Ok(instance)
}

fn mismatch<E: ToString>(name: &str, expected: E, found: ExternType) -> ExportError {
    ExportError::Type {
        name: name.to_owned(),
        expected: expected.to_string(),
        found,
    }
}
