//! `.symtab` and `.strtab`: names for debuggers, profilers and disassemblers.
//!
//! The names come from the WebAssembly module, by the hundred thousand and
//! possibly chosen to do harm. They are written as they come, neither sorted
//! nor shared, in one pass each over both sections.

use object::LittleEndian;
use object::elf::{STB_GLOBAL, STB_LOCAL, STT_FUNC, STT_OBJECT, Sym64};
use object::endian::{U16, U32, U64};
use wasm_aot_abi::DESCRIPTOR_SYMBOL;

use crate::layout::{Layout, Symbol};
use crate::writer::{Error, limit};

/// The names of a module: first those of its functions, which are local, then
/// the descriptor and the exports.
#[derive(Debug)]
pub(super) struct Symtab<'a> {
    layout: &'a Layout,
    /// The names of the descriptor.
    descriptors: [&'a str; 2],
    /// The size of `.strtab`.
    pub(super) strings_len: u64,
}

/// Where symbols point to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The index of the section.
    pub(super) section: u16,
    /// The address of its first byte.
    pub(super) address: u64,
}

impl<'a> Symtab<'a> {
    /// Measures the names of `layout`.
    pub(super) fn new(layout: &'a Layout) -> Result<Self, Error> {
        let mut symtab = Symtab {
            layout,
            descriptors: [DESCRIPTOR_SYMBOL, &layout.descriptor_symbol],
            strings_len: 0,
        };
        symtab.strings_len = 1 + symtab.names().map(stored_len).sum::<u64>();
        limit("symbol name table", symtab.strings_len, u32::MAX.into())?;
        limit("symbol count", symtab.count(), u32::MAX.into())?;
        Ok(symtab)
    }

    /// The number of symbols, with the null symbol.
    pub(super) fn count(&self) -> u64 {
        let globals = self.descriptors.len() + self.layout.exports.len();
        u64::from(self.local_count()) + globals as u64
    }

    /// The number of local symbols, with the null symbol.
    pub(super) fn local_count(&self) -> u32 {
        (1 + self.layout.functions.len()) as u32
    }

    /// Passes the symbols to `write`, one by one.
    pub(super) fn write_symbols(
        &self,
        text: Block,
        metadata: Block,
        mut write: impl FnMut(&Sym64<LittleEndian>),
    ) {
        let mut name_offset = 1;
        let mut named = |name: &str, mut symbol: Sym64<LittleEndian>| {
            if !name.is_empty() {
                symbol.st_name = U32::new(LittleEndian, name_offset as u32);
            }
            name_offset += stored_len(name);
            write(&symbol);
        };
        named("", Sym64::default());
        for symbol in &self.layout.functions {
            named(&symbol.name, function(STB_LOCAL, symbol, text));
        }
        for name in &self.descriptors {
            named(name, descriptor(self.layout, metadata));
        }
        for symbol in &self.layout.exports {
            named(&symbol.name, function(STB_GLOBAL, symbol, text));
        }
    }

    /// Passes the content of `.strtab` to `write`, piece by piece.
    pub(super) fn write_strings(&self, mut write: impl FnMut(&[u8])) {
        write(b"\0");
        for name in self.names().filter(|name| !name.is_empty()) {
            for (i, part) in name.split('\0').enumerate() {
                // A NUL would end the name here.
                if i > 0 {
                    write(b"?");
                }
                write(part.as_bytes());
            }
            write(b"\0");
        }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        let layout = self.layout;
        let name = |symbol: &'a Symbol| symbol.name.as_str();
        let functions = layout.functions.iter().map(name);
        functions
            .chain(self.descriptors.iter().copied())
            .chain(layout.exports.iter().map(name))
    }
}

/// The symbol, still without a name, of a function.
pub(super) fn function(binding: u8, symbol: &Symbol, text: Block) -> Sym64<LittleEndian> {
    Sym64 {
        st_name: U32::new(LittleEndian, 0),
        st_info: (binding << 4) | STT_FUNC,
        st_other: 0,
        st_shndx: U16::new(LittleEndian, text.section),
        st_value: U64::new(LittleEndian, text.address + symbol.offset),
        st_size: U64::new(LittleEndian, symbol.size),
    }
}

/// The symbol, still without a name, of the module descriptor. It spans all of
/// the metadata, which the descriptor's offsets lead into.
pub(super) fn descriptor(layout: &Layout, metadata: Block) -> Sym64<LittleEndian> {
    Sym64 {
        st_name: U32::new(LittleEndian, 0),
        st_info: (STB_GLOBAL << 4) | STT_OBJECT,
        st_other: 0,
        st_shndx: U16::new(LittleEndian, metadata.section),
        st_value: U64::new(LittleEndian, metadata.address),
        st_size: U64::new(LittleEndian, layout.metadata.bytes.len() as u64),
    }
}

/// How much room a name takes in `.strtab`.
fn stored_len(name: &str) -> u64 {
    match name.len() as u64 {
        0 => 0, // the byte at offset 0 serves all empty names
        len => len + 1,
    }
}
