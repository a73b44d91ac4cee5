//! What a module is given when it is instantiated.

use std::collections::HashMap;
use std::sync::Arc;

use crate::host::IntoHostFunc;
use crate::raw::HostFunction;
use crate::{BoxError, Caller, Extern, FuncType, Instance, Store, Val};

/// Two levels of names, as imports have them: a module's, then a field's.
///
/// Host functions that are defined here ([`func`](Imports::func),
/// [`func_dynamic`](Imports::func_dynamic)) belong to no store: one `Imports`
/// with nothing else in it serves any number of stores and threads. An
/// [`Extern`] belongs to its store.
///
/// Defining a name again replaces what it was.
#[derive(Clone, Debug, Default)]
pub struct Imports {
    modules: HashMap<Box<str>, HashMap<Box<str>, Definition>>,
}

/// What stands behind a name.
#[derive(Clone, Debug)]
pub(crate) enum Definition {
    /// A function of any store.
    Host(Arc<HostFunction>),
    /// Something of one store.
    Extern(Extern),
}

impl Imports {
    /// No names.
    pub fn new() -> Imports {
        Imports::default()
    }

    /// Defines a function, table, memory or global of a store.
    pub fn define(&mut self, module: &str, field: &str, item: impl Into<Extern>) -> &mut Imports {
        self.set(module, field, Definition::Extern(item.into()))
    }

    /// Defines a host function with the type of a closure; see
    /// [`Func::wrap`](crate::Func::wrap).
    pub fn func<P, R>(
        &mut self,
        module: &str,
        field: &str,
        function: impl IntoHostFunc<P, R>,
    ) -> &mut Imports {
        let function = Arc::new(function.into_host_function());
        self.set(module, field, Definition::Host(function))
    }

    /// Defines a host function whose type is known only at run time; see
    /// [`Func::new`](crate::Func::new).
    pub fn func_dynamic<F>(
        &mut self,
        module: &str,
        field: &str,
        ty: FuncType,
        function: F,
    ) -> &mut Imports
    where
        F: Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        let function = Arc::new(HostFunction::dynamic(ty, function));
        self.set(module, field, Definition::Host(function))
    }

    /// Defines every export of `instance` in the namespace `module`.
    pub fn instance(&mut self, module: &str, store: &Store, instance: Instance) -> &mut Imports {
        for (field, item) in instance.exports(store) {
            self.set(module, field, Definition::Extern(item));
        }
        self
    }

    /// Defines everything that `other` defines.
    pub fn merge(&mut self, other: &Imports) -> &mut Imports {
        for (module, fields) in &other.modules {
            let own = self.modules.entry(module.clone()).or_default();
            own.extend(
                fields
                    .iter()
                    .map(|(field, item)| (field.clone(), item.clone())),
            );
        }
        self
    }

    /// Whether the name is defined.
    pub fn contains(&self, module: &str, field: &str) -> bool {
        self.get(module, field).is_some()
    }

    pub(crate) fn get(&self, module: &str, field: &str) -> Option<&Definition> {
        self.modules.get(module)?.get(field)
    }

    pub(crate) fn set(
        &mut self,
        module: &str,
        field: &str,
        definition: Definition,
    ) -> &mut Imports {
        match self.modules.get_mut(module) {
            Some(fields) => {
                fields.insert(field.into(), definition);
            }
            None => {
                let fields = HashMap::from([(field.into(), definition)]);
                self.modules.insert(module.into(), fields);
            }
        }
        self
    }
}
