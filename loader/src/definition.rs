//! What stands behind a name of an [`Imports`](crate::Imports).

use std::sync::Arc;

use crate::host::IntoHostFunc;
use crate::raw::HostFunction;
use crate::{
    BoxError, Caller, Extern, ExternType, Func, FuncType, Global, ImportType, Memory,
    MissingImport, SharedMemory, Table, Tag, Val,
};

/// What can be supplied for an import: a host function or [`SharedMemory`] that
/// belongs to no store, or an [`Extern`] of one. Cheap to clone; clones are the same function.
///
/// ```
/// use wasm_aot_loader::{Definition, Imports};
///
/// let next = Definition::func(|n: i32| n + 1);
/// let mut imports = Imports::new();
/// imports.define("host", "next", next.clone()).define("host", "successor", next);
/// assert!(imports.get("host", "successor").is_some());
/// ```
#[derive(Clone, Debug)]
pub struct Definition {
    pub(crate) item: Item,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A function of any store.
    Host(Arc<HostFunction>),
    /// Something of one store.
    Extern(Extern),
    /// A memory of any store.
    Shared(SharedMemory),
}

impl Definition {
    /// A host function with the type of a closure; see [`Func::wrap`].
    pub fn func<P, R>(function: impl IntoHostFunc<P, R>) -> Definition {
        Definition::host(function.into_host_function())
    }

    /// A host function whose type is known only at run time; see [`Func::new`].
    pub fn func_dynamic<F>(ty: FuncType, function: F) -> Definition
    where
        F: Fn(Caller<'_>, &[Val], &mut [Val]) -> Result<(), BoxError> + Send + Sync + 'static,
    {
        Definition::host(HostFunction::dynamic(ty, function))
    }

    /// A function that fails with [`MissingImport`] when it is called, for an
    /// import that is one; `None` for any other. Made to be an
    /// [`Imports::fallback`](crate::Imports::fallback).
    pub fn stub(import: &ImportType<'_>) -> Option<Definition> {
        let ExternType::Func(ty) = &import.ty else {
            return None;
        };
        let error = MissingImport {
            module: import.module.to_owned(),
            field: import.field.to_owned(),
        };
        let fail = move |_: Caller<'_>, _: &[Val], _: &mut [Val]| Err(error.clone().into());
        Some(Definition::func_dynamic(*ty, fail))
    }

    /// What it is of a store; `None` for what belongs to none.
    pub fn as_extern(&self) -> Option<Extern> {
        match self.item {
            Item::Host(_) | Item::Shared(_) => None,
            Item::Extern(item) => Some(item),
        }
    }

    pub(crate) fn host(function: HostFunction) -> Definition {
        Definition {
            item: Item::Host(Arc::new(function)),
        }
    }
}

impl<T: Into<Extern>> From<T> for Definition {
    fn from(item: T) -> Definition {
        Definition {
            item: Item::Extern(item.into()),
        }
    }
}

impl From<SharedMemory> for Definition {
    fn from(memory: SharedMemory) -> Definition {
        Definition {
            item: Item::Shared(memory),
        }
    }
}

/// What [`Imports::define`](crate::Imports::define) and
/// [`imports!`](crate::imports) take: a closure as
/// for [`Func::wrap`], something of a store, or a [`Definition`]. `M` tells them
/// apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be imported",
    label = "neither a host function nor a `Func`, `Table`, `Memory`, `SharedMemory`, `Global`, `Tag`, `Extern` or `Definition`",
    note = "a host function is a closure that is `Send + Sync + 'static`, with annotated parameters: \
            an optional `Caller<'_>`, then at most 16 of `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, \
            `u128`, `Func`, `ExternRef`, `ExnRef` and `Option`s of the last three",
    note = "it returns nothing, one of these types, a tuple of them, or a `Result` of those"
)]
pub trait IntoDefinition<M> {
    #[doc(hidden)]
    fn into_definition(self) -> Definition;
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Closure<P, R>(std::marker::PhantomData<fn(P) -> R>);

impl<F, P, R> IntoDefinition<Closure<P, R>> for F
where
    F: IntoHostFunc<P, R>,
{
    fn into_definition(self) -> Definition {
        Definition::func(self)
    }
}

impl IntoDefinition<()> for Definition {
    fn into_definition(self) -> Definition {
        self
    }
}

macro_rules! into_definition {
    ($($ty:ty)*) => {$(
        impl IntoDefinition<()> for $ty {
            fn into_definition(self) -> Definition {
                self.into()
            }
        }
    )*};
}

into_definition!(Extern Func Table Memory SharedMemory Global Tag);
