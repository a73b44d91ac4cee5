//! Verified metadata: the records of an artefact, read in place.
//!
//! A [`Metadata`] exists only for bytes that [`verify`](super::verify) has
//! accepted, so the accessors take slices, names and indices at their word; an
//! out-of-range one would be a bug in the verifier, and panics.

use std::marker::PhantomData;

use wasm_aot_abi::{
    CustomSection, DataSegment, Descriptor, ElementSegment, Export, FuncType, Function,
    FunctionName, Global, GuardedCall, Handler, Import, Inlined, Memory, Slice, Str, SubType,
    Table, Tag, Trampoline, Wire,
};

/// The metadata block of an artefact.
#[derive(Clone, Debug)]
pub(crate) struct Metadata<'a> {
    bytes: &'a [u8],
    descriptor: Descriptor,
}

impl<'a> Metadata<'a> {
    /// Of bytes that the verifier has accepted together with this descriptor.
    pub(super) fn new(bytes: &'a [u8], descriptor: Descriptor) -> Metadata<'a> {
        Metadata { bytes, descriptor }
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// A name.
    pub(crate) fn text(&self, text: Str) -> &'a str {
        std::str::from_utf8(self.text_bytes(text)).expect("names are verified")
    }

    /// The name of a function. Whether those are UTF-8 is not verified when an artefact
    /// is opened, as there are many of them and nothing but a backtrace asks.
    pub(crate) fn function_name(&self, record: FunctionName) -> &'a str {
        std::str::from_utf8(self.text_bytes(record.name)).unwrap_or("(damaged)")
    }

    fn text_bytes(&self, text: Str) -> &'a [u8] {
        self.bytes(Slice {
            offset: text.offset,
            count: text.len,
        })
    }

    /// A slice of bytes.
    pub(crate) fn bytes(&self, slice: Slice) -> &'a [u8] {
        &self.bytes[slice.offset as usize..][..slice.count as usize]
    }

    /// A slice of records.
    pub(crate) fn records<T: Wire>(&self, slice: Slice) -> Records<'a, T> {
        let size = slice.count as usize * T::SIZE;
        Records::new(&self.bytes[slice.offset as usize..][..size])
    }
}

macro_rules! tables {
    ($($name:ident: $record:ty,)*) => {
        impl<'a> Metadata<'a> {
            $(pub(crate) fn $name(&self) -> Records<'a, $record> {
                self.records(self.descriptor.$name)
            })*
        }
    };
}

tables! {
    types: FuncType,
    subtypes: SubType,
    imports: Import,
    exports: Export,
    functions: Function,
    trampolines: Trampoline,
    funcrefs: u32,
    tables: Table,
    memories: Memory,
    globals: Global,
    elements: ElementSegment,
    data: DataSegment,
    function_names: FunctionName,
    custom_sections: CustomSection,
    tags: Tag,
    guarded_calls: GuardedCall,
    handlers: Handler,
    inlined: Inlined,
}

/// A run of equal records, decoded one at a time. An iterator over itself.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a, T> {
    bytes: &'a [u8],
    record: PhantomData<T>,
}

impl<'a, T: Wire> Records<'a, T> {
    /// Over bytes that are a multiple of the record's size.
    pub(super) fn new(bytes: &'a [u8]) -> Records<'a, T> {
        debug_assert!(bytes.len().is_multiple_of(T::SIZE));
        Records {
            bytes,
            record: PhantomData,
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<T> {
        let start = index.checked_mul(T::SIZE)?;
        self.bytes.get(start..start + T::SIZE).map(T::decode)
    }

    /// The record at an index that the verifier has checked.
    pub(crate) fn at(&self, index: u32) -> T {
        self.get(index as usize).expect("indices are verified")
    }

    /// How many records at the start satisfy `predicate`, if those that do come
    /// first.
    pub(crate) fn partition_point(&self, mut predicate: impl FnMut(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if predicate(&self.at(middle as u32)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

impl<T: Wire> Iterator for Records<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (first, rest) = self.bytes.split_at_checked(T::SIZE)?;
        self.bytes = rest;
        Some(T::decode(first))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.bytes.len() / T::SIZE;
        (len, Some(len))
    }
}

impl<T: Wire> ExactSizeIterator for Records<'_, T> {}
