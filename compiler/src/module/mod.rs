//! A WebAssembly module, read and validated but for its function bodies.

mod const_expr;
mod names;
mod parse;

use std::collections::HashMap;

use wasmparser::{
    FuncToValidate, FuncType, FuncValidator, FuncValidatorAllocations, FunctionBody, GlobalType,
    MemoryType, TableType, ValType, ValidatorResources,
};

pub(crate) use const_expr::ConstExpr;

/// A module. Index spaces are vectors, imports first, as in the specification.
/// It borrows the binary.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// The distinct function types.
    pub(crate) types: Vec<FuncType>,
    /// For each index of the type section, the index in `types`.
    pub(crate) type_section: Vec<TypeIndex>,
    pub(crate) imports: Vec<Import<'a>>,
    pub(crate) exports: Vec<Export<'a>>,
    /// The type of every function.
    pub(crate) functions: Vec<TypeIndex>,
    pub(crate) imported_functions: u32,
    pub(crate) tables: Vec<Table>,
    pub(crate) imported_tables: u32,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) imported_memories: u32,
    pub(crate) globals: Vec<Global>,
    pub(crate) imported_globals: u32,
    pub(crate) start: Option<u32>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment<'a>>,
    /// One for each defined function.
    pub(crate) bodies: Vec<Body<'a>>,
    pub(crate) name: Option<&'a str>,
    /// From the name section, else the name of an export.
    pub(crate) function_names: HashMap<u32, &'a str>,
    pub(crate) custom_sections: Vec<CustomSection<'a>>,
}

/// Index in [`Module::types`].
pub(crate) type TypeIndex = u32;

pub(crate) struct Import<'a> {
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    pub(crate) item: Item,
}

pub(crate) struct Export<'a> {
    pub(crate) name: &'a str,
    pub(crate) item: Item,
}

/// Something that can be imported or exported, by its index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Func(u32),
    Table(u32),
    Memory(u32),
    Global(u32),
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

pub(crate) struct DataSegment<'a> {
    pub(crate) mode: SegmentMode,
    pub(crate) bytes: &'a [u8],
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

/// A function body with what is needed to validate it while it is translated.
pub(crate) struct Body<'a> {
    pub(crate) code: FunctionBody<'a>,
    validator: FuncToValidate<ValidatorResources>,
}

impl Body<'_> {
    /// A validator for the body that uses the memory of an earlier one.
    pub(crate) fn validator(
        &self,
        allocations: FuncValidatorAllocations,
    ) -> FuncValidator<ValidatorResources> {
        FuncToValidate {
            resources: self.validator.resources.clone(),
            ..self.validator
        }
        .into_validator(allocations)
    }
}

pub(crate) struct CustomSection<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl Module<'_> {
    /// The type of function `index`.
    pub(crate) fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }

    /// The position among the defined functions, unless `index` is imported.
    pub(crate) fn defined_function(&self, index: u32) -> Option<usize> {
        index
            .checked_sub(self.imported_functions)
            .map(|defined| defined as usize)
    }
}
