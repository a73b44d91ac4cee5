//! The exported symbols: `.dynsym`, `.dynstr` and the order that both hash
//! tables rely on.

use object::elf;
use wasm_aot_abi::DESCRIPTOR_SYMBOL;

use crate::layout::{Layout, Symbol};
use crate::writer::{Error, check_name, limit};

/// `bloom_shift` of `.gnu.hash`: where the second bit that a symbol sets in the
/// filter is taken from its hash.
pub(super) const BLOOM_SHIFT: u32 = 26;

/// What can be found by name at run time, in the order of `.dynsym`.
#[derive(Debug)]
pub(super) struct DynamicSymbols<'a> {
    /// Sorted by bucket of `.gnu.hash`. There are always at least two, the names
    /// of the module descriptor.
    pub(super) symbols: Vec<DynamicSymbol<'a>>,
    /// The number of buckets of `.gnu.hash`.
    pub(super) gnu_buckets: u32,
    /// The number of 64-bit words of the filter of `.gnu.hash`; a power of two.
    pub(super) bloom_words: u32,
    /// Stored in `.dynstr` behind the symbols' names.
    pub(super) soname: Option<&'a str>,
    /// The size of `.dynstr`.
    pub(super) strings_len: u64,
}

/// A symbol of `.dynsym`.
#[derive(Debug)]
pub(super) struct DynamicSymbol<'a> {
    pub(super) name: &'a str,
    pub(super) gnu_hash: u32,
    /// Where in the text it is, or `None` for the descriptor.
    pub(super) code: Option<&'a Symbol>,
}

impl<'a> DynamicSymbols<'a> {
    /// Puts the exports of `layout`, and its descriptor, in order.
    pub(super) fn new(layout: &'a Layout, soname: Option<&'a str>) -> Result<Self, Error> {
        let descriptors = [DESCRIPTOR_SYMBOL, &layout.descriptor_symbol];
        let count = (layout.exports.len() + descriptors.len()) as u64;
        // A table of 2^28 symbols would already be 6 GiB long.
        limit("dynamic symbol count", count, 1 << 28)?;
        let gnu_buckets = (count as u32 / 4).max(1);
        // Twelve bits for every symbol let about one in fifty failing lookups
        // past the filter.
        let bloom_words = (count * 12).div_ceil(64).next_power_of_two() as u32;

        let mut symbols = Vec::with_capacity(count as usize);
        for name in descriptors {
            symbols.push(DynamicSymbol::new(name, None)?);
        }
        for export in &layout.exports {
            symbols.push(DynamicSymbol::new(&export.name, Some(export))?);
        }
        symbols.sort_unstable_by_key(|symbol| (symbol.gnu_hash % gnu_buckets, symbol.name));
        if let Some(pair) = symbols.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::Duplicate(pair[0].name.to_owned()));
        }
        if let Some(soname) = soname {
            check_name(soname)?;
        }

        let strings = symbols.iter().map(|symbol| symbol.name).chain(soname);
        let strings_len = 1 + strings.map(|name| name.len() as u64 + 1).sum::<u64>();
        limit("dynamic string table", strings_len, u32::MAX.into())?;
        Ok(DynamicSymbols {
            symbols,
            gnu_buckets,
            bloom_words,
            soname,
            strings_len,
        })
    }

    /// The number of symbols, without the null symbol.
    pub(super) fn count(&self) -> u32 {
        self.symbols.len() as u32
    }

    /// Where in `.dynstr` the soname starts, if there is one.
    pub(super) fn soname_offset(&self) -> Option<u64> {
        Some(self.strings_len - self.soname?.len() as u64 - 1)
    }
}

impl<'a> DynamicSymbol<'a> {
    fn new(name: &'a str, code: Option<&'a Symbol>) -> Result<Self, Error> {
        check_name(name)?;
        Ok(DynamicSymbol {
            name,
            gnu_hash: elf::gnu_hash(name.as_bytes()),
            code,
        })
    }
}
