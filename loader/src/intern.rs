//! Ids of function types: equal types have equal ids in the whole process, so
//! that compiled code of any artefact compares types by comparing words.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::{FuncType, ValType};

/// A function type and its id, which is never 0.
#[derive(Clone, Debug)]
pub(crate) struct Interned {
    pub(crate) ty: FuncType,
    pub(crate) id: u32,
}

/// The types known so far. Entries are never removed: ids stay valid, and there
/// are only as many as there are different types.
#[derive(Default)]
pub(crate) struct Interner {
    /// By [`key`](Interner::key).
    types: HashMap<Box<[u8]>, Interned>,
    /// Space to build a key in.
    key: Vec<u8>,
}

impl Interner {
    /// The one of the process. Held while a module's types are interned.
    pub(crate) fn lock() -> MutexGuard<'static, Interner> {
        static INTERNER: LazyLock<Mutex<Interner>> = LazyLock::new(Mutex::default);
        // An entry is inserted as a whole, so a panic leaves nothing half done.
        INTERNER.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The type with these parameters and results.
    ///
    /// # Panics
    ///
    /// If 2³² - 1 types are known already.
    pub(crate) fn intern(
        &mut self,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Interned {
        /// Stands between parameters and results; not a [`ValType`].
        const ARROW: u8 = u8::MAX;
        self.key.clear();
        self.key.extend(params.into_iter().map(|ty| ty as u8));
        let split = self.key.len();
        self.key.push(ARROW);
        self.key.extend(results.into_iter().map(|ty| ty as u8));
        if let Some(known) = self.types.get(&*self.key) {
            return known.clone();
        }
        let decode = |bytes: &[u8]| bytes.iter().map(|&byte| decode(byte)).collect::<Vec<_>>();
        let id = u32::try_from(self.types.len() + 1).expect("fewer than 2³² function types");
        let interned = Interned {
            ty: FuncType::new(decode(&self.key[..split]), decode(&self.key[split + 1..])),
            id,
        };
        self.types
            .insert(self.key.as_slice().into(), interned.clone());
        interned
    }
}

/// The reverse of `ty as u8`.
fn decode(byte: u8) -> ValType {
    const ALL: [ValType; 8] = [
        ValType::I32,
        ValType::I64,
        ValType::F32,
        ValType::F64,
        ValType::V128,
        ValType::FuncRef,
        ValType::ExternRef,
        ValType::ExnRef,
    ];
    ALL[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValType::{ExnRef, ExternRef, F32, F64, FuncRef, I32, I64, V128};

    #[test]
    fn equal_types_have_equal_ids_and_others_have_not() {
        let mut interner = Interner::default();
        let all = [I32, I64, F32, F64, V128, FuncRef, ExternRef, ExnRef];
        let a = interner.intern(all, [I32]);
        assert_eq!(a.ty.params(), all);
        assert_eq!(a.ty.results(), [I32]);
        assert_ne!(a.id, 0);
        let mut ids = vec![
            a.id,
            interner.intern([], []).id,
            interner.intern([I32], []).id,
            interner.intern([], [I32]).id,
            interner.intern([I32, I32], []).id,
            interner.intern([I32], [I32]).id,
        ];
        assert_eq!(interner.intern(all, [I32]).id, a.id);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn ids_are_the_same_on_every_thread() {
        let id = || Interner::lock().intern([F64, F64, F64], [V128]).id;
        let other = std::thread::spawn(id).join().unwrap();
        assert_eq!(id(), other);
    }
}
