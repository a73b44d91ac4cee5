//! Errors, by whose fault they are.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use wasm_aot_abi::{CpuFeatures, Required};

use crate::limits::Refusal;
use crate::raw::Inner;
use crate::trap::Backtrace;
use crate::{Exception, ExternType, FuncType, PublicKey, Trap, TrapCode, Val, ValType};

/// What a host function may fail with.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why an artefact cannot be used.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{Module, OpenError};
///
/// match Module::from_bytes(b"\0asm\x01\0\0\0") {
///     Err(OpenError::NotElf) => println!("compile it first"),
///     other => panic!("{other:?}"),
/// }
/// match Module::open("/nowhere.so") {
///     Err(OpenError::Read { path, source }) => println!("{}: {source}", path.display()),
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The operating system refused a resource that mapping needs.
    #[error("cannot map the artefact: {what}")]
    Map {
        /// What was asked for.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The dynamic linker refused the file.
    #[error("the dynamic linker refuses the artefact")]
    DynamicLinker(#[source] libloading::Error),
    /// Not an ELF file.
    #[error("not an ELF file")]
    NotElf,
    /// An ELF file of another kind: 32 bits, big-endian, an executable; or an object
    /// file or a static library.
    #[error("not a shared object for a 64-bit little-endian machine")]
    NotSharedObject,
    /// An ELF shared object that was not made by this compiler.
    #[error("not a wasm-aot artefact: it has no symbol `wasm_aot_module`")]
    NotArtefact,
    /// The file ends before what it announces.
    #[error("truncated: {what} ends behind the end of the file")]
    Truncated {
        /// The part that is missing.
        what: &'static str,
    },
    /// Made for another machine or system.
    #[error("made for {found}, but this host is {host}")]
    ForeignTarget {
        /// What it is for.
        found: String,
        /// What this is.
        host: &'static str,
    },
    /// Made for another version of the ABI.
    #[error("made for version {}.{} of the ABI, but this loader has {}.{}", found.0, found.1, host.0, host.1)]
    AbiVersion {
        /// Major and minor version of the artefact.
        found: (u16, u16),
        /// Those of this loader.
        host: (u16, u16),
    },
    /// It needs something of its loader that this one does not know.
    #[error("needs what this loader does not know: {0}")]
    UnknownRequirement(Required),
    /// It uses instructions that this CPU does not have.
    #[error("needs CPU features that are missing here: {0}")]
    MissingCpuFeatures(CpuFeatures),
    /// Its code has a calling convention that this loader does not know.
    #[error("its code has the unknown calling convention {0}")]
    UnknownConvention(u32),
    /// It uses something that the ABI defines but this loader does not support.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// It has something that an artefact never has, as a constructor.
    #[error("an artefact must not have {0}")]
    Forbidden(String),
    /// Its structure contradicts itself.
    #[error("damaged: {what}")]
    Damaged {
        /// Which record, and what is wrong with it.
        what: String,
    },
    /// It has no digest, but one was to be checked. The ABI asks for one in every
    /// shared object.
    #[error("it has no digest to check: it is not as the compiler wrote it")]
    NoDigest,
    /// Its digest is computed in a way that this loader does not know.
    #[error("its digest is of the unknown kind {0}")]
    UnknownDigest(u32),
    /// It is not what its digest was computed of.
    #[error(
        "its digest is wrong: the file is damaged, or a tool (strip, objcopy) has changed it \
         since it was compiled"
    )]
    WrongDigest,
    /// It has no signature, but one was asked for.
    #[error("it is not signed")]
    NotSigned,
    /// It is signed, but by nobody who is trusted.
    #[error("it is signed by the unknown key {0}")]
    UnknownSigner(PublicKey),
    /// It says that somebody trusted has signed it, but that is not true.
    #[error("its signature is wrong")]
    WrongSignature,
    /// The file was changed while it was being opened.
    #[error("the file changed while it was opened")]
    Changed,
}

/// The system refused memory or address space.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{Memory, MemoryType, Store};
///
/// let impossible = MemoryType::new(2, Some(1));
/// let error = Memory::new(&mut Store::new(), impossible).unwrap_err();
/// assert_eq!(error.to_string(), "cannot allocate a linear memory");
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("cannot allocate {what}")]
pub struct ResourceError {
    what: &'static str,
    source: io::Error,
}

impl ResourceError {
    pub(crate) fn new(what: &'static str, source: io::Error) -> ResourceError {
        ResourceError { what, source }
    }

    pub(crate) fn out_of_memory(what: &'static str) -> ResourceError {
        ResourceError::new(what, io::ErrorKind::OutOfMemory.into())
    }

    /// Whether a limit of the store's [`Config`](crate::Config) or its
    /// [limiter](crate::Store::set_limiter) is the reason.
    pub fn is_limit(&self) -> bool {
        let reason = self.source.get_ref();
        reason.is_some_and(|reason| reason.is::<Refusal>())
    }
}

/// A memory or table cannot grow, and is as it was.
///
/// ```
/// # use wasm_aot_loader::{GrowError, Memory, MemoryType, Store};
/// # let mut store = Store::new();
/// let memory = Memory::new(&mut store, MemoryType::new(1, Some(4))).unwrap();
/// match memory.grow(&mut store, 9) {
///     Err(GrowError::Limit { size: 1, limit: 4, .. }) => {}
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowError {
    /// It may not be that large.
    #[error("cannot grow {what} of {size} {unit} by {delta}: its limit is {limit}")]
    Limit {
        /// What was to grow, in words.
        what: &'static str,
        /// What sizes count, in words.
        unit: &'static str,
        /// Its size.
        size: u64,
        /// How much was to be added.
        delta: u64,
        /// Its maximum, or what there can be without one; or the limit of the store.
        limit: u64,
    },
    /// The store's [limiter](crate::Store::set_limiter) does not allow it.
    #[error("cannot grow {what} of {size} {unit} by {delta}: the store's limiter has denied it")]
    Denied {
        /// What was to grow, in words.
        what: &'static str,
        /// What sizes count, in words.
        unit: &'static str,
        /// Its size.
        size: u64,
        /// How much was to be added.
        delta: u64,
    },
    /// Memory is used up.
    #[error("cannot grow {what} of {size} {unit} by {delta}: there is no memory")]
    Memory {
        /// What was to grow, in words.
        what: &'static str,
        /// What sizes count, in words.
        unit: &'static str,
        /// Its size.
        size: u64,
        /// How much was to be added.
        delta: u64,
    },
}

impl GrowError {
    pub(crate) fn new(
        what: &'static str,
        unit: &'static str,
        size: u64,
        delta: u64,
        limit: u64,
    ) -> GrowError {
        GrowError::refused(what, unit, size, delta, limit, None)
    }

    /// With what the limits of the store have said, if those are the reason.
    pub(crate) fn refused(
        what: &'static str,
        unit: &'static str,
        size: u64,
        delta: u64,
        limit: u64,
        refusal: Option<Refusal>,
    ) -> GrowError {
        if let Some(Refusal::Denied) = refusal {
            GrowError::Denied {
                what,
                unit,
                size,
                delta,
            }
        } else if delta > limit.saturating_sub(size) {
            GrowError::Limit {
                what,
                unit,
                size,
                delta,
                limit,
            }
        } else {
            GrowError::Memory {
                what,
                unit,
                size,
                delta,
            }
        }
    }
}

/// A value that is not of the type that it is needed of.
///
/// ```
/// use wasm_aot_loader::{Global, GlobalType, Store, Val, ValType};
///
/// let ty = GlobalType::new(ValType::I32, false);
/// let error = Global::new(&mut Store::new(), ty, Val::I64(1)).unwrap_err();
/// assert_eq!(error.to_string(), "expected i32, got i64");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {found}")]
pub struct ValTypeError {
    /// The type that is needed.
    pub expected: ValType,
    /// The value's; of a reference the narrowest.
    pub found: ValType,
}

/// Why a global does not take a value.
///
/// ```
/// use wasm_aot_loader::{Global, GlobalError, GlobalType, Store, Val, ValType};
///
/// let mut store = Store::new();
/// let ty = GlobalType::new(ValType::I32, false);
/// let global = Global::new(&mut store, ty, Val::I32(1))?;
/// assert_eq!(global.set(&mut store, Val::I32(2)), Err(GlobalError::Immutable));
/// # Ok::<(), wasm_aot_loader::ValTypeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobalError {
    /// It never changes.
    #[error("the global is immutable")]
    Immutable,
    /// The value is of another type.
    #[error(transparent)]
    Type(#[from] ValTypeError),
}

/// Why something cannot be done with a table.
///
/// ```
/// use wasm_aot_loader::{Store, Table, TableError, TableType, Val, ValType};
///
/// let mut store = Store::new();
/// let ty = TableType::new(ValType::FUNCREF, 1, None);
/// let table = Table::new(&mut store, ty, Val::FuncRef(None))?;
/// let error = table.set(&mut store, 1, Val::FuncRef(None)).unwrap_err();
/// assert_eq!(error.to_string(), "out of bounds table access");
/// let error = table.set(&mut store, 0, Val::I32(1)).unwrap_err();
/// assert_eq!(error.to_string(), "expected funcref, got i32");
/// # Ok::<(), TableError>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There are no such elements.
    #[error(transparent)]
    Trap(Trap),
    /// A value is not of the type of the elements.
    #[error(transparent)]
    Type(#[from] ValTypeError),
    /// It cannot be made.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// It cannot grow.
    #[error(transparent)]
    Grow(#[from] GrowError),
}

/// Every import that was not supplied, or not as the module wants it. Never
/// empty.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Instance, InstantiationError, Store, imports};
///
/// let module = compile(r#"(module (import "host" "log" (func (param i32)))
///   (import "host" "memory" (memory 1)))"#)?;
/// let imports = imports! { "host" => { "log" => |_: i64| () } };
/// let Err(InstantiationError::Link(error)) = Instance::new(&mut Store::new(), &module, &imports)
/// else {
///     panic!("they do not match");
/// };
/// assert_eq!(error.problems().len(), 2);
/// assert_eq!(
///     error.to_string(),
///     "incompatible import type: \"host\" \"log\": \
///      expected (func (param i32)), found (func (param i64))\n\
///      unknown import: \"host\" \"memory\": expected (memory 1)"
/// );
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LinkError {
    problems: Box<[LinkProblem]>,
}

/// An import that does not match.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Imports, Instance, InstantiationError, Store};
///
/// let module = compile(r#"(module (import "host" "f" (func)) (import "host" "g" (func)))"#)?;
/// match Instance::new(&mut Store::new(), &module, &Imports::new()) {
///     Err(InstantiationError::Link(error)) => {
///         let names: Vec<_> = error.problems().iter().map(|problem| &*problem.field).collect();
///         assert_eq!(names, ["f", "g"]);
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct LinkProblem {
    /// The namespace.
    pub module: String,
    /// The name in it.
    pub field: String,
    /// What the module wants.
    pub expected: ExternType,
    /// What it was given; `None` if nothing.
    pub found: Option<ExternType>,
    /// What else is wrong, where the types alone do not tell.
    pub detail: Option<&'static str>,
}

impl LinkError {
    pub(crate) fn new(problems: Vec<LinkProblem>) -> LinkError {
        LinkError {
            problems: problems.into(),
        }
    }

    /// The imports, in the order of the module.
    pub fn problems(&self) -> &[LinkProblem] {
        &self.problems
    }
}

impl Error for LinkError {}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Starts with the text of the specification's test suite.
impl fmt::Display for LinkProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinkProblem {
            module,
            field,
            expected,
            found,
            detail,
        } = self;
        match found {
            None => write!(
                f,
                "unknown import: {module:?} {field:?}: expected {expected}"
            )?,
            Some(found) => write!(
                f,
                "incompatible import type: {module:?} {field:?}: expected {expected}, found {found}"
            )?,
        }
        match detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

/// A function was called that the module imports but nobody has supplied: what a
/// [stub](crate::Definition::stub) fails with.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Imports, Instance, MissingImport, Store};
///
/// let module = compile(r#"(module (import "env" "gone" (func $gone))
///   (func (export "run") (call $gone)))"#)?;
/// let mut imports = Imports::new();
/// imports.stub_missing();
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// let run = instance.get_typed_func::<(), ()>(&store, "run")?;
/// let Err(CallError::Host(error)) = run.call(&mut store, ()) else {
///     panic!("nobody has supplied it");
/// };
/// let missing: &MissingImport = error.downcast_ref().unwrap();
/// assert_eq!(missing.to_string(), r#"call of the missing import "env" "gone""#);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("call of the missing import {module:?} {field:?}")]
pub struct MissingImport {
    /// The namespace.
    pub module: String,
    /// The name in it.
    pub field: String,
}

/// Why a module could not be instantiated.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{Imports, Instance, InstantiationError, Store};
///
/// let module = compile("(module (func $start unreachable) (start $start))")?;
/// match Instance::new(&mut Store::new(), &module, &Imports::new()) {
///     Err(InstantiationError::Trap(trap)) => assert_eq!(trap.message(), "unreachable"),
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstantiationError {
    /// The module that is linked into the program cannot be used; nothing has
    /// happened yet. Only from generated code.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The imports do not match; nothing has happened yet.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The store has artefacts of another calling convention.
    #[error("the store holds artefacts of another calling convention")]
    Convention,
    /// The store wants [code that can be interrupted](crate::Config::interruptible),
    /// and the module was compiled without.
    #[error("the code cannot be interrupted, as the store demands")]
    Uninterruptible,
    /// The store has [fuel](crate::Config::fuel), and the module was compiled without.
    #[error("the code does not count fuel, as the store demands")]
    NoFuel,
    /// The store wants [no signals](crate::Config::signals), and the module was compiled
    /// without `--no-signals`.
    #[error("the code traps by signals, which the store excludes")]
    NeedsSignals,
    /// Memory or address space is used up, or the store's limits do not allow the
    /// instance; no code has run, and nothing has changed yet.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// An active segment did not fit, or the start function trapped. What had
    /// been written to imported tables, memories and globals stays.
    #[error(transparent)]
    Trap(Trap),
    /// The start function called a host function that failed.
    #[error(transparent)]
    Host(HostError),
    /// The start function threw an exception.
    #[error(transparent)]
    Exception(Exception),
}

impl From<CallError> for InstantiationError {
    fn from(error: CallError) -> InstantiationError {
        match error {
            CallError::Trap(trap) => InstantiationError::Trap(trap),
            CallError::Host(error) => InstantiationError::Host(error),
            CallError::Exception(exception) => InstantiationError::Exception(exception),
            CallError::Resource(error) => InstantiationError::Resource(error),
            CallError::Arguments(_) => unreachable!("a start function has no parameters"),
        }
    }
}

/// Why a call did not return.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{CallError, Func, Store, TrapCode};
///
/// let mut store = Store::new();
/// let fail = Func::wrap(&mut store, || Err::<(), _>("no"));
/// let error = fail.call(&mut store, &[], &mut []).unwrap_err();
/// assert!(matches!(error, CallError::Host(_)));
/// assert_eq!(error.to_string(), "no");
/// let error = fail.call(&mut store, &[1.into()], &mut []).unwrap_err();
/// assert_eq!(error.to_string(), "expected 0 arguments, got 1");
/// # Ok(()) }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The code trapped.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// A host function failed.
    #[error(transparent)]
    Host(HostError),
    /// An exception was thrown and not caught.
    #[error(transparent)]
    Exception(#[from] Exception),
    /// The arguments do not fit the function. Never from a
    /// [`TypedFunc`](crate::TypedFunc).
    #[error(transparent)]
    Arguments(ArgumentError),
    /// There is no memory for the stack of an asynchronous call; nothing has
    /// happened yet. Never from a synchronous call.
    #[error(transparent)]
    Resource(ResourceError),
}

impl CallError {
    /// The trap's code, if it is one.
    pub fn trap_code(&self) -> Option<TrapCode> {
        match self {
            CallError::Trap(trap) => Some(trap.code()),
            _ => None,
        }
    }
}

/// The error of a host function, and where it was called.
///
/// A host function that fails with a [`CallError`] or [`Trap`] of its own (an
/// inner call's, passed on with `?`) does not end up here: the outer call fails
/// with that very error. Nor does one that fails with an [`Exception`]: that can
/// be caught by the code that has called it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{CallError, Instance, Store, imports};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("over quota")]
/// struct OverQuota;
///
/// let module = compile(r#"(module (import "host" "charge" (func $charge))
///   (func $work (export "work") (call $charge)))"#)?;
/// let imports = imports! { "host" => { "charge" => || Err::<(), _>(OverQuota) } };
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &imports)?;
/// let work = instance.get_typed_func::<(), ()>(&store, "work")?;
/// match work.call(&mut store, ()) {
///     Err(CallError::Host(error)) => {
///         assert!(error.downcast_ref::<OverQuota>().is_some());
///         assert_eq!(error.backtrace().frames()[0].func_name(), Some("work"));
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct HostError {
    inner: Box<HostErrorInner>,
}

#[derive(Debug)]
struct HostErrorInner {
    error: BoxError,
    backtrace: Backtrace,
}

impl HostError {
    pub(crate) fn new(error: BoxError, backtrace: Backtrace) -> HostError {
        HostError {
            inner: Box::new(HostErrorInner { error, backtrace }),
        }
    }

    /// The error, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.inner.error.downcast_ref()
    }

    /// The error that the host function returned.
    pub fn into_inner(self) -> BoxError {
        self.inner.error
    }

    /// The WebAssembly frames that led to the host function.
    pub fn backtrace(&self) -> &Backtrace {
        &self.inner.backtrace
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.error.fmt(f)
    }
}

impl Error for HostError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.inner.error.source()
    }
}

/// Arguments that do not fit a function.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{ArgumentError, CallError, Func, Store, Val, ValType};
///
/// let mut store = Store::new();
/// let func = Func::wrap(&mut store, |_: i32| ());
/// match func.call(&mut store, &[Val::I64(1)], &mut []) {
///     Err(CallError::Arguments(error)) => {
///         let (expected, found) = (ValType::I32, ValType::I64);
///         assert_eq!(error, ArgumentError::Type { index: 0, expected, found });
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// Too few or too many.
    #[error("expected {expected} arguments, got {found}")]
    Count {
        /// As many as the function has parameters.
        expected: usize,
        /// As many as were given.
        found: usize,
    },
    /// One is of another type.
    #[error("argument {index}: expected {expected}, got {found}")]
    Type {
        /// Its position, from 0.
        index: usize,
        /// The parameter's type.
        expected: ValType,
        /// The argument's type.
        found: ValType,
    },
    /// The space for results is not as long as the function has results.
    #[error("expected space for {expected} results, got {found}")]
    Results {
        /// As many as the function has results.
        expected: usize,
        /// As many as there is space for.
        found: usize,
    },
}

impl ArgumentError {
    /// Whether a function of type `ty` can be called with these.
    pub(crate) fn check(
        ty: FuncType,
        arguments: &[Val],
        results: &[Val],
        store: &Inner,
    ) -> Result<(), ArgumentError> {
        if arguments.len() != ty.params().len() {
            return Err(ArgumentError::Count {
                expected: ty.params().len(),
                found: arguments.len(),
            });
        }
        for (index, (argument, &expected)) in arguments.iter().zip(ty.params()).enumerate() {
            if let Err(found) = argument.check(expected, store) {
                return Err(ArgumentError::Type {
                    index,
                    expected,
                    found,
                });
            }
        }
        if results.len() != ty.results().len() {
            return Err(ArgumentError::Results {
                expected: ty.results().len(),
                found: results.len(),
            });
        }
        Ok(())
    }
}

/// A function has another type than was asked for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{Func, Store};
///
/// let mut store = Store::new();
/// let func = Func::wrap(&mut store, |_: i32| ());
/// let error = func.typed::<i64, ()>(&store).unwrap_err();
/// assert_eq!(error.to_string(), "the function is (func (param i32)), not (func (param i64))");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the function is {found}, not {expected}")]
pub struct FuncTypeError {
    /// What was asked for.
    pub expected: FuncType,
    /// What it is.
    pub found: FuncType,
}

/// Why something of an instance is not there as it was asked for.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::{ExportError, Imports, Instance, Store};
///
/// let module = compile(r#"(module (memory (export "memory") 1))"#)?;
/// let mut store = Store::new();
/// let instance = Instance::new(&mut store, &module, &Imports::new())?;
/// let error = instance.get_memory(&store, "mem").unwrap_err();
/// assert_eq!(error, ExportError::Missing { name: "mem".to_owned() });
/// let error = instance.get_table(&store, "memory").unwrap_err();
/// assert_eq!(error.to_string(), "export \"memory\" is (memory 1), not a table");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No export has the name.
    #[error("no export is named {name:?}")]
    Missing {
        /// The name.
        name: String,
    },
    /// The export is of another kind or type.
    #[error("export {name:?} is {found}, not {expected}")]
    Type {
        /// The name.
        name: String,
        /// What was asked for.
        expected: String,
        /// What it is.
        found: ExternType,
    },
}
