//! Names for linkers, debuggers and profilers.

use super::Parts;
use crate::abi::Symbol;
use crate::layout;
use crate::module::{Item, Module};
use crate::names;

/// The symbols of functions and trampolines, in the order of the text, and the
/// C symbols of exports, in the order of the module.
pub(super) fn symbols(parts: &Parts<'_>) -> (Vec<layout::Symbol>, Vec<layout::Symbol>) {
    let module = parts.cx.module;
    let local = |symbol| match symbol {
        Symbol::Function(index) => match parts.contents.function_names.get(&index) {
            Some(name) => name.to_string(),
            None => format!("wasm[{index}]"),
        },
        Symbol::Entry(ty) => format!("entry[{ty}]"),
        Symbol::Exit(ty) => format!("exit[{ty}]"),
        Symbol::Entered(index) => format!("enter[{index}]"),
        // In the other list.
        Symbol::Typed(_) => String::new(),
        Symbol::Throw => "throw".to_owned(),
        Symbol::Trap(_) => "trap".to_owned(),
        Symbol::Interrupted => "interrupted".to_owned(),
        Symbol::Leave(number) => format!("leave[{number}]"),
        Symbol::Constants(number) => format!("constants[{number}]"),
        Symbol::Table(index) => format!("table[{index}]"),
    };
    let pieces = &parts.text.pieces;
    let functions = pieces
        .iter()
        .filter(|piece| !matches!(piece.symbol, Symbol::Typed(_)))
        .map(|piece| layout::Symbol {
            name: local(piece.symbol),
            offset: piece.offset.into(),
            size: piece.size.into(),
        })
        .collect();

    let prefix = names::identifier(&parts.options.name);
    let exports = module
        .exports
        .iter()
        .filter_map(|export| {
            let Item::Func(index) = export.item else {
                return None;
            };
            let piece = parts.text.piece(Symbol::Typed(index))?;
            Some(layout::Symbol {
                name: names::export_symbol(&prefix, &export.name),
                offset: piece.offset.into(),
                size: piece.size.into(),
            })
        })
        .collect();
    (functions, exports)
}

impl Module {
    /// Indices of the functions that the module exports, ascending.
    pub(crate) fn exported_functions(&self) -> std::collections::BTreeSet<u32> {
        self.exports
            .iter()
            .filter_map(|export| match export.item {
                Item::Func(index) => Some(index),
                _ => None,
            })
            .collect()
    }
}
