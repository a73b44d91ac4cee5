//! What is written in an artefact, checked, whatever machine it is for.

use wasm_aot_abi::{self as abi, ExternKind};

use super::elf::Elf;
use super::metadata::{Metadata, val_types};
use super::verify::verify;
use crate::intern::{Interned, Interner};
use crate::{ExternType, GlobalType, MemoryType, OpenError, TableType, TagType, ValType};

/// What an artefact says about itself: its module, what it is for, and how it
/// was made.
///
/// A [`Module`](crate::Module) has one, by `Deref`. One that is
/// [read](Description::read) alone can be of an artefact for another machine.
#[derive(Debug)]
pub struct Description {
    /// Borrows from `bytes`, or from what the caller of `of_mapped` keeps.
    metadata: Metadata<'static>,
    types: Box<[Interned]>,
    imported: Counts,
    /// The file, if it was read.
    _bytes: Option<Box<[u8]>>,
}

/// How many things of each kind a module imports.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) functions: u32,
    pub(crate) tables: u32,
    pub(crate) memories: u32,
    pub(crate) globals: u32,
    pub(crate) tags: u32,
}

impl Description {
    /// Of the bytes that a file has from its descriptor to the end of the segment.
    ///
    /// # Safety
    ///
    /// The bytes stay as they are for as long as the result is used.
    pub(super) unsafe fn of_mapped(bytes: &[u8], elf: &Elf) -> Result<Description, OpenError> {
        let metadata = verify(bytes, elf)?;
        // SAFETY: the caller says so.
        let metadata: Metadata<'static> = unsafe { std::mem::transmute(metadata) };
        Ok(Description {
            types: intern(&metadata),
            imported: count(&metadata),
            metadata,
            _bytes: None,
        })
    }

    /// Of a whole file.
    pub(crate) fn of_file(file: Vec<u8>) -> Result<Description, OpenError> {
        let file = file.into_boxed_slice();
        let elf = Elf::parse(&file)?;
        // SAFETY: nobody changes what is in the box, and it is kept.
        let description = unsafe { Description::of_mapped(elf.metadata(&file), &elf)? };
        Ok(Description {
            _bytes: Some(file),
            ..description
        })
    }

    pub(crate) fn metadata(&self) -> &Metadata<'_> {
        &self.metadata
    }

    /// The module's function types with their ids.
    pub(crate) fn types(&self) -> &[Interned] {
        &self.types
    }

    pub(crate) fn imported(&self) -> Counts {
        self.imported
    }

    pub(crate) fn find_export(&self, name: &str) -> Option<abi::Export> {
        let metadata = &self.metadata;
        metadata.exports().find(|export| {
            export.name.len as usize == name.len() && metadata.text(export.name) == name
        })
    }

    /// A type in an import or definition.
    pub(crate) fn extern_type(&self, ty: &abi::ExternType) -> ExternType {
        match ExternKind::try_from(ty.kind).expect("kinds are verified") {
            ExternKind::Func => self.types[ty.ty as usize].ty.clone().into(),
            ExternKind::Table => table_type(ty).into(),
            ExternKind::Memory => memory_type(ty).into(),
            ExternKind::Global => {
                let mutable = ty.flags & abi::ExternType::MUTABLE != 0;
                GlobalType::new(val_type(abi::ValType(ty.ty)), mutable).into()
            }
            ExternKind::Tag => self.tag_type(ty.ty).into(),
        }
    }

    /// The type of a tag that a function type describes.
    pub(crate) fn tag_type(&self, ty: u32) -> TagType {
        TagType::of(self.types[ty as usize].ty.clone())
    }

    /// The type of an export.
    pub(crate) fn export_type(&self, export: &abi::Export) -> ExternType {
        let kind = ExternKind::try_from(export.kind).expect("kinds are verified");
        let imported = match kind {
            ExternKind::Func => self.imported.functions,
            ExternKind::Table => self.imported.tables,
            ExternKind::Memory => self.imported.memories,
            ExternKind::Global => self.imported.globals,
            ExternKind::Tag => self.imported.tags,
        };
        let Some(own) = export.index.checked_sub(imported) else {
            let imports = self.metadata.imports();
            let mut imports = imports.filter(|import| import.ty.kind == kind as u32);
            let import = imports.nth(export.index as usize);
            return self.extern_type(&import.expect("indices are verified").ty);
        };
        match kind {
            ExternKind::Func => {
                let function = self.metadata.functions().at(own);
                self.types[function.ty as usize].ty.clone().into()
            }
            ExternKind::Table => self.extern_type(&self.metadata.tables().at(own).ty),
            ExternKind::Memory => self.extern_type(&self.metadata.memories().at(own).ty),
            ExternKind::Global => global_type(&self.metadata.globals().at(own)).into(),
            ExternKind::Tag => self.tag_type(self.metadata.tags().at(own).ty).into(),
        }
    }
}

fn intern(metadata: &Metadata<'_>) -> Box<[Interned]> {
    let mut interner = Interner::lock();
    let types = metadata.types().map(|ty| {
        let params = val_types(metadata.records(ty.params));
        let results = val_types(metadata.records(ty.results));
        interner.intern(params, results)
    });
    types.collect()
}

fn count(metadata: &Metadata<'_>) -> Counts {
    let mut counts = Counts::default();
    for import in metadata.imports() {
        *match ExternKind::try_from(import.ty.kind).expect("kinds are verified") {
            ExternKind::Func => &mut counts.functions,
            ExternKind::Table => &mut counts.tables,
            ExternKind::Memory => &mut counts.memories,
            ExternKind::Global => &mut counts.globals,
            ExternKind::Tag => &mut counts.tags,
        } += 1;
    }
    counts
}

pub(super) fn val_type(ty: abi::ValType) -> ValType {
    ValType::from_abi(ty).expect("types are verified")
}

pub(super) fn table_type(ty: &abi::ExternType) -> TableType {
    let (element, min, max) = (val_type(abi::ValType(ty.ty)), ty.min, ty.maximum());
    if ty.flags & abi::ExternType::ADDRESS64 != 0 {
        TableType::new64(element, min, max)
    } else {
        TableType::new(element, min, max)
    }
}

pub(super) fn memory_type(ty: &abi::ExternType) -> MemoryType {
    let memory = if ty.flags & abi::ExternType::ADDRESS64 != 0 {
        MemoryType::new64(ty.min, ty.maximum())
    } else {
        MemoryType::new(ty.min, ty.maximum())
    };
    memory.with_page_size(1 << ty.ty)
}

pub(super) fn global_type(global: &abi::Global) -> GlobalType {
    GlobalType::new(val_type(global.ty), global.mutable != 0)
}
