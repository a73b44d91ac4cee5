//! Commands and reactors: what WASI's conventions make of a module by the names
//! of its exports.
//!
//! A **command** exports `_start`, and is used up by a call of it. Every other
//! module is a **reactor**: an instance lives on and can be called again; if it
//! exports `_initialize`, that has to be called once before anything else.

use crate::{
    CallError, ExternType, Imports, Instance, InstancePre, InstantiationError, Module, Store,
    TypedFunc,
};

const START: &str = "_start";
const INITIALIZE: &str = "_initialize";

impl Module {
    /// Whether it is a command: it exports a function `_start` without
    /// parameters and results.
    pub fn is_command(&self) -> bool {
        exports_procedure(self, START)
    }
}

impl Instance {
    /// Calls `_initialize`, if the module is no command and exports a function
    /// of that name without parameters and results; whether it does. To be called
    /// once, before any other export.
    ///
    /// # Errors
    ///
    /// How the call ended, if it did not return.
    ///
    /// # Panics
    ///
    /// If a host function panics.
    pub fn initialize(self, store: &mut Store) -> Result<bool, CallError> {
        match self.initializer(store) {
            Some(initialize) => initialize.call(store, ()).map(|()| true),
            None => Ok(false),
        }
    }

    /// The function that [`initialize`](Instance::initialize) calls.
    pub(crate) fn initializer(self, store: &Store) -> Option<TypedFunc<(), ()>> {
        let module = self.module(store);
        if module.is_command() || !exports_procedure(module, INITIALIZE) {
            return None;
        }
        let initialize = self.get_typed_func(store, INITIALIZE);
        Some(initialize.expect("it has this type"))
    }
}

impl Imports {
    /// Defines what `module` exports, in the namespace `name`. Its own imports
    /// are taken from what is defined so far.
    ///
    /// A reactor is instantiated and [initialised](Instance::initialize) now,
    /// and all of its exports are defined, as by [`instance`](Imports::instance).
    /// Of a [command](Module::is_command) the functions are defined: a call of
    /// one makes an instance, which nothing else uses, and calls its function.
    /// As all instances, these live until the store is dropped.
    ///
    /// ```
    /// # use wasm_aot_loader::{Imports, Module, Store};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
    /// # let library = compile(r#"(module (func (export "seven") (result i32) (i32.const 7)))"#)?;
    /// # let application = compile(r#"(module (import "library" "seven" (func $seven (result i32)))
    /// #     (func (export "run") (result i32) (call $seven)))"#)?;
    /// let (mut store, mut imports) = (Store::new(), Imports::new());
    /// imports.module("library", &mut store, &library)?;
    /// imports.module("application", &mut store, &application)?;
    /// let application = imports.get_instance("application").expect("it is a reactor");
    /// let run = application.get_typed_func::<(), i32>(&store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Instance::new`], of a command for [`InstancePre::in_store`].
    ///
    /// # Panics
    ///
    /// If a host function panics.
    pub fn module(
        &mut self,
        name: &str,
        store: &mut Store,
        module: &Module,
    ) -> Result<&mut Imports, InstantiationError> {
        let pre = InstancePre::in_store(store, module, self)?;
        if !module.is_command() {
            let instance = pre.instantiate(store)?;
            instance.initialize(store)?;
            return Ok(self.instance(name, store, instance));
        }
        for export in module.exports() {
            let ExternType::Func(ty) = export.ty else {
                continue; // it would be of no instance
            };
            let (pre, field) = (pre.clone(), export.name.to_owned());
            self.func_dynamic(name, export.name, ty, move |mut caller, params, results| {
                let instance = pre.instantiate(&mut caller)?;
                let func = instance.get_func(&caller, &field)?;
                Ok(func.call(&mut caller, params, results)?)
            });
        }
        Ok(self)
    }
}

/// Whether it exports a function without parameters and results.
fn exports_procedure(module: &Module, name: &str) -> bool {
    let export = module.get_export(name);
    matches!(export, Some(ExternType::Func(ty)) if ty.params().is_empty() && ty.results().is_empty())
}
