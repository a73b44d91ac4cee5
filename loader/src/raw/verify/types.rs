//! Types: that they refer to what exists, and which match which.

use wasm_aot_abi::{Descriptor, FuncType, HeapType, NONE, SubType, ValType};

use super::super::metadata::Records;
use super::{Block, ensure};
use crate::OpenError;

type Result<T = ()> = std::result::Result<T, OpenError>;

/// So many supertypes above each other a type can have (core, appendix
/// "Implementation Limitations").
const MAX_DEPTH: u32 = 63;

/// The types of a module.
pub(super) struct Types<'a> {
    block: &'a Block<'a>,
    records: Records<'a, FuncType>,
    /// As many as types, or none.
    subtypes: Records<'a, SubType>,
}

impl<'a> Types<'a> {
    /// Checks all of them.
    pub(super) fn new(block: &'a Block<'a>, descriptor: &Descriptor) -> Result<Types<'a>> {
        let types = Types {
            block,
            records: block.records(descriptor.types, "the types")?,
            subtypes: block.records(descriptor.subtypes, "the subtypes")?,
        };
        let few = types.records.len() <= ValType::MAX_INDEX as usize;
        ensure(few, "the types", "there are too many")?;
        let complete = [0, types.records.len()].contains(&types.subtypes.len());
        ensure(complete, "the subtypes", "there are not as many as types")?;
        // Where the recursion group ends that a type is in.
        let mut end = 0;
        let mut depths = vec![0; types.subtypes.len()];
        for (index, ty) in (0..).zip(types.records.clone()) {
            let what = format_args!("type {index}");
            let own = types.subtype(index);
            if index == end {
                ensure(own.group == index, what, "its group is wrong")?;
                end = types.group_end(index);
            }
            let before = index == own.group || types.subtype(index - 1).group == own.group;
            ensure(before, what, "its group is wrong")?;
            for list in [ty.params, ty.results] {
                for ty in block.records::<ValType>(list, "a function type")? {
                    types.value(ty, end, what)?;
                }
            }
            if own.kind != 0 {
                return Err(OpenError::Unsupported(format!(
                    "{what} is garbage-collected"
                )));
            }
            ensure(
                own.flags & !SubType::OPEN == 0,
                what,
                "its flags are unknown",
            )?;
            if own.supertype != NONE {
                let supertype = own.supertype;
                ensure(supertype < index, what, "its supertype is not before it")?;
                let open = types.subtype(supertype).flags & SubType::OPEN != 0;
                ensure(open, what, "its supertype is final")?;
                let depth = depths[supertype as usize] + 1;
                ensure(depth <= MAX_DEPTH, what, "it has too many supertypes")?;
                depths[index as usize] = depth;
            }
        }
        // Which types match is known only now.
        for (index, ty) in (0..).zip(types.subtypes.clone()) {
            if ty.supertype != NONE {
                let fits = types.fits(index, ty.supertype)?;
                ensure(
                    fits,
                    format_args!("type {index}"),
                    "it is not like its supertype",
                )?;
            }
        }
        Ok(types)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn at(&self, index: u32) -> FuncType {
        self.records.at(index)
    }

    /// A value type outside of the types.
    pub(super) fn check(&self, ty: ValType, what: impl std::fmt::Display) -> Result {
        self.value(ty, self.len() as u32, what)
    }

    /// A value type that can refer to the types up to `end`.
    fn value(&self, ty: ValType, end: u32, what: impl std::fmt::Display) -> Result {
        let known = ty.is_known() && ty.type_index().is_none_or(|index| index < end);
        ensure(known, what, "a value type is unknown")
    }

    fn subtype(&self, index: u32) -> SubType {
        self.subtypes.get(index as usize).unwrap_or(SubType {
            group: index,
            supertype: NONE,
            flags: 0,
            kind: 0,
        })
    }

    /// The end of the group that starts at `start`.
    fn group_end(&self, start: u32) -> u32 {
        let same = |index: &u32| self.subtype(*index).group == start;
        (start + 1..self.len() as u32)
            .take_while(same)
            .last()
            .unwrap_or(start)
            + 1
    }

    /// Whether a function of the type `ty` can be called as one of the type
    /// `expected`.
    fn fits(&self, ty: u32, expected: u32) -> Result<bool> {
        let (ty, expected) = (self.at(ty), self.at(expected));
        let list = |list| self.block.records::<ValType>(list, "a function type");
        let all = |from: Records<'_, ValType>, to: Records<'_, ValType>| {
            from.len() == to.len() && from.zip(to).all(|(from, to)| self.matches(from, to))
        };
        Ok(all(list(expected.params)?, list(ty.params)?)
            && all(list(ty.results)?, list(expected.results)?))
    }

    /// Whether values of type `ty` are of type `expected`, too. Both are checked.
    pub(super) fn matches(&self, ty: ValType, expected: ValType) -> bool {
        if ty == expected {
            return true;
        }
        let (Some(heap), Some(to)) = (ty.heap(), expected.heap()) else {
            return false;
        };
        if ty.is_nullable() && !expected.is_nullable() {
            return false;
        }
        use HeapType::{
            Any, Array, Eq, Extern, Func, Function, I31, NoExtern, NoFunc, None, Struct,
        };
        match (heap, to) {
            (Function, Function) => self.is_subtype(ty.type_index(), expected.type_index()),
            (Function | NoFunc, Func) | (NoFunc, Function) => true,
            (NoExtern, Extern) => true,
            (Eq | I31 | Struct | Array | None, Any) => true,
            (I31 | Struct | Array | None, Eq) => true,
            (None, I31 | Struct | Array) => true,
            (heap, to) => heap == to,
        }
    }

    fn is_subtype(&self, ty: Option<u32>, expected: Option<u32>) -> bool {
        let above = |&ty: &u32| Some(self.subtype(ty).supertype).filter(|&ty| ty != NONE);
        std::iter::successors(ty, above).any(|ty| Some(ty) == expected)
    }
}
