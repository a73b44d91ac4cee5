//! Canonical types: equal types are one in the whole process (core, 3.1.3), so
//! that compiled code of any artefact compares types by comparing words.
//!
//! What is interned are recursion groups. The key of one is its types, in which a
//! reference to a type of the group is its position there, and a reference to any
//! other is that type's id; so keys are equal exactly if the groups are.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::{FuncType, HeapType, RefType, ValType};

/// A function type that was interned. Never removed: ids stay valid, and there are
/// only as many as there are different types.
pub(crate) struct Definition {
    /// Never 0.
    pub(crate) id: u32,
    /// Set as soon as all of its group exist, before anybody else gets it.
    contents: OnceLock<Contents>,
}

/// What a type says.
pub(crate) struct Contents {
    /// Parameters, then results.
    pub(crate) types: Box<[ValType]>,
    pub(crate) params: usize,
    pub(crate) supertype: Option<FuncType>,
    /// Whether other types can be declared as its subtypes.
    pub(crate) open: bool,
}

impl Definition {
    pub(crate) fn contents(&self) -> &Contents {
        self.contents.get().expect("set when it was made")
    }
}

/// A type that a recursion group refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Index {
    /// By its position in the same group.
    Own(u32),
    Other(FuncType),
}

/// A part of a recursion group. What a type is made of stands before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Item {
    /// A parameter or result.
    Value(ValType),
    /// One that refers to a type of the same group.
    Own { nullable: bool, position: u32 },
    /// A type. Of the values since the last one, so many are parameters.
    Type {
        params: usize,
        supertype: Option<Index>,
        open: bool,
    },
}

/// The types known so far.
#[derive(Default)]
pub(crate) struct Interner {
    groups: HashMap<Box<[Item]>, Box<[FuncType]>>,
    /// All types, by their ids less one.
    types: Vec<FuncType>,
    /// The group that is being put together.
    group: Vec<Item>,
    /// How many values its last type has so far.
    values: usize,
}

impl Interner {
    /// The one of the process. Held while a module's types are interned.
    pub(crate) fn lock() -> MutexGuard<'static, Interner> {
        static INTERNER: LazyLock<Mutex<Interner>> = LazyLock::new(Mutex::default);
        // A group is inserted as a whole. What was left of one that was being put
        // together goes before the next.
        let mut interner = INTERNER.lock().unwrap_or_else(PoisonError::into_inner);
        interner.clear();
        interner
    }

    /// The final type with these parameters and results that is a group of its
    /// own.
    pub(crate) fn intern(
        &mut self,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        params.into_iter().for_each(|ty| self.value(ty));
        let params = self.values;
        results.into_iter().for_each(|ty| self.value(ty));
        self.add(params, None, false);
        self.finish()[0]
    }

    /// Adds a parameter or result to the next type.
    pub(crate) fn value(&mut self, ty: ValType) {
        self.group.push(Item::Value(ty));
        self.values += 1;
    }

    /// The same, of one that refers to a type of the group that is being put
    /// together.
    pub(crate) fn own_value(&mut self, nullable: bool, position: u32) {
        self.group.push(Item::Own { nullable, position });
        self.values += 1;
    }

    /// How many values were added to the next type.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    /// Adds a type with the values that were added. The first `params` of them are
    /// its parameters.
    pub(crate) fn add(&mut self, params: usize, supertype: Option<Index>, open: bool) {
        self.group.push(Item::Type {
            params,
            supertype,
            open,
        });
        self.values = 0;
    }

    /// The types that were added, as one recursion group.
    ///
    /// # Panics
    ///
    /// If 2³² - 1 types are known already.
    pub(crate) fn finish(&mut self) -> &[FuncType] {
        // Looked up twice: a borrow that is returned would last to the end.
        if !self.groups.contains_key(&*self.group) {
            let types = self.define();
            self.groups.insert(self.group.as_slice().into(), types);
        }
        let types = &self.groups[&*self.group];
        self.group.clear();
        types
    }

    /// The type with an id that was given out.
    pub(crate) fn by_id(&self, id: u32) -> FuncType {
        self.types[id as usize - 1]
    }

    fn clear(&mut self) {
        self.group.clear();
        self.values = 0;
    }

    /// New types for the group.
    fn define(&mut self) -> Box<[FuncType]> {
        let mut new = || {
            let ty = FuncType(Box::leak(Box::new(Definition {
                id: u32::try_from(self.types.len() + 1).expect("fewer than 2³² types"),
                contents: OnceLock::new(),
            })));
            self.types.push(ty);
            ty
        };
        let is_type = |item: &&Item| matches!(item, Item::Type { .. });
        let types: Box<[FuncType]> = (self.group.iter().filter(is_type).map(|_| new())).collect();
        let mut defined = types.iter();
        let mut values = Vec::new();
        for &item in &self.group {
            match item {
                Item::Value(ty) => values.push(ty),
                Item::Own { nullable, position } => {
                    let heap = HeapType::ConcreteFunc(types[position as usize]);
                    values.push(RefType::new(nullable, heap).into());
                }
                Item::Type {
                    params,
                    supertype,
                    open,
                } => {
                    let contents = Contents {
                        types: std::mem::take(&mut values).into(),
                        params,
                        supertype: supertype.map(|supertype| match supertype {
                            Index::Own(position) => types[position as usize],
                            Index::Other(ty) => ty,
                        }),
                        open,
                    };
                    let ty = defined.next().expect("as many as there are");
                    let new = ty.0.contents.set(contents).is_ok();
                    debug_assert!(new, "nobody else has it");
                }
            }
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::{F32, F64, I32, I64, V128};

    #[test]
    fn equal_types_have_equal_ids_and_others_have_not() {
        let mut interner = Interner::default();
        let all = [
            I32,
            I64,
            F32,
            F64,
            V128,
            ValType::FUNCREF,
            ValType::EXTERNREF,
            ValType::EXNREF,
        ];
        let a = interner.intern(all, [I32]);
        assert_eq!(a.params(), all);
        assert_eq!(a.results(), [I32]);
        assert_ne!(a.id(), 0);
        let mut ids = vec![
            a.id(),
            interner.intern([], []).id(),
            interner.intern([I32], []).id(),
            interner.intern([], [I32]).id(),
            interner.intern([I32, I32], []).id(),
            interner.intern([I32], [I32]).id(),
        ];
        assert_eq!(interner.intern(all, [I32]).id(), a.id());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn ids_are_the_same_on_every_thread() {
        let id = || Interner::lock().intern([F64, F64, F64], [V128]).id();
        let other = std::thread::spawn(id).join().unwrap();
        assert_eq!(id(), other);
    }

    /// A group of two types that refer to each other, of which the first may be
    /// open and have a supertype.
    fn pair(interner: &mut Interner, supertype: Option<Index>, open: bool) -> [FuncType; 2] {
        interner.own_value(true, 1);
        interner.add(1, supertype, open);
        interner.own_value(true, 0);
        interner.add(1, None, false);
        let types = interner.finish();
        types.try_into().unwrap()
    }

    #[test]
    fn groups_are_equal_as_a_whole() {
        let mut interner = Interner::default();
        let [a, b] = pair(&mut interner, None, false);
        assert_ne!(a, b);
        assert_eq!(pair(&mut interner, None, false), [a, b]);
        // Unrolled once, the types are the same; but not rolled up.
        let nullable = |ty| RefType::new(true, HeapType::ConcreteFunc(ty)).into();
        assert_eq!(a.params(), [nullable(b)]);
        assert_eq!(b.params(), [nullable(a)]);
        let c = interner.intern([nullable(b)], []);
        assert_ne!(c, a);
        assert!(!c.matches(a));
        // What is declared of a type is part of it.
        let [open, _] = pair(&mut interner, None, true);
        assert_ne!(open, a);
        let [sub, _] = pair(&mut interner, Some(Index::Other(open)), false);
        assert!(sub != open && sub != a);
        assert!(sub.matches(open) && !open.matches(sub) && !sub.matches(a));
    }
}
