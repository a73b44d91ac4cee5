//! Imports and exports by name.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wasm_aot_loader::{Imports, Instance};

use crate::error;
use crate::func;
use crate::instance::{deliver, instantiate};
use crate::raw::c_str;
use crate::reference::Ref;
use crate::store::StoreHandle;
use crate::trap;
use crate::wasi;

/// `wasm_aot_imports_t`.
#[derive(Default)]
pub(crate) struct NamedImports(Imports);

/// A name as a string.
fn text<'a>(text: *const c_char) -> Result<&'a str, String> {
    let text = c_str(text).ok_or("a name is NULL")?;
    text.to_str()
        .map_err(|error| format!("a name is not UTF-8: {error}"))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_imports_new() -> Box<NamedImports> {
    Box::default()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_imports_delete(_: Option<Box<NamedImports>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_imports_define(
    imports: &mut NamedImports,
    module: *const c_char,
    field: *const c_char,
    item: &Ref,
) -> bool {
    let names = text(module).and_then(|module| Ok((module, text(field)?)));
    let Some((module, field)) = error::keep(names) else {
        return false;
    };
    imports.0.define(module, field, item.item());
    true
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_imports_define_instance(
    imports: &mut NamedImports,
    module: *const c_char,
    instance: &Ref,
) -> bool {
    let Some(module) = error::keep(text(module)) else {
        return false;
    };
    instance.store.with(|store| {
        imports.0.instance(module, store, instance.instance());
    });
    true
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_imports_define_wasi(imports: &mut NamedImports) -> bool {
    error::keep(wasi::define(&mut imports.0)).is_some()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_instance_new(
    store: &StoreHandle,
    module: &Ref,
    imports: Option<&NamedImports>,
    trap: Option<&mut MaybeUninit<Option<Box<Ref>>>>,
) -> Option<Box<Ref>> {
    // What is called may delete the handles.
    let (inner, module) = (store.inner.clone(), module.module().clone());
    let imports = imports.map_or_else(Imports::new, |imports| imports.0.clone());
    let made = instantiate(&inner, |store| Instance::new(store, &module, &imports));
    deliver(made, trap)
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_instance_export(instance: &Ref, name: *const c_char) -> Option<Box<Ref>> {
    let name = error::keep(text(name))?;
    let inner = &instance.store;
    let item = inner.with(|store| instance.instance().get_export(store, name));
    let item = error::keep(item.ok_or_else(|| format!("no export is named {name:?}")))?;
    Some(Ref::of_extern(inner, item))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_instance_initialize(instance: &Ref) -> Option<Box<Ref>> {
    let inner = instance.store.clone();
    let instance = instance.instance();
    let call = || inner.with(|store| instance.initialize(store));
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(trap::of_call(&inner, error)),
        Err(payload) => Some(trap::of_panic(&inner, payload)),
    }
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_instance_run(instance: &Ref, status: Option<&mut u32>) -> Option<Box<Ref>> {
    let inner = instance.store.clone();
    let start = inner.with(|store| instance.instance().get_func(store, "_start"));
    let trap = match start {
        Ok(start) => func::call_guarded(&inner, start, None, None).err(),
        Err(error) => Some(trap::message(&inner, error.to_string())),
    };
    let exit = match &trap {
        None => Some(0),
        Some(trap) => trap.trap().exit,
    };
    let Some(exit) = exit else {
        return trap;
    };
    if let Some(status) = status {
        *status = exit;
    }
    None
}
