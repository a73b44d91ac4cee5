//! The owner of everything that exists at run time.

use std::any::Any;
use std::fmt;

use crate::raw::{Inner, StoreBox};
use crate::{Instance, InterruptHandle, Module};

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
}

impl Config {
    /// The defaults.
    pub const fn new() -> Config {
        Config {
            max_wasm_stack: DEFAULT_WASM_STACK,
            interruptible: false,
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
            inner: StoreBox::new(config.max_wasm_stack, config.interruptible),
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
