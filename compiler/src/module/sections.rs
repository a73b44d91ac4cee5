//! Sections (core, 5.5).

use wasmparser::{
    CustomSectionReader, DataKind, DataSectionReader, ElementItems, ElementKind, ExternalKind,
    GlobalType, KnownCustom, Payload, RefType, TableInit, TableType, TypeRef, ValType,
};

use super::intake::Unit;
use super::intake::Wanted;
use super::types::Groups;
use super::{
    ConstExpr, Contents, CustomSection, DataSegment, ElementSegment, Export, Global, Import, Item,
    Module, SegmentMode, Table,
};
use crate::error::{Error, Result};

impl Module {
    /// Adds a section that stands before the functions. `groups` are those of
    /// the types so far.
    pub(super) fn add(&mut self, payload: Payload<'_>, groups: &mut Groups) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.add_group(group?, groups);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    let ty = self.type_section[ty? as usize];
                    self.functions.push(ty);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    self.tables.push(Table {
                        ty: self.table_type(table.ty),
                        init: match table.init {
                            TableInit::RefNull => ConstExpr::RefNull,
                            TableInit::Expr(expr) => ConstExpr::read(&expr)?,
                        },
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::TagSection(section) => {
                for tag in section {
                    let ty = self.type_section[tag?.func_type_idx as usize];
                    self.tags.push(ty);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(Global {
                        ty: self.global_type(global.ty),
                        init: ConstExpr::read(&global.init_expr)?,
                    });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    let item = match export.kind {
                        ExternalKind::Func => Item::Func(export.index),
                        ExternalKind::Table => Item::Table(export.index),
                        ExternalKind::Memory => Item::Memory(export.index),
                        ExternalKind::Global => Item::Global(export.index),
                        ExternalKind::Tag => Item::Tag(export.index),
                        ExternalKind::FuncExact => unreachable_feature(),
                    };
                    self.exports.push(Export {
                        name: export.name.into(),
                        item,
                    });
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    let segment = self.element_segment(element?)?;
                    self.elements.push(segment);
                }
            }
            Payload::Version { .. }
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. } => {}
            // The validator refuses every other section.
            other => {
                return Err(Error::Invalid {
                    offset: other.as_section().map_or(0, |(_, range)| range.start),
                    message: "unexpected section".into(),
                });
            }
        }
        Ok(())
    }

    /// Whether elements of a table can be null.
    fn is_nullable(&self, table: u32) -> bool {
        let ty = self.tables[table as usize].ty;
        ty.element_type.is_nullable()
    }

    fn table_type(&self, ty: TableType) -> TableType {
        TableType {
            element_type: self.canonical_ref(ty.element_type),
            ..ty
        }
    }

    fn global_type(&self, ty: GlobalType) -> GlobalType {
        GlobalType {
            content_type: self.canonical(ty.content_type),
            ..ty
        }
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let item = match import.ty {
            TypeRef::Func(ty) => {
                self.functions.push(self.type_section[ty as usize]);
                self.imported_functions += 1;
                Item::Func(self.imported_functions - 1)
            }
            TypeRef::Table(ty) => {
                self.tables.push(Table {
                    ty: self.table_type(ty),
                    init: ConstExpr::RefNull,
                });
                self.imported_tables += 1;
                Item::Table(self.imported_tables - 1)
            }
            TypeRef::Memory(ty) => {
                self.memories.push(ty);
                self.imported_memories += 1;
                Item::Memory(self.imported_memories - 1)
            }
            TypeRef::Global(ty) => {
                self.globals.push(Global {
                    ty: self.global_type(ty),
                    init: ConstExpr::RefNull,
                });
                self.imported_globals += 1;
                Item::Global(self.imported_globals - 1)
            }
            TypeRef::Tag(tag) => {
                self.tags
                    .push(self.type_section[tag.func_type_idx as usize]);
                self.imported_tags += 1;
                Item::Tag(self.imported_tags - 1)
            }
            TypeRef::FuncExact(_) => unreachable_feature(),
        };
        self.imports.push(Import {
            module: import.module.into(),
            name: import.name.into(),
            item,
        });
    }

    fn element_segment(&self, element: wasmparser::Element<'_>) -> Result<ElementSegment> {
        let mode = match element.kind {
            ElementKind::Passive => SegmentMode::Passive,
            ElementKind::Declared => SegmentMode::Declared,
            ElementKind::Active {
                table_index,
                offset_expr,
            } => SegmentMode::Active {
                index: table_index.unwrap_or(0),
                offset: ConstExpr::read(&offset_expr)?,
            },
        };
        let mut items = Vec::new();
        let ty = match element.items {
            ElementItems::Functions(section) => {
                for function in section {
                    items.push(ConstExpr::RefFunc(function?));
                }
                // No item is null, but only some tables care for that, and a type that
                // has always been there asks less of loaders.
                match mode {
                    SegmentMode::Active { index, .. } if !self.is_nullable(index) => RefType::FUNC,
                    _ => RefType::FUNCREF,
                }
            }
            ElementItems::Expressions(ty, section) => {
                for expr in section {
                    items.push(ConstExpr::read(&expr?)?);
                }
                self.canonical_ref(ty)
            }
        };
        Ok(ElementSegment {
            mode,
            ty: ValType::Ref(ty),
            items,
        })
    }
}

impl<'a> Contents<'a> {
    /// Adds the data section, which `unit` is.
    pub(super) fn add_data(
        &mut self,
        section: DataSectionReader<'_>,
        unit: Unit<'_, 'a>,
    ) -> Result<()> {
        for data in section {
            let data = data?;
            let end = (data.range.end - unit.offset) as usize;
            self.data.push(DataSegment {
                mode: match data.kind {
                    DataKind::Passive => SegmentMode::Passive,
                    DataKind::Active {
                        memory_index,
                        offset_expr,
                    } => SegmentMode::Active {
                        index: memory_index,
                        offset: ConstExpr::read(&offset_expr)?,
                    },
                },
                bytes: end - data.data.len()..end,
            });
        }
        self.data_section = (unit.keep)(unit.bytes);
        Ok(())
    }

    /// Adds a custom section if it is one of those `wanted`, and reads it
    /// if it is the name section.
    pub(super) fn add_custom<'x>(
        &mut self,
        section: &CustomSectionReader<'x>,
        wanted: &Wanted,
        module: &Module,
        unit: Unit<'x, 'a>,
    ) {
        let keep = || CustomSection {
            name: section.name().into(),
            bytes: (unit.keep)(section.data()),
        };
        if wanted.custom.iter().any(|name| name == section.name()) {
            self.custom_sections.push(keep());
        }
        if wanted.debug && section.name().starts_with(".debug_") {
            self.debug.push(keep());
        }
        if let KnownCustom::Name(names) = section.as_known() {
            self.read_names(module, names);
        }
    }
}

/// Exact function imports come only with features that this compiler never
/// switches on.
fn unreachable_feature() -> ! {
    unreachable!("the validator refuses items of features that are off")
}
