//! How compiled code reads and writes memory: the flags of every load and
//! store, by what is accessed.

use std::borrow::Cow;

use cranelift_codegen::ir::{AliasRegion, AliasRegionData, Function, MemFlagsData};
use wasm_aot_abi::TrapCode;

use super::clif_trap;

/// A kind of memory that no access of another kind touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Linear memories.
    Memory,
    /// Table definitions: address and length of the elements.
    TableDef,
    /// Elements of tables, and function references.
    Element,
    /// Lengths of memories.
    MemoryDef,
    /// The store.
    Store,
    /// How many operators may still be executed.
    Fuel,
    /// Arrays of values at the boundary, and the stack of trampolines.
    Values,
    /// Values of imported globals; two imports may be the same global.
    ImportedGlobal,
    /// The value of one global that is defined in the module.
    Global(u32),
}

/// From this index on, globals share a region: a function cannot have more than
/// 65,535 kinds of flags, and so many hot globals do not occur.
const SHARED_GLOBALS: u32 = 1024;

impl Region {
    fn number(self) -> u32 {
        match self {
            Region::Memory => 0,
            Region::TableDef => 1,
            Region::Element => 2,
            Region::MemoryDef => 3,
            Region::Store => 4,
            Region::Values => 5,
            Region::ImportedGlobal => 6,
            Region::Fuel => 7,
            Region::Global(index) => 16 + index.min(SHARED_GLOBALS),
        }
    }

    fn in_function(self, func: &mut Function) -> AliasRegion {
        let description = match self {
            Region::Global(index) => Cow::Owned(format!("global {index}")),
            Region::Memory => "memory".into(),
            Region::TableDef => "table".into(),
            Region::Element => "element".into(),
            Region::MemoryDef => "memory length".into(),
            Region::Store => "store".into(),
            Region::Fuel => "fuel".into(),
            Region::Values => "values".into(),
            Region::ImportedGlobal => "imported globals".into(),
        };
        func.dfg.alias_regions.insert(AliasRegionData {
            user_id: self.number(),
            description,
        })
    }
}

/// The flags of an access.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// To a linear memory: may be unaligned, and traps outside its bounds.
    LinearMemory,
    /// The same, within bounds that have been checked.
    CheckedMemory,
    /// To a word that never changes while an instance can run. Such loads may
    /// be moved and merged freely.
    Fixed,
    /// The first access to what a function reference refers to, at most a page
    /// behind it: traps if it is null.
    FuncRef,
    /// To the page in front of a memory or the vmctx: traps if it was taken away.
    InterruptionPage,
    /// To something that is always there, and aligned.
    Trusted(Region),
    /// Reads data in the text, which never changes. Its address may be guarded
    /// by a branch, so it must not be moved.
    Text,
}

impl Access {
    pub(crate) fn flags(self, func: &mut Function) -> MemFlagsData {
        match self {
            Access::LinearMemory => MemFlagsData::new()
                .with_endianness(cranelift_codegen::ir::Endianness::Little)
                .with_alias_region(Some(Region::Memory.in_function(func))),
            Access::CheckedMemory => Access::LinearMemory.flags(func).with_notrap(),
            Access::FuncRef => MemFlagsData::new()
                .with_aligned()
                .with_trap_code(Some(clif_trap(TrapCode::NullFunctionReference)))
                .with_alias_region(Some(Region::Element.in_function(func))),
            Access::InterruptionPage => MemFlagsData::new()
                .with_aligned()
                .with_trap_code(Some(clif_trap(TrapCode::Interrupted)))
                .with_alias_region(Some(Region::Store.in_function(func))),
            Access::Fixed => MemFlagsData::trusted().with_readonly().with_can_move(),
            Access::Trusted(region) => {
                MemFlagsData::trusted().with_alias_region(Some(region.in_function(func)))
            }
            Access::Text => MemFlagsData::trusted().with_readonly(),
        }
    }
}
