//! Instances.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use wasm_aot_loader::{Extern, Instance, InstantiationError, Module, Store};

use crate::error;
use crate::raw::Vector;
use crate::reference::{Object, Ref};
use crate::store::{Inner, StoreHandle};
use crate::trap;

/// Makes an instance, and a trap if it fails.
pub(crate) fn instantiate(
    inner: &Arc<Inner>,
    body: impl FnOnce(&mut Store) -> Result<Instance, InstantiationError>,
) -> Result<Box<Ref>, Box<Ref>> {
    match catch_unwind(AssertUnwindSafe(|| inner.with(body))) {
        Ok(Ok(instance)) => Ok(Ref::new(inner, Object::Instance(instance))),
        Ok(Err(error)) => Err(trap::of_instantiation(inner, error)),
        Err(payload) => Err(trap::of_panic(inner, payload)),
    }
}

/// The instance; what failed goes to `trap`, if somebody asks for it, and becomes
/// the last error.
pub(crate) fn deliver(
    result: Result<Box<Ref>, Box<Ref>>,
    out: Option<&mut MaybeUninit<Option<Box<Ref>>>>,
) -> Option<Box<Ref>> {
    let (instance, failed) = match result {
        Ok(instance) => (Some(instance), None),
        Err(trap) => {
            error::set(trap.trap().message());
            (None, Some(trap))
        }
    };
    if let Some(out) = out {
        out.write(failed);
    }
    instance
}

/// The externals, one for each import of the module; or why they do not serve.
fn imports(
    inner: &Arc<Inner>,
    module: &Module,
    imports: &[Option<Box<Ref>>],
) -> Result<Vec<Extern>, String> {
    let (expected, found) = (module.imports().len(), imports.len());
    if expected != found {
        return Err(format!("expected {expected} imports, got {found}"));
    }
    let each = imports.iter().zip(module.imports());
    each.map(|(import, ty)| match import {
        None => Err(format!("import {:?} {:?} is NULL", ty.module, ty.field)),
        Some(import) if !import.is_of(inner) => Err(format!(
            "import {:?} {:?} belongs to another store",
            ty.module, ty.field
        )),
        Some(import) => Ok(import.item()),
    })
    .collect()
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_instance_new(
    store: &StoreHandle,
    module: &Ref,
    externs: Option<&Vector<Option<Box<Ref>>>>,
    trap: Option<&mut MaybeUninit<Option<Box<Ref>>>>,
) -> Option<Box<Ref>> {
    // What is called may delete the handles.
    let (inner, module) = (store.inner.clone(), module.module().clone());
    let externs = externs.map_or(&[][..], Vector::as_slice);
    let made = match imports(&inner, &module, externs) {
        Ok(externs) => instantiate(&inner, |store| {
            Instance::from_externs(store, &module, &externs)
        }),
        Err(problem) => Err(trap::message(&inner, problem)),
    };
    deliver(made, trap)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_instance_exports(
    instance: &Ref,
    out: &mut MaybeUninit<Vector<Option<Box<Ref>>>>,
) {
    let inner = &instance.store;
    let exports = inner.with(|store| {
        let exports = instance.instance().exports(store);
        exports
            .map(|(_, item)| Some(Ref::of_extern(inner, item)))
            .collect()
    });
    out.write(exports);
}
