//! Imports, resolved before there is an instance.

use std::sync::Arc;

use crate::instance::instantiate;
use crate::link;
use crate::{
    Definition, Imports, Instance, InstantiationError, LinkError, LinkProblem, Module, Store,
};

/// A module with all of its imports found and checked: what is left is to make
/// instances, which looks nothing up. Cheap to clone.
///
/// If all that it imports are host functions which belong to no store, it
/// serves any number of stores and threads, else the one store. Changes to the
/// [`Imports`] afterwards do not reach it.
///
/// ```
/// use wasm_aot_loader::{InstancePre, Module, Store, imports};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// # let module = compile(r#"(module (import "host" "next" (func $next (param i32) (result i32)))
/// #   (func (export "run") (result i32) (call $next (i32.const 41))))"#)?;
/// let imports = imports! { "host" => { "next" => |n: i32| n + 1 } };
/// let pre = InstancePre::new(&module, &imports)?;
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| {
///             let mut store = Store::new();
///             let instance = pre.instantiate(&mut store).unwrap();
///             let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
///             assert_eq!(run.call(&mut store, ()).unwrap(), 42);
///         });
///     }
/// });
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct InstancePre {
    module: Module,
    /// What every import is bound to, in their order. Of the type that it has.
    definitions: Arc<[Definition]>,
}

impl InstancePre {
    /// Resolves the imports of `module` for any store.
    ///
    /// # Errors
    ///
    /// If something is missing, does not match, or belongs to a store.
    pub fn new(module: &Module, imports: &Imports) -> Result<InstancePre, LinkError> {
        InstancePre::resolve(None, module, imports)
    }

    /// Resolves the imports of `module`, of which some may belong to `store`.
    /// A memory or table that has the size now will have it then, as none
    /// shrinks.
    ///
    /// # Errors
    ///
    /// If something is missing, does not match, or belongs to another store.
    pub fn in_store(
        store: &Store,
        module: &Module,
        imports: &Imports,
    ) -> Result<InstancePre, LinkError> {
        InstancePre::resolve(Some(store), module, imports)
    }

    fn resolve(
        store: Option<&Store>,
        module: &Module,
        imports: &Imports,
    ) -> Result<InstancePre, LinkError> {
        let definitions = link::resolve(store, module, imports)?;
        Ok(InstancePre {
            module: module.clone(),
            definitions: definitions.into_iter().map(|it| it.into_owned()).collect(),
        })
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Makes an instance, as [`Instance::new`] does.
    ///
    /// # Errors
    ///
    /// As for `Instance::new`; [`InstantiationError::Link`] only if it is for
    /// another store.
    ///
    /// # Panics
    ///
    /// If the start function leads to a panic in a host function.
    pub fn instantiate(&self, store: &mut Store) -> Result<Instance, InstantiationError> {
        let definitions = self.definitions_in(store)?;
        instantiate(store, &self.module, definitions)
    }

    /// What every import is bound to in `store`.
    pub(crate) fn definitions_in(&self, store: &Store) -> Result<&[Definition], LinkError> {
        let mut externs = self.definitions.iter().filter_map(Definition::as_extern);
        // All belong to one store, so the first tells.
        if externs.next().is_some_and(|item| !store.raw().owns(item)) {
            return Err(self.foreign());
        }
        Ok(&self.definitions)
    }

    /// Names what belongs to another store.
    fn foreign(&self) -> LinkError {
        let imports = self.module.imports().zip(self.definitions.iter());
        let problems = imports
            .filter(|(_, definition)| definition.as_extern().is_some())
            .map(|(import, _)| LinkProblem {
                module: import.module.to_owned(),
                field: import.field.to_owned(),
                expected: import.ty,
                found: None,
                detail: Some(link::FOREIGN),
            });
        LinkError::new(problems.collect())
    }
}
