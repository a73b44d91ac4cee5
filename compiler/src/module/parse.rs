//! From the binary format to a [`Module`] (core, 5.5).

use std::collections::HashMap;

use wasmparser::{
    DataKind, ElementItems, ElementKind, ExternalKind, FuncType, KnownCustom, Parser, Payload,
    RefType, TableInit, TypeRef, ValType, ValidPayload, Validator,
};

use super::{
    Body, ConstExpr, CustomSection, DataSegment, ElementSegment, Export, Global, Import, Item,
    Module, SegmentMode, Table, TypeIndex,
};
use crate::Features;
use crate::error::{Error, Result};

impl<'a> Module<'a> {
    /// Reads and validates everything but function bodies, and keeps the custom
    /// sections whose names are in `keep`.
    pub(crate) fn parse(wasm: &'a [u8], features: Features, keep: &[String]) -> Result<Module<'a>> {
        let mut validator = Validator::new_with_features(features.flags());
        let mut module = Module::default();
        let mut reader = Reader {
            module: &mut module,
            canonical: HashMap::new(),
            keep,
        };
        let mut parser = Parser::new(0);
        parser.set_features(features.flags());
        for payload in parser.parse_all(wasm) {
            let payload = payload?;
            if let ValidPayload::Func(validator, code) = validator.payload(&payload)? {
                reader.module.bodies.push(Body { code, validator });
            } else {
                reader.section(payload)?;
            }
        }
        module.name_exports();
        Ok(module)
    }
}

struct Reader<'m, 'a> {
    module: &'m mut Module<'a>,
    /// Where in [`Module::types`] a type is.
    canonical: HashMap<FuncType, TypeIndex>,
    keep: &'m [String],
}

impl<'a> Reader<'_, 'a> {
    fn section(&mut self, payload: Payload<'a>) -> Result<()> {
        let module = &mut *self.module;
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.function_type(ty?);
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(import?);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    let ty = module.type_section[ty? as usize];
                    module.functions.push(ty);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table?;
                    module.tables.push(Table {
                        ty: table.ty,
                        init: match table.init {
                            TableInit::RefNull => ConstExpr::RefNull,
                            TableInit::Expr(expr) => ConstExpr::read(&expr)?,
                        },
                    });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    module.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    module.globals.push(Global {
                        ty: global.ty,
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
                        ExternalKind::Tag | ExternalKind::FuncExact => unreachable_feature(),
                    };
                    module.exports.push(Export {
                        name: export.name,
                        item,
                    });
                }
            }
            Payload::StartSection { func, .. } => module.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    module.elements.push(element_segment(element?)?);
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    module.data.push(DataSegment {
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
                        bytes: data.data,
                    });
                }
            }
            Payload::CustomSection(section) => {
                if self.keep.iter().any(|name| name == section.name()) {
                    module.custom_sections.push(CustomSection {
                        name: section.name(),
                        bytes: section.data(),
                    });
                }
                if let KnownCustom::Name(names) = section.as_known() {
                    module.read_names(names);
                }
            }
            Payload::Version { .. }
            | Payload::DataCountSection { .. }
            | Payload::CodeSectionStart { .. }
            | Payload::End(_) => {}
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

    fn function_type(&mut self, ty: FuncType) {
        let types = &mut self.module.types;
        let index = *self.canonical.entry(ty).or_insert_with_key(|ty| {
            types.push(ty.clone());
            types.len() as u32 - 1
        });
        self.module.type_section.push(index);
    }

    fn import(&mut self, import: wasmparser::Import<'a>) {
        let module = &mut *self.module;
        let item = match import.ty {
            TypeRef::Func(ty) => {
                module.functions.push(module.type_section[ty as usize]);
                module.imported_functions += 1;
                Item::Func(module.imported_functions - 1)
            }
            TypeRef::Table(ty) => {
                module.tables.push(Table {
                    ty,
                    init: ConstExpr::RefNull,
                });
                module.imported_tables += 1;
                Item::Table(module.imported_tables - 1)
            }
            TypeRef::Memory(ty) => {
                module.memories.push(ty);
                module.imported_memories += 1;
                Item::Memory(module.imported_memories - 1)
            }
            TypeRef::Global(ty) => {
                module.globals.push(Global {
                    ty,
                    init: ConstExpr::RefNull,
                });
                module.imported_globals += 1;
                Item::Global(module.imported_globals - 1)
            }
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => unreachable_feature(),
        };
        module.imports.push(Import {
            module: import.module,
            name: import.name,
            item,
        });
    }
}

fn element_segment(element: wasmparser::Element<'_>) -> Result<ElementSegment> {
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
            RefType::FUNCREF
        }
        ElementItems::Expressions(ty, section) => {
            for expr in section {
                items.push(ConstExpr::read(&expr?)?);
            }
            ty
        }
    };
    Ok(ElementSegment {
        mode,
        ty: ValType::Ref(ty),
        items,
    })
}

/// Tags and exact function imports come only with features that this compiler
/// never switches on.
fn unreachable_feature() -> ! {
    unreachable!("the validator refuses items of features that are off")
}
