//! A WebAssembly module, read and validated.
//!
//! A module comes in two parts. [`Module`] is what stands before the functions
//! in the binary: all that code can refer to. It is complete when the first
//! function arrives, and never changes again. [`Contents`] is the rest, which no
//! code depends on.

mod blame;
mod body;
mod const_expr;
mod gc;
mod hints;
mod intake;
mod items;
mod names;
mod sections;
mod types;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use wasmparser::{FuncType, GlobalType, MemoryType, TableType, ValType};

pub(crate) use body::{Body, Refused, Unchecked};
pub(crate) use const_expr::{ConstExpr, Operation, Step};
use hints::Hints;
pub(crate) use intake::{Intake, Wanted};
pub(crate) use types::SubType;

/// What code can refer to. Index spaces are vectors, imports first, as in the
/// specification. Types of values have the index in [`types`](Module::types)
/// where the binary has that of the type section.
#[derive(Default)]
pub(crate) struct Module {
    /// The distinct function types, by recursion groups.
    pub(crate) types: Vec<FuncType>,
    /// For each of `types`.
    pub(crate) subtypes: Vec<SubType>,
    /// For each index of the type section, the index in `types`.
    pub(crate) type_section: Vec<TypeIndex>,
    pub(crate) imports: Vec<Import>,
    pub(crate) exports: Vec<Export>,
    /// The type of every function.
    pub(crate) functions: Vec<TypeIndex>,
    pub(crate) imported_functions: u32,
    pub(crate) tables: Vec<Table>,
    pub(crate) imported_tables: u32,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) imported_memories: u32,
    pub(crate) globals: Vec<Global>,
    pub(crate) imported_globals: u32,
    /// The type of every tag.
    pub(crate) tags: Vec<TypeIndex>,
    pub(crate) imported_tags: u32,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) hints: Hints,
}

/// What no code depends on. It may borrow the binary.
#[derive(Default)]
pub(crate) struct Contents<'a> {
    /// The code section without its header, as byte offsets in the binary.
    pub(crate) code: Range<u64>,
    /// The body of each defined function, as byte offsets in the binary.
    pub(crate) bodies: Vec<Range<u32>>,
    pub(crate) data: Vec<DataSegment>,
    /// The data section.
    data_section: Cow<'a, [u8]>,
    pub(crate) name: Option<Box<str>>,
    /// From the name section, else the name of an export.
    pub(crate) function_names: HashMap<u32, Box<str>>,
    pub(crate) custom_sections: Vec<CustomSection<'a>>,
    /// Sections of debug information, if they are wanted.
    pub(crate) debug: Vec<CustomSection<'a>>,
    /// SHA-256 of the binary.
    pub(crate) digest: [u8; 32],
}

/// A module that is complete and, but for function bodies, valid.
pub(crate) struct Read<'a> {
    pub(crate) module: Arc<Module>,
    pub(crate) contents: Contents<'a>,
}

/// Index in [`Module::types`].
pub(crate) type TypeIndex = u32;

pub(crate) struct Import {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) item: Item,
}

pub(crate) struct Export {
    pub(crate) name: Box<str>,
    pub(crate) item: Item,
}

/// Something that can be imported or exported, by its index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
    Tag(u32),
}

pub(crate) struct Table {
    pub(crate) ty: TableType,
    /// What its elements are at first; of no meaning for an imported one.
    pub(crate) init: ConstExpr,
}

pub(crate) struct Global {
    pub(crate) ty: GlobalType,
    /// Its first value; of no meaning for an imported one.
    pub(crate) init: ConstExpr,
}

pub(crate) struct ElementSegment {
    pub(crate) mode: SegmentMode,
    pub(crate) ty: ValType,
    pub(crate) items: Vec<ConstExpr>,
}

pub(crate) struct DataSegment {
    pub(crate) mode: SegmentMode,
    /// Where its bytes are in the data section.
    bytes: Range<usize>,
}

pub(crate) enum SegmentMode {
    Passive,
    /// Into the table or memory `index`.
    Active {
        index: u32,
        offset: ConstExpr,
    },
    Declared,
}

pub(crate) struct CustomSection<'a> {
    pub(crate) name: Box<str>,
    pub(crate) bytes: Cow<'a, [u8]>,
}

impl Module {
    /// The type of function `index`.
    pub(crate) fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }

    /// Whether two tags are surely different: those that are defined here are, from
    /// each other and from all that were there before.
    pub(crate) fn tags_differ(&self, a: u32, b: u32) -> bool {
        a != b && a.max(b) >= self.imported_tags
    }

    /// The position among the defined functions, unless `index` is imported.
    pub(crate) fn defined_function(&self, index: u32) -> Option<usize> {
        index
            .checked_sub(self.imported_functions)
            .map(|defined| defined as usize)
    }
}

impl Contents<'_> {
    pub(crate) fn bytes(&self, segment: &DataSegment) -> &[u8] {
        &self.data_section[segment.bytes.clone()]
    }
}
