//! Artefacts, opened.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use wasm_aot_abi::{self as abi, CpuFeatures, Required, WasmFeatures};

use crate::raw::Artefact;
use crate::{ExternType, OpenError};

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

/// An import of a module.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// use wasm_aot_loader::ExternType;
///
/// let module = compile(r#"(module (import "env" "now" (func (result i64))))"#)?;
/// for import in module.imports() {
///     assert_eq!((import.module, import.field), ("env", "now"));
///     assert!(matches!(import.ty, ExternType::Func(_)));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportType<'a> {
    /// The namespace.
    pub module: &'a str,
    /// The name in it.
    pub field: &'a str,
    /// What is expected.
    pub ty: ExternType,
}

/// An export of a module.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let compile = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doctest/compile.rs"));
/// let module = compile(r#"(module (memory (export "memory") 1 2))"#)?;
/// for export in module.exports() {
///     assert_eq!((export.name, export.ty.to_string().as_str()), ("memory", "(memory 1 2)"));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportType<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub ty: ExternType,
}

/// A custom section of the source module that the compiler kept.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_compiler::{Options, compile};
/// use wasm_aot_loader::Module;
///
/// let options = Options { keep_custom: vec!["licence".into()], ..Options::default() };
/// let artefact = compile(br#"(module (@custom "licence" "MIT") (@custom "x" "y"))"#, &options)?;
/// let module = Module::from_bytes(&artefact)?;
/// let section = module.custom_sections().next().unwrap();
/// assert_eq!((section.name, section.bytes), ("licence", &b"MIT"[..]));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomSection<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Module {
    /// Opens an artefact. The file is checked before anything of it is mapped
    /// to be run, and all its metadata before it is used.
    ///
    /// Replacing the file by renaming another over it does not touch modules
    /// that are open. Writing into it does: it is shared memory, as every
    /// shared library is.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Module, OpenError> {
        let artefact = Artefact::open(path.as_ref())?;
        Ok(Module { artefact })
    }

    /// Opens an artefact that is in memory. The bytes are copied to an anonymous
    /// file, sealed against changes.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Module, OpenError> {
        let artefact = Artefact::from_bytes(bytes)?;
        Ok(Module { artefact })
    }

    pub(crate) fn from_artefact(artefact: Arc<Artefact>) -> Module {
        Module { artefact }
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

    /// The module's name: from its source, else of its file; may be empty.
    pub fn name(&self) -> &str {
        let metadata = self.artefact.metadata();
        metadata.text(metadata.descriptor().name)
    }

    /// What must be supplied to instantiate it, in the order of the source.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let metadata = self.artefact.metadata();
        metadata.imports().map(move |import| ImportType {
            module: metadata.text(import.module),
            field: metadata.text(import.name),
            ty: self.artefact.extern_type(&import.ty),
        })
    }

    /// What its instances export, in the order of the source.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let metadata = self.artefact.metadata();
        metadata.exports().map(move |export| ExportType {
            name: metadata.text(export.name),
            ty: self.artefact.export_type(&export),
        })
    }

    /// The type of an export, if there is one of that name.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let export = self.artefact.find_export(name)?;
        Some(self.artefact.export_type(&export))
    }

    /// The custom sections that were kept, in the order of the source.
    pub fn custom_sections(&self) -> impl ExactSizeIterator<Item = CustomSection<'_>> {
        let metadata = self.artefact.metadata();
        metadata
            .custom_sections()
            .map(move |section| CustomSection {
                name: metadata.text(section.name),
                bytes: metadata.bytes(section.bytes),
            })
    }

    /// Names of functions, with their indices (imports first), ascending.
    pub fn function_names(&self) -> impl ExactSizeIterator<Item = (u32, &str)> {
        let metadata = self.artefact.metadata();
        metadata
            .function_names()
            .map(move |record| (record.index, metadata.text(record.name)))
    }

    /// The name of the function with an index (imports first).
    pub fn function_name(&self, index: u32) -> Option<&str> {
        let metadata = self.artefact.metadata();
        let names = metadata.function_names();
        let position = names.partition_point(|record| record.index < index);
        let record = names.get(position)?;
        (record.index == index).then(|| metadata.text(record.name))
    }

    /// How many functions it imports.
    pub fn imported_functions(&self) -> u32 {
        self.artefact.imported().functions
    }

    /// How many functions it defines.
    pub fn defined_functions(&self) -> u32 {
        self.artefact.metadata().functions().len() as u32
    }

    /// Major and minor version of the ABI that it was made for.
    pub fn abi_version(&self) -> (u16, u16) {
        let descriptor = self.descriptor();
        (descriptor.abi_major, descriptor.abi_minor)
    }

    /// The machine and system that it is for, as a triple.
    pub fn target(&self) -> &'static str {
        abi::Target::from_number(self.descriptor().target).map_or("unknown", abi::Target::triple)
    }

    /// What its loader must know.
    pub fn required(&self) -> Required {
        Required(self.descriptor().required)
    }

    /// What its code needs of the CPU.
    pub fn cpu_features(&self) -> CpuFeatures {
        CpuFeatures(self.descriptor().cpu_features)
    }

    /// The language features that were on when it was compiled.
    pub fn wasm_features(&self) -> WasmFeatures {
        WasmFeatures(self.descriptor().wasm_features)
    }

    /// Compiler and code generator, with versions.
    pub fn producer(&self) -> &str {
        self.artefact.metadata().text(self.descriptor().producer)
    }

    /// The options that it was compiled with.
    pub fn options(&self) -> &str {
        self.artefact.metadata().text(self.descriptor().options)
    }

    /// SHA-256 of the source module's binary.
    pub fn source_hash(&self) -> &[u8; 32] {
        &self.descriptor().source_hash
    }

    /// Bytes of machine code.
    pub fn text_size(&self) -> u64 {
        self.descriptor().text_size
    }

    /// Bytes of metadata.
    pub fn metadata_size(&self) -> u64 {
        self.descriptor().metadata_size.into()
    }

    /// Bytes of memory that are mapped from the artefact.
    pub fn image_size(&self) -> u64 {
        self.descriptor().image_size
    }

    /// Address space and guard behind each of its memories, in bytes.
    pub fn memory_reservation(&self) -> (u64, u64) {
        let tunables = &self.descriptor().tunables;
        (tunables.memory_reservation, tunables.memory_guard)
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

    fn descriptor(&self) -> &abi::Descriptor {
        self.artefact.metadata().descriptor()
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
