//! Which functions can become values, and which tables are constants.
//!
//! A table that is neither imported, exported nor touched by anything but
//! `call_indirect` keeps the elements that its active segments give it. If
//! those are functions of this module, the table needs no per-instance copy:
//! it becomes rows of read-only data in the text, and its functions do not
//! escape through it.

use std::collections::BTreeSet;

use crate::module::{ConstExpr, ElementSegment, Item, Module, SegmentMode, TypeIndex};
use crate::passes::Usage;

/// Tables beyond this size are made at run time, lest a huge and mostly empty
/// table blows the artefact up. In elements.
const MAX_TEXT_TABLE: u64 = 1 << 20;

/// A table in the text: for each element the function, if it is not null.
pub(crate) type TextTable = Vec<Option<u32>>;

/// The result of the analysis.
pub(crate) struct Escapes {
    funcrefs: Vec<u32>,
    tables: Vec<Option<TextTable>>,
    exit_types: BTreeSet<TypeIndex>,
}

impl Escapes {
    pub(crate) fn new(module: &Module<'_>, usage: &Usage) -> Escapes {
        let tables: Vec<_> = (0..module.tables.len() as u32)
            .map(|table| constant_table(module, usage, table))
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
            .map(|global| global.init)
            .chain(module.tables.iter().map(|table| table.init))
            .chain(
                module
                    .elements
                    .iter()
                    .filter(|segment| match segment.mode {
                        SegmentMode::Active { index, .. } => !in_text(index),
                        SegmentMode::Passive => true,
                        // Each use is a `ref.func` in some body.
                        SegmentMode::Declared => false,
                    })
                    .flat_map(|segment| segment.items.iter().copied()),
            );
        funcrefs.extend(exprs.filter_map(|expr| match expr {
            ConstExpr::RefFunc(index) => Some(index),
            _ => None,
        }));
        // An invalid body may name functions that do not exist.
        funcrefs.retain(|&index| (index as usize) < module.functions.len());

        let imported = module.functions[..module.imported_functions as usize].iter();
        let called = usage
            .indirect_calls
            .iter()
            .filter(|(table, _)| (*table as usize) < tables.len() && !in_text(*table))
            .map(|(_, ty)| ty);
        Escapes {
            funcrefs: funcrefs.into_iter().collect(),
            exit_types: imported.chain(called).copied().collect(),
            tables,
        }
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

    /// Types of functions that the host may call: entries are needed.
    pub(crate) fn entry_types(&self, module: &Module<'_>) -> BTreeSet<TypeIndex> {
        self.funcrefs
            .iter()
            .chain(&module.start)
            .map(|&index| module.functions[index as usize])
            .collect()
    }
}

fn constant_table(module: &Module<'_>, usage: &Usage, table: u32) -> Option<TextTable> {
    let definition = &module.tables[table as usize];
    if table < module.imported_tables
        || usage.handled_tables.contains(&table)
        || definition.init != ConstExpr::RefNull
        || definition.ty.initial > MAX_TEXT_TABLE
        || !definition.ty.element_type.is_func_ref()
        || module
            .exports
            .iter()
            .any(|export| export.item == Item::Table(table))
    {
        return None;
    }
    let mut rows = vec![None; definition.ty.initial as usize];
    for segment in &module.elements {
        match segment.mode {
            SegmentMode::Active { index, offset } if index == table => {
                let start = offset.as_u32()? as usize;
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
            _ => {}
        }
    }
    Some(rows)
}
