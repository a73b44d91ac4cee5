//! The calling convention of `ruby.wasm`: an early form of the component
//! model's canonical ABI, as in `rb-abi-guest.wit`.
//!
//! * A string is an address and a length. The caller gets the place from the
//!   guest's `cabi_realloc`, and the guest owns it from then on.
//! * A tuple is returned as the address of its fields.
//! * A Ruby object crosses as a *handle*, a number that the host chooses. The
//!   guest passes an object out by registering its address with
//!   `resource_new`, and looks a handle up with `resource_get`. An address that
//!   the host keeps is a root for Ruby's collector until it is given back to
//!   `canonical_abi_drop`.

use wasm_aot_loader::{Caller, ExportError, Imports, Instance, Memory, Store, TypedFunc};

/// The functions of the guest that this host calls.
pub(crate) struct Exports {
    pub(crate) memory: Memory,
    pub(crate) realloc: TypedFunc<(u32, u32, u32, u32), u32>,
    pub(crate) drop_value: TypedFunc<u32, ()>,
    pub(crate) init: TypedFunc<(u32, u32), ()>,
    pub(crate) eval: TypedFunc<(u32, u32), u32>,
    pub(crate) intern: TypedFunc<(u32, u32), u32>,
    pub(crate) call: TypedFunc<(u32, u32, u32, u32), u32>,
    pub(crate) errinfo: TypedFunc<(), u32>,
    pub(crate) clear_errinfo: TypedFunc<(), ()>,
    pub(crate) string: TypedFunc<u32, u32>,
    pub(crate) post_string: TypedFunc<u32, ()>,
}

impl Exports {
    /// # Errors
    /// If the instance is not one of `ruby.wasm`.
    #[rustfmt::skip] // the names are as long as they are
    pub(crate) fn of(instance: Instance, store: &Store) -> Result<Self, ExportError> {
        Ok(Self {
            memory: instance.get_memory(store, "memory")?,
            realloc: instance.get_typed_func(store, "cabi_realloc")?,
            drop_value: instance.get_typed_func(store, "canonical_abi_drop_rb-abi-value")?,
            init: instance.get_typed_func(store, "ruby-init: func(args: list<string>) -> ()")?,
            eval: instance.get_typed_func(store, "rb-eval-string-protect: func(str: string) -> tuple<handle<rb-abi-value>, s32>")?,
            intern: instance.get_typed_func(store, "rb-intern: func(name: string) -> u32")?,
            call: instance.get_typed_func(store, "rb-funcallv-protect: func(recv: handle<rb-abi-value>, mid: u32, args: list<handle<rb-abi-value>>) -> tuple<handle<rb-abi-value>, s32>")?,
            errinfo: instance.get_typed_func(store, "rb-errinfo: func() -> handle<rb-abi-value>")?,
            clear_errinfo: instance.get_typed_func(store, "rb-clear-errinfo: func() -> ()")?,
            string: instance.get_typed_func(store, "rstring-ptr: func(value: handle<rb-abi-value>) -> string")?,
            post_string: instance.get_typed_func(store, "cabi_post_rstring-ptr")?,
        })
    }
}

/// Addresses of Ruby objects that are crossing the border, by handle. It lives
/// in the store, where the imports find it.
#[derive(Default)]
pub(crate) struct Handles(Vec<Option<u32>>);

impl Handles {
    pub(crate) fn insert(&mut self, address: u32) -> u32 {
        let handle = match self.0.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.0.push(None);
                self.0.len() - 1
            }
        };
        self.0[handle] = Some(address);
        handle as u32 // as many as one call passes
    }

    pub(crate) fn get(&self, handle: u32) -> Option<u32> {
        *self.0.get(handle as usize)?
    }

    pub(crate) fn remove(&mut self, handle: u32) -> Option<u32> {
        self.0.get_mut(handle as usize)?.take()
    }

    /// How many are crossing.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.iter().flatten().count()
    }
}

/// The guest passed a handle that it was not given.
#[derive(Debug, thiserror::Error)]
#[error("Ruby passed the handle {0}, which stands for nothing")]
pub(crate) struct BadHandle(pub(crate) u32);

/// Defines what the module imports besides WASI: the table of handles, and
/// functions that fail for those of a JavaScript engine.
pub(crate) fn add_to_imports(imports: &mut Imports) {
    imports
        .func(
            "canonical_abi",
            "resource_new_rb-abi-value",
            |mut caller: Caller<'_>, address: u32| handles(&mut caller).insert(address),
        )
        .func(
            "canonical_abi",
            "resource_get_rb-abi-value",
            |mut caller: Caller<'_>, handle: u32| {
                handles(&mut caller).get(handle).ok_or(BadHandle(handle))
            },
        )
        .stub_missing();
}

fn handles(store: &mut Store) -> &mut Handles {
    store
        .get_mut()
        .expect("inserted before the instance was made")
}
