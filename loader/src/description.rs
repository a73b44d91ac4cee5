//! What an artefact says about itself.

use std::fs;
use std::path::Path;

use wasm_aot_abi::{self as abi, CpuFeatures, Required, WasmFeatures};

pub use crate::raw::Description;
use crate::{ExternType, OpenError};

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

impl Description {
    /// Reads what is in an artefact, for whatever machine it is, and checks it as
    /// [`Module::open`](crate::Module::open) does, but for the digest, which is the
    /// [`Seal`](crate::Seal)'s. Nothing of it can be run.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Description, OpenError> {
        let path = path.as_ref();
        let file = fs::read(path).map_err(|source| OpenError::Read {
            path: path.to_owned(),
            source,
        })?;
        Description::from_bytes(file)
    }

    /// As [`read`](Description::read), of an artefact that is in memory.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn from_bytes(file: Vec<u8>) -> Result<Description, OpenError> {
        Description::of_file(file)
    }

    /// The module's name: from its source, else of its file; may be empty.
    pub fn name(&self) -> &str {
        let metadata = self.metadata();
        metadata.text(metadata.descriptor().name)
    }

    /// What must be supplied to instantiate it, in the order of the source.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> {
        let metadata = self.metadata();
        metadata.imports().map(move |import| ImportType {
            module: metadata.text(import.module),
            field: metadata.text(import.name),
            ty: self.extern_type(&import.ty),
        })
    }

    /// What its instances export, in the order of the source.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> {
        let metadata = self.metadata();
        metadata.exports().map(move |export| ExportType {
            name: metadata.text(export.name),
            ty: self.export_type(&export),
        })
    }

    /// The type of an export, if there is one of that name.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        let export = self.find_export(name)?;
        Some(self.export_type(&export))
    }

    /// The custom sections that were kept, in the order of the source.
    pub fn custom_sections(&self) -> impl ExactSizeIterator<Item = CustomSection<'_>> {
        let metadata = self.metadata();
        metadata
            .custom_sections()
            .map(move |section| CustomSection {
                name: metadata.text(section.name),
                bytes: metadata.bytes(section.bytes),
            })
    }

    /// Names of functions, with their indices (imports first), ascending. What is not
    /// text, in an artefact that was damaged, is `(damaged)`.
    pub fn function_names(&self) -> impl ExactSizeIterator<Item = (u32, &str)> {
        let metadata = self.metadata();
        metadata
            .function_names()
            .map(move |record| (record.index, metadata.function_name(record)))
    }

    /// The name of the function with an index (imports first).
    pub fn function_name(&self, index: u32) -> Option<&str> {
        let metadata = self.metadata();
        let names = metadata.function_names();
        let position = names.partition_point(|record| record.index < index);
        let record = names.get(position)?;
        (record.index == index).then(|| metadata.function_name(record))
    }

    /// How many functions it imports.
    pub fn imported_functions(&self) -> u32 {
        self.imported().functions
    }

    /// How many functions it defines.
    pub fn defined_functions(&self) -> u32 {
        self.metadata().functions().len() as u32
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
        self.metadata().text(self.descriptor().producer)
    }

    /// The options that it was compiled with.
    pub fn options(&self) -> &str {
        self.metadata().text(self.descriptor().options)
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

    fn descriptor(&self) -> &abi::Descriptor {
        self.metadata().descriptor()
    }
}
