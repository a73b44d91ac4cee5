//! What compiled code does to our structures, done by Rust: so Miri sees both sides, which
//! it could not if there were machine code. `make miri` runs these tests, as `cargo test`
//! does.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use wasm_aot_abi::{
    Builtins, DataMode, ElementMode, FuncRef, FunctionImport, HostContext, MemorySlot, STATUS_HOST,
    TableDef, TableElement, VmContext,
};

use super::artefact::Artefact;
use super::description::Description;
use super::enter::{Callable, Code};
use super::map::Mapping;
use super::values::Slot;
#[cfg(target_arch = "x86_64")]
use crate::{AtDeadline, Config, Epoch};
use crate::{
    BoxError, CallError, Caller, Exception, ExternRef, Func, Global, GlobalType, Imports, Instance,
    Memory, Module, SharedMemory, Store, Table, TableType, Val, ValType, link,
};

/// Artefacts that the compiler has written once, and what they are of: `tests/golden`.
fn golden(architecture: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/1.0");
    folder.join(architecture)
}

/// A golden artefact for this machine, in memory of the allocator.
fn open(name: &str) -> Module {
    let path = golden(std::env::consts::ARCH).join(format!("{name}.so"));
    let mapping = Mapping::in_heap(&std::fs::read(path).unwrap());
    Module::from_artefact(Artefact::of_mapping(mapping).unwrap())
}

/// An instance, whose start function is left out.
fn instantiate(store: &mut Store, module: &Module, imports: &Imports) -> Instance {
    let definitions = link::resolve(Some(store), module, imports).unwrap();
    let instance = store.raw_mut().allocate(module, &definitions).unwrap();
    store.raw_mut().initialise(instance).unwrap();
    instance
}

/// Calls `body` as if it were code of an instance. What it returns is the status.
fn enter(
    store: &mut Store,
    instance: Instance,
    mut body: impl FnMut(*mut VmContext) -> u32,
) -> Result<(), CallError> {
    type Body<'a> = &'a mut dyn FnMut(*mut VmContext) -> u32;
    unsafe extern "C" fn entry(code: *const c_void, ctx: *mut c_void, _: *mut c_void) -> u32 {
        // SAFETY: `code` is what `enter` has made of its body.
        let body = unsafe { &mut *code.cast_mut().cast::<Body<'_>>() };
        body(ctx.cast())
    }
    let mut body: Body<'_> = &mut body;
    let inner = store.raw();
    let ctx = inner.instance(instance.origin).vmctx();
    let code = (&raw mut body).cast_const().cast();
    // SAFETY: it is called here only, takes nothing and returns nothing.
    let callable = unsafe {
        let code = Code::wasm(inner.id(), entry as *const u8, code, ctx.cast());
        Callable::<(), ()>::new_unchecked(code)
    };
    callable.call(store, ())
}

/// As [`enter`], for code that returns.
fn run(store: &mut Store, instance: Instance, mut body: impl FnMut(*mut VmContext)) {
    let body = |ctx| {
        body(ctx);
        0
    };
    enter(store, instance, body).unwrap();
}

unsafe fn builtins<'a>(ctx: *mut VmContext) -> &'a Builtins {
    // SAFETY: compiled code has it from there.
    unsafe { &*(*ctx).builtins }
}

/// What code finds at an offset.
unsafe fn slot<T>(ctx: *mut VmContext, offset: u32) -> T {
    // SAFETY: the caller says that it is there.
    unsafe { ctx.byte_add(offset as usize).cast::<T>().read() }
}

/// Calls a function of the host, by its slot, with a parameter.
fn call_import(ctx: *mut VmContext, import: u32, value: i32) -> u32 {
    let mut values = [Slot::from_u64(value as u64)];
    // SAFETY: as an exit trampoline does it.
    unsafe {
        let import: FunctionImport = slot(ctx, import);
        let host: *mut HostContext = import.ctx.cast();
        ((*host).call)(host, values.as_mut_ptr().cast())
    }
}

/// The slot of an import.
fn import(module: &Module, name: &str) -> u32 {
    let metadata = module.artefact().metadata();
    let mut imports = metadata.imports();
    let found = imports.find(|import| metadata.text(import.name) == name);
    found.unwrap().slot
}

#[test]
fn code_and_host_change_the_same_memory() {
    let module = open("memory.0");
    let metadata = module.artefact().metadata();
    let place = metadata.memories().at(0).slot;
    let passive = metadata
        .data()
        .position(|data| data.mode == DataMode::Passive as u32);
    let passive = passive.unwrap() as u32;
    let mut store = Store::new();
    let instance = instantiate(&mut store, &module, &Imports::new());
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(&memory.data(&store)[8..14], b"golden");
    for round in 0..2 {
        memory.write(&mut store, 100, &[round]).unwrap();
        // SAFETY: as compiled code does it, in bounds.
        run(&mut store, instance, |ctx| unsafe {
            let memory: MemorySlot = slot(ctx, place);
            let length = || (*memory.def).length.load(Ordering::Relaxed);
            assert_eq!(memory.base.add(100).read(), round);
            assert_eq!(length(), (1 + u64::from(round)) << 16);
            assert_eq!((builtins(ctx).memory_grow)(ctx, 0, 1), 1 + u64::from(round));
            assert_eq!(length(), (2 + u64::from(round)) << 16);
            let last = memory.base.add(length() as usize - 1);
            assert_eq!(last.read(), 0);
            last.write(9);
            (builtins(ctx).memory_copy)(memory.base.add(50), memory.base.add(8), 6);
            (builtins(ctx).memory_fill)(memory.base.add(49), 0x107, 1);
            let fits = (builtins(ctx).memory_init)(ctx, 0, passive, 60, 0, 7);
            assert_eq!(fits, round == 0);
            (builtins(ctx).data_drop)(ctx, passive);
        });
        let data = memory.data(&store);
        assert_eq!(&data[49..56], b"\x07golden");
        assert_eq!(&data[60..67], b"passive");
        assert_eq!(data.last(), Some(&9));
    }
    assert_eq!(memory.size(&store), 3);
    // What has grown is as good as new for the next one.
    drop(store);
    let mut store = Store::new();
    let instance = instantiate(&mut store, &module, &Imports::new());
    let memory = instance.get_memory(&store, "memory").unwrap();
    assert_eq!(memory.size(&store), 1);
    assert!(memory.data(&store)[14..].iter().all(|&byte| byte == 0));
}

#[test]
fn code_and_host_change_the_same_table() {
    let module = open("tables.0");
    let metadata = module.artefact().metadata();
    let exported = instance_table(&module);
    let def = metadata.tables().at(exported).def;
    let passive = (metadata.elements())
        .position(|elements| elements.mode == ElementMode::Passive as u32)
        .unwrap() as u32;
    let mut store = Store::new();
    let instance = instantiate(&mut store, &module, &Imports::new());
    let table = instance.get_table(&store, "table").unwrap();
    // SAFETY: as compiled code does it, in bounds.
    run(&mut store, instance, |ctx| unsafe {
        let builtins = builtins(ctx);
        let element = |index: usize| {
            let def: TableDef = slot(ctx, def);
            assert!(index < def.len as usize);
            def.elements.cast::<TableElement>().add(index).read()
        };
        assert_eq!(element(0).type_id, 0);
        assert!((builtins.table_init)(ctx, exported, passive, 0, 0, 2));
        assert!(!(builtins.table_init)(ctx, exported, passive, 1, 0, 2));
        let first = element(0);
        assert_ne!(first.type_id, 0);
        assert_eq!(first.ctx.cast(), ctx);
        assert_eq!((*first.funcref).code, first.code);
        let grown = (builtins.table_grow)(ctx, exported, first.funcref.cast(), 3);
        assert_eq!(grown, 2);
        assert_eq!(element(4).funcref, first.funcref);
        assert_eq!(
            (builtins.table_grow)(ctx, exported, std::ptr::null(), 6),
            u64::MAX
        );
        assert!((builtins.table_copy)(ctx, exported, exported, 0, 1, 4));
        assert!((builtins.table_fill)(ctx, exported, 4, std::ptr::null(), 1));
        assert_eq!(element(4).type_id, 0);
        // What code writes itself.
        let def: TableDef = slot(ctx, def);
        def.elements.cast::<TableElement>().add(4).write(first);
        (builtins.elem_drop)(ctx, passive);
        assert!(!(builtins.table_init)(ctx, exported, passive, 0, 0, 1));
    });
    let elements: Vec<_> = (0..table.size(&store))
        .map(|index| table.get(&store, index).unwrap())
        .collect();
    assert_eq!(elements.len(), 5);
    assert_eq!(elements[1], elements[4]);
    assert!(matches!(elements[4], Val::FuncRef(Some(_))));
    // The host puts a function of its own there, and code finds its context.
    let host = Func::wrap(&mut store, |value: i32| value + 1);
    table.set(&mut store, 2, host.into()).unwrap();
    assert_eq!(table.get(&store, 2), Some(host.into()));
    let (mut values, mut found) = ([Slot::from_u64(41); 1], None);
    // SAFETY: as an exit trampoline does it.
    run(&mut store, instance, |ctx| unsafe {
        let def: TableDef = slot(ctx, def);
        let element = def.elements.cast::<TableElement>().add(2).read();
        let host: *mut HostContext = element.ctx.cast();
        assert_eq!(((*host).call)(host, values.as_mut_ptr().cast()), 0);
        found = Some(values[0].as_u32());
    });
    assert_eq!(found, Some(42));
}

/// The index of the table that is exported.
fn instance_table(module: &Module) -> u32 {
    module.artefact().find_export("table").unwrap().index
}

#[test]
fn what_is_imported_belongs_to_its_owner() {
    let (provider, user) = (open("linking.0"), open("linking.1"));
    let mut store = Store::new();
    let owner = instantiate(&mut store, &provider, &Imports::new());
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut imports = Imports::new();
    imports.instance("provider", &store, owner);
    let (heard, call) = (log.clone(), import(&user, "print_i32"));
    // It uses all that there is, while code waits for it.
    imports.func(
        "spectest",
        "print_i32",
        move |mut caller: Caller<'_>, value: i32| {
            let from = caller.instance().unwrap();
            let count = owner.get_global(&caller, "count").unwrap();
            let memory = owner.get_memory(&caller, "memory").unwrap();
            memory.grow(&mut caller, 1).unwrap();
            memory.data_mut(&mut caller)[0] += 1;
            count.set(&mut caller, Val::I32(value * 2)).unwrap();
            let table = owner.get_table(&caller, "table").unwrap();
            let first = table.get(&caller, 0).unwrap();
            table.set(&mut caller, 1, first).unwrap();
            // A call within the call, of the same store.
            if value < 12 {
                run(&mut caller, from, |ctx| {
                    assert_eq!(call_import(ctx, call, value + 1), 0)
                });
            }
            heard.lock().unwrap().push(value);
        },
    );
    let instance = instantiate(&mut store, &user, &imports);
    let from = instance.get_global(&store, "from").unwrap();
    assert_eq!(from.get(&store), Val::F64(2.5f64.to_bits()));
    let [count, memory, table] = ["count", "memory", "table"].map(|name| import(&user, name));
    // SAFETY: as compiled code does it.
    run(&mut store, instance, |ctx| unsafe {
        let count: *mut i32 = slot(ctx, count);
        assert_eq!(count.read(), 40);
        count.write(10);
        let memory: MemorySlot = slot(ctx, memory);
        memory.base.write(5);
        assert_eq!(call_import(ctx, call, count.read()), 0);
        // What the innermost, the outermost and none of them has written.
        assert_eq!((count.read(), memory.base.read()), (24, 8));
        assert_eq!((*memory.def).length.load(Ordering::Relaxed), 4 << 16);
        let table: *const TableDef = slot(ctx, table);
        let elements = (*table).elements.cast::<TableElement>();
        assert_eq!((*elements.add(1)).code, (*elements).code);
        count.write(77);
    });
    assert_eq!(*log.lock().unwrap(), [12, 11, 10]);
    let count = owner.get_global(&store, "count").unwrap();
    assert_eq!(count.get(&store), Val::I32(77));
    // Handles outlive what they were used for, modules are kept by the store.
    drop((provider, user, imports));
    assert_eq!(instance.exports(&store).count(), 3);
}

#[test]
fn a_failure_of_the_host_gets_through_code() {
    let (provider, user) = (open("linking.0"), open("linking.1"));
    let mut store = Store::new();
    let owner = instantiate(&mut store, &provider, &Imports::new());
    let mut imports = Imports::new();
    imports.instance("provider", &store, owner);
    imports.func(
        "spectest",
        "print_i32",
        |value: i32| -> Result<(), BoxError> {
            match value {
                1 => Err("no".into()),
                _ => std::panic::panic_any(value),
            }
        },
    );
    let call = import(&user, "print_i32");
    let instance = instantiate(&mut store, &user, &imports);
    let call = |store: &mut Store, value| {
        enter(store, instance, |ctx| {
            let status = call_import(ctx, call, value);
            assert_eq!(status, STATUS_HOST);
            status
        })
    };
    let error = call(&mut store, 1).unwrap_err();
    assert!(error.to_string().contains("no"), "{error}");
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&mut store, 2)));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&2));
    assert!(matches!(call(&mut store, 1), Err(CallError::Host(_))));
}

#[test]
fn references_are_found_again() {
    let mut store = Store::new();
    let (number, text) = (
        ExternRef::new(&mut store, 7u32),
        ExternRef::new(&mut store, "text"),
    );
    let ty = GlobalType::new(ValType::EXTERNREF, true);
    let global = Global::new(&mut store, ty, number.into()).unwrap();
    let table = TableType::new(ValType::EXTERNREF, 2, Some(4));
    let table = Table::new(&mut store, table, text.into()).unwrap();
    let value = global.get(&store);
    table.set(&mut store, 1, value).unwrap();
    global.set(&mut store, Val::ExternRef(None)).unwrap();
    table.grow(&mut store, 2, number.into()).unwrap();
    table.copy(&mut store, 0, table, 1, 3).unwrap();
    *number.get_mut::<u32>(&mut store).unwrap() += 1;
    for index in 0..4 {
        let Some(Val::ExternRef(Some(object))) = table.get(&store, index) else {
            panic!("an object");
        };
        assert_eq!(object.get::<u32>(&store), Some(&8));
    }
    // Functions, whose references are structures that refer to each other.
    let functions: Vec<_> = (0..40)
        .map(|number| Func::wrap(&mut store, move || number))
        .collect();
    let table = TableType::new(ValType::FUNCREF, 40, None);
    let table = Table::new(&mut store, table, functions[0].into()).unwrap();
    for (index, &function) in (0..).zip(&functions) {
        table.set(&mut store, index, function.into()).unwrap();
    }
    // Now code can call them: a module has trampolines of their type.
    instantiate(&mut store, &open("tables.0"), &Imports::new());
    for (index, expected) in (0..).zip(0..40) {
        let Some(Val::FuncRef(Some(function))) = table.get(&store, index) else {
            panic!("a function");
        };
        assert_eq!(function, functions[index as usize]);
        let function = function.typed::<(), i32>(&store).unwrap();
        assert_eq!(function.call(&mut store, ()).unwrap(), expected);
    }
    // As it stands in a slot.
    let slot = Val::from(functions[3]).to_slot(ValType::FUNCREF, store.raw());
    let reference = slot.as_pointer::<FuncRef>();
    // SAFETY: it is that of a function of the store.
    assert!(unsafe { (*reference).entry.is_null() });
}

#[test]
fn exceptions_are_values_of_their_store() {
    let module = open("exceptions.0");
    let mut store = Store::new();
    let instance = instantiate(&mut store, &module, &Imports::new());
    let tag = instance.get_tag(&store, "e").unwrap();
    for value in 0..3 {
        // SAFETY: as compiled code does it, up to where the stack is looked through.
        run(&mut store, instance, |ctx| unsafe {
            let exception = (builtins(ctx).exception)(ctx, 0);
            let values = exception.add(1).cast::<Slot>();
            values.write(Slot::from_u64(value));
            assert_eq!((*exception).tag, slot(ctx, module.artefact().tag_slot(0)));
        });
    }
    let exception = Exception::new(&store, tag, [Val::I32(5)]);
    let reference = crate::ExnRef::new(&mut store, &exception);
    let thrown = Func::wrap(&mut store, move || -> Result<(), BoxError> {
        let values = exception.values().to_vec();
        Err(Exception::of(exception.tag(), exception.message(), values).into())
    });
    let thrown = thrown.typed::<(), ()>(&store).unwrap();
    let Err(CallError::Exception(caught)) = thrown.call(&mut store, ()) else {
        panic!("an exception");
    };
    assert_eq!(caught.values(), [Val::I32(5)]);
    assert_eq!(reference.exception(&store).values(), [Val::I32(5)]);
}

#[test]
fn everything_is_dropped_once() {
    struct Counted(Arc<AtomicU32>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicU32::new(0));
    let counted = || Counted(drops.clone());
    let (provider, user) = (open("linking.0"), open("linking.1"));
    let mut imports = Imports::new();
    let value = counted();
    imports.func("spectest", "print_i32", move |_: i32| {
        let _ = &value;
    });
    for _ in 0..2 {
        let mut store = Store::new();
        let owner = instantiate(&mut store, &provider, &Imports::new());
        imports.instance("provider", &store, owner);
        instantiate(&mut store, &user, &imports);
        ExternRef::new(&mut store, counted());
        store.insert(counted());
        drop(store.insert(counted()));
        let value = counted();
        Func::wrap(&mut store, move || {
            let _ = &value;
        });
        Memory::new(&mut store, crate::MemoryType::new(1, Some(2))).unwrap();
        let before = drops.load(Ordering::Relaxed);
        drop(store);
        assert_eq!(drops.load(Ordering::Relaxed), before + 3);
    }
    assert_eq!(drops.load(Ordering::Relaxed), 8);
    drop(imports);
    assert_eq!(drops.load(Ordering::Relaxed), 9);
}

#[test]
fn threads_wait_in_a_memory_that_stores_share() {
    let module = open("memories.0");
    let place = module.artefact().metadata().memories().at(0).slot;
    let mut store = Store::new();
    let instance = instantiate(&mut store, &module, &Imports::new());
    let memory = instance.get_memory(&store, "shared").unwrap();
    let memory = memory.shared(&store).unwrap();
    let (sender, receiver) = mpsc::channel::<SharedMemory>();
    // The store goes to another thread, whose code waits.
    let waiter = thread::spawn(move || {
        // SAFETY: as compiled code does it, in bounds and aligned.
        run(&mut store, instance, |ctx| unsafe {
            let memory: MemorySlot = slot(ctx, place);
            let word = memory.base.add(8);
            loop {
                let status = (builtins(ctx).memory_atomic_wait32)(ctx, word, 0, 1_000_000);
                if status == 1 {
                    break;
                }
            }
            let word = AtomicU32::from_ptr(word.cast());
            assert_eq!(word.swap(2, Ordering::SeqCst), 1);
            (builtins(ctx).memory_atomic_notify)(ctx, memory.base.add(8), u32::MAX);
        });
        store
    });
    sender.send(memory.clone()).unwrap();
    let host = thread::spawn(move || {
        let memory = receiver.recv().unwrap();
        let word = memory.atomic_u32(8).unwrap();
        word.store(1, Ordering::SeqCst);
        memory.atomic_notify(8, 1).unwrap();
        while word.load(Ordering::SeqCst) != 2 {
            let timeout = Some(std::time::Duration::from_millis(1));
            memory.atomic_wait32(8, 1, timeout).unwrap();
        }
        let mut bytes = [0; 13];
        memory.write(35, b"0123456789ab").unwrap();
        memory.read(34, &mut bytes).unwrap();
        bytes
    });
    let store = waiter.join().unwrap();
    assert_eq!(&host.join().unwrap(), b"\x000123456789ab");
    drop(store);
    // The memory is that of all who have it.
    let mut byte = [0];
    memory.read(35, &mut byte).unwrap();
    assert_eq!(byte, *b"0");
}

/// The artefact is for x86-64.
#[cfg(target_arch = "x86_64")]
#[test]
fn code_is_stopped_from_other_threads() {
    let module = {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/interruption-word.so");
        let mapping = Mapping::in_heap(&std::fs::read(path).unwrap());
        Module::from_artefact(Artefact::of_mapping(mapping).unwrap())
    };
    let mut store = Store::with_config(&Config::new().interruptible(true));
    let instance = instantiate(&mut store, &module, &Imports::new());
    let epoch = Epoch::new();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    store.at_deadline(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(AtDeadline::Trap)
    });
    store.set_deadline(&epoch, 2);
    let handle = store.interrupt_handle();
    // SAFETY: the word is there as long as the store is.
    let spin = |ctx: *mut VmContext| unsafe {
        let word = AtomicU32::from_ptr((*ctx).interrupt.cast_mut());
        while word.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        let ticks = scope.spawn(|| {
            epoch.increment();
            epoch.increment();
        });
        run(&mut store, instance, spin);
        ticks.join().unwrap();
        store.remove_deadline();
        scope.spawn(|| handle.interrupt());
        run(&mut store, instance, spin);
    });
    assert!(handle.is_interrupted());
    handle.take_back();
    store.set_deadline(&epoch, 1);
    drop(store);
    // Nobody is there who could be told.
    epoch.increment();
    handle.interrupt();
}

#[test]
fn damaged_metadata_is_read_without_harm() {
    // Miri takes a second for each.
    let (step, kept) = if cfg!(miri) {
        (997, 3)
    } else {
        (17, usize::MAX)
    };
    for architecture in ["x86_64", "aarch64"] {
        let mut files: Vec<_> = std::fs::read_dir(golden(architecture))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        for path in files.into_iter().take(kept) {
            let file = std::fs::read(&path).unwrap();
            read_all(&Description::of_file(file.clone()).unwrap());
            for place in (0..file.len()).step_by(step) {
                let mut damaged = file.clone();
                damaged[place] ^= 0x55;
                if let Ok(description) = Description::of_file(damaged) {
                    read_all(&description);
                }
            }
            for size in (0..file.len()).step_by(step * 7) {
                assert!(Description::of_file(file[..size].to_vec()).is_err());
            }
        }
    }
}

/// Looks at everything that metadata has.
fn read_all(description: &Description) {
    let metadata = description.metadata();
    for import in metadata.imports() {
        let _ = (
            metadata.text(import.name),
            description.extern_type(&import.ty),
        );
    }
    for export in metadata.exports() {
        let _ = (metadata.text(export.name), description.export_type(&export));
    }
    for name in metadata.function_names() {
        let _ = metadata.function_name(name);
    }
    for data in metadata.data() {
        let _ = metadata.bytes(data.bytes);
    }
    let _ = description.types().iter().map(ToString::to_string).count();
}
