//! Canonical types: equal types are one in the whole process (core, 3.1.3), so
//! that compiled code of any artefact compares types by comparing words.
//!
//! What is interned are recursion groups. The key of one is its types, in which a
//! reference to a type of the group is its position there, and a reference to any
//! other is that type's id; so keys are equal exactly if the groups are.

use std::collections::HashMap;
use std::ops::Range;
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
#[derive(Clone, Copy)]
pub(crate) enum Index {
    /// By its position in the same group.
    Own(u32),
    Other(FuncType),
}

/// A part of a recursion group. What a type is made of stands before it.
#[derive(Clone, Copy)]
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

impl Item {
    /// Adds the words that stand for it. No other item begins with the same ones, so
    /// items are equal if their words are. A slice of words is hashed at once; item by
    /// item, that would be most of what opening an artefact with many types takes.
    fn encode(self, words: &mut Vec<u64>) {
        let mut word = |kind: u64, flag: bool, number: u32| {
            words.push(kind | u64::from(flag) << 8 | u64::from(number) << 32);
        };
        match self {
            Item::Value(ValType::I32) => word(0, false, 0),
            Item::Value(ValType::I64) => word(1, false, 0),
            Item::Value(ValType::F32) => word(2, false, 0),
            Item::Value(ValType::F64) => word(3, false, 0),
            Item::Value(ValType::V128) => word(4, false, 0),
            Item::Value(ValType::Ref(ty)) => {
                let (kind, id) = match ty.heap {
                    HeapType::ConcreteFunc(ty) => (5, ty.id()),
                    HeapType::Func => (6, 0),
                    HeapType::NoFunc => (7, 0),
                    HeapType::Extern => (8, 0),
                    HeapType::NoExtern => (9, 0),
                    HeapType::Any => (10, 0),
                    HeapType::Eq => (11, 0),
                    HeapType::I31 => (12, 0),
                    HeapType::Struct => (13, 0),
                    HeapType::Array => (14, 0),
                    HeapType::None => (15, 0),
                    HeapType::Exn => (16, 0),
                    HeapType::NoExn => (17, 0),
                };
                word(kind, ty.is_nullable(), id);
            }
            Item::Own { nullable, position } => word(18, nullable, position),
            Item::Type {
                params,
                supertype,
                open,
            } => {
                // No type has as many parameters as would not fit (core, appendix
                // "Implementation Limitations").
                let params = params as u32;
                match supertype {
                    None => word(19, open, params),
                    Some(Index::Own(position)) => {
                        word(20, open, params);
                        word(0, false, position);
                    }
                    Some(Index::Other(ty)) => {
                        word(21, open, params);
                        word(0, false, ty.id());
                    }
                }
            }
        }
    }
}

/// The types known so far.
#[derive(Default)]
pub(crate) struct Interner {
    /// Where the types of a group are, of which these are the words.
    groups: HashMap<Box<[u64]>, Range<usize>>,
    /// All types, by their ids less one.
    types: Vec<FuncType>,
    /// The group that is being put together.
    group: Vec<Item>,
    /// Its words.
    words: Vec<u64>,
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
        self.words.clear();
        for item in &self.group {
            item.encode(&mut self.words);
        }
        let known = self.groups.get(&*self.words).cloned();
        let range = known.unwrap_or_else(|| {
            let range = self.define();
            self.groups
                .insert(self.words.as_slice().into(), range.clone());
            range
        });
        self.group.clear();
        &self.types[range]
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
    fn define(&mut self) -> Range<usize> {
        let start = self.types.len();
        let is_type = |item: &&Item| matches!(item, Item::Type { .. });
        for _ in self.group.iter().filter(is_type) {
            self.types.push(FuncType(Box::leak(Box::new(Definition {
                id: u32::try_from(self.types.len() + 1).expect("fewer than 2³² types"),
                contents: OnceLock::new(),
            }))));
        }
        let types = &self.types[start..];
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
        start..self.types.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::{F32, F64, I32, I64, V128};

    #[test]
    fn equal_types_have_equal_ids_and_others_have_not() {
        let mut interner = Interner::lock();
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
        let mut interner = Interner::lock();
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
