//! What is written in an artefact, checked, whatever machine it is for.

use wasm_aot_abi::{self as abi, ExternKind};

use super::elf::Elf;
use super::metadata::Metadata;
use super::verify::verify;
use crate::intern::{Index, Interner};
use crate::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, OpenError, RefType, TableType, TagType,
    ValType,
};

/// What an artefact says about itself: its module, what it is for, and how it
/// was made.
///
/// A [`Module`](crate::Module) has one, by `Deref`. One that is
/// [read](Description::read) alone can be of an artefact for another machine.
#[derive(Debug)]
pub struct Description {
    /// Borrows from `bytes`, or from what the caller of `of_mapped` keeps.
    metadata: Metadata<'static>,
    types: Box<[FuncType]>,
    imported: Counts,
    landing_pads: bool,
    /// The file, if it was read. Not a `Box`: moving that claims that nobody else refers to
    /// what is in it.
    _bytes: Option<Vec<u8>>,
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
            landing_pads: elf.landing_pads,
            metadata,
            _bytes: None,
        })
    }

    /// Of a whole file.
    pub(crate) fn of_file(file: Vec<u8>) -> Result<Description, OpenError> {
        let elf = Elf::parse(&file)?;
        // SAFETY: nobody changes what is in the vector, and it is kept.
        let description = unsafe { Description::of_mapped(elf.metadata(&file), &elf)? };
        Ok(Description {
            _bytes: Some(file),
            ..description
        })
    }

    /// Whether all places in its code that indirect branches lead to say so, and the file
    /// that they do (on AArch64: BTI). Where processor and system know of that, no other
    /// place can be reached by such a branch. `false` for what is linked into a program:
    /// there, what holds for the program holds for it.
    pub fn has_landing_pads(&self) -> bool {
        self.landing_pads
    }

    pub(crate) fn metadata(&self) -> &Metadata<'_> {
        &self.metadata
    }

    /// The module's function types.
    pub(crate) fn types(&self) -> &[FuncType] {
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
            ExternKind::Func => self.types[ty.ty as usize].into(),
            ExternKind::Table => self.table_type(ty).into(),
            ExternKind::Memory => memory_type(ty).into(),
            ExternKind::Global => {
                let mutable = ty.flags & abi::ExternType::MUTABLE != 0;
                GlobalType::new(self.val_type(abi::ValType(ty.ty)), mutable).into()
            }
            ExternKind::Tag => self.tag_type(ty.ty).into(),
        }
    }

    pub(super) fn val_type(&self, ty: abi::ValType) -> ValType {
        val_type(ty, &self.types)
    }

    pub(super) fn table_type(&self, ty: &abi::ExternType) -> TableType {
        let element = self.val_type(abi::ValType(ty.ty));
        match ty.flags & abi::ExternType::ADDRESS64 {
            0 => TableType::new(element, ty.min, ty.maximum()),
            _ => TableType::new64(element, ty.min, ty.maximum()),
        }
    }

    pub(super) fn global_type(&self, global: &abi::Global) -> GlobalType {
        GlobalType::new(self.val_type(global.ty), global.mutable != 0)
    }

    /// The type of a tag that a function type describes.
    pub(crate) fn tag_type(&self, ty: u32) -> TagType {
        TagType::of(self.types[ty as usize])
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
                self.types[function.ty as usize].into()
            }
            ExternKind::Table => self.extern_type(&self.metadata.tables().at(own).ty),
            ExternKind::Memory => self.extern_type(&self.metadata.memories().at(own).ty),
            ExternKind::Global => self.global_type(&self.metadata.globals().at(own)).into(),
            ExternKind::Tag => self.tag_type(self.metadata.tags().at(own).ty).into(),
        }
    }
}

fn intern(metadata: &Metadata<'_>) -> Box<[FuncType]> {
    let mut interner = Interner::lock();
    let subtypes = metadata.subtypes();
    let mut types: Vec<FuncType> = Vec::with_capacity(metadata.types().len());
    for (index, ty) in (0..).zip(metadata.types()) {
        let own = subtypes.get(index as usize).unwrap_or(abi::SubType {
            group: index,
            supertype: abi::NONE,
            flags: 0,
            kind: 0,
        });
        let mut add = |list| {
            for ty in metadata.records::<abi::ValType>(list) {
                match ty.type_index().and_then(|ty| ty.checked_sub(own.group)) {
                    Some(position) => interner.own_value(ty.is_nullable(), position),
                    None => interner.value(val_type(ty, &types)),
                }
            }
            interner.values()
        };
        let params = add(ty.params);
        add(ty.results);
        let supertype =
            (own.supertype != abi::NONE).then(|| match own.supertype.checked_sub(own.group) {
                Some(position) => Index::Own(position),
                None => Index::Other(types[own.supertype as usize]),
            });
        interner.add(params, supertype, own.flags & abi::SubType::OPEN != 0);
        let next = subtypes.get(index as usize + 1);
        if next.is_none_or(|next| next.group != own.group) {
            types.extend_from_slice(interner.finish());
        }
    }
    types.into()
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

/// A type of a module whose function types are `types`.
fn val_type(ty: abi::ValType, types: &[FuncType]) -> ValType {
    let Some(heap) = ty.heap() else {
        return match ty {
            abi::ValType::I32 => ValType::I32,
            abi::ValType::I64 => ValType::I64,
            abi::ValType::F32 => ValType::F32,
            abi::ValType::F64 => ValType::F64,
            abi::ValType::V128 => ValType::V128,
            other => unreachable!("{other} is verified"),
        };
    };
    let heap = match heap {
        abi::HeapType::Func => HeapType::Func,
        abi::HeapType::NoFunc => HeapType::NoFunc,
        abi::HeapType::Extern => HeapType::Extern,
        abi::HeapType::NoExtern => HeapType::NoExtern,
        abi::HeapType::Any => HeapType::Any,
        abi::HeapType::Eq => HeapType::Eq,
        abi::HeapType::I31 => HeapType::I31,
        abi::HeapType::Struct => HeapType::Struct,
        abi::HeapType::Array => HeapType::Array,
        abi::HeapType::None => HeapType::None,
        abi::HeapType::Exn => HeapType::Exn,
        abi::HeapType::NoExn => HeapType::NoExn,
        abi::HeapType::Function => {
            let index = ty.type_index().expect("a function type has an index");
            HeapType::ConcreteFunc(types[index as usize])
        }
    };
    RefType::new(ty.is_nullable(), heap).into()
}

pub(super) fn memory_type(ty: &abi::ExternType) -> MemoryType {
    let memory = if ty.flags & abi::ExternType::ADDRESS64 != 0 {
        MemoryType::new64(ty.min, ty.maximum())
    } else {
        MemoryType::new(ty.min, ty.maximum())
    };
    let memory = memory.with_page_size(1 << ty.ty);
    if ty.flags & abi::ExternType::SHARED != 0 {
        memory.with_shared()
    } else {
        memory
    }
}
