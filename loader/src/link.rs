//! Matching imports with what was supplied (core, 3.4 and 4.5.4, steps 1 to 4).

use std::sync::Arc;

use crate::imports::{Definition, Imports};
use crate::raw::HostFunction;
use crate::{Extern, ExternType, ImportType, LinkError, LinkProblem, Module, Store};

/// What an import is bound to. Of the type that the import has.
#[derive(Debug)]
pub(crate) enum Binding<'a> {
    /// A host function of any store.
    Host(&'a Arc<HostFunction>),
    /// Something of the store.
    Extern(Extern),
}

/// Finds what every import of `module` is bound to, in their order.
pub(crate) fn resolve<'a>(
    store: &Store,
    module: &Module,
    imports: &'a Imports,
) -> Result<Vec<Binding<'a>>, LinkError> {
    bind(module, |_, import| {
        let found = imports.get(import.module, import.field);
        check(store, module, &import.ty, found)
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
) -> Result<Vec<Binding<'static>>, LinkError> {
    let count = module.imports().len();
    assert!(externs.len() <= count, "more externals than imports");
    bind(module, |nth, import| match externs.get(nth) {
        None => Err((None, None)),
        Some(&item) => check_extern(store, module, &import.ty, item),
    })
}

fn bind<'a>(
    module: &Module,
    mut find: impl FnMut(usize, &ImportType<'_>) -> Result<Binding<'a>, Mismatch>,
) -> Result<Vec<Binding<'a>>, LinkError> {
    let mut bindings = Vec::with_capacity(module.imports().len());
    let mut problems = Vec::new();
    for (nth, import) in module.imports().enumerate() {
        match find(nth, &import) {
            Ok(binding) => bindings.push(binding),
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
        Ok(bindings)
    } else {
        Err(LinkError::new(problems))
    }
}

/// What is wrong: the type that was found, if anything was, and what the types
/// do not tell.
type Mismatch = (Option<ExternType>, Option<&'static str>);

fn check<'a>(
    store: &Store,
    module: &Module,
    expected: &ExternType,
    found: Option<&'a Definition>,
) -> Result<Binding<'a>, Mismatch> {
    match found {
        None => Err((None, None)),
        Some(Definition::Host(function)) => {
            let found = function.ty();
            if matches!(expected, ExternType::Func(expected) if expected == found) {
                Ok(Binding::Host(function))
            } else {
                Err((Some(found.clone().into()), None))
            }
        }
        Some(&Definition::Extern(item)) => check_extern(store, module, expected, item),
    }
}

fn check_extern(
    store: &Store,
    module: &Module,
    expected: &ExternType,
    item: Extern,
) -> Result<Binding<'static>, Mismatch> {
    if !store.raw().owns(item) {
        return Err((None, Some("what is defined belongs to another store")));
    }
    let found = item.ty(store);
    if !matches(expected, &found) {
        return Err((Some(found), None));
    }
    match item {
        Extern::Memory(memory) if !store.raw().memory_serves(memory, module) => Err((
            Some(found),
            Some("the memory has less address space behind it than the code relies on"),
        )),
        _ => Ok(Binding::Extern(item)),
    }
}

/// Whether something of type `found` may be imported as `expected`. The minimum
/// of `found` is its present size.
fn matches(expected: &ExternType, found: &ExternType) -> bool {
    match (expected, found) {
        (ExternType::Func(expected), ExternType::Func(found)) => expected == found,
        (ExternType::Global(expected), ExternType::Global(found)) => expected == found,
        (ExternType::Table(expected), ExternType::Table(found)) => {
            expected.element() == found.element()
                && limits(expected.min(), expected.max(), found.min(), found.max())
        }
        (ExternType::Memory(expected), ExternType::Memory(found)) => {
            limits(expected.min(), expected.max(), found.min(), found.max())
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
    fn everything_else_must_be_equal() {
        use ValType::{ExternRef, FuncRef, I32, I64};
        let global = |ty, mutable| GlobalType::new(ty, mutable).into();
        assert!(matches(&global(I32, true), &global(I32, true)));
        assert!(!matches(&global(I32, true), &global(I32, false)));
        assert!(!matches(&global(I32, false), &global(I32, true)));
        assert!(!matches(&global(I32, false), &global(I64, false)));
        let table = |ty| TableType::new(ty, 0, None).into();
        assert!(matches(&table(FuncRef), &table(FuncRef)));
        assert!(!matches(&table(FuncRef), &table(ExternRef)));
        let func = |params: &[ValType]| FuncType::new(params.iter().copied(), []).into();
        assert!(matches(&func(&[I32]), &func(&[I32])));
        assert!(!matches(&func(&[I32]), &func(&[I64])));
        assert!(!matches(&func(&[]), &table(FuncRef)));
    }
}
