//! `wasm_val_t`.

use std::ptr::NonNull;

use super::vector::Element;
use crate::reference::Ref;
use crate::types::ValueKind;

/// A value with its kind. Owns what it refers to; C code that lends a value gives
/// us a reference.
#[repr(C)]
pub(crate) struct Value {
    kind: ValueKind,
    of: Of,
}

#[derive(Clone, Copy)]
#[repr(C)]
union Of {
    word: u32,
    long: u64,
    /// Of kinds of references only: from `Box::into_raw`, or null.
    reference: Option<NonNull<Ref>>,
}

// SAFETY: the kind of an i32, which is no reference.
unsafe impl Element for Value {}

impl Value {
    pub(crate) const ZERO: Value = Value {
        kind: ValueKind::I32,
        of: Of { long: 0 },
    };

    /// An `i32`, or the bits of an `f32`.
    pub(crate) fn word(kind: ValueKind, word: u32) -> Value {
        debug_assert!(!kind.is_reference());
        // The other half is shown to C as well.
        let long = u64::from_ne_bytes(std::array::from_fn(|byte| {
            word.to_ne_bytes().get(byte).copied().unwrap_or(0)
        }));
        Value {
            kind,
            of: Of { long },
        }
    }

    /// An `i64`, or the bits of an `f64`.
    pub(crate) fn long(kind: ValueKind, long: u64) -> Value {
        debug_assert!(!kind.is_reference());
        Value {
            kind,
            of: Of { long },
        }
    }

    /// A reference of a kind of references.
    pub(crate) fn reference(kind: ValueKind, reference: Option<Box<Ref>>) -> Value {
        debug_assert!(kind.is_reference());
        let reference = reference.map(|reference| NonNull::from(Box::leak(reference)));
        Value {
            kind,
            of: Of { reference },
        }
    }

    pub(crate) fn kind(&self) -> ValueKind {
        self.kind
    }

    /// The lower half.
    pub(crate) fn as_word(&self) -> u32 {
        // SAFETY: C code has put at least so much there; every bit pattern will do.
        unsafe { self.of.word }
    }

    /// All bits, for kinds that have 64.
    pub(crate) fn as_long(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.of.long }
    }

    /// What it refers to, if it does.
    pub(crate) fn as_reference(&self) -> Option<&Ref> {
        if !self.kind.is_reference() {
            return None;
        }
        // SAFETY: with such a kind, C code has put a handle or NULL there.
        unsafe { self.of.reference.map(|reference| reference.as_ref()) }
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        match self.as_reference() {
            Some(reference) => Value::reference(self.kind, Some(Box::new(reference.clone()))),
            None => Value {
                kind: self.kind,
                of: self.of,
            },
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if !self.kind.is_reference() {
            return;
        }
        // SAFETY: as for `as_reference`; it is ours, and came out of a `Box`.
        unsafe {
            drop(
                self.of
                    .reference
                    .map(|reference| Box::from_raw(reference.as_ptr())),
            )
        };
    }
}
