//! The owner of everything that exists at run time.

use std::any::Any;
use std::fmt;

use crate::limits::{Bounds, Growth};
use crate::raw::{Demands, Inner, StoreBox};
use crate::{AtDeadline, BoxError, Epoch, Instance, InterruptHandle, Module};

/// Default of [`Config::max_wasm_stack`].
const DEFAULT_WASM_STACK: usize = 1 << 20;

/// What can be chosen about a [`Store`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Config, Imports, Instance, Store, TrapCode};
///
/// let module = compile(r#"(module (func $deep (export "deep") (result i32)
///   (i32.add (call $deep) (i32.const 1))))"#)?;
/// let mut store = Store::with_config(&Config::new().max_wasm_stack(64 << 10));
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let deep = instance.get_typed_func::<(), i32>(&store, "deep")?;
/// let error = deep.call(&mut store, ()).unwrap_err();
/// assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    max_wasm_stack: usize,
    interruptible: bool,
    fuel: Option<u64>,
    signals: bool,
    bounds: Bounds,
}

impl Config {
    /// The defaults.
    pub const fn new() -> Config {
        Config {
            max_wasm_stack: DEFAULT_WASM_STACK,
            interruptible: false,
            fuel: None,
            signals: true,
            bounds: Bounds::NONE,
        }
    }

    /// How much stack, in bytes, a call into the store may use together with
    /// the host functions and inner calls that it leads to; 1 MiB by default.
    /// Code that needs more traps with "call stack exhausted".
    ///
    /// A thread whose stack is too small for this, with 128 KiB (or half of a
    /// stack below 256 KiB) left for host functions, gets what there is. On a
    /// stack that is not the thread's own (an embedder's fiber), the embedder has
    /// to choose a value that fits.
    ///
    /// An asynchronous call has a stack of its own: of this size, at most
    /// 256 MiB, and 1 MiB for host functions. Only what is used of it takes
    /// memory.
    #[must_use]
    pub const fn max_wasm_stack(mut self, bytes: usize) -> Config {
        self.max_wasm_stack = bytes;
        self
    }

    /// Whether all code in the store must be one that an [`InterruptHandle`] can
    /// stop. Modules that were compiled without cannot be instantiated then. No by
    /// default.
    #[must_use]
    pub const fn interruptible(mut self, yes: bool) -> Config {
        self.interruptible = yes;
        self
    }

    /// How many operators all code in the store may execute together, at first: its
    /// *fuel*, which [`Store::set_fuel`] changes. Code that has no more traps with "out of
    /// fuel". Modules that were compiled without cannot be instantiated then.
    ///
    /// Each operator costs 1, but `nop`, `drop`, `block`, `loop`, `try_table`, `else` and
    /// `end` nothing. What code executes until it traps for want of fuel, and what is
    /// left otherwise, is the same on all machines and however it was optimised: see "Fuel"
    /// in the [documentation of the ABI](crate::abi).
    ///
    /// ```
    /// use wasm_aot_compiler::{Options, compile};
    /// use wasm_aot_loader::{Config, Imports, Instance, Module, Store, TrapCode};
    ///
    /// let options = Options { fuel: true, ..Options::default() };
    /// let wat = br#"(module (func (export "count") (param i32)
    ///   (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    /// let module = Module::from_bytes(&compile(wat, &options)?)?;
    /// let mut store = Store::with_config(&Config::new().fuel(1000));
    /// let instance = Instance::new(&mut store, &module, &Imports::new())?;
    /// let count = instance.get_typed_func::<i32, ()>(&store, "count")?;
    /// count.call(&mut store, 100)?;
    /// assert_eq!(store.fuel(), 500);
    /// let error = count.call(&mut store, 101).unwrap_err();
    /// assert_eq!(error.trap_code(), Some(TrapCode::OutOfFuel));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn fuel(mut self, units: u64) -> Config {
        self.fuel = Some(units);
        self
    }

    /// Whether code in the store may trap by signals, for which handlers are installed in
    /// the process with the first instance. Without, modules cannot be
    /// instantiated that [need them](crate::Module::needs_signals), because they were
    /// compiled without `--no-signals`; and the loader touches no signal, no handler and no
    /// thread's stack for them on this store's account. Yes by default.
    ///
    /// ```
    /// use wasm_aot_compiler::{Options, compile};
    /// use wasm_aot_loader::{Config, Imports, Instance, InstantiationError, Module, Store, TrapCode};
    ///
    /// let wat = br#"(module (memory 1)
    ///   (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;
    /// let options = Options { signals: false, ..Options::default() };
    /// let module = Module::from_bytes(&compile(wat, &options)?)?;
    /// let mut store = Store::with_config(&Config::new().signals(false));
    /// let instance = Instance::new(&mut store, &module, &Imports::new())?;
    /// let load = instance.get_typed_func::<u32, u32>(&store, "load")?;
    /// let error = load.call(&mut store, 65_533).unwrap_err();
    /// assert_eq!(error.trap_code(), Some(TrapCode::MemoryOutOfBounds));
    ///
    /// let module = Module::from_bytes(&compile(wat, &Options::default())?)?;
    /// let refused = Instance::new(&mut store, &module, &Imports::new());
    /// assert!(matches!(refused, Err(InstantiationError::NeedsSignals)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn signals(mut self, yes: bool) -> Config {
        self.signals = yes;
        self
    }
}

/// How much a store may have. All of this is unlimited by default.
///
/// What would exceed a limit is not made, with a [`ResourceError`] for which
/// [`is_limit`](crate::ResourceError::is_limit) holds: an instance before any of its code has
/// run, and with nothing changed. What would grow beyond a limit stays as it is:
/// `memory.grow` and `table.grow` return -1, [`Memory::grow`] and [`Table::grow`] a
/// [`GrowError`].
///
/// What counts is what instances define and what the host makes in the store, by
/// its type: also a table that code does not need at run time. Imports do not count
/// again. A store never drops a part of what it has, so numbers only increase.
///
/// A [`SharedMemory`] belongs to no store. The limits of a store hold for one that an
/// instance or the host makes in it, and for growth by the store's own code or by
/// [`Memory::grow`]. They do not hold for what is made elsewhere and brought into the
/// store, which neither counts nor is too large; and others, with
/// [`SharedMemory::grow`] or from other stores, may let it grow beyond them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Config, Imports, Instance, InstantiationError, Store};
///
/// let module = compile(r#"(module (memory 1)
///   (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#)?;
/// let config = Config::new().max_memory_bytes(1 << 20).max_instances(1);
/// let mut store = Store::with_config(&config);
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let grow = instance.get_typed_func::<i32, i32>(&store, "grow")?;
/// assert_eq!(grow.call(&mut store, 15)?, 1);
/// assert_eq!(grow.call(&mut store, 1)?, -1);
/// match Instance::new(&mut store, &module, &Imports::new()) {
///     Err(InstantiationError::Resource(error)) => assert!(error.is_limit()),
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
///
/// [`Memory::grow`]: crate::Memory::grow
/// [`Table::grow`]: crate::Table::grow
/// [`GrowError`]: crate::GrowError
/// [`ResourceError`]: crate::ResourceError
/// [`SharedMemory`]: crate::SharedMemory
/// [`SharedMemory::grow`]: crate::SharedMemory::grow
impl Config {
    /// How large a linear memory may be, in bytes: each one, of instances and of the
    /// host. Together with [`max_memories`](Config::max_memories), this limits all of
    /// them.
    #[must_use]
    pub const fn max_memory_bytes(mut self, bytes: u64) -> Config {
        self.bounds.memory_bytes = bytes;
        self
    }

    /// How many elements a table may have: each one, of instances and of the host. An
    /// element takes up to 32 bytes.
    #[must_use]
    pub const fn max_table_elements(mut self, elements: u64) -> Config {
        self.bounds.table_elements = elements;
        self
    }

    /// How many instances may be made. One whose start function or active segments
    /// have trapped counts, too: the store still has it.
    #[must_use]
    pub const fn max_instances(mut self, count: usize) -> Config {
        self.bounds.instances = count;
        self
    }

    /// How many linear memories may be made, by instances and by the host.
    #[must_use]
    pub const fn max_memories(mut self, count: usize) -> Config {
        self.bounds.memories = count;
        self
    }

    /// How many tables may be made, by instances and by the host.
    #[must_use]
    pub const fn max_tables(mut self, count: usize) -> Config {
        self.bounds.tables = count;
        self
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

/// Owns instances, memories, tables, globals, host functions and host objects,
/// which live until it is dropped; they are named by handles.
///
/// It also holds values of the embedder's own, one of each type, which host
/// functions reach through their [`Caller`](crate::Caller).
///
/// A store can be moved to another thread, but only one thread at a time can
/// use it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Caller, Instance, Store, imports};
///
/// struct Log(Vec<i32>);
///
/// let module = compile(r#"(module (import "host" "log" (func $log (param i32)))
///   (func (export "run") (call $log (i32.const 7))))"#)?;
/// let imports = imports! {
///     "host" => {
///         "log" => |mut caller: Caller<'_>, value: i32| {
///             let Log(values) = caller.get_mut().ok_or("there is no log")?;
///             values.push(value);
///             Ok::<_, &str>(())
///         },
///     },
/// };
/// let mut store = Store::new();
/// store.insert(Log(Vec::new()));
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// instance.get_typed_func::<(), ()>(&store, "run")?.call(&mut store, ())?;
/// assert_eq!(store.get::<Log>().unwrap().0, [7]);
/// # Ok(()) }
/// ```
pub struct Store {
    inner: StoreBox,
}

impl Store {
    /// An empty store with the default [`Config`].
    pub fn new() -> Store {
        Store::with_config(&Config::new())
    }

    /// An empty store.
    pub fn with_config(config: &Config) -> Store {
        Store {
            inner: StoreBox::new(
                config.max_wasm_stack,
                Demands {
                    interruptible: config.interruptible,
                    fuel: config.fuel.is_some(),
                    no_signals: !config.signals,
                },
                config.fuel.unwrap_or(u64::MAX),
                config.bounds,
            ),
        }
    }

    /// A number that no other store of the process has, or had.
    #[inline]
    pub fn id(&self) -> u64 {
        self.raw().id().get()
    }

    /// What stops the store's code, from other threads.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(self.raw().interrupt().clone())
    }

    /// How many operators its code may still execute, of what was compiled to count; see
    /// [`Config::fuel`]. `u64::MAX` if nobody has said anything else.
    pub fn fuel(&self) -> u64 {
        self.raw().fuel()
    }

    /// Says how many operators its code may execute from now on. Host functions can do so,
    /// too, for the code that has called them.
    pub fn set_fuel(&mut self, units: u64) {
        self.raw_mut().set_fuel(units);
    }

    /// Gives its code a deadline, in place of the one that there was: `ticks` from now by
    /// `epoch`. When that is there, code that was compiled to be interruptible ends with
    /// the trap "interrupted" where an [`InterruptHandle`] would stop it, unless
    /// [`at_deadline`](Store::at_deadline) says something else; waits in shared memories
    /// end so in any case. So does all that is called later, until there is another
    /// deadline, or none.
    pub fn set_deadline(&mut self, epoch: &Epoch, ticks: u64) {
        self.raw_mut().with_deadline(|deadline, interrupt| {
            deadline.set(epoch, ticks, interrupt);
        });
    }

    /// There is no deadline from now on.
    pub fn remove_deadline(&mut self) {
        self.raw_mut()
            .with_deadline(|deadline, interrupt| deadline.remove(interrupt));
    }

    /// Has `callback` asked what happens when a deadline is there, from now on and in
    /// place of the one that there was: code stands still meanwhile. An error ends the
    /// call as one of a host function does, and so does a panic.
    ///
    /// It has as much stack as a host function has, and may use the store, also call
    /// into it; no deadline holds for that. If it gives the store a deadline itself and
    /// returns [`Extend`](AtDeadline::Extend) or [`Yield`](AtDeadline::Yield), the latter
    /// is what counts.
    ///
    /// Code that has not the means to go on traps without it being asked: code for a
    /// processor of RISC-V with vectors, unless it does without signals, and artefacts that
    /// compare a word without asking (those of LLVM, and of older compilers).
    ///
    /// ```
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut store = wasm_aot_loader::Store::new();
    /// use wasm_aot_loader::{AtDeadline, Epoch};
    ///
    /// // Every 10 ms, other tasks get a turn.
    /// let epoch = Epoch::ticking(std::time::Duration::from_millis(10))?;
    /// store.at_deadline(|_| Ok(AtDeadline::Yield(1)));
    /// store.set_deadline(&epoch, 1);
    /// # Ok(()) }
    /// ```
    pub fn at_deadline(
        &mut self,
        callback: impl FnMut(&mut Store) -> Result<AtDeadline, BoxError> + Send + 'static,
    ) {
        // The old one may do anything when it is dropped.
        drop(self.raw_mut().replace_at_deadline(Box::new(callback)));
    }

    /// Keeps `value`, in place of the one of the same type that there was.
    pub fn insert<T: Any + Send>(&mut self, value: T) -> Option<T> {
        self.raw_mut().data.insert(value)
    }

    /// The value of type `T` that was [inserted](Store::insert).
    pub fn get<T: Any + Send>(&self) -> Option<&T> {
        self.raw().data.get()
    }

    /// The value of type `T` that was [inserted](Store::insert).
    pub fn get_mut<T: Any + Send>(&mut self) -> Option<&mut T> {
        self.raw_mut().data.get_mut()
    }

    /// Gives the value of type `T` back.
    pub fn remove<T: Any + Send>(&mut self) -> Option<T> {
        self.raw_mut().data.remove()
    }

    /// The instance of `module`, if the store has exactly one.
    pub fn only_instance_of(&self, module: &Module) -> Option<Instance> {
        self.raw().only_instance_of(module)
    }

    /// Has `limiter` asked, from now on, whenever a memory or table is to be made in
    /// the store or to grow, in place of the one that there was; if it returns
    /// `false`, that does not happen, as if a limit of the [`Config`]
    /// were reached.
    ///
    /// It is not asked about what limits of the config or of the type forbid anyway,
    /// nor about growth by nothing. What it allows may still not take place: if the
    /// system has no memory, or something else of the same instance is denied. Of
    /// memories that stores share, it is asked about what the config's limits would
    /// hold for; about growth again if another thread was faster.
    ///
    /// It runs where the code runs that asks to grow, with as much stack as a host
    /// function has. If it panics, so does the call that has led to it, as with a host
    /// function: the instance is not made, nothing has grown, and the store can still
    /// be used.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use wasm_aot_loader::{Growable, GrowError, Memory, MemoryType, Store};
    ///
    /// // 256 KiB for all memories of the store together.
    /// let mut left = 256 << 10;
    /// let mut store = Store::new();
    /// store.set_limiter(move |growth| {
    ///     if growth.what != Growable::Memory {
    ///         return true;
    ///     }
    ///     let more = growth.desired - growth.current;
    ///     let allowed = more <= left;
    ///     if allowed {
    ///         left -= more;
    ///     }
    ///     allowed
    /// });
    /// let one = Memory::new(&mut store, MemoryType::new(1, None))?;
    /// let two = Memory::new(&mut store, MemoryType::new(2, None))?;
    /// assert_eq!(one.grow(&mut store, 1)?, 1);
    /// let error = two.grow(&mut store, 1).unwrap_err();
    /// assert!(matches!(error, GrowError::Denied { size: 2, delta: 1, .. }));
    /// # Ok(()) }
    /// ```
    pub fn set_limiter(&mut self, limiter: impl FnMut(Growth) -> bool + Send + 'static) {
        self.raw_mut().set_limiter(Some(Box::new(limiter)));
    }

    /// Has no limiter asked any more. Limits of the config stay.
    pub fn remove_limiter(&mut self) {
        self.raw_mut().set_limiter(None);
    }

    pub(crate) fn raw(&self) -> &Inner {
        self.inner.get()
    }

    pub(crate) fn raw_mut(&mut self) -> &mut Inner {
        self.inner.get_mut()
    }

    pub(crate) fn boxed(&self) -> &StoreBox {
        &self.inner
    }
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
