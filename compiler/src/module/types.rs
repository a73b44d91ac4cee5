//! The type section (core, 5.5.4), made canonical.
//!
//! Types are equal if their recursion groups are, up to where the groups stand
//! (core, 3.1.3). So groups are compared with references to their own types
//! replaced by positions in the group, and to earlier ones by the place of the
//! canonical type; equal groups become one. From then on types are equal exactly
//! if their indices are.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, FuncType, HeapType, RecGroup, RefType, UnpackedIndex, ValType,
};

use super::{Module, TypeIndex};

/// What there is to say of a function type besides its parameters and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SubType {
    /// The first type of its recursion group.
    pub(crate) group: TypeIndex,
    pub(crate) supertype: Option<TypeIndex>,
    /// Whether other types can be declared as its subtypes.
    pub(crate) open: bool,
}

/// The recursion groups so far, and where in [`Module::types`] they start.
pub(super) type Groups = HashMap<Vec<Member>, TypeIndex>;

/// A type as it is compared.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Member {
    ty: FuncType,
    supertype: Option<UnpackedIndex>,
    open: bool,
}

impl Module {
    /// Adds a valid recursion group of function types.
    pub(super) fn add_group(&mut self, group: RecGroup, groups: &mut Groups) {
        let first = self.type_section.len() as u32;
        // A reference as it is compared.
        let relative = |index: UnpackedIndex| match index {
            UnpackedIndex::Module(index) => match index.checked_sub(first) {
                Some(position) => UnpackedIndex::RecGroup(position),
                None => UnpackedIndex::Module(self.type_section[index as usize]),
            },
            other => other,
        };
        let members: Vec<Member> = group
            .into_types()
            .map(|ty| Member {
                supertype: ty.supertype_idxs.first().map(|ty| relative(ty.unpack())),
                open: !ty.is_final,
                ty: match &ty.composite_type.inner {
                    CompositeInnerType::Func(ty) => map(ty, relative),
                    other => unreachable!("a type of a feature that is off: {other:?}"),
                },
            })
            .collect();
        let count = members.len() as u32;
        let start = match groups.get(&members) {
            Some(&start) => start,
            None => {
                let start = self.types.len() as u32;
                self.push_group(&members, start);
                groups.insert(members, start);
                start
            }
        };
        self.type_section.extend(start..start + count);
    }

    fn push_group(&mut self, members: &[Member], start: TypeIndex) {
        let absolute = |index| match index {
            UnpackedIndex::RecGroup(position) => UnpackedIndex::Module(start + position),
            other => other,
        };
        for member in members {
            self.types.push(map(&member.ty, absolute));
            self.subtypes.push(SubType {
                group: start,
                supertype: member
                    .supertype
                    .and_then(|index| absolute(index).as_module_index()),
                open: member.open,
            });
        }
    }

    /// A type that the binary uses, with the index of the canonical type in it.
    pub(super) fn canonical(&self, ty: ValType) -> ValType {
        match ty {
            ValType::Ref(ty) => ValType::Ref(self.canonical_ref(ty)),
            other => other,
        }
    }

    /// The same for a reference type.
    pub(super) fn canonical_ref(&self, ty: RefType) -> RefType {
        map_ref(ty, |index| match index {
            UnpackedIndex::Module(index) => {
                UnpackedIndex::Module(self.type_section[index as usize])
            }
            other => other,
        })
    }

    /// Whether every type is a recursion group of its own, final, and has no
    /// supertype: as types were before version 3.0.
    pub(crate) fn has_plain_types(&self) -> bool {
        (0..).zip(&self.subtypes).all(|(index, ty)| {
            let plain = SubType {
                group: index,
                supertype: None,
                open: false,
            };
            *ty == plain
        })
    }

    /// Whether a function of type `ty` can be used as one of type `expected`.
    pub(crate) fn is_subtype(&self, ty: TypeIndex, expected: TypeIndex) -> bool {
        let mut supertypes =
            std::iter::successors(Some(ty), |&ty| self.subtypes[ty as usize].supertype);
        supertypes.any(|ty| ty == expected)
    }
}

fn map(ty: &FuncType, index: impl Fn(UnpackedIndex) -> UnpackedIndex) -> FuncType {
    let map = |&ty: &ValType| match ty {
        ValType::Ref(ty) => ValType::Ref(map_ref(ty, &index)),
        other => other,
    };
    FuncType::new(ty.params().iter().map(map), ty.results().iter().map(map))
}

fn map_ref(ty: RefType, index: impl Fn(UnpackedIndex) -> UnpackedIndex) -> RefType {
    match ty.heap_type() {
        HeapType::Concrete(concrete) => {
            RefType::new(ty.is_nullable(), HeapType::Concrete(index(concrete)))
                .expect("no index is larger than that of the type section")
        }
        _ => ty,
    }
}
