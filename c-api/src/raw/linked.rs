//! `wasm_aot_linked.h`: instances of modules that are linked into the program, or
//! part of a library that it has loaded. Code of the program calls their exports
//! by symbols, with the address of a vmctx; here are the calls for everything else.
//!
//! The vmctx leads back to us by its `embedder` field.

use std::ffi::{CStr, CString, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use wasm_aot_loader::{
    CFunction, CallError, Definition, DirectStore, Extern, ExternType, Imports, Instance,
    InstantiationError, Module, Store, TrapCode, abi,
};

use crate::error;

/// An instance that a generated header has made, or items that the program has.
pub(super) struct Linked {
    /// Shared with instances that it imports from, and those that import from it.
    pub(super) store: Arc<DirectStore>,
    pub(super) source: Source,
    /// The last answer of `wasm_aot_linked_error`.
    pub(super) message: CString,
}

/// What can be imported from.
pub(super) enum Source {
    Instance(Instance),
    /// Of the program's own, by position. They have a context all the same, which has
    /// nothing in it but the way here.
    Items(Vec<Extern>),
}

/// `wasm_aot_extern`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct ExternItem {
    pub(super) instance: *mut abi::VmContext,
    pub(super) position: u32,
}

impl ExternItem {
    /// What is not there.
    pub(super) const NONE: ExternItem = ExternItem {
        instance: ptr::null_mut(),
        position: 0,
    };
}

/// `wasm_aot_import`.
#[repr(C)]
struct ImportItem {
    call: Option<unsafe extern "C" fn(*mut abi::HostContext, *mut c_void) -> u32>,
    callee: CFunction,
    item: ExternItem,
}

/// A status, and what it means.
type Failure = (u32, String);

fn failed(message: impl Into<String>) -> Failure {
    (abi::STATUS_HOST, message.into())
}

impl Linked {
    /// Of an instance, or items, that C code has.
    ///
    /// # Safety
    ///
    /// `context` is from [`wasm_aot_linked_create`] or `wasm_aot_items_create`, and
    /// not destroyed.
    pub(super) unsafe fn of<'a>(context: *mut abi::VmContext) -> &'a mut Linked {
        // SAFETY: the caller says so; one thread at a time uses an instance.
        unsafe { &mut *(*context).embedder.cast::<Linked>() }
    }

    pub(super) fn store(&self) -> &Store {
        // SAFETY: one thread at a time uses the store, and no Rust code around this
        // does while C code calls us.
        unsafe { &*self.store.as_ptr() }
    }

    #[expect(clippy::mut_from_ref, reason = "the store is not a part of us")]
    pub(super) fn store_mut(&self) -> &mut Store {
        // SAFETY: as above.
        unsafe { &mut *self.store.as_ptr() }
    }

    pub(super) fn export(&self, position: u32) -> Option<Extern> {
        match &self.source {
            Source::Instance(instance) => {
                let mut exports = instance.exports(self.store());
                Some(exports.nth(position as usize)?.1)
            }
            Source::Items(items) => items.get(position as usize).copied(),
        }
    }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_create(
    descriptor: *const u8,
    hash: Option<&[u8; 32]>,
    imports: *const ImportItem,
    count: usize,
    out: &mut *mut abi::VmContext,
) -> u32 {
    let imports = match imports.is_null() {
        true => &[],
        // SAFETY: a generated header gives us the array and its length.
        false => unsafe { std::slice::from_raw_parts(imports, count) },
    };
    *out = ptr::null_mut();
    // SAFETY: the header has the descriptor from the linker or from `dlsym`.
    let create = || unsafe { create(descriptor, hash, imports) };
    match catch_unwind(AssertUnwindSafe(create)) {
        Ok(Ok(context)) => {
            *out = context;
            0
        }
        Ok(Err((status, message))) => {
            error::set(message);
            status
        }
        Err(_) => {
            error::set("a host function has panicked");
            abi::STATUS_HOST
        }
    }
}

/// # Safety
///
/// As for [`Module::from_linked`]; and the imports are what a generated header
/// makes of its structure.
unsafe fn create(
    descriptor: *const u8,
    hash: Option<&[u8; 32]>,
    items: &[ImportItem],
) -> Result<*mut abi::VmContext, Failure> {
    // SAFETY: the caller says so.
    let module = unsafe { Module::from_linked(descriptor) };
    let module = module.map_err(|error| failed(error::chain(&error)))?;
    if hash.is_some_and(|hash| module.source_hash() != hash) {
        return Err(failed(
            "the header is not of this module: it was generated from another one",
        ));
    }
    if module.imports().len() != items.len() {
        return Err(failed("the imports are missing"));
    }
    // SAFETY: the items are of instances, or empty.
    let store = unsafe { common_store(&module, items)? };
    let store = store.unwrap_or_else(|| {
        #[expect(clippy::arc_with_non_send_sync, reason = "used as C code must use it")]
        Arc::new(DirectStore::new(Store::new()))
    });
    let mut imports = Imports::new();
    for (import, item) in module.imports().zip(items) {
        let missing = || failed(format!("{}.{} is not set", import.module, import.field));
        let definition = match (&import.ty, item.call) {
            (ExternType::Func(ty), Some(call)) if !item.callee.function.is_null() => {
                // SAFETY: the header generates `call` for this type, and C code vouches
                // for the function.
                unsafe { Definition::func_c(ty, call, item.callee) }
            }
            (ExternType::Func(_), _) => return Err(missing()),
            _ if item.item.instance.is_null() => return Err(missing()),
            _ => {
                // SAFETY: it is an instance, not destroyed.
                let linked = unsafe { Linked::of(item.item.instance) };
                linked
                    .export(item.item.position)
                    .ok_or_else(missing)?
                    .into()
            }
        };
        imports.define(import.module, import.field, definition);
    }
    // SAFETY: one thread at a time uses the store.
    let instance = unsafe { Instance::new(&mut *store.as_ptr(), &module, &imports) };
    let instance = instance.map_err(of_instantiation)?;
    let context = store.context(instance);
    let linked = Box::new(Linked {
        store,
        source: Source::Instance(instance),
        message: CString::default(),
    });
    // SAFETY: the instance lives, and the field is the embedder's.
    unsafe { (*context).embedder = Box::into_raw(linked).cast() };
    Ok(context)
}

/// The store of the instances that something is imported from.
///
/// # Safety
///
/// The items' instances are NULL or live.
unsafe fn common_store(
    module: &Module,
    items: &[ImportItem],
) -> Result<Option<Arc<DirectStore>>, Failure> {
    let mut common: Option<Arc<DirectStore>> = None;
    for (import, item) in module.imports().zip(items) {
        if item.call.is_some() || item.item.instance.is_null() {
            continue;
        }
        // SAFETY: the caller says so.
        let store = unsafe { &Linked::of(item.item.instance).store };
        match &common {
            Some(common) if !Arc::ptr_eq(common, store) => {
                return Err(failed(format!(
                    "{}.{} is of an instance of another store than what is imported before",
                    import.module, import.field
                )));
            }
            _ => common = Some(store.clone()),
        }
    }
    Ok(common)
}

fn of_instantiation(error: InstantiationError) -> Failure {
    let status = match &error {
        InstantiationError::Trap(trap) => trap.code() as u32,
        _ => abi::STATUS_HOST,
    };
    (status, error::chain(&error))
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_destroy(context: *mut abi::VmContext) {
    if context.is_null() {
        return;
    }
    // SAFETY: C code has it from `wasm_aot_linked_create`, and does not use it again.
    // The store, and with it the context, may live on for other instances.
    unsafe {
        let linked: *mut Linked = (*context).embedder.cast();
        (*context).embedder = ptr::null_mut();
        drop(Box::from_raw(linked));
    }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_error(
    context: *mut abi::VmContext,
    status: u32,
) -> *const c_char {
    if status == 0 {
        return c"no error".as_ptr();
    }
    if context.is_null() {
        return error::last();
    }
    // SAFETY: C code has it from `wasm_aot_linked_create`.
    let linked = unsafe { Linked::of(context) };
    let failure = catch_unwind(AssertUnwindSafe(|| linked.store.failure(status)));
    let message = match failure {
        Err(_) => "a host function has panicked".to_owned(),
        Ok(_) if status > abi::STATUS_HOST => format!("an imported function returned {status}"),
        Ok(None) => String::new(),
        Ok(Some(CallError::Trap(trap))) => trap.to_string(),
        Ok(Some(error)) => error::chain(&error),
    };
    let message = message.replace('\0', "\u{fffd}");
    linked.message = CString::new(message).expect("there is no NUL left");
    linked.message.as_ptr()
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_memory(
    context: *mut abi::VmContext,
    position: u32,
    size: Option<&mut usize>,
) -> *mut u8 {
    // SAFETY: C code has it from `wasm_aot_linked_create`.
    let linked = unsafe { Linked::of(context) };
    let memory = linked.export(position).and_then(Extern::memory);
    let Some(memory) = memory else {
        return ptr::null_mut();
    };
    if let Some(size) = size {
        *size = memory.byte_len(linked.store()) as usize;
    }
    memory.data_ptr(linked.store_mut())
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_global(
    context: *mut abi::VmContext,
    position: u32,
) -> *mut c_void {
    // SAFETY: C code has it from `wasm_aot_linked_create`.
    let linked = unsafe { Linked::of(context) };
    let global = linked.export(position).and_then(Extern::global);
    global.map_or(ptr::null_mut(), |global| linked.store.global(global))
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_export_named(
    context: *mut abi::VmContext,
    name: *const c_char,
) -> ExternItem {
    // SAFETY: C code has it from `wasm_aot_linked_create`, and gives us a string.
    let (linked, name) = unsafe { (Linked::of(context), CStr::from_ptr(name)) };
    let Source::Instance(instance) = linked.source else {
        return ExternItem::NONE;
    };
    let mut exports = instance.exports(linked.store());
    match exports.position(|(export, _)| export.as_bytes() == name.to_bytes()) {
        Some(position) => ExternItem {
            instance: context,
            position: position as u32,
        },
        None => ExternItem::NONE,
    }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_linked_memory_grow(
    context: *mut abi::VmContext,
    name: *const c_char,
    delta: u64,
) -> i64 {
    // SAFETY: C code has the instance, and gives us a string.
    unsafe { wasm_aot_memory_grow(wasm_aot_export_named(context, name), delta) }
}

/// See `wasm_aot_linked.h`.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasm_aot_memory_grow(item: ExternItem, delta: u64) -> i64 {
    if item.instance.is_null() {
        return -1;
    }
    // SAFETY: C code has the instance or the items.
    let linked = unsafe { Linked::of(item.instance) };
    let memory = linked.export(item.position).and_then(Extern::memory);
    let grown = memory.and_then(|memory| memory.grow(linked.store_mut(), delta).ok());
    grown.map_or(-1, |pages| pages as i64)
}

/// The numbers that `wasm_aot_linked.h` gives names to.
const _: () = {
    assert!(abi::STATUS_HOST == 0x100);
    assert!(TrapCode::StackOverflow as u32 == 1);
    assert!(TrapCode::Unreachable as u32 == 11);
    assert!(TrapCode::OutOfFuel as u32 == 14);
};
