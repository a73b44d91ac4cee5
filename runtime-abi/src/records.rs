//! The records of the metadata block, in the order of a module's sections.

use core::fmt;

use crate::wire::{Slice, Str, Wire, records};
use crate::{NONE, ValType};

/// Declares the enumeration behind a `u32` field.
macro_rules! codes {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $number:literal,)* }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u32)]
        pub enum $name { $($(#[$variant_meta])* $variant = $number,)* }

        #[cfg(test)]
        impl $name {
            /// The numbers as this file calls them, for a look at what has changed.
            pub(crate) const NUMBERS: &[(&str, u32)] = &[$((stringify!($variant), $number),)*];
        }

        impl TryFrom<u32> for $name {
            type Error = u32;

            /// # Errors
            ///
            /// The number itself, if this version does not know it.
            fn try_from(number: u32) -> Result<Self, u32> {
                match number {
                    $($number => Ok($name::$variant),)*
                    other => Err(other),
                }
            }
        }
    )*};
}

codes! {
    /// What an import or export is.
    pub enum ExternKind {
        /// A function.
        Func = 0,
        /// A table.
        Table = 1,
        /// A linear memory.
        Memory = 2,
        /// A global.
        Global = 3,
        /// A tag: a kind of exceptions.
        Tag = 4,
    }

    /// What a [`ConstExpr`] is.
    pub enum ConstKind {
        /// `value` holds a number or vector.
        Value = 0,
        /// The value of the global `index`, which is imported or comes before.
        GlobalGet = 1,
        /// A null reference.
        RefNull = 2,
        /// The function reference in slot `index`.
        RefFunc = 3,
        /// Integer arithmetic: `value` starts with a [`Slice`] of [`ConstExpr`]s in
        /// postfix order, of the kinds `Value`, `GlobalGet` and the following,
        /// which occur nowhere else. Each of these takes two operands.
        Arithmetic = 4,
        /// The sum of two `i32`.
        I32Add = 5,
        /// The difference of two `i32`.
        I32Sub = 6,
        /// The product of two `i32`.
        I32Mul = 7,
        /// The sum of two `i64`.
        I64Add = 8,
        /// The difference of two `i64`.
        I64Sub = 9,
        /// The product of two `i64`.
        I64Mul = 10,
    }

    /// When an element segment is used.
    pub enum ElementMode {
        /// By `table.init`.
        Passive = 0,
        /// Written to its table at instantiation, then dropped.
        Active = 1,
        /// Only declares references; dropped from the start.
        Declared = 2,
        /// Active, and so surely in bounds of a table that exists only as
        /// constants in the text: the loader has nothing to do. Dropped.
        InText = 3,
    }

    /// How an element segment's items are written.
    pub enum ElementItems {
        /// `u32` slots of function references, [`NONE`] for null. In a segment
        /// of other references, all are null.
        Slots = 0,
        /// [`ConstExpr`]s.
        Exprs = 1,
    }

    /// When a data segment is used.
    pub enum DataMode {
        /// By `memory.init`.
        Passive = 0,
        /// Written to its memory at instantiation, then dropped.
        Active = 1,
        /// Active, surely in bounds, and already part of the memory image.
        /// Dropped.
        InImage = 2,
    }

    /// What a [`Trampoline`] does.
    pub enum TrampolineKind {
        /// Host to wasm, by an array of values.
        Entry = 0,
        /// Wasm to host.
        Exit = 1,
        /// Host to wasm, with a C signature: the symbol of an export, or what that
        /// leaves calls to.
        Typed = 2,
    }
}

records! {
    /// A function type. Equal types have one record, so within a module types are
    /// equal exactly if their indices are: types are equal if their recursion
    /// groups are equal up to the indices of the groups themselves, and they have
    /// the same place there (core, 3.1.3 "Rolling and Unrolling").
    pub struct FuncType {
        /// Of [`ValType`].
        pub params: Slice,
        /// Of [`ValType`].
        pub results: Slice,
    }

    /// What more there is to say of a type (core, 2.3.9 and 2.3.10). A type refers to
    /// types of its own recursion group and of those before it.
    pub struct SubType {
        /// Index of the first type of its recursion group. A group is a run of
        /// types.
        pub group: u32,
        /// Index of the type that it is declared to be a subtype of, which is
        /// before it and open; or [`NONE`].
        pub supertype: u32,
        /// Bit 0 is set if it is open (not `final`): if others can be declared as
        /// its subtypes.
        pub flags: u32,
        /// What it is: 0 for a function. Reserved for structs and arrays.
        pub kind: u32,
    }

    /// The type of an import, or of a table or memory that the module defines.
    pub struct ExternType {
        /// An [`ExternKind`].
        pub kind: u32,
        /// Function: index of its type. Tag: index of the function type whose
        /// parameters an exception carries. Table: the [`ValType`] of its elements.
        /// Global: the [`ValType`] of its content. Memory: the binary logarithm
        /// of the page size, 16 or 0.
        pub ty: u32,
        /// Global: bit 0 is set if it is mutable. Table and memory: bit 0 is
        /// set if `max` holds; bit 1 if addresses are 64 bits; bit 2 if shared.
        pub flags: u32,
        /// Reserved; zero.
        pub reserved: u32,
        /// Table: elements. Memory: pages.
        pub min: u64,
        /// Like `min`; zero without bit 0.
        pub max: u64,
    }

    /// An import, in the order of the import section.
    pub struct Import {
        /// The namespace.
        pub module: Str,
        /// The name in it.
        pub name: Str,
        /// What is expected.
        pub ty: ExternType,
        /// Byte offset of its slot in the vmctx: a
        /// [`FunctionImport`](crate::FunctionImport), a
        /// [`MemorySlot`](crate::MemorySlot), the address of a
        /// [`TableDef`](crate::TableDef) or of a global's value, which is
        /// aligned to [`ValType::global_size`](crate::ValType::global_size), or
        /// the address that stands for a tag.
        pub slot: u32,
        /// Reserved; zero.
        pub reserved: u32,
    }

    /// An export, in the order of the export section.
    pub struct Export {
        /// Its name, unique in the module.
        pub name: Str,
        /// An [`ExternKind`].
        pub kind: u32,
        /// Index in the space of its kind, imports first.
        pub index: u32,
        /// Text offset of the typed C symbol of a function defined here, else
        /// [`NONE`].
        pub symbol: u32,
        /// Reserved; zero.
        pub reserved: u32,
    }

    /// A function that the module defines. Its index is its position, plus the
    /// number of imported functions.
    pub struct Function {
        /// Text offset of its code, in the wasm convention. Ascending.
        pub code: u32,
        /// Size of its code in bytes.
        pub size: u32,
        /// Index of its type.
        pub ty: u32,
        /// Offset of its body in the source module, in bytes: the base of the
        /// offsets in its sites.
        pub body: u32,
        /// Byte offset of its sites in [`Descriptor::sites`]; they end where
        /// those of the next function begin.
        ///
        /// [`Descriptor::sites`]: crate::Descriptor::sites
        pub sites: u32,
    }

    /// The name of a function, from the source's name section.
    pub struct FunctionName {
        /// Index of the function, imports first. Ascending.
        pub index: u32,
        /// The name.
        pub name: Str,
    }

    /// Code between the wasm and the C convention; it contains no traps.
    pub struct Trampoline {
        /// A [`TrampolineKind`].
        pub kind: u32,
        /// Index of the function type that it serves.
        pub ty: u32,
        /// Text offset.
        pub code: u32,
        /// Size in bytes.
        pub size: u32,
    }

    /// A table that the module defines.
    pub struct Table {
        /// Its type.
        pub ty: ExternType,
        /// Byte offset of its [`TableDef`](crate::TableDef) in the vmctx, or
        /// [`NONE`] for a table that exists only as constants in the text.
        pub def: u32,
        /// Reserved; zero.
        pub reserved: u32,
        /// What its elements are at first.
        pub init: ConstExpr,
    }

    /// A memory that the module defines.
    pub struct Memory {
        /// Its type.
        pub ty: ExternType,
        /// Byte offset of its [`MemorySlot`](crate::MemorySlot) in the vmctx.
        pub slot: u32,
        /// Reserved; zero.
        pub reserved: u32,
    }

    /// A global that the module defines.
    pub struct Global {
        /// Type of its content.
        pub ty: ValType,
        /// 1 if it is mutable, else 0.
        pub mutable: u32,
        /// Byte offset of its value in the vmctx: 8 bytes, 16 for a `v128`.
        pub slot: u32,
        /// Its first value.
        pub init: ConstExpr,
    }

    /// A tag that the module defines.
    pub struct Tag {
        /// Index of the function type whose parameters an exception carries; it
        /// has no results.
        pub ty: u32,
        /// Byte offset of its slot in the vmctx: the address that stands for it.
        pub slot: u32,
    }

    /// A call with handlers for exceptions that the callee throws. Ascending by
    /// `code`; a call that is not listed has none.
    pub struct GuardedCall {
        /// Text offset of its return address, in a function of the module.
        pub code: u32,
        /// How far the stack pointer that handlers are entered with is below the
        /// frame pointer, in bytes.
        pub frame: u32,
        /// How far above that stack pointer the frame keeps its vmctx, in bytes.
        pub ctx: u32,
        /// The first of its handlers in [`Descriptor::handlers`], which several
        /// calls may share.
        ///
        /// [`Descriptor::handlers`]: crate::Descriptor::handlers
        pub first: u32,
        /// How many handlers it has, at least one; the first that matches is it.
        pub count: u32,
    }

    /// What a [`GuardedCall`] does with some exceptions.
    pub struct Handler {
        /// Text offset to go on at, in the function of the call.
        pub code: u32,
        /// Index of the tag it is for, imports first, or [`NONE`] for all.
        pub tag: u32,
        /// 1 if the code there keeps the reference to the exception, else 0: then
        /// it reads the values, before it does anything else, and forgets it.
        pub keeps: u32,
    }

    /// Where code of inlined functions begins or ends; see [`sites`](crate::sites).
    /// Ascending by `code`.
    pub struct Inlined {
        /// Text offset: the record is about the code from here to that of the next one.
        pub code: u32,
        /// The call that the code is inlined at, by the text offset of its return address,
        /// in the same function, behind the `code` of the next record. [`NONE`] if the code
        /// is inlined nowhere, as that behind the last record of a function is; 0 if it is
        /// no code of the function's, but leads to it from another convention.
        pub caller: u32,
    }

    /// A constant expression.
    pub struct ConstExpr {
        /// A [`ConstKind`].
        pub kind: u32,
        /// A global or a function reference slot, else zero.
        pub index: u32,
        /// The value, little-endian from the first byte, or the steps, else zero.
        pub value: [u8; 16],
    }

    /// An element segment.
    pub struct ElementSegment {
        /// An [`ElementMode`].
        pub mode: u32,
        /// The table of an active segment, else zero.
        pub table: u32,
        /// Where in the table an active segment starts, in elements.
        pub offset: ConstExpr,
        /// Type of its items.
        pub ty: ValType,
        /// An [`ElementItems`].
        pub encoding: u32,
        /// The items, in the form that `encoding` says.
        pub items: Slice,
    }

    /// A data segment.
    pub struct DataSegment {
        /// A [`DataMode`].
        pub mode: u32,
        /// The memory of an active segment, else zero.
        pub memory: u32,
        /// Where in the memory an active segment starts, in bytes.
        pub offset: ConstExpr,
        /// Its bytes; empty for one in the image.
        pub bytes: Slice,
    }

    /// A custom section of the source module that was kept.
    pub struct CustomSection {
        /// Its name.
        pub name: Str,
        /// Its bytes.
        pub bytes: Slice,
    }
}

impl ExternType {
    /// Bit of `flags`: the global is mutable.
    pub const MUTABLE: u32 = 1;
    /// Bit of `flags`: the table or memory has a maximum.
    pub const HAS_MAX: u32 = 1;
    /// Bit of `flags`: the table or memory has 64-bit addresses.
    pub const ADDRESS64: u32 = 2;
    /// Bit of `flags`: the memory is shared between threads.
    pub const SHARED: u32 = 4;

    /// The maximum of a table or memory, if it has one.
    pub const fn maximum(&self) -> Option<u64> {
        if self.flags & ExternType::HAS_MAX == 0 {
            None
        } else {
            Some(self.max)
        }
    }
}

impl SubType {
    /// Bit of `flags`: the type is not `final`.
    pub const OPEN: u32 = 1;
}

impl ConstExpr {
    /// The null reference, and the offset of segments that have none.
    pub const NULL: ConstExpr = ConstExpr {
        kind: ConstKind::RefNull as u32,
        index: 0,
        value: [0; 16],
    };

    /// A number of at most 64 bits, zero-extended.
    pub const fn from_bits(bits: u64) -> ConstExpr {
        ConstExpr::from_vector(bits as u128)
    }

    /// Arithmetic by these steps.
    pub fn arithmetic(steps: Slice) -> ConstExpr {
        let mut value = [0; 16];
        steps.encode(&mut value[..Slice::SIZE]);
        ConstExpr {
            kind: ConstKind::Arithmetic as u32,
            index: 0,
            value,
        }
    }

    /// The steps of arithmetic.
    pub fn steps(&self) -> Slice {
        Slice::decode(&self.value)
    }

    /// A vector.
    pub const fn from_vector(bits: u128) -> ConstExpr {
        ConstExpr {
            kind: ConstKind::Value as u32,
            index: 0,
            value: bits.to_le_bytes(),
        }
    }
}

/// The word that the WebAssembly text format has for the kind.
impl fmt::Display for ExternKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExternKind::Func => "function",
            ExternKind::Table => "table",
            ExternKind::Memory => "memory",
            ExternKind::Global => "global",
            ExternKind::Tag => "tag",
        })
    }
}

const _: () = assert!(NONE == u32::MAX);
