//! Threads of a guest (the proposal wasi-threads): each has a store and an instance
//! of its own, and all have the memory and the context of the group.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use wasm_aot_loader::{
    BoxError, CallError, Caller, Config, ExternType, FuncType, Imports, Instance, InstancePre,
    InstantiationError, InterruptHandle, Memory, Module, ResourceError, SharedMemory, Store,
    TrapCode, ValType,
};

use crate::link::with_memory;
use crate::{Errno, Function, Outcome, Repeat, Wait, WasiCtx};

/// The name that `thread-spawn` is imported from.
const MODULE: &str = "wasi";
const SPAWN: &str = "thread-spawn";
/// What a new thread calls.
const START: &str = "wasi_thread_start";

/// Thread numbers have 29 bits.
const TIDS: u32 = 1 << 29;

/// A guest that can start threads, and all of its threads. Cheap to clone; clones
/// are the same group.
///
/// The first thread runs what [`run`](ThreadGroup::run) is given, usually the
/// program's `_start`. Whenever a thread calls `wasi.thread-spawn`, there is one
/// more: a native thread with a store, and in it an instance of the same module
/// with the same imports, that calls `wasi_thread_start`. A shared memory that the
/// module imports and nobody supplies is made for the group. The group has one
/// [`WasiCtx`]: a descriptor that one thread has opened, another can read.
///
/// # How it ends
///
/// The group ends when its first thread returns, any thread traps or calls
/// `proc_exit`, a host function fails in one, or on [`stop`](ThreadGroup::stop).
/// What comes first is how it has ended; then
///
/// * threads that wait in a memory or in a WASI function (for input, for a time)
///   end at once,
/// * threads that compute end at the next loop or call if the module was compiled to be
///   interruptible; else with the next WASI function that they call, or when they wait. A
///   thread that does neither **goes on**: a process that is to end anyway exits,
/// * a host function of the embedder's is not disturbed.
///
/// `run` does not wait for them; [`join`](ThreadGroup::join) does.
///
/// ```
/// use wasm_aot_loader::{Imports, Module};
/// use wasm_aot_wasi::{Capture, Output, ThreadGroup, WasiCtx, add_to_imports};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let artefact = wasm_aot_compiler::compile(br#"(module
/// #   (import "env" "memory" (memory 1 1 shared)) (export "memory" (memory 0))
/// #   (import "wasi" "thread-spawn" (func $spawn (param i32) (result i32)))
/// #   (import "wasi_snapshot_preview1" "fd_write"
/// #     (func $write (param i32 i32 i32 i32) (result i32)))
/// #   (data (i32.const 0) "\08\00\00\00\05\00\00\00hello")
/// #   (func (export "wasi_thread_start") (param i32 i32)
/// #     (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
/// #     (i32.atomic.store (i32.const 24) (i32.const 1))
/// #     (drop (memory.atomic.notify (i32.const 24) (i32.const 1))))
/// #   (func (export "_start") (drop (call $spawn (i32.const 0)))
/// #     (drop (memory.atomic.wait32 (i32.const 24) (i32.const 0) (i64.const -1)))))"#,
/// #   &Default::default())?;
/// let module = Module::from_bytes(&artefact)?; // its thread writes "hello"
/// let stdout = Capture::new();
/// let ctx = WasiCtx::builder().stdout(Output::capture(&stdout)).build()?;
/// let mut imports = Imports::new();
/// add_to_imports(&mut imports);
/// let group = ThreadGroup::new(&module, imports, ctx)?;
/// group.run(ThreadGroup::command)?;
/// assert_eq!(stdout.contents(), b"hello");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ThreadGroup(Arc<Group>);

struct Group {
    config: Config,
    pre: InstancePre,
    ctx: Mutex<WasiCtx>,
    ended: AtomicBool,
    state: Mutex<State>,
    /// Somebody has left, or the group has ended.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How it has ended, until somebody takes it.
    end: Option<End>,
    /// The threads that are there, and what wakes those that have begun.
    threads: HashMap<u32, Option<Alarm>>,
    /// The last number that was given.
    last: u32,
    /// At most so many threads.
    limit: Option<usize>,
}

type End = Result<Result<(), GroupError>, Box<dyn Any + Send>>;

/// What ends the waits of a thread.
struct Alarm {
    interrupt: InterruptHandle,
    thread: Thread,
}

/// Why a [`ThreadGroup`] has ended, if its first thread did not return.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A thread could not be made an instance for, or its start function failed.
    #[error(transparent)]
    Instantiation(#[from] InstantiationError),
    /// A thread trapped, or a host function failed: by `proc_exit`, with
    /// [`Exit`](crate::Exit).
    #[error(transparent)]
    Call(#[from] CallError),
    /// The system has no thread for the first one.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// What a host function fails with in a thread whose group has ended.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the program has ended")]
struct Ended;

/// What `thread-spawn` fails with.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum CannotSpawn {
    #[error("the store is of no group of threads")]
    NoGroup,
    #[error("the module has no function {START} of type (func (param i32 i32))")]
    NoStart,
}

/// In the store of each thread.
#[derive(Clone)]
pub(crate) struct Member(Arc<Group>);

impl ThreadGroup {
    /// A group that runs `module`. Its threads are not there yet.
    ///
    /// `imports` are for every instance: they may have no definitions of a store. In
    /// addition, `wasi.thread-spawn` is defined, and the shared memories that the
    /// module imports and that are missing.
    ///
    /// # Errors
    ///
    /// If an import is missing or does not match, or there is no address space for
    /// a memory.
    pub fn new(
        module: &Module,
        imports: Imports,
        ctx: WasiCtx,
    ) -> Result<ThreadGroup, InstantiationError> {
        ThreadGroup::with_config(&Config::new(), module, imports, ctx)
    }

    /// As [`new`](ThreadGroup::new), with what is chosen about the stores of the
    /// threads. The memories that are made here keep their limits, too.
    ///
    /// # Errors
    ///
    /// As for `new`.
    pub fn with_config(
        config: &Config,
        module: &Module,
        mut imports: Imports,
        ctx: WasiCtx,
    ) -> Result<ThreadGroup, InstantiationError> {
        imports.func(MODULE, SPAWN, spawn);
        for (name, field, memory) in missing_memories(config, module, &imports)? {
            imports.define(&name, &field, memory);
        }
        Ok(ThreadGroup(Arc::new(Group {
            config: config.clone(),
            pre: InstancePre::new(module, &imports)?,
            ctx: Mutex::new(ctx),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        })))
    }

    /// Lets there be at most `threads` at a time, the first one included; with
    /// more, `thread-spawn` fails in the guest. Without it the system decides.
    #[must_use]
    pub fn max_threads(self, threads: usize) -> ThreadGroup {
        self.0.state().limit = Some(threads);
        self
    }

    /// Starts the first thread, which makes an instance and runs `main`, and waits
    /// until the group has ended. To be called once.
    ///
    /// `main` is mostly [`command`](ThreadGroup::command).
    ///
    /// # Errors
    ///
    /// How the group has ended, if not by the return of `main`.
    ///
    /// # Panics
    ///
    /// If a host function has panicked in one of the threads.
    pub fn run(
        &self,
        main: impl FnOnce(&mut Store, Instance) -> Result<(), CallError> + Send + 'static,
    ) -> Result<(), GroupError> {
        let group = self.0.clone();
        group.state().threads.insert(0, None);
        let result = thread::Builder::new()
            .name("wasi main thread".to_owned())
            .spawn(move || {
                group.thread(0, |store, instance| main(store, instance).map(|()| true));
            });
        if let Err(error) = result {
            self.0.leave(0);
            return Err(GroupError::Thread(error));
        }
        let mut state = self.0.state();
        loop {
            match state.end.take() {
                Some(Ok(result)) => return result,
                Some(Err(panic)) => {
                    drop(state);
                    resume_unwind(panic)
                }
                None => state = wait(&self.0.changed, state),
            }
        }
    }

    /// Calls `_start`, as the first thread of a command.
    ///
    /// # Errors
    ///
    /// How the call has ended.
    ///
    /// # Panics
    ///
    /// If the module is no [command](Module::is_command).
    pub fn command(store: &mut Store, instance: Instance) -> Result<(), CallError> {
        let start = instance.get_typed_func::<(), ()>(store, "_start");
        start.expect("the module is a command").call(store, ())
    }

    /// Ends the group from outside: with the trap "interrupted", unless it has
    /// ended before.
    pub fn stop(&self) {
        let interrupted = CallError::Trap(TrapCode::Interrupted.into());
        self.0.end(Ok(Err(interrupted.into())));
    }

    /// Waits until none of its threads is left.
    pub fn join(&self) {
        let mut state = self.0.state();
        while !state.threads.is_empty() {
            state = wait(&self.0.changed, state);
        }
    }
}

impl fmt::Debug for ThreadGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadGroup").finish_non_exhaustive()
    }
}

/// The shared memories that a module imports and that nobody supplies.
fn missing_memories(
    config: &Config,
    module: &Module,
    imports: &Imports,
) -> Result<Vec<(String, String, SharedMemory)>, ResourceError> {
    let mut memories = Vec::new();
    // Only its limits matter.
    let mut store = Store::with_config(config);
    for import in module.imports() {
        if let ExternType::Memory(ty) = import.ty
            && ty.is_shared()
            && !imports.contains(import.module, import.field)
        {
            let memory = Memory::new(&mut store, ty)?;
            let memory = memory.shared(&store).expect("of a shared type");
            memories.push((import.module.to_owned(), import.field.to_owned(), memory));
        }
    }
    Ok(memories)
}

/// `wasi.thread-spawn`: the number of a new thread, or a negative error.
fn spawn(caller: Caller<'_>, argument: i32) -> Result<i32, BoxError> {
    let Member(group) = caller.get::<Member>().ok_or(CannotSpawn::NoGroup)?;
    group.check()?;
    let ty = FuncType::new([ValType::I32; 2], []);
    match group.pre.module().get_export(START) {
        Some(ExternType::Func(found)) if found == ty => {}
        _ => return Err(CannotSpawn::NoStart.into()),
    }
    let again = -i32::from(Errno::Again.raw());
    let Some(tid) = group.enter() else {
        return Ok(again);
    };
    let own = group.clone();
    let result = thread::Builder::new()
        .name(format!("wasi thread {tid}"))
        .spawn(move || {
            own.thread(tid, |store, instance| {
                let start = instance.get_typed_func::<(i32, i32), ()>(store, START);
                let start = start.expect("the type was compared");
                start.call(store, (tid as i32, argument)).map(|()| false)
            });
        });
    Ok(match result {
        Ok(_) => tid as i32,
        Err(_) => {
            group.leave(tid);
            again
        }
    })
}

impl Group {
    fn state(&self) -> MutexGuard<'_, State> {
        // It is never left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread: makes an instance and runs `body`, which says whether
    /// the group ends with it.
    fn thread(
        self: &Arc<Self>,
        tid: u32,
        body: impl FnOnce(&mut Store, Instance) -> Result<bool, CallError>,
    ) {
        let live = || -> Result<bool, GroupError> {
            let mut store = Store::with_config(&self.config);
            store.insert(Member(self.clone()));
            if !self.begin(tid, store.interrupt_handle()) {
                return Ok(false);
            }
            let instance = self.pre.instantiate(&mut store)?;
            Ok(body(&mut store, instance)?)
        };
        match catch_unwind(AssertUnwindSafe(live)) {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => self.end(Ok(Ok(()))),
            Ok(Err(error)) => self.end(Ok(Err(error))),
            Err(panic) => self.end(Err(panic)),
        }
        self.leave(tid);
    }

    /// Finds a number for a new thread, if there may be one.
    fn enter(&self) -> Option<u32> {
        let mut state = self.state();
        let limit = state.limit.unwrap_or(usize::MAX).min(TIDS as usize - 1);
        if state.threads.len() >= limit {
            return None;
        }
        loop {
            state.last = state.last % (TIDS - 1) + 1;
            let tid = state.last;
            if let Entry::Vacant(vacant) = state.threads.entry(tid) {
                vacant.insert(None);
                return Some(tid);
            }
        }
    }

    /// Lets a thread be woken when the group ends, unless it has ended.
    fn begin(&self, tid: u32, interrupt: InterruptHandle) -> bool {
        let alarm = Alarm {
            interrupt,
            thread: thread::current(),
        };
        self.state().threads.insert(tid, Some(alarm));
        // Whoever ends it sets this before it looks for alarms.
        !self.ended.load(Ordering::SeqCst)
    }

    fn leave(&self, tid: u32) {
        self.state().threads.remove(&tid);
        self.changed.notify_all();
    }

    /// Ends the group, unless it has ended.
    fn end(&self, end: End) {
        let mut state = self.state();
        if self.ended.swap(true, Ordering::SeqCst) {
            return;
        }
        state.end = Some(end);
        for alarm in state.threads.values().flatten() {
            alarm.interrupt.interrupt();
            alarm.thread.unpark();
        }
        self.changed.notify_all();
    }

    fn check(&self) -> Result<(), Ended> {
        match self.ended.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Ended),
        }
    }

    /// Blocks this thread until `ready`, or the group ends.
    fn block_on(&self, ready: Wait) -> Result<(), Ended> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut ready = pin!(ready);
        loop {
            self.check()?;
            match ready.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(()) => return Ok(()),
                Poll::Pending => thread::park(),
            }
            thread::yield_now(); // what it waits for may be others
        }
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Member {
    /// Calls a function for a thread of the group. The context is free for others
    /// while it waits.
    pub(crate) fn call(
        &self,
        function: &Function,
        caller: &mut Caller<'_>,
        arguments: &[u64],
    ) -> Result<Outcome, BoxError> {
        let Member(group) = self;
        let mut repeat = Repeat::default();
        loop {
            group.check()?;
            let attempt = with_memory(caller, |mem| {
                let mut ctx = group.ctx.lock().unwrap_or_else(PoisonError::into_inner);
                function.attempt(&mut ctx, mem, arguments, &mut repeat)
            });
            match attempt {
                Ok(outcome) => return Ok(outcome),
                Err(ready) => group.block_on(ready)?,
            }
        }
    }
}

fn wait<'a>(changed: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    changed.wait(state).unwrap_or_else(PoisonError::into_inner)
}
