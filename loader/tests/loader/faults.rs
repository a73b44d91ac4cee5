//! Every system call that opening, instantiating, growing or calling makes fails once,
//! and all from it on do: that is an error or makes no difference, nothing is left behind,
//! nothing is half done, and the same works afterwards.

use std::collections::BTreeMap;
use std::fs;

#[cfg(feature = "lines")]
use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{
    BoxError, Imports, Instance, Memory, MemoryType, Module, OpenOptions, SharedMemory, Store,
    Table, TableType, TrapCode, Val, ValType, Verify,
};

use crate::kernel::{Fault, Kernel};
#[cfg(feature = "lines")]
use crate::support::trap;
use crate::support::{artefact, call, isolated_ok, module, run, trap_code};

/// Its table is larger than what the allocator has in any case.
const WAT: &str = r#"(module $faults
  (import "h" "f" (func $f))
  (memory (export "memory") 1 8)
  (memory (export "second") 2 4)
  (data (i32.const 0) "an image")
  (table (export "table") 0x100000 0x480000 funcref)
  (elem (i32.const 0) $f)
  (func (export "run") (call $f))
  (func (export "image") (result i32) (i32.load (i32.const 0)))
  (func (export "fault") (drop (i32.load (i32.const 0x80000))))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow-table") (param i32) (result i32)
    (table.grow (ref.null func) (local.get 0))))"#;

/// More than the size of the artefact in memory, in bytes.
const FILE: usize = 32 << 10;

fn imports() -> Imports {
    let mut imports = Imports::new();
    imports.func("h", "f", || ());
    imports
}

/// Does what an instance of [`WAT`] is for.
fn check(store: &mut Store, instance: Instance) {
    run(store, instance, "run").unwrap();
    let image = i32::from_le_bytes(*b"an i");
    let found = call(store, instance, "image", &[]).unwrap();
    assert_eq!(found, [Val::I32(image)]);
    let code = trap_code(run(store, instance, "fault"));
    assert_eq!(code, TrapCode::MemoryOutOfBounds);
}

/// What a process holds of the system.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    files: usize,
    /// By their names, which are empty for anonymous memory; in bytes.
    mappings: BTreeMap<String, usize>,
    /// Those of artefacts, in bytes.
    artefacts: usize,
}

impl Held {
    fn now() -> Held {
        let (mut mappings, mut artefacts) = (BTreeMap::new(), 0);
        for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
            let mut words = line.split_whitespace();
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let address = |text| usize::from_str_radix(text, 16).unwrap();
            let name = words.nth(4).unwrap_or_default();
            let size = address(end) - address(start);
            if name.ends_with("faults.so") || name.starts_with("/memfd:") {
                artefacts += size;
            } else if !["[heap]", "[stack]"].contains(&name) {
                // The heap grows as it likes.
                *mappings.entry(name.to_owned()).or_default() += size;
            }
        }
        Held {
            files: fs::read_dir("/proc/self/fd").unwrap().count(),
            mappings,
            artefacts,
        }
    }
}

/// Calls `act` on what `prepare` makes with every fault in turn, until none happens any
/// more; then `afterwards`, which is told whether that was a success.
fn exhaust<T, E: std::fmt::Display>(
    kernel: &Kernel,
    prepare: impl Fn() -> T,
    act: impl Fn(&mut T) -> Result<(), E>,
    afterwards: impl Fn(T, bool),
) {
    let round = |fault| {
        let mut state = prepare();
        let (result, failed) = kernel.refusing(fault, || act(&mut state));
        let error = result.err().map(|error| error.to_string());
        afterwards(state, error.is_none());
        (error, failed.map(str::to_owned))
    };
    for _ in 0..3 {
        assert_eq!(round(Fault::Once(usize::MAX)), (None, None));
    }
    let mut held = Held::now();
    for kind in [Fault::Once, Fault::From] {
        let mut errors = 0;
        for nth in 0.. {
            let fault = kind(nth);
            let (error, failed) = round(fault);
            let now = Held::now();
            if error.as_deref() == Some("the dynamic linker refuses the artefact") {
                // That of glibc maps the whole file first, then parts of it once more; if
                // that fails it forgets about the former. We cannot know where it is.
                assert!(now.artefacts <= held.artefacts + FILE);
                held.artefacts = now.artefacts;
            }
            assert_eq!(now, held, "{fault:?}: {failed:?}: {error:?}");
            if failed.is_none() {
                assert_eq!(error, None);
                break;
            }
            errors += usize::from(error.is_some());
        }
        assert!(errors > 0, "something has to fail");
    }
}

/// Runs a test in a process of its own, on a thread whose system calls can fail.
fn with_faults(test: &str, body: impl FnOnce(&Kernel) + Send) {
    isolated_ok(test, || {
        Kernel::with(body);
    });
}

#[test]
fn opening_fails_as_a_whole() {
    with_faults("faults::opening_fails_as_a_whole", |kernel| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("faults.so");
        let bytes = artefact(WAT);
        for verify in [Verify::Full, Verify::Cached, Verify::TrustedPath] {
            let options = OpenOptions::new().verify(verify);
            exhaust(
                kernel,
                || {
                    // A file that was not looked at before.
                    let _ = fs::remove_file(&path);
                    fs::write(&path, &bytes).unwrap();
                    None
                },
                |opened| options.open(&path).map(|module| *opened = Some(module)),
                |opened: Option<Module>, _| {
                    let module = opened.unwrap_or_else(|| options.open(&path).unwrap());
                    assert_eq!(module.name(), "faults");
                    let mut store = Store::new();
                    let instance = Instance::new(&mut store, &module, &imports()).unwrap();
                    check(&mut store, instance);
                },
            );
        }
        exhaust(
            kernel,
            || (),
            |()| Module::from_bytes(&bytes).map(|_| ()),
            |(), _| assert_eq!(Module::from_bytes(&bytes).unwrap().name(), "faults"),
        );
    });
}

#[test]
fn instantiating_fails_as_a_whole() {
    with_faults("faults::instantiating_fails_as_a_whole", |kernel| {
        let bytes = artefact(WAT);
        let imports = imports();
        exhaust(
            kernel,
            || {
                // Of a module that has no address space to be used again.
                let module = Module::from_bytes(&bytes).unwrap();
                (module, Store::new())
            },
            |(module, store)| Instance::new(store, module, &imports).map(|_| ()),
            |(module, mut store), _| {
                let instance = Instance::new(&mut store, &module, &imports).unwrap();
                check(&mut store, instance);
            },
        );
    });
}

#[test]
fn what_was_used_is_not_used_again_unless_it_is_clean() {
    let test = "faults::what_was_used_is_not_used_again_unless_it_is_clean";
    with_faults(test, |kernel| {
        let bytes = artefact(WAT);
        let imports = imports();
        exhaust(
            kernel,
            || {
                let module = Module::from_bytes(&bytes).unwrap();
                let mut store = Store::new();
                let instance = Instance::new(&mut store, &module, &imports).unwrap();
                let memory = instance.get_memory(&store, "memory").unwrap();
                memory.grow(&mut store, 3).unwrap();
                memory.fill(&mut store, 0, 7, 4 << 16).unwrap();
                (module, Some(store))
            },
            |(module, store)| {
                *store = None;
                let mut store = Store::new();
                let instance = Instance::new(&mut store, module, &imports)?;
                let memory = instance.get_memory(&store, "memory")?;
                assert_eq!(memory.size(&store), 1);
                let data = memory.data(&store);
                assert!(data.starts_with(b"an image\0"));
                assert!(data[9..].iter().all(|&byte| byte == 0));
                let beyond = memory.grow(&mut store, 1)?;
                assert_eq!(memory.data(&store)[beyond as usize * 65536..], [0; 65536]);
                Ok::<_, BoxError>(())
            },
            |(module, _), _| {
                let mut store = Store::new();
                let instance = Instance::new(&mut store, &module, &imports).unwrap();
                check(&mut store, instance);
            },
        );
    });
}

#[test]
fn growing_fails_as_a_whole() {
    with_faults("faults::growing_fails_as_a_whole", |kernel| {
        let module = module(WAT);
        let imports = imports();
        exhaust(
            kernel,
            || {
                let mut store = Store::new();
                let instance = Instance::new(&mut store, &module, &imports).unwrap();
                // What was in the pool has grown before.
                let shared = SharedMemory::new(MemoryType::shared(1, 9)).unwrap();
                (store, instance, shared)
            },
            |(store, instance, shared)| {
                let grow = |store: &mut Store, name, by| match call(
                    store,
                    *instance,
                    name,
                    &[Val::I32(by)],
                ) {
                    Ok(results) if results == [Val::I32(-1)] => Err(BoxError::from(name)),
                    Ok(_) => Ok(()),
                    Err(error) => panic!("{error}"),
                };
                let memory = instance.get_memory(store, "second")?;
                let table = instance.get_table(store, "table")?;
                grow(store, "grow", 3)?;
                memory.grow(store, 2)?;
                grow(store, "grow-table", 0x100000)?;
                table.grow(store, 0x100000, Val::FuncRef(None))?;
                shared.grow(8)?;
                Ok::<_, BoxError>(())
            },
            |(mut store, instance, shared), done| {
                let first = instance.get_memory(&store, "memory").unwrap();
                let second = instance.get_memory(&store, "second").unwrap();
                let table = instance.get_table(&store, "table").unwrap();
                let sizes = [
                    first.size(&store),
                    second.size(&store),
                    table.size(&store),
                    shared.size(),
                ];
                let before = [1, 2, 0x100000, 1];
                let after = [4, 4, 0x300000, 9];
                for (index, size) in sizes.into_iter().enumerate() {
                    let between = index == 2 && size == 0x200000 && !done;
                    let whole = size == after[index] || (size == before[index] && !done);
                    assert!(whole || between, "{sizes:?}");
                }
                // All of it is there, and can grow further.
                first.data_mut(&mut store)[8..].fill(1);
                second.data_mut(&mut store).fill(2);
                shared.fill(0, 3, shared.byte_len()).unwrap();
                first.grow(&mut store, 8 - sizes[0]).unwrap();
                second.grow(&mut store, 4 - sizes[1]).unwrap();
                shared.grow(9 - sizes[3]).unwrap();
                let last = table.size(&store) - 1;
                assert!(table.get(&store, 0).unwrap() != Val::FuncRef(None));
                assert_eq!(table.get(&store, last), Some(Val::FuncRef(None)));
                table.grow(&mut store, 1, Val::FuncRef(None)).unwrap();
                check(&mut store, instance);
            },
        );
    });
}

#[test]
fn what_the_host_makes_fails_as_a_whole() {
    with_faults("faults::what_the_host_makes_fails_as_a_whole", |kernel| {
        exhaust(
            kernel,
            Store::new,
            |store| {
                Memory::new(store, MemoryType::new(2, Some(5)))?;
                SharedMemory::new(MemoryType::shared(1, 2))?.in_store(store);
                let ty = TableType::new(ValType::EXTERNREF, 0x100000, None);
                Table::new(store, ty, Val::ExternRef(None))?;
                Ok::<_, BoxError>(())
            },
            |mut store, _| {
                let memory = Memory::new(&mut store, MemoryType::new(2, Some(5))).unwrap();
                memory.data_mut(&mut store).fill(1);
            },
        );
    });
}

/// A thread that calls for the first time gets a stack for its signal handlers, and learns
/// where its own stack ends.
#[test]
fn a_thread_without_a_signal_stack_of_ours_traps_all_the_same() {
    let test = "faults::a_thread_without_a_signal_stack_of_ours_traps_all_the_same";
    with_faults(test, |kernel| {
        let module = module(WAT);
        let imports = imports();
        for kind in [Fault::Once, Fault::From] {
            for nth in 0.. {
                let failed = std::thread::scope(|scope| {
                    let thread = scope.spawn(|| {
                        let mut store = Store::new();
                        let instance = Instance::new(&mut store, &module, &imports).unwrap();
                        let act = || run(&mut store, instance, "run").unwrap();
                        let failed = kernel.refusing(kind(nth), act).1.is_some();
                        check(&mut store, instance);
                        failed
                    });
                    thread.join().unwrap()
                });
                if !failed {
                    break;
                }
            }
        }
    });
}

#[cfg(feature = "lines")]
#[test]
fn a_trap_whose_lines_cannot_be_read_has_none() {
    let test = "faults::a_trap_whose_lines_cannot_be_read_has_none";
    with_faults(test, |kernel| {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/debug/rust.wasm");
        let options = Options {
            debug: true,
            ..Options::default()
        };
        let bytes = compile(&fs::read(program).unwrap(), &options).unwrap();
        exhaust(
            kernel,
            || {
                let mut store = Store::new();
                let module = Module::from_bytes(&bytes).unwrap();
                let instance = Instance::new(&mut store, &module, &Imports::new()).unwrap();
                (store, instance)
            },
            |(store, instance)| {
                let trap = trap(call(store, *instance, "fail", &[Val::I32(3)]));
                let frame = &trap.backtrace().frames()[0];
                assert!(frame.offset().is_some());
                match frame.symbols().first() {
                    Some(_) => Ok(()),
                    None => Err("no lines"),
                }
            },
            |_, _| (),
        );
    });
}

/// The stack of a call that waits.
#[cfg(feature = "async")]
#[test]
fn an_asynchronous_call_without_a_stack_is_an_error() {
    use wasm_aot_loader::{CallError, Config};
    let test = "faults::an_asynchronous_call_without_a_stack_is_an_error";
    with_faults(test, |kernel| {
        let module = module(WAT);
        let imports = imports();
        // Stacks are kept, so each has to be of a size of its own.
        let mut stack = 1 << 20;
        let mut round = |fault| {
            stack += 1 << 16;
            let mut store = Store::with_config(&Config::new().max_wasm_stack(stack));
            let instance = Instance::new(&mut store, &module, &imports).unwrap();
            let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
            let held = Held::now();
            let call = || futures_lite::future::block_on(run.call_async(&mut store, ()));
            let (result, failed) = kernel.refusing(fault, call);
            let failed = failed.map(str::to_owned);
            match &result {
                Ok(()) => {}
                Err(CallError::Resource(_)) => {
                    assert_eq!(Held::now(), held, "{fault:?}: {failed:?}");
                }
                other => panic!("{fault:?}: {failed:?}: {other:?}"),
            }
            check(&mut store, instance);
            (result.is_err(), failed)
        };
        // What a process and a thread do once is done then.
        for _ in 0..3 {
            assert_eq!(round(Fault::Once(usize::MAX)), (false, None));
        }
        for kind in [Fault::Once, Fault::From] {
            let mut errors = 0;
            for nth in 0.. {
                let (is_error, failed) = round(kind(nth));
                errors += usize::from(is_error);
                if failed.is_none() {
                    break;
                }
            }
            // Its address space, and access to that.
            assert!(errors >= 2, "{errors}");
        }
    });
}
