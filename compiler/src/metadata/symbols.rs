//! Names for linkers, debuggers and profilers.

use super::Parts;
use crate::abi::Symbol;
use crate::layout;
use crate::module::{Item, Module};

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
        // In the other list.
        Symbol::Typed(_) => String::new(),
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

    let prefix = identifier(&parts.options.name);
    let exports = module
        .exports
        .iter()
        .filter_map(|export| {
            let Item::Func(index) = export.item else {
                return None;
            };
            let piece = parts.text.piece(Symbol::Typed(index))?;
            Some(layout::Symbol {
                name: format!("{prefix}_{}", mangle(&export.name)),
                offset: piece.offset.into(),
                size: piece.size.into(),
            })
        })
        .collect();
    (functions, exports)
}

impl Module {
    /// Indices of the functions that the module defines and exports, ascending.
    pub(crate) fn exported_functions(&self) -> std::collections::BTreeSet<u32> {
        self.exports
            .iter()
            .filter_map(|export| match export.item {
                Item::Func(index) => self.defined_function(index).map(|_| index),
                _ => None,
            })
            .collect()
    }
}

/// The part of a C identifier that stands for a WebAssembly name: ASCII letters
/// but `Z`, digits and `_` for themselves, every other byte as `Z` and two
/// upper-case hexadecimal digits. Reversible, so two names never collide.
fn mangle(name: &str) -> String {
    let mut mangled = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Y' | b'0'..=b'9' | b'_' => mangled.push(byte.into()),
            other => mangled.push_str(&format!("Z{other:02X}")),
        }
    }
    mangled
}

/// The C identifier closest to `name`.
fn identifier(name: &str) -> String {
    let mut identifier: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if !identifier.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        identifier.insert(0, '_');
    }
    identifier
}

#[cfg(test)]
mod tests {
    use super::{identifier, mangle};

    #[test]
    fn mangled_names_are_identifiers_and_differ() {
        assert_eq!(mangle("memory_grow2"), "memory_grow2");
        assert_eq!(mangle("cabi:realloc"), "cabiZ3Arealloc");
        assert_eq!(mangle("Z3A"), "Z5A3A");
        assert_eq!(mangle(""), "");
        assert_eq!(mangle("ü"), "ZC3ZBC");
    }

    #[test]
    fn prefixes_are_identifiers() {
        assert_eq!(identifier("my-app.v2"), "my_app_v2");
        assert_eq!(identifier("2048"), "_2048");
        assert_eq!(identifier(""), "_");
    }
}
