//! A host that lives long: a thousand instances at a time come and go on many
//! threads, of artefacts of which some come and go too, and all that is left
//! behind is what was there before.
//!
//! `make soak` does this for a minute, `cargo test` for a few seconds; the
//! environment has a say: `SOAK_SECONDS`, `SOAK_THREADS`.

#[path = "common/held.rs"]
mod held;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use held::{Held, settled};
use wasm_aot_compiler::compile;
use wasm_aot_loader::{
    CallError, Caller, ExternRef, Func, Imports, Instance, InstancePre, Memory, MemoryType, Module,
    Store, Table, TableType, TrapCode, Val, ValType, imports,
};
use wasm_aot_wasi::{Capture, Exit, Output, WasiCtx};

/// Instances that are there at the same time.
const ALIVE: usize = 1000;

/// Works on a memory that it makes larger, with a function of the host.
const WORKER: &str = r#"(module $worker
  (import "host" "note" (func $note (param i32) (result i32)))
  (memory (export "memory") 1 4)
  (data (i32.const 16) "a constant")
  (table (export "table") 1 2000 funcref)
  (elem (i32.const 0) $square)
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (export "work") (param $n i32) (result i32)
    (drop (memory.grow (i32.const 2)))
    (drop (table.grow 0 (ref.func $square) (i32.const 1000)))
    (memory.fill (i32.const 65536) (local.get $n) (i32.const 131072))
    (i32.add
      (call $note (i32.load8_u (i32.const 196607)))
      (call_indirect 0 (param i32) (result i32) (local.get $n) (i32.const 1000))))
  (func (export "unreachable") unreachable)
  (func (export "fault") (drop (i32.load (i32.const 262144))))
  (func $deep (export "deep") (call $deep) (drop (memory.grow (i32.const 0)))))"#;

/// What [`USER`] imports.
const LIBRARY: &str = r#"(module $library
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (global (export "count") (mut i32) (i32.const 0))
  (func (export "dispatch") (param i32) (result i32)
    (call_indirect 0 (result i32) (local.get 0))))"#;

const USER: &str = r#"(module $user
  (import "library" "memory" (memory 1))
  (import "library" "table" (table 4 funcref))
  (import "library" "count" (global $count (mut i32)))
  (import "library" "dispatch" (func $dispatch (param i32) (result i32)))
  (elem (i32.const 2) $next)
  (func $next (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store (i32.const 0) (global.get $count))
    (global.get $count))
  (func (export "run") (result i32) (drop (call $dispatch (i32.const 2)))
    (call $dispatch (i32.const 2))))"#;

/// A WASI program.
const PROGRAM: &str = r#"(module $program
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\05\00\00\00")
  (data (i32.const 16) "hello")
  (func (export "_start")
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
      (then (unreachable)))
    (call $exit (i32.const 7))))"#;

/// What all threads use.
struct Host {
    worker: InstancePre,
    program: Module,
    wasi: Imports,
    library: Module,
    user: Module,
    /// Artefacts to open, drop and open again.
    path: PathBuf,
    bytes: Vec<u8>,
    imports: Imports,
}

impl Host {
    fn new(dir: &Path) -> Result<Host, Box<dyn Error>> {
        let artefact = |wat: &str| compile(wat.as_bytes(), &Default::default());
        let module = |wat: &str| -> Result<Module, Box<dyn Error>> {
            Ok(Module::from_bytes(&artefact(wat)?)?)
        };
        let (path, bytes) = (dir.join("worker.so"), artefact(WORKER)?);
        fs::write(&path, &bytes)?;
        let imports = imports! {
            "host" => {
                "note" => |mut caller: Caller<'_>, value: i32| {
                    let notes = caller.get_mut::<Vec<i32>>().ok_or("nowhere to note it")?;
                    notes.push(value);
                    Ok::<_, &str>(value)
                },
            },
        };
        let mut wasi = Imports::new();
        wasm_aot_wasi::add_to_imports(&mut wasi);
        Ok(Host {
            worker: InstancePre::new(&module(WORKER)?, &imports)?,
            program: module(PROGRAM)?,
            wasi,
            library: module(LIBRARY)?,
            user: module(USER)?,
            path,
            bytes,
            imports,
        })
    }

    /// A store with instances of a kind, of which there are seven.
    fn start(&self, nth: usize) -> Result<Running, Box<dyn Error>> {
        let mut store = Store::new();
        let kind = nth % 7;
        let instance = match kind {
            // Most share one open artefact.
            0 | 1 | 5 => self.worker.instantiate(&mut store)?,
            // Some open one of their own, of which only the instance is left.
            2 => Instance::new(&mut store, &Module::open(&self.path)?, &self.imports)?,
            3 => {
                let module = Module::from_bytes(&self.bytes)?;
                Instance::new(&mut store, &module, &self.imports)?
            }
            4 => {
                let library = Instance::new(&mut store, &self.library, &Imports::new())?;
                let imports = imports! { "library" => (&store, library) };
                Instance::new(&mut store, &self.user, &imports)?
            }
            _ => {
                let stdout = Capture::new();
                let output = Output::capture(&stdout);
                store.insert(WasiCtx::builder().stdout(output).build()?);
                store.insert(stdout);
                Instance::new(&mut store, &self.program, &self.wasi)?
            }
        };
        Ok(Running {
            store,
            instance,
            kind,
        })
    }
}

/// A store with an instance.
struct Running {
    store: Store,
    instance: Instance,
    kind: usize,
}

impl Running {
    /// Calls it in every way that its kind has.
    fn call(&mut self, nth: usize) -> Result<(), Box<dyn Error>> {
        let Running {
            store,
            instance,
            kind,
        } = self;
        match *kind {
            4 => {
                let run = instance.get_typed_func::<(), i32>(store, "run")?;
                assert_eq!(run.call(store, ())?, 2);
            }
            6 => {
                let start = instance.get_typed_func::<(), ()>(store, "_start")?;
                match start.call(store, ()) {
                    Err(CallError::Host(error)) if error.downcast_ref() == Some(&Exit(7)) => {}
                    other => panic!("{other:?}"),
                }
                let stdout = store.get::<Capture>().ok_or("no output")?;
                assert_eq!(stdout.contents(), b"hello");
            }
            5 => {
                // The host function has nowhere to note it.
                let work = instance.get_typed_func::<i32, i32>(store, "work")?;
                let error = work.call(store, 1).unwrap_err();
                assert!(matches!(error, CallError::Host(_)), "{error}");
                self.things_of_the_host()?;
            }
            _ => {
                store.insert(Vec::<i32>::new());
                let work = instance.get_typed_func::<i32, i32>(store, "work")?;
                assert_eq!(work.call(store, 9)?, 9 + 81);
                assert_eq!(store.get::<Vec<i32>>(), Some(&vec![9]));
                trap(store, *instance, "unreachable", TrapCode::Unreachable)?;
                trap(store, *instance, "fault", TrapCode::MemoryOutOfBounds)?;
                if nth.is_multiple_of(16) {
                    trap(store, *instance, "deep", TrapCode::StackOverflow)?;
                }
            }
        }
        Ok(())
    }

    /// Memories, tables, functions and objects of the host.
    fn things_of_the_host(&mut self) -> Result<(), Box<dyn Error>> {
        let store = &mut self.store;
        let memory = Memory::new(store, MemoryType::new(1, Some(3)))?;
        memory.grow(store, 2)?;
        memory.fill(store, 65536, 7, 2 * 65536)?;
        memory.grow(store, 1).unwrap_err();
        let object = ExternRef::new(store, vec![0u8; 100]);
        let ty = TableType::new(ValType::EXTERNREF, 0, None);
        let table = Table::new(store, ty, Val::ExternRef(None))?;
        table.grow(store, 500, object.into())?;
        let table = self.instance.get_table(store, "table")?;
        let cube = Func::wrap(store, |x: i32| x * x * x);
        table.set(store, 0, cube.into())?;
        assert_eq!(table.get(store, 0), Some(cube.into()));
        Ok(())
    }
}

fn trap(
    store: &mut Store,
    instance: Instance,
    name: &str,
    code: TrapCode,
) -> Result<(), Box<dyn Error>> {
    let call = instance.get_typed_func::<(), ()>(store, name)?;
    let error = call.call(store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(code), "{error}");
    Ok(())
}

#[test]
fn nothing_grows_while_instances_come_and_go_on_many_threads() {
    let threads = setting("SOAK_THREADS", 16);
    let time = Duration::from_secs(setting("SOAK_SECONDS", 4) as u64);
    let dir = tempfile::tempdir().unwrap();
    let host = Host::new(dir.path()).unwrap();

    let start = Instant::now();
    let before = Held::now();
    let (mut warm, mut last, mut rounds) = (before, before, 0);
    while rounds < 6 || start.elapsed() < time {
        round(&host, threads);
        rounds += 1;
        last = settled(before.threads);
        if rounds < 3 || start.elapsed() < time / 4 {
            warm = warm.max(last);
        }
    }
    println!(
        "{rounds} rounds of {ALIVE} stores on {threads} threads in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    println!("after warming up: {warm:?}\nin the end:       {last:?}");
    last.check(warm, before.threads);
}

/// Makes instances on every thread until all are alive, calls all of them, and
/// drops them.
fn round(host: &Host, threads: usize) {
    let all_alive = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let all_alive = &all_alive;
            scope.spawn(move || {
                let mine = (thread..ALIVE).step_by(threads);
                let mut running: Vec<_> = mine
                    .clone()
                    .map(|nth| host.start(nth).expect("it can be instantiated"))
                    .collect();
                all_alive.wait();
                for (nth, running) in mine.zip(&mut running) {
                    running.call(nth).expect("it does what it should");
                }
            });
        }
    });
}

fn setting(name: &str, default: usize) -> usize {
    match std::env::var(name) {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => default,
    }
}
