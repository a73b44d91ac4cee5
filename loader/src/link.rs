//! Matching imports with what was supplied (core, 3.4 and 4.5.4, steps 1 to 4).

use std::borrow::Cow;

use crate::definition::{Definition, Item};
use crate::{Extern, ExternType, ImportType, Imports, LinkError, LinkProblem, Module, Store};

/// What is wrong with an extern that is not of the store.
pub(crate) const FOREIGN: &str = "what is defined belongs to another store";

/// What is wrong with a type that reads as the one expected.
const DECLARED: &str = "the types are in different recursion groups, or have other supertypes";
/// What is wrong with a memory of the right type.
const NARROW: &str = "the memory has less address space behind it than the code relies on";

/// Finds what every import of `module` is bound to, in their order; of the
/// types that they have. Without a store, what belongs to one does not match.
pub(crate) fn resolve<'a>(
    store: Option<&Store>,
    module: &Module,
    imports: &'a Imports,
) -> Result<Vec<Cow<'a, Definition>>, LinkError> {
    bind(store, module, |_, import| {
        match imports.get(import.module, import.field) {
            Some(definition) => Some(Cow::Borrowed(definition)),
            None => imports.ask(import).map(Cow::Owned),
        }
    })
}

/// As [`resolve`], with one external for each import.
///
/// # Panics
///
/// If there are more.
pub(crate) fn resolve_externs(
    store: &Store,
    module: &Module,
    externs: &[Extern],
) -> Result<Vec<Cow<'static, Definition>>, LinkError> {
    let count = module.imports().len();
    assert!(externs.len() <= count, "more externals than imports");
    bind(Some(store), module, |nth, _| {
        Some(Cow::Owned(Definition::from(*externs.get(nth)?)))
    })
}

/// Finds and checks a definition for every import.
fn bind<'a>(
    store: Option<&Store>,
    module: &Module,
    mut find: impl FnMut(usize, &ImportType<'_>) -> Option<Cow<'a, Definition>>,
) -> Result<Vec<Cow<'a, Definition>>, LinkError> {
    let mut definitions = Vec::with_capacity(module.imports().len());
    let mut problems = Vec::new();
    for (nth, import) in module.imports().enumerate() {
        let checked = match find(nth, &import) {
            Some(found) => check(store, module, &import.ty, &found.item).map(|()| found),
            None => Err((None, None)),
        };
        match checked {
            Ok(definition) => definitions.push(definition),
            Err((found, detail)) => problems.push(LinkProblem {
                module: import.module.to_owned(),
                field: import.field.to_owned(),
                expected: import.ty,
                found,
                detail,
            }),
        }
    }
    if problems.is_empty() {
        Ok(definitions)
    } else {
        Err(LinkError::new(problems))
    }
}

/// What is wrong: the type that was found, if anything was, and what the types
/// do not tell.
type Mismatch = (Option<ExternType>, Option<&'static str>);

/// That a type is another than the one expected, though it may read the same.
fn mismatch(expected: &ExternType, found: ExternType) -> Mismatch {
    let same = expected.to_string() == found.to_string();
    (Some(found), same.then_some(DECLARED))
}

fn check(
    store: Option<&Store>,
    module: &Module,
    expected: &ExternType,
    found: &Item,
) -> Result<(), Mismatch> {
    match found {
        Item::Host(function) => {
            let found = function.ty();
            if matches!(expected, ExternType::Func(expected) if found.matches(*expected)) {
                Ok(())
            } else {
                Err(mismatch(expected, found.into()))
            }
        }
        Item::Shared(memory) => {
            let found = memory.ty().into();
            if !matches(expected, &found) {
                Err(mismatch(expected, found))
            } else if !memory
                .linear()
                .serves(&module.artefact().metadata().descriptor().tunables)
            {
                Err((Some(found), Some(NARROW)))
            } else {
                Ok(())
            }
        }
        &Item::Extern(item) => {
            let Some(store) = store else {
                return Err((None, Some("what is defined belongs to a store")));
            };
            if !store.raw().owns(item) {
                return Err((None, Some(FOREIGN)));
            }
            let found = item.ty(store);
            if !matches(expected, &found) {
                return Err(mismatch(expected, found));
            }
            match item {
                Extern::Memory(memory) if !store.raw().memory_serves(memory, module) => {
                    Err((Some(found), Some(NARROW)))
                }
                _ => Ok(()),
            }
        }
    }
}

/// Whether something of type `found` may be imported as `expected`. The minimum
/// of `found` is its present size.
fn matches(expected: &ExternType, found: &ExternType) -> bool {
    match (expected, found) {
        (ExternType::Func(expected), ExternType::Func(found)) => found.matches(*expected),
        (ExternType::Global(expected), ExternType::Global(found)) => {
            let constant = !expected.mutable() && !found.mutable();
            expected == found || (constant && found.content().matches(expected.content()))
        }
        (ExternType::Tag(expected), ExternType::Tag(found)) => expected == found,
        (ExternType::Table(expected), ExternType::Table(found)) => {
            expected.element() == found.element()
                && expected.is_64() == found.is_64()
                && limits(expected.min(), expected.max(), found.min(), found.max())
        }
        (ExternType::Memory(expected), ExternType::Memory(found)) => {
            expected.page_size() == found.page_size()
                && expected.is_shared() == found.is_shared()
                && expected.is_64() == found.is_64()
                && limits(expected.min(), expected.max(), found.min(), found.max())
        }
        _ => false,
    }
}

fn limits(min: u64, max: Option<u64>, found_min: u64, found_max: Option<u64>) -> bool {
    found_min >= min
        && match (max, found_max) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(max), Some(found)) => found <= max,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FuncType, GlobalType, MemoryType, TableType, ValType};

    fn memory(min: u64, max: Option<u64>) -> ExternType {
        MemoryType::new(min, max).into()
    }

    #[test]
    fn limits_may_be_tighter_but_not_looser() {
        assert!(matches(&memory(1, None), &memory(1, None)));
        assert!(matches(&memory(1, None), &memory(2, Some(3))));
        assert!(matches(&memory(1, Some(3)), &memory(2, Some(3))));
        assert!(matches(&memory(1, Some(3)), &memory(2, Some(2))));
        assert!(!matches(&memory(2, None), &memory(1, None)));
        assert!(!matches(&memory(1, Some(3)), &memory(1, None)));
        assert!(!matches(&memory(1, Some(3)), &memory(1, Some(4))));
    }

    #[test]
    fn a_shared_memory_is_another_one() {
        let shared = |min, max| MemoryType::shared(min, max).into();
        assert!(matches(&shared(1, 3), &shared(2, 3)));
        assert!(!matches(&shared(1, 3), &shared(1, 4)));
        assert!(!matches(&shared(1, 3), &memory(1, Some(3))));
        assert!(!matches(&memory(1, Some(3)), &shared(1, 3)));
        assert!(!matches(&memory(1, None), &shared(1, 3)));
    }

    #[test]
    fn pages_must_be_of_the_same_size() {
        let bytes = |min| MemoryType::new(min, None).with_page_size(1).into();
        assert!(matches(&bytes(1), &bytes(2)));
        assert!(!matches(&bytes(0), &memory(1, None)));
        assert!(!matches(&memory(0, None), &bytes(65536)));
    }

    #[test]
    fn addresses_must_be_of_the_same_width() {
        let large = MemoryType::new64(1, None).into();
        assert!(matches(&large, &large));
        assert!(!matches(&large, &memory(1, None)));
        assert!(!matches(&memory(1, None), &large));
        let table = TableType::new(ValType::FUNCREF, 1, None).into();
        let large = TableType::new64(ValType::FUNCREF, 1, None).into();
        assert!(matches(&large, &large));
        assert!(!matches(&large, &table));
        assert!(!matches(&table, &large));
    }

    #[test]
    fn everything_else_must_be_equal() {
        use ValType::{I32, I64};
        let global = |ty, mutable| GlobalType::new(ty, mutable).into();
        assert!(matches(&global(I32, true), &global(I32, true)));
        assert!(!matches(&global(I32, true), &global(I32, false)));
        assert!(!matches(&global(I32, false), &global(I32, true)));
        assert!(!matches(&global(I32, false), &global(I64, false)));
        let table = |ty| TableType::new(ty, 0, None).into();
        assert!(matches(&table(ValType::FUNCREF), &table(ValType::FUNCREF)));
        assert!(!matches(
            &table(ValType::FUNCREF),
            &table(ValType::EXTERNREF)
        ));
        let func = |params: &[ValType]| FuncType::new(params.iter().copied(), []).into();
        assert!(matches(&func(&[I32]), &func(&[I32])));
        assert!(!matches(&func(&[I32]), &func(&[I64])));
        assert!(!matches(&func(&[]), &table(ValType::FUNCREF)));
    }
}
