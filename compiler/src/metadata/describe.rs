//! The module described for a loader.

use core::mem::offset_of;
use std::collections::HashMap;

use wasm_aot_abi::{
    self as abi, ABI_MAJOR, ABI_MINOR, ConstKind, Convention, DataMode, Descriptor, ElementItems,
    ElementMode, ExternKind, ExternType, MAGIC, NONE, Required, Slice, Trampoline, TrampolineKind,
    TrapCode, ValType, VmctxLayout, sites,
};
use wasmparser::{GlobalType, MemoryType, TableType};

use super::Parts;
use super::block::Block;
use crate::abi::{Symbol, val_type};
use crate::backend::Handler;
use crate::error::Result;
use crate::layout::{Fixup, Metadata, Target};
use crate::module::{ConstExpr, ElementSegment, Item, Operation, SegmentMode, Step};
use crate::options::Polls;

/// Makes the metadata block.
///
/// # Errors
///
/// If it is too large.
pub(super) fn describe(parts: &Parts<'_>) -> Result<Metadata> {
    let (cx, module, contents) = (parts.cx, parts.cx.module, parts.contents);
    let mut block = Block::new();

    let types = types(&mut block, parts);
    let subtypes = subtypes(&mut block, parts);
    let imports = imports(&mut block, parts);
    let exports: Vec<_> = module
        .exports
        .iter()
        .map(|export| {
            let (kind, index) = kind_and_index(export.item);
            let symbol = match export.item {
                Item::Func(index) => parts.text.piece(Symbol::Typed(index)),
                _ => None,
            };
            abi::Export {
                name: block.string(&export.name),
                kind: kind as u32,
                index,
                symbol: symbol.map_or(NONE, |piece| piece.offset),
                reserved: 0,
            }
        })
        .collect();
    let exports = block.records(exports);
    let (functions, sites) = functions(&mut block, parts);
    let trampolines = trampolines(&mut block, parts);
    let funcrefs = block.records(cx.whole.escapes.funcrefs().iter().copied());

    let tables = (0..)
        .zip(&module.tables)
        .skip(module.imported_tables as usize);
    let tables: Vec<_> = tables
        .map(|(index, table): (usize, _)| abi::Table {
            ty: table_type(&table.ty),
            def: cx.whole.vmctx.tables[index],
            reserved: 0,
            init: const_expr(&mut block, parts, &table.init),
        })
        .collect();
    let tables = block.records(tables);
    let memories = (0..)
        .zip(&module.memories)
        .skip(module.imported_memories as usize);
    let memories = block.records(memories.map(|(index, memory): (usize, _)| abi::Memory {
        ty: memory_type(memory),
        slot: cx.whole.vmctx.memories[index],
        reserved: 0,
    }));
    let globals = (0..)
        .zip(&module.globals)
        .skip(module.imported_globals as usize);
    let globals: Vec<_> = globals
        .map(|(index, global): (usize, _)| abi::Global {
            ty: val_type(global.ty.content_type),
            mutable: u32::from(global.ty.mutable),
            slot: cx.whole.vmctx.globals[index],
            init: const_expr(&mut block, parts, &global.init),
        })
        .collect();
    let globals = block.records(globals);
    let own_tags = (module.imported_tags as usize..module.tags.len()).map(|index| abi::Tag {
        ty: module.tags[index],
        slot: cx.whole.vmctx.tags[index],
    });
    let tags = block.records(own_tags);
    let (guarded_calls, handlers) = guarded_calls(&mut block, parts);
    let elements = elements(&mut block, parts);
    let data = data(&mut block, parts);
    let function_names: Vec<_> = {
        let mut names: Vec<_> = contents.function_names.iter().collect();
        names.sort_unstable();
        names
            .into_iter()
            .map(|(&index, name)| abi::FunctionName {
                index,
                name: block.string(name),
            })
            .collect()
    };
    let function_names = block.records(function_names);
    let custom_sections: Vec<_> = contents
        .custom_sections
        .iter()
        .map(|section| abi::CustomSection {
            name: block.string(&section.name),
            bytes: block.bytes(&section.bytes),
        })
        .collect();
    let custom_sections = block.records(custom_sections);

    let name = block.string(contents.name.as_deref().unwrap_or(&parts.options.name));
    let producer = block.string(&format!(
        "wasm-aot {} {}",
        env!("CARGO_PKG_VERSION"),
        parts.backend.codegen.name()
    ));
    let options = block.string(&parts.options.recorded(parts.backend.codegen));

    let image_size =
        (parts.image.bytes.len() as u64).next_multiple_of(parts.backend.target.max_page());
    let bytes = block.finish(Descriptor {
        magic: MAGIC,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        size: 0,
        metadata_size: 0,
        target: parts.backend.target as u32,
        required: required(parts).0,
        optional: 0,
        cpu_features: parts.options.cpu.features().0,
        wasm_features: parts.options.language().bits().0,
        convention: Convention::CraneliftTail as u32,
        start: module.start.unwrap_or(NONE),
        text: 0,
        text_size: parts.text.bytes.len() as u64,
        image: 0,
        image_size,
        image_offset: parts.image.offset,
        tunables: cx.tunables,
        vmctx: VmctxLayout {
            size: cx.whole.vmctx.size,
            type_ids: cx.whole.vmctx.type_ids,
            funcrefs: cx.whole.vmctx.funcrefs,
            reserved: 0,
        },
        types,
        imports,
        exports,
        functions,
        trampolines,
        funcrefs,
        tables,
        memories,
        globals,
        elements,
        data,
        sites,
        function_names,
        custom_sections,
        name,
        producer,
        options,
        source_hash: contents.digest,
        subtypes,
        tags,
        guarded_calls,
        handlers,
    })?;

    let mut fixups = vec![Fixup {
        offset: offset_of!(Descriptor, text) as u64,
        target: Target::Text,
        addend: 0,
    }];
    if image_size > 0 {
        fixups.push(Fixup {
            offset: offset_of!(Descriptor, image) as u64,
            target: Target::Image,
            addend: 0,
        });
    }
    Ok(Metadata { bytes, fixups })
}

fn types(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let types: Vec<_> = parts
        .cx
        .module
        .types
        .iter()
        .map(|ty| abi::FuncType {
            params: block.records(ty.params().iter().copied().map(val_type)),
            results: block.records(ty.results().iter().copied().map(val_type)),
        })
        .collect();
    block.records(types)
}

/// Nothing, if there is nothing to say.
fn subtypes(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let module = parts.cx.module;
    if module.has_plain_types() {
        return Slice::EMPTY;
    }
    block.records(module.subtypes.iter().map(|ty| abi::SubType {
        group: ty.group,
        supertype: ty.supertype.unwrap_or(NONE),
        flags: flag(ty.open, abi::SubType::OPEN),
        kind: 0,
    }))
}

fn imports(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let (module, vmctx) = (parts.cx.module, &parts.cx.whole.vmctx);
    let imports: Vec<_> = module
        .imports
        .iter()
        .map(|import| {
            let (ty, slot) = match import.item {
                Item::Func(index) => (
                    func_type(module.functions[index as usize]),
                    vmctx.functions[index as usize],
                ),
                Item::Table(index) => (
                    table_type(&module.tables[index as usize].ty),
                    vmctx.tables[index as usize],
                ),
                Item::Memory(index) => (
                    memory_type(&module.memories[index as usize]),
                    vmctx.memories[index as usize],
                ),
                Item::Global(index) => (
                    global_type(&module.globals[index as usize].ty),
                    vmctx.globals[index as usize],
                ),
                Item::Tag(index) => (
                    extern_type(ExternKind::Tag, module.tags[index as usize], 0, 0, None),
                    vmctx.tags[index as usize],
                ),
            };
            abi::Import {
                module: block.string(&import.module),
                name: block.string(&import.name),
                ty,
                slot,
                reserved: 0,
            }
        })
        .collect();
    block.records(imports)
}

/// The functions that the module defines, and the sites of all of them.
fn functions(block: &mut Block, parts: &Parts<'_>) -> (Slice, Slice) {
    let module = parts.cx.module;
    let mut sites = Vec::new();
    let mut functions = Vec::new();
    for piece in &parts.text.pieces {
        let Symbol::Function(index) = piece.symbol else {
            break;
        };
        let defined = (index - module.imported_functions) as usize;
        let body = parts.contents.bodies[defined].start;
        functions.push(abi::Function {
            code: piece.offset,
            size: piece.size,
            ty: module.functions[index as usize],
            body,
            sites: sites.len() as u32,
        });
        let mut encoder = sites::Encoder::new(body);
        for site in &piece.sites {
            let site = sites::Site {
                code: site.code,
                trap: site.trap,
                source: site.source.unwrap_or(body),
            };
            encoder.encode(site, |byte| sites.push(byte));
        }
    }
    (block.records(functions), block.bytes(&sites))
}

/// The calls that have handlers, and the handlers. Calls that have the same share
/// them.
fn guarded_calls(block: &mut Block, parts: &Parts<'_>) -> (Slice, Slice) {
    let mut calls = Vec::new();
    let mut handlers = Vec::new();
    for piece in &parts.text.pieces {
        let mut known: HashMap<&[Handler], u32> = HashMap::new();
        for call in &piece.guarded {
            let first = *known.entry(&call.handlers).or_insert_with(|| {
                let first = handlers.len() as u32;
                handlers.extend(call.handlers.iter().map(|handler| abi::Handler {
                    code: piece.offset + handler.code,
                    tag: handler.clause.tag.unwrap_or(NONE),
                    keeps: handler.clause.keeps.into(),
                }));
                first
            });
            calls.push(abi::GuardedCall {
                code: piece.offset + call.code,
                frame: call.frame,
                ctx: call.ctx,
                first,
                count: call.handlers.len() as u32,
            });
        }
    }
    (block.records(calls), block.records(handlers))
}

fn trampolines(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let module = parts.cx.module;
    block.records(parts.text.pieces.iter().filter_map(|piece| {
        let (kind, ty) = match piece.symbol {
            Symbol::Entry(ty) => (TrampolineKind::Entry, ty),
            Symbol::Exit(ty) => (TrampolineKind::Exit, ty),
            Symbol::Typed(index) | Symbol::Entered(index) => {
                (TrampolineKind::Typed, module.functions[index as usize])
            }
            Symbol::Function(_)
            | Symbol::Throw
            | Symbol::Trap(_)
            | Symbol::Interrupted
            | Symbol::Leave(_)
            | Symbol::Constants(_)
            | Symbol::Table(_) => return None,
        };
        Some(Trampoline {
            kind: kind as u32,
            ty,
            code: piece.offset,
            size: piece.size,
        })
    }))
}

/// What a loader must know.
fn required(parts: &Parts<'_>) -> Required {
    let mut required = match parts.options.signals {
        true => Required::FAULTS,
        false => Required::TRAP_CALLS,
    };
    if expressions(parts).any(|expr| matches!(expr, ConstExpr::Arithmetic(_))) {
        required = required.with(Required::EXTENDED_CONST);
    }
    required = required.with(match parts.backend.polls {
        Polls::None => Required(0),
        Polls::Word | Polls::Call => Required::INTERRUPTION,
        Polls::Page => Required::INTERRUPTION_PAGE,
    });
    if parts.options.fuel {
        required = required.with(Required::FUEL);
    }
    if has_typed_references(parts) {
        required = required.with(Required::TYPED_REFERENCES);
    }
    if uses_shared_memories(parts) {
        required = required.with(Required::SHARED_MEMORIES);
    }
    if uses_exceptions(parts) {
        required = required.with(Required::EXCEPTIONS);
    }
    let memories = &parts.cx.module.memories;
    if memories.iter().any(|memory| memory.page_size_log2() != 16) {
        required = required.with(Required::PAGE_SIZES);
    }
    let tables = &parts.cx.module.tables;
    if memories.iter().any(|memory| memory.memory64) || tables.iter().any(|table| table.ty.table64)
    {
        required = required.with(Required::ADDRESS64);
    }
    required
}

fn has_typed_references(parts: &Parts<'_>) -> bool {
    let (module, escapes) = (parts.cx.module, &parts.cx.whole.escapes);
    let functions = module.types.iter();
    let functions = functions.flat_map(|ty| ty.params().iter().chain(ty.results()));
    let globals = module.globals.iter().map(|global| global.ty.content_type);
    let tables = module.tables.iter();
    let tables = tables.map(|table| table.ty.element_type.into());
    let elements = module.elements.iter().map(|segment| segment.ty);
    let mut types = functions
        .copied()
        .chain(globals)
        .chain(tables)
        .chain(elements);
    let typed = |ty: wasmparser::ValType| {
        ty.is_reference_type()
            && !matches!(
                val_type(ty),
                ValType::FUNCREF | ValType::EXTERNREF | ValType::EXNREF
            )
    };
    !module.has_plain_types() || escapes.calls_references() || types.any(typed)
}

/// Whether a memory is shared, or code waits for one that is not.
fn uses_shared_memories(parts: &Parts<'_>) -> bool {
    let mut sites = parts.text.pieces.iter().flat_map(|piece| &piece.sites);
    (parts.cx.module.memories.iter().any(|memory| memory.shared))
        || sites.any(|site| site.trap == Some(TrapCode::ExpectedSharedMemory))
}

/// Whether there are tags, references to exceptions, handlers or what throws.
fn uses_exceptions(parts: &Parts<'_>) -> bool {
    let module = parts.cx.module;
    let types = (module.types.iter()).flat_map(|ty| ty.params().iter().chain(ty.results()));
    let globals = module.globals.iter().map(|global| &global.ty.content_type);
    !module.tags.is_empty()
        || parts.cx.whole.throws
        || parts
            .text
            .pieces
            .iter()
            .any(|piece| !piece.guarded.is_empty())
        || types.chain(globals).any(|&ty| val_type(ty).is_exception())
        || (module.tables.iter()).any(|table| val_type(table.ty.element_type.into()).is_exception())
}

/// All constant expressions.
fn expressions<'p>(parts: &Parts<'p>) -> impl Iterator<Item = &'p ConstExpr> {
    let module = parts.cx.module;
    let modes = (module.elements.iter().map(|segment| &segment.mode))
        .chain(parts.contents.data.iter().map(|segment| &segment.mode));
    let offsets = modes.filter_map(|mode| match mode {
        SegmentMode::Active { offset, .. } => Some(offset),
        SegmentMode::Passive | SegmentMode::Declared => None,
    });
    let items = module.elements.iter().flat_map(|segment| &segment.items);
    (module.tables.iter().map(|table| &table.init))
        .chain(module.globals.iter().map(|global| &global.init))
        .chain(offsets)
        .chain(items)
}

fn elements(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let escapes = &parts.cx.whole.escapes;
    let segments: Vec<_> = parts
        .cx
        .module
        .elements
        .iter()
        .map(|segment| {
            let (mode, table, offset) = match segment.mode {
                SegmentMode::Passive => (ElementMode::Passive, 0, abi::ConstExpr::NULL),
                SegmentMode::Declared => (ElementMode::Declared, 0, abi::ConstExpr::NULL),
                SegmentMode::Active { index, ref offset } => {
                    let mode = if escapes.segment_in_text(segment) {
                        ElementMode::InText
                    } else {
                        ElementMode::Active
                    };
                    (mode, index, const_expr(block, parts, offset))
                }
            };
            let (encoding, items) = match mode {
                ElementMode::Declared | ElementMode::InText => (ElementItems::Slots, Slice::EMPTY),
                _ => items(block, parts, segment),
            };
            abi::ElementSegment {
                mode: mode as u32,
                table,
                offset,
                ty: val_type(segment.ty),
                encoding: encoding as u32,
                items,
            }
        })
        .collect();
    block.records(segments)
}

/// Slots where every item is a function or null, else expressions.
fn items(block: &mut Block, parts: &Parts<'_>, segment: &ElementSegment) -> (ElementItems, Slice) {
    let slots: Option<Vec<u32>> = segment
        .items
        .iter()
        .map(|item| match *item {
            ConstExpr::RefNull => Some(NONE),
            ConstExpr::RefFunc(index) => Some(parts.cx.whole.escapes.slot(index)),
            _ => None,
        })
        .collect();
    match slots {
        Some(slots) => (ElementItems::Slots, block.records(slots)),
        None => {
            let exprs: Vec<_> = (segment.items.iter())
                .map(|item| const_expr(block, parts, item))
                .collect();
            (ElementItems::Exprs, block.records(exprs))
        }
    }
}

fn data(block: &mut Block, parts: &Parts<'_>) -> Slice {
    let segments: Vec<_> = parts
        .contents
        .data
        .iter()
        .map(|segment| {
            let in_image = parts.image.contains(segment);
            let (mode, memory, offset) = match segment.mode {
                SegmentMode::Active { index, ref offset } => {
                    let mode = if in_image {
                        DataMode::InImage
                    } else {
                        DataMode::Active
                    };
                    (mode, index, const_expr(block, parts, offset))
                }
                _ => (DataMode::Passive, 0, abi::ConstExpr::NULL),
            };
            abi::DataSegment {
                mode: mode as u32,
                memory,
                offset,
                bytes: if in_image {
                    Slice::EMPTY
                } else {
                    block.bytes(parts.contents.bytes(segment))
                },
            }
        })
        .collect();
    block.records(segments)
}

fn const_expr(block: &mut Block, parts: &Parts<'_>, expr: &ConstExpr) -> abi::ConstExpr {
    match *expr {
        ConstExpr::Number(bits) => abi::ConstExpr::from_bits(bits),
        ConstExpr::Vector(bits) => abi::ConstExpr::from_vector(bits),
        ConstExpr::GlobalGet(index) => indexed(ConstKind::GlobalGet, index),
        ConstExpr::RefNull => abi::ConstExpr::NULL,
        ConstExpr::RefFunc(index) => {
            indexed(ConstKind::RefFunc, parts.cx.whole.escapes.slot(index))
        }
        ConstExpr::Arithmetic(ref steps) => {
            let steps = steps.iter().map(|&step| match step {
                Step::Number(bits) => abi::ConstExpr::from_bits(bits),
                Step::GlobalGet(index) => indexed(ConstKind::GlobalGet, index),
                Step::Operation(operation) => indexed(operation_kind(operation), 0),
            });
            abi::ConstExpr::arithmetic(block.records(steps))
        }
    }
}

fn indexed(kind: ConstKind, index: u32) -> abi::ConstExpr {
    abi::ConstExpr {
        kind: kind as u32,
        index,
        value: [0; 16],
    }
}

fn operation_kind(operation: Operation) -> ConstKind {
    match operation {
        Operation::I32Add => ConstKind::I32Add,
        Operation::I32Sub => ConstKind::I32Sub,
        Operation::I32Mul => ConstKind::I32Mul,
        Operation::I64Add => ConstKind::I64Add,
        Operation::I64Sub => ConstKind::I64Sub,
        Operation::I64Mul => ConstKind::I64Mul,
    }
}

fn kind_and_index(item: Item) -> (ExternKind, u32) {
    match item {
        Item::Func(index) => (ExternKind::Func, index),
        Item::Table(index) => (ExternKind::Table, index),
        Item::Memory(index) => (ExternKind::Memory, index),
        Item::Global(index) => (ExternKind::Global, index),
        Item::Tag(index) => (ExternKind::Tag, index),
    }
}

fn func_type(ty: u32) -> ExternType {
    extern_type(ExternKind::Func, ty, 0, 0, None)
}

fn global_type(ty: &GlobalType) -> ExternType {
    let flags = if ty.mutable { ExternType::MUTABLE } else { 0 };
    let ValType(content) = val_type(ty.content_type);
    extern_type(ExternKind::Global, content, flags, 0, None)
}

fn table_type(ty: &TableType) -> ExternType {
    let ValType(element) = val_type(ty.element_type.into());
    let flags = flag(ty.table64, ExternType::ADDRESS64) | flag(ty.shared, ExternType::SHARED);
    extern_type(ExternKind::Table, element, flags, ty.initial, ty.maximum)
}

fn memory_type(ty: &MemoryType) -> ExternType {
    let flags = flag(ty.memory64, ExternType::ADDRESS64) | flag(ty.shared, ExternType::SHARED);
    extern_type(
        ExternKind::Memory,
        ty.page_size_log2(),
        flags,
        ty.initial,
        ty.maximum,
    )
}

fn extern_type(kind: ExternKind, ty: u32, flags: u32, min: u64, max: Option<u64>) -> ExternType {
    ExternType {
        kind: kind as u32,
        ty,
        flags: flags | flag(max.is_some(), ExternType::HAS_MAX),
        reserved: 0,
        min,
        max: max.unwrap_or(0),
    }
}

fn flag(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}
