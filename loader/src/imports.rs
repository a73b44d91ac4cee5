//! What a module is given when it is instantiated.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::definition::{Definition, IntoDefinition};
use crate::host::IntoHostFunc;
use crate::{BoxError, Caller, FuncType, ImportType, Instance, Store, Val};

/// Two levels of names, as imports have them: a module's, then a field's.
///
/// Host functions that are defined here ([`func`](Imports::func),
/// [`func_dynamic`](Imports::func_dynamic)) belong to no store: one `Imports`
/// with nothing else in it serves any number of stores and threads. An
/// [`Extern`](crate::Extern) belongs to its store.
///
/// Defining a name again replaces what it was. [`imports!`](crate::imports)
/// writes the same as a literal.
///
/// ```
/// use wasm_aot_loader::{Caller, Imports};
///
/// let mut imports = Imports::new();
/// imports
///     .func("host", "add", |a: i32, b: i32| a.wrapping_add(b))
///     .func("host", "pages", |caller: Caller<'_>| {
///         caller.memory().map_or(0, |memory| memory.size(&caller) as u32)
///     })
///     .fallback(|import| {
///         println!("{} {} is missing", import.module, import.field);
///         None
///     });
/// assert!(imports.contains("host", "add"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Imports {
    namespaces: HashMap<Box<str>, Namespace>,
    fallback: Option<Fallback>,
}

#[derive(Clone, Debug, Default)]
struct Namespace {
    fields: HashMap<Box<str>, Definition>,
    /// The instance whose exports it was given last.
    instance: Option<Instance>,
}

/// Asked for what has no definition.
#[derive(Clone)]
struct Fallback(Arc<Lookup>);

type Lookup = dyn Fn(&ImportType<'_>) -> Option<Definition> + Send + Sync;

impl Imports {
    /// No names.
    pub fn new() -> Imports {
        Imports::default()
    }

    /// Defines a function, table, memory or global of a store, a closure, or a
    /// [`Definition`].
    pub fn define<M>(
        &mut self,
        module: &str,
        field: &str,
        item: impl IntoDefinition<M>,
    ) -> &mut Imports {
        let definition = item.into_definition();
        let namespace = self.namespace(module);
        namespace.fields.insert(field.into(), definition);
        self
    }

    /// Defines a host function with the type of a closure; see
    /// [`Func::wrap`](crate::Func::wrap).
    pub fn func<P, R>(
        &mut self,
        module: &str,
        field: &str,
        function: impl IntoHostFunc<P, R>,
    ) -> &mut Imports {
        self.define(module, field, Definition::func(function))
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
        self.define(module, field, Definition::func_dynamic(ty, function))
    }

    /// Defines every export of `instance` in the namespace `module`.
    pub fn instance(&mut self, module: &str, store: &Store, instance: Instance) -> &mut Imports {
        let namespace = self.namespace(module);
        let exports = instance.exports(store);
        let exports = exports.map(|(field, item)| (field.into(), item.into()));
        namespace.fields.extend(exports);
        namespace.instance = Some(instance);
        self
    }

    /// Defines everything that `other` defines, its fallback too if it has one.
    pub fn merge(&mut self, other: &Imports) -> &mut Imports {
        for (module, namespace) in &other.namespaces {
            let own = self.namespace(module);
            own.fields.extend(namespace.fields.clone());
            own.instance = namespace.instance.or(own.instance);
        }
        self.fallback = other.fallback.clone().or(self.fallback.take());
        self
    }

    /// Has `lookup` asked for each import that has no definition, with its
    /// names and its type, whenever a module is instantiated. It replaces the
    /// one that was there.
    ///
    /// What it returns is held to the type as a definition is; `None` leaves the
    /// import missing. Two answers are two functions, unless they are clones of
    /// one [`Definition`].
    ///
    /// ```
    /// # use wasm_aot_loader::{Definition, ExternType, Imports, Instance, Store};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
    /// # let module = compile(r#"(module (import "env" "get_7" (func $get (result i32)))
    /// #   (func (export "run") (result i32) (call $get)))"#)?;
    /// let mut imports = Imports::new();
    /// imports.fallback(|import| {
    ///     let number: i32 = import.field.strip_prefix("get_")?.parse().ok()?;
    ///     Some(Definition::func(move || number))
    /// });
    /// let mut store = Store::new();
    /// let instance = Instance::new(&mut store, &module, &imports)?;
    /// let run = instance.get_typed_func::<(), i32>(&store, "run")?;
    /// assert_eq!(run.call(&mut store, ())?, 7);
    /// # Ok(()) }
    /// ```
    pub fn fallback<F>(&mut self, lookup: F) -> &mut Imports
    where
        F: Fn(&ImportType<'_>) -> Option<Definition> + Send + Sync + 'static,
    {
        self.fallback = Some(Fallback(Arc::new(lookup)));
        self
    }

    /// Has every function that has no definition fail with
    /// [`MissingImport`](crate::MissingImport) when it is called: a
    /// [`fallback`](Imports::fallback) to [`Definition::stub`]. Anything else
    /// that is missing stays missing.
    pub fn stub_missing(&mut self) -> &mut Imports {
        self.fallback(Definition::stub)
    }

    /// Whether the name is defined.
    pub fn contains(&self, module: &str, field: &str) -> bool {
        self.get(module, field).is_some()
    }

    /// What the name is defined as. The fallback is not asked.
    pub fn get(&self, module: &str, field: &str) -> Option<&Definition> {
        self.namespaces.get(module)?.fields.get(field)
    }

    /// The instance that a namespace was made of, by
    /// [`instance`](Imports::instance) or [`module`](Imports::module).
    pub fn get_instance(&self, module: &str) -> Option<Instance> {
        self.namespaces.get(module)?.instance
    }

    /// What the fallback has for an import without a definition.
    pub(crate) fn ask(&self, import: &ImportType<'_>) -> Option<Definition> {
        let Fallback(lookup) = self.fallback.as_ref()?;
        lookup(import)
    }

    fn namespace(&mut self, module: &str) -> &mut Namespace {
        if !self.namespaces.contains_key(module) {
            self.namespaces.insert(module.into(), Namespace::default());
        }
        self.namespaces.get_mut(module).expect("just inserted")
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fallback")
    }
}

/// [`Imports`] as a literal: namespaces, then names.
///
/// Behind a name is anything that [`Imports::define`] takes: a closure, a
/// [`Func`](crate::Func), [`Table`](crate::Table), [`Memory`](crate::Memory),
/// [`Global`](crate::Global), [`Extern`](crate::Extern) or [`Definition`]. In
/// place of the names, `(&store, instance)` stands for all exports of an
/// instance. Names are expressions.
///
/// ```
/// use wasm_aot_loader::{Caller, Instance, Memory, MemoryType, Module, Store, imports};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// # let library = compile(r#"(module (func (export "seven") (result i32) (i32.const 7)))"#)?;
/// # let module = compile(r#"(module
/// #     (import "my_namespace" "imported_func" (func $f (param i32)))
/// #     (import "my_namespace" "size" (func $size (result i32)))
/// #     (import "my_namespace" "memory" (memory 1))
/// #     (import "library" "seven" (func $seven (result i32)))
/// #     (func (export "exported_func") (call $f (call $seven))))"#)?;
/// let mut store = Store::new();
/// let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
/// let library = Instance::new(&mut store, &library, &imports! {})?;
/// let imports = imports! {
///     "my_namespace" => {
///         "imported_func" => |x: i32| println!("{x}"),
///         "size" => |caller: Caller<'_>| caller.memory().is_some() as i32,
///         "memory" => memory,
///     },
///     "library" => (&store, library),
/// };
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// instance.get_typed_func::<(), ()>(&store, "exported_func")?.call(&mut store, ())?;
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! imports {
    ($($namespaces:tt)*) => {{
        #[allow(unused_mut)] // there may be no namespaces
        let mut imports = $crate::Imports::new();
        $crate::__define_imports!(imports $($namespaces)*);
        imports
    }};
}

/// Takes one namespace after the other.
#[doc(hidden)]
#[macro_export]
macro_rules! __define_imports {
    ($imports:ident) => {};
    ($imports:ident $module:expr => { $($field:expr => $item:expr),* $(,)? }, $($rest:tt)*) => {
        $crate::__define_imports!($imports $module => { $($field => $item),* });
        $crate::__define_imports!($imports $($rest)*);
    };
    ($imports:ident $module:expr => { $($field:expr => $item:expr),* $(,)? }) => {
        $($imports.define($module, $field, $item);)*
    };
    ($imports:ident $module:expr => ($store:expr, $instance:expr $(,)?), $($rest:tt)*) => {
        $crate::__define_imports!($imports $module => ($store, $instance));
        $crate::__define_imports!($imports $($rest)*);
    };
    ($imports:ident $module:expr => ($store:expr, $instance:expr $(,)?)) => {
        $imports.instance($module, $store, $instance);
    };
    ($imports:ident $($other:tt)*) => {
        ::core::compile_error!(
            "expected `\"namespace\" => { \"name\" => item, ... }` or \
             `\"namespace\" => (&store, instance)`, with commas between namespaces"
        );
    };
}
