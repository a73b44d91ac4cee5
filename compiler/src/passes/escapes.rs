//! Which functions can become values, and which tables are constants.
//!
//! A table that is neither imported, exported nor touched by anything but
//! `call_indirect` keeps the elements that its active segments give it. If
//! those are functions of this module, the table needs no per-instance copy:
//! it becomes rows of read-only data in the text, and its functions do not
//! escape through it.

use std::collections::BTreeSet;

use crate::abi::val_type;
use crate::module::{ConstExpr, ElementSegment, Item, Module, SegmentMode, Table, TypeIndex};
use crate::passes::Usage;

/// How many more elements than items a table may have and still be in the text;
/// a huge and mostly empty table is better made at run time.
const MAX_EMPTY: u64 = 64;

/// A table in the text: for each element the function, if it is not null.
pub(crate) type TextTable = Vec<Option<u32>>;

/// The result of the analysis.
pub(crate) struct Escapes {
    funcrefs: Vec<u32>,
    tables: Vec<Option<TextTable>>,
    fixed: Vec<bool>,
    exit_types: BTreeSet<TypeIndex>,
    calls_references: bool,
}

impl Escapes {
    pub(crate) fn new(module: &Module, usage: &Usage) -> Escapes {
        let owned = owned_tables(module);
        let tables = constant_tables(module, usage, &owned);
        let fixed = (0..)
            .zip(&owned)
            .map(|(table, &owned)| owned && !usage.grown_tables.contains(&table))
            .collect();
        let in_text = |table: u32| tables[table as usize].is_some();

        let mut funcrefs = usage.referenced_functions.clone();
        for export in &module.exports {
            if let Item::Func(index) = export.item {
                funcrefs.insert(index);
            }
        }
        let exprs = module
            .globals
            .iter()
            .map(|global| &global.init)
            .chain(module.tables.iter().map(|table| &table.init))
            .chain(
                module
                    .elements
                    .iter()
                    .filter(|segment| match segment.mode {
                        SegmentMode::Active { index, .. } => !in_text(index),
                        SegmentMode::Passive => true,
                        // There is no other reason to declare a function than
                        // a `ref.func` in some body.
                        SegmentMode::Declared => true,
                    })
                    .flat_map(|segment| &segment.items),
            );
        funcrefs.extend(exprs.filter_map(|expr| match expr {
            ConstExpr::RefFunc(index) => Some(*index),
            _ => None,
        }));

        let imported = module.functions[..module.imported_functions as usize].iter();
        let called = usage
            .indirect_calls
            .iter()
            .filter(|(table, _)| !in_text(*table))
            .map(|(_, ty)| ty)
            .chain(&usage.reference_calls);
        Escapes {
            funcrefs: funcrefs.into_iter().collect(),
            exit_types: imported.chain(called).copied().collect(),
            calls_references: !usage.reference_calls.is_empty(),
            tables,
            fixed,
        }
    }

    /// Whether all that code can rely on stays as it is if there are functions
    /// that do what `usage` says.
    pub(crate) fn allow(&self, usage: &Usage) -> bool {
        let known = |function| self.funcrefs.binary_search(function).is_ok();
        let in_text = |&table: &u32| self.table_in_text(table).is_some();
        !usage.handled_tables.iter().any(in_text)
            && !usage.grown_tables.iter().any(|&table| self.is_fixed(table))
            && usage.referenced_functions.iter().all(known)
    }

    /// The functions that can become values, ascending. The position of one is
    /// its slot among the function references.
    pub(crate) fn funcrefs(&self) -> &[u32] {
        &self.funcrefs
    }

    /// The slot of function `index`.
    ///
    /// # Panics
    ///
    /// If it cannot become a value.
    pub(crate) fn slot(&self, index: u32) -> u32 {
        self.funcrefs
            .binary_search(&index)
            .expect("a function that escapes") as u32
    }

    /// The elements of `table`, if it is a constant.
    pub(crate) fn table_in_text(&self, table: u32) -> Option<&TextTable> {
        self.tables[table as usize].as_ref()
    }

    /// Whether nobody can make `table` grow.
    pub(crate) fn is_fixed(&self, table: u32) -> bool {
        self.fixed[table as usize]
    }

    /// Whether the function of `segment` need not be written at instantiation,
    /// because its table is a constant.
    pub(crate) fn segment_in_text(&self, segment: &ElementSegment) -> bool {
        match segment.mode {
            SegmentMode::Active { index, .. } => self.table_in_text(index).is_some(),
            _ => false,
        }
    }

    /// Types of functions that may turn out to be the host's: exits are needed.
    pub(crate) fn exit_types(&self) -> impl Iterator<Item = TypeIndex> {
        self.exit_types.iter().copied()
    }

    /// Whether anything is called through a reference.
    pub(crate) fn calls_references(&self) -> bool {
        self.calls_references
    }

    /// Types of functions that the host may call: entries are needed.
    pub(crate) fn entry_types(&self, module: &Module) -> BTreeSet<TypeIndex> {
        self.funcrefs
            .iter()
            .chain(&module.start)
            .map(|&index| module.functions[index as usize])
            .collect()
    }
}

/// For each table, whether only this module can reach it.
fn owned_tables(module: &Module) -> Vec<bool> {
    let mut owned = vec![true; module.tables.len()];
    owned[..module.imported_tables as usize].fill(false);
    for export in &module.exports {
        if let Item::Table(table) = export.item {
            owned[table as usize] = false;
        }
    }
    owned
}

/// For each table, its elements if they are constant.
fn constant_tables(module: &Module, usage: &Usage, owned: &[bool]) -> Vec<Option<TextTable>> {
    let mut segments: Vec<Vec<&ElementSegment>> = vec![Vec::new(); module.tables.len()];
    for segment in &module.elements {
        if let SegmentMode::Active { index, .. } = segment.mode {
            segments[index as usize].push(segment);
        }
    }
    (0..)
        .zip(segments)
        .map(|(table, segments)| {
            let constant = owned[table as usize] && !usage.handled_tables.contains(&table);
            constant.then(|| rows(module, table, &segments)).flatten()
        })
        .collect()
}

/// The elements of a table that only `segments` write to, if all of them are
/// functions of the module or null.
fn rows(module: &Module, table: u32, segments: &[&ElementSegment]) -> Option<TextTable> {
    let Table { ty, init } = &module.tables[table as usize];
    let items: usize = segments.iter().map(|segment| segment.items.len()).sum();
    if ty.initial == 0
        || *init != ConstExpr::RefNull
        || !val_type(ty.element_type.into()).is_function()
        || ty.initial > items as u64 + MAX_EMPTY
    {
        return None;
    }
    let mut rows = vec![None; ty.initial as usize];
    for segment in segments {
        let SegmentMode::Active { offset, .. } = &segment.mode else {
            unreachable!("the segments of a table are active");
        };
        let start = usize::try_from(offset.as_address()?).ok()?;
        let rows = rows.get_mut(start..)?.get_mut(..segment.items.len())?;
        for (row, item) in rows.iter_mut().zip(&segment.items) {
            *row = match *item {
                ConstExpr::RefNull => None,
                ConstExpr::RefFunc(index) => {
                    module.defined_function(index)?;
                    Some(index)
                }
                _ => return None,
            };
        }
    }
    Some(rows)
}
