//! Modules.

use std::ffi::{OsStr, c_char};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use wasm_aot_loader::Module;

use crate::error;
use crate::raw::{Vector, c_str};
use crate::reference::Ref;
use crate::store::StoreHandle;
use crate::types::{Export, Import};

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_new(store: &StoreHandle, binary: &Vector<u8>) -> Option<Box<Ref>> {
    let artefact = error::keep(compiler::compile(binary.as_slice()))?;
    deserialize(store, &artefact)
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_validate(_: Option<&StoreHandle>, binary: &Vector<u8>) -> bool {
    error::keep(compiler::validate(binary.as_slice())).is_some()
}

/// What the header says of what is no binary module.
fn check_binary(bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(b"\x7fELF") {
        return Err("this is a compiled artefact: wasm_module_deserialize takes those".into());
    }
    if !bytes.starts_with(b"\0asm") {
        return Err("not a binary WebAssembly module: it does not start with \\0asm".into());
    }
    Ok(())
}

#[cfg(feature = "compiler")]
mod compiler {
    use super::check_binary;
    use crate::error::chain;

    pub(super) fn compile(bytes: &[u8]) -> Result<Vec<u8>, String> {
        check_binary(bytes)?;
        wasm_aot_compiler::compile(bytes, &Default::default()).map_err(|error| chain(&error))
    }

    pub(super) fn validate(bytes: &[u8]) -> Result<(), String> {
        check_binary(bytes)?;
        let options = wasm_aot_compiler::Options::default();
        wasm_aot_compiler::validate(bytes, options.features).map_err(|error| chain(&error))
    }
}

#[cfg(not(feature = "compiler"))]
mod compiler {
    use super::check_binary;

    const ABSENT: &str = "this libwasm_aot was built without the compiler: \
        compile with `wasm-aot compile`, and load the artefact with wasm_module_deserialize";

    pub(super) fn compile(bytes: &[u8]) -> Result<Vec<u8>, String> {
        check_binary(bytes)?;
        Err(ABSENT.into())
    }

    pub(super) fn validate(bytes: &[u8]) -> Result<(), String> {
        compile(bytes).map(drop)
    }
}

fn deserialize(store: &StoreHandle, bytes: &[u8]) -> Option<Box<Ref>> {
    let module = Module::from_bytes(bytes).map_err(|error| error::chain(&error));
    Some(Ref::of_module(&store.inner, error::keep(module)?))
}

/// See `wasm.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_module_deserialize(store: &StoreHandle, bytes: &Vector<u8>) -> Option<Box<Ref>> {
    deserialize(store, bytes.as_slice())
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
    let module = Module::open(path).map_err(|error| error::chain(&error));
    Some(Ref::of_module(&store.inner, error::keep(module)?))
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_has_compiler() -> bool {
    cfg!(feature = "compiler")
}
