//! Modules.

use std::ffi::{OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wasm_aot_loader::{Module, OpenOptions, Verify};

use crate::error;
use crate::raw::{Vector, c_str};
use crate::reference::Ref;
use crate::store::StoreHandle;
use crate::types::{Export, Import};

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_new(
    store: &StoreHandle,
    binary: Option<&Vector<u8>>,
) -> Option<Box<Ref>> {
    let artefact = store.inner.config.compiler.compile(bytes(binary));
    // It has just been made, by us.
    let trust = OpenOptions::new().verify(Verify::TrustedPath);
    open_bytes(store, &error::keep(artefact)?, &trust)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_validate(store: &StoreHandle, binary: Option<&Vector<u8>>) -> bool {
    let options = &store.inner.config.compiler;
    error::keep(options.validate(bytes(binary))).is_some()
}

/// The bytes of a vector that may be NULL.
fn bytes(vector: Option<&Vector<u8>>) -> &[u8] {
    vector.map_or(&[], Vector::as_slice)
}

fn deserialize(store: &StoreHandle, bytes: &[u8]) -> Option<Box<Ref>> {
    if bytes.starts_with(b"\0asm") {
        error::set("this is a WebAssembly module: wasm_module_new compiles those");
        return None;
    }
    open_bytes(store, bytes, &store.inner.config.open)
}

fn open_bytes(store: &StoreHandle, bytes: &[u8], options: &OpenOptions) -> Option<Box<Ref>> {
    let module = options.from_bytes(bytes);
    let module = module.map_err(|error| error::chain(&error));
    Some(Ref::of_module(&store.inner, error::keep(module)?))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_deserialize(
    store: &StoreHandle,
    artefact: Option<&Vector<u8>>,
) -> Option<Box<Ref>> {
    deserialize(store, bytes(artefact))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_serialize(module: &Ref, out: &mut MaybeUninit<Vector<u8>>) {
    let bytes = module
        .module()
        .read_artefact()
        .map_err(|error| error::chain(&error));
    let bytes = error::keep(bytes);
    out.write(Vector::from_bytes(bytes.as_deref().unwrap_or_default()));
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_imports(
    module: &Ref,
    out: &mut MaybeUninit<Vector<Option<Box<Import>>>>,
) {
    let imports = module.module().imports();
    let imports = imports.map(|import| Import::new(import.module, import.field, import.ty));
    out.write(imports.map(|import| Some(Box::new(import))).collect());
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_exports(
    module: &Ref,
    out: &mut MaybeUninit<Vector<Option<Box<Export>>>>,
) {
    let exports = module.module().exports();
    let exports = exports.map(|export| Export::new(export.name, export.ty));
    out.write(exports.map(|export| Some(Box::new(export))).collect());
}

/// `wasm_shared_module_t`.
pub(crate) struct Shared(Module);

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_share(module: &Ref) -> Box<Shared> {
    Box::new(Shared(module.module().clone()))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_obtain(store: &StoreHandle, shared: &Shared) -> Box<Ref> {
    Ref::of_module(&store.inner, shared.0.clone())
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_shared_module_delete(_: Option<Box<Shared>>) {}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_module_open(store: &StoreHandle, path: *const c_char) -> Option<Box<Ref>> {
    let path = Path::new(OsStr::from_bytes(c_str(path)?.to_bytes()));
    let module = store.inner.config.open.open(path);
    let module = module.map_err(|error| error::chain(&error));
    Some(Ref::of_module(&store.inner, error::keep(module)?))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_has_compiler() -> bool {
    cfg!(feature = "compiler")
}
