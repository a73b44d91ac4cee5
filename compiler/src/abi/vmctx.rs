//! Where things are in a module's vmctx.

use wasm_aot_abi::{self as abi, NONE};

use super::val_type;
use crate::module::Module;
use crate::passes::Escapes;

/// Byte offsets in the vmctx, by index.
pub(crate) struct Vmctx {
    /// `MemorySlot`s, for defined and imported memories.
    pub(crate) memories: Vec<u32>,
    /// Values of defined globals, addresses of imported ones.
    pub(crate) globals: Vec<u32>,
    /// `TableDef`s of defined tables ([`NONE`] for those in the text), addresses
    /// of imported ones.
    pub(crate) tables: Vec<u32>,
    /// `FunctionImport`s.
    pub(crate) functions: Vec<u32>,
    /// The addresses that stand for tags.
    pub(crate) tags: Vec<u32>,
    /// Array of `u32`, one for each type.
    pub(crate) type_ids: u32,
    /// Array of `FuncRef`, one for each escaping function.
    pub(crate) funcrefs: u32,
    /// Size of the whole.
    pub(crate) size: u32,
}

impl Vmctx {
    /// Hot things first, so that they are reached with short displacements:
    /// memories, then globals (the first of which is the stack pointer in
    /// programs that LLVM made). What depends on `escapes` is last: the places
    /// of everything else are known before the first function.
    pub(crate) fn new(module: &Module, escapes: &Escapes) -> Vmctx {
        let mut cursor = Cursor(size_of::<abi::VmContext>() as u32);
        let pointer = |cursor: &mut Cursor| cursor.place(8, 8);
        let memories = module
            .memories
            .iter()
            .map(|_| cursor.place(size_of::<abi::MemorySlot>() as u32, 8))
            .collect();
        let globals = (0..)
            .zip(&module.globals)
            .map(|(index, global)| {
                if index < module.imported_globals {
                    pointer(&mut cursor)
                } else {
                    let size = val_type(global.ty.content_type).global_size();
                    cursor.place(size, size)
                }
            })
            .collect();
        let mut tables: Vec<u32> = (0..module.imported_tables)
            .map(|_| pointer(&mut cursor))
            .collect();
        let functions = (0..module.imported_functions)
            .map(|_| cursor.place(size_of::<abi::FunctionImport>() as u32, 8))
            .collect();
        let tags = module.tags.iter().map(|_| pointer(&mut cursor)).collect();
        let type_ids = cursor.place(module.types.len() as u32 * 4, 4);
        for table in module.imported_tables..module.tables.len() as u32 {
            tables.push(if escapes.table_in_text(table).is_some() {
                NONE
            } else {
                cursor.place(size_of::<abi::TableDef>() as u32, 8)
            });
        }
        let funcrefs = cursor.place(
            escapes.funcrefs().len() as u32 * size_of::<abi::FuncRef>() as u32,
            8,
        );
        Vmctx {
            memories,
            globals,
            tables,
            functions,
            tags,
            type_ids,
            funcrefs,
            size: cursor.place(0, abi::ALIGNMENT as u32),
        }
    }
}

struct Cursor(u32);

impl Cursor {
    /// Offset of the next `size` bytes. Cannot overflow: the validator limits
    /// every index space to a million entries or fewer.
    fn place(&mut self, size: u32, align: u32) -> u32 {
        let offset = self.0.next_multiple_of(align);
        self.0 = offset + size;
        offset
    }
}
