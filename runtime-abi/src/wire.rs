//! How metadata is written: fields one after the other, little-endian, without
//! padding, so that a record's bytes equal its `repr(C)` layout on a
//! little-endian machine.

/// A value with a fixed encoding in the metadata block.
pub trait Wire: Sized {
    /// Encoded size in bytes.
    const SIZE: usize;

    /// Writes the encoding.
    ///
    /// # Panics
    ///
    /// If `out` is not [`SIZE`](Self::SIZE) bytes long.
    fn encode(&self, out: &mut [u8]);

    /// Reads an encoding back. Any bytes decode to something: enumerations are
    /// kept as integers on the wire and checked by their `TryFrom`.
    ///
    /// # Panics
    ///
    /// If `bytes` is shorter than [`SIZE`](Self::SIZE).
    fn decode(bytes: &[u8]) -> Self;
}

macro_rules! integers {
    ($($int:ty)*) => {$(
        impl Wire for $int {
            const SIZE: usize = size_of::<$int>();
            #[inline]
            fn encode(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Self {
                let mut raw = [0; size_of::<$int>()];
                raw.copy_from_slice(&bytes[..size_of::<$int>()]);
                <$int>::from_le_bytes(raw)
            }
        }
    )*};
}

integers!(u16 u32 u64 i32);

impl<const N: usize> Wire for [u8; N] {
    const SIZE: usize = N;
    fn encode(&self, out: &mut [u8]) {
        out.copy_from_slice(self);
    }
    fn decode(bytes: &[u8]) -> Self {
        let mut raw = [0; N];
        raw.copy_from_slice(&bytes[..N]);
        raw
    }
}

/// Declares `repr(C)` records without padding, and their [`Wire`] encoding.
macro_rules! records {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $ty:ty,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty,)*
        }

        impl $crate::Wire for $name {
            const SIZE: usize = 0 $(+ <$ty as $crate::Wire>::SIZE)*;
            fn encode(&self, out: &mut [u8]) {
                assert_eq!(out.len(), Self::SIZE);
                let mut at = 0;
                $(
                    let size = <$ty as $crate::Wire>::SIZE;
                    self.$field.encode(&mut out[at..at + size]);
                    at += size;
                )*
                debug_assert_eq!(at, Self::SIZE);
            }
            #[inline]
            fn decode(bytes: &[u8]) -> Self {
                let bytes = &bytes[..Self::SIZE];
                let mut at = 0;
                $(
                    let $field = <$ty as $crate::Wire>::decode(&bytes[at..]);
                    at += <$ty as $crate::Wire>::SIZE;
                )*
                debug_assert_eq!(at, Self::SIZE);
                Self { $($field),* }
            }
        }

        #[cfg(test)]
        impl $crate::layout::Fields for $name {
            const NAME: &'static str = stringify!($name);
            const FIELDS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), core::mem::offset_of!($name, $field)),)*];
        }

        const _: () = assert!(
            <$name as $crate::Wire>::SIZE == size_of::<$name>(),
            "a record must not have padding",
        );
    )*};
}
pub(crate) use records;

records! {
    /// A run of `count` equal records in the metadata block.
    pub struct Slice {
        /// Byte offset from the start of the descriptor.
        pub offset: u32,
        /// Number of records, not bytes.
        pub count: u32,
    }

    /// UTF-8 text in the metadata block, not NUL-terminated.
    pub struct Str {
        /// Byte offset from the start of the descriptor.
        pub offset: u32,
        /// Length in bytes.
        pub len: u32,
    }
}

impl Slice {
    /// No records.
    pub const EMPTY: Slice = Slice {
        offset: 0,
        count: 0,
    };
}

impl Str {
    /// No text.
    pub const EMPTY: Str = Str { offset: 0, len: 0 };
}
