//! Artefacts, opened.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::raw::Artefact;
use crate::{Description, OpenError, OpenOptions};

/// A compiled WebAssembly module: verified, mapped, and ready to be
/// instantiated any number of times, on any thread. Cheap to clone.
///
/// The artefact stays mapped until the last `Module`, [`Store`](crate::Store)
/// and [`Frame`](crate::Frame) that refer to it are gone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{FuncType, Module, ValType};
///
/// let wat = r#"(module $math
///   (import "host" "log" (func (param i64)))
///   (func (export "half") (param i32) (result i32)
///     (i32.shr_s (local.get 0) (i32.const 1))))"#;
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("math.so");
/// std::fs::write(&path, wasm_aot_compiler::compile(wat.as_bytes(), &Default::default())?)?;
/// let module = Module::open(&path)?;
/// assert_eq!(module.name(), "math");
/// let import = module.imports().next().unwrap();
/// assert_eq!((import.module, import.field), ("host", "log"));
/// let export = module.exports().next().unwrap();
/// assert_eq!(export.name, "half");
/// assert_eq!(export.ty.to_string(), "(func (param i32) (result i32))");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Module {
    artefact: Arc<Artefact>,
}

impl Module {
    /// Opens an artefact with the default [`OpenOptions`]: what runs is a copy in
    /// memory whose digest was checked ([`Verify::Full`](crate::Verify::Full)). So
    /// whatever becomes of the file does not touch modules that are open.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Module, OpenError> {
        OpenOptions::new().open(path)
    }

    /// Opens an artefact that is in memory with the default [`OpenOptions`]. The bytes
    /// are copied to an anonymous file, sealed against changes.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Module, OpenError> {
        OpenOptions::new().from_bytes(bytes)
    }

    pub(crate) fn from_artefact(artefact: Arc<Artefact>) -> Module {
        Module { artefact }
    }

    /// Whether traps of its code are signals: `SIGSEGV`, `SIGILL` and `SIGFPE`. Then it
    /// cannot be instantiated where there are to be no handlers for them; see
    /// [`Config::signals`](crate::Config::signals).
    pub fn needs_signals(&self) -> bool {
        self.artefact.faults()
    }

    /// The artefact's bytes: a copy of what was opened.
    ///
    /// # Errors
    ///
    /// Those of reading the file. [`io::ErrorKind::Unsupported`] for a module that
    /// is [linked](Module::from_linked): there is no file of its own.
    pub fn read_artefact(&self) -> io::Result<Vec<u8>> {
        self.artefact.read()
    }

    pub(crate) fn source_offset(&self, function: u32, code: u32, trap: bool) -> Option<u32> {
        self.artefact.source_offset(function, code, trap)
    }

    pub(crate) fn artefact(&self) -> &Artefact {
        &self.artefact
    }

    /// Whether both are handles to one open artefact.
    pub(crate) fn is(&self, other: &Module) -> bool {
        Arc::ptr_eq(&self.artefact, &other.artefact)
    }
}

/// What is written in it.
impl Deref for Module {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.artefact
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
