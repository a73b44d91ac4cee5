//! Values as compiled code sees them.

use std::ffi::c_void;

use wasm_aot_abi as abi;

use super::store::Inner;
use crate::{ExnRef, ExternRef, Func, HeapType, RefType, Store, Val, ValType};

/// A slot of the `values` array of an entry or exit, the value of a global, or
/// an element of a table: a value in its first bytes, zeros or anything behind.
/// Aligned as the ABI asks of the array.
///
/// It is read with as many bytes as the value has, and where it is. Reading more
/// than compiled code has just written would stall the processor.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Slot([u8; 16]);

const _: () = assert!(size_of::<Slot>() == abi::VALUE_SIZE && align_of::<Slot>() == 16);

impl Slot {
    pub(super) const ZERO: Slot = Slot([0; 16]);

    #[inline]
    pub(super) const fn from_u64(value: u64) -> Slot {
        Slot::from_u128(value as u128)
    }

    #[inline]
    pub(super) const fn from_u128(value: u128) -> Slot {
        Slot(value.to_le_bytes())
    }

    pub(super) fn from_pointer<T>(pointer: *const T) -> Slot {
        Slot::from_u64(pointer.expose_provenance() as u64)
    }

    #[inline]
    pub(super) fn as_u32(&self) -> u32 {
        u32::from_le_bytes(*self.0.first_chunk().expect("16 bytes"))
    }

    #[inline]
    pub(super) fn as_u64(&self) -> u64 {
        u64::from_le_bytes(*self.0.first_chunk().expect("16 bytes"))
    }

    #[inline]
    pub(super) fn as_u128(&self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The value of type `ty` at an address, as it is in a global.
    ///
    /// # Safety
    ///
    /// There is one, and nobody changes it meanwhile.
    pub(super) unsafe fn read(ty: ValType, from: *const c_void) -> Slot {
        // SAFETY: the caller says so.
        unsafe {
            match ty {
                ValType::V128 => Slot(from.cast::<[u8; 16]>().read()),
                _ => Slot::from_u64(from.cast::<u64>().read()),
            }
        }
    }

    /// Writes a value of type `ty` to an address, as it is in a global.
    ///
    /// # Safety
    ///
    /// There is room for one, which nobody else uses meanwhile.
    pub(super) unsafe fn write(self, ty: ValType, to: *mut c_void) {
        // SAFETY: the caller says so.
        unsafe {
            match ty {
                ValType::V128 => to.cast::<[u8; 16]>().write(self.0),
                _ => to.cast::<u64>().write(self.as_u64()),
            }
        }
    }

    pub(super) fn as_pointer<T>(&self) -> *const T {
        std::ptr::with_exposed_provenance(self.as_u64() as usize)
    }
}

impl Val {
    /// How the value stands in a slot.
    ///
    /// # Panics
    ///
    /// If it is not of type `ty`, or a reference of another store.
    pub(super) fn to_slot(self, ty: ValType, store: &Inner) -> Slot {
        if let Err(found) = self.check(ty, store) {
            panic!("expected a value of type {ty}, got one of type {found}");
        }
        match self {
            Val::I32(value) => Slot::from_u64(u64::from(value as u32)),
            Val::I64(value) => Slot::from_u64(value as u64),
            Val::F32(bits) => Slot::from_u64(u64::from(bits)),
            Val::F64(bits) => Slot::from_u64(bits),
            Val::V128(bits) => Slot::from_u128(bits),
            Val::FuncRef(func) => store.func_to_slot(func),
            Val::ExternRef(object) => store.object_to_slot(object),
            Val::ExnRef(exception) => store.exception_to_slot(exception),
            Val::AnyRef(None) => Slot::ZERO,
            Val::AnyRef(Some(never)) => match never {},
        }
    }

    /// The value in a slot.
    ///
    /// # Safety
    ///
    /// The slot holds a value of type `ty` that was made in `store`.
    pub(super) unsafe fn from_slot(ty: ValType, slot: &Slot, store: &Inner) -> Val {
        match ty {
            ValType::I32 => Val::I32(slot.as_u32() as i32),
            ValType::I64 => Val::I64(slot.as_u64() as i64),
            ValType::F32 => Val::F32(slot.as_u32()),
            ValType::F64 => Val::F64(slot.as_u64()),
            ValType::V128 => Val::V128(slot.as_u128()),
            ValType::Ref(ty) => match ty.heap().top() {
                // SAFETY: so it is a reference to a function of the store.
                HeapType::Func => Val::FuncRef(unsafe { store.func_from_slot(slot) }),
                HeapType::Extern => Val::ExternRef(store.object_from_slot(slot)),
                // SAFETY: so it is a reference to an exception of the store.
                HeapType::Exn => Val::ExnRef(unsafe { store.exception_from_slot(slot) }),
                _ => Val::AnyRef(None),
            },
        }
    }
}

/// A Rust type that stands for a WebAssembly type:
///
/// | Rust | WebAssembly |
/// |---|---|
/// | `i32`, `u32` | `i32` |
/// | `i64`, `u64` | `i64` |
/// | `f32` | `f32` |
/// | `f64` | `f64` |
/// | `u128` | `v128`, its lowest lane in the lowest bits |
/// | `Option<`[`Func`]`>` | `funcref` |
/// | [`Func`] | `(ref func)` |
/// | `Option<`[`ExternRef`]`>` | `externref` |
/// | [`ExternRef`] | `(ref extern)` |
/// | `Option<`[`ExnRef`]`>` | `exnref` |
/// | [`ExnRef`] | `(ref exn)` |
///
/// ```
/// use wasm_aot_loader::{Func, Store, WasmType};
///
/// /// The type of a function from `T` to `T`.
/// fn unary<T: WasmType>(store: &mut Store) -> String {
///     let identity = Func::wrap(store, |value: T| value);
///     identity.ty(store).to_string()
/// }
/// assert_eq!(unary::<u32>(&mut Store::new()), unary::<i32>(&mut Store::new()));
/// ```
pub trait WasmType: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The WebAssembly type.
    const TYPE: ValType;

    #[doc(hidden)]
    fn into_slot(self, store: &Store) -> Slot;

    /// # Safety
    ///
    /// The slot holds a value of type [`TYPE`](WasmType::TYPE) that was made in
    /// `store`.
    #[doc(hidden)]
    unsafe fn from_slot(slot: &Slot, store: &Store) -> Self;
}

macro_rules! wasm_types {
    ($($ty:ty: $variant:ident, $value:ident => $into:expr, $slot:ident => $from:expr;)*) => {$(
        impl sealed::Sealed for $ty {}

        impl WasmType for $ty {
            const TYPE: ValType = ValType::$variant;

            #[inline]
            fn into_slot(self, _: &Store) -> Slot {
                let $value = self;
                $into
            }

            #[inline]
            unsafe fn from_slot($slot: &Slot, _: &Store) -> $ty {
                $from
            }
        }
    )*};
}

wasm_types! {
    i32: I32, value => Slot::from_u64(u64::from(value as u32)), slot => slot.as_u32() as i32;
    u32: I32, value => Slot::from_u64(u64::from(value)), slot => slot.as_u32();
    i64: I64, value => Slot::from_u64(value as u64), slot => slot.as_u64() as i64;
    u64: I64, value => Slot::from_u64(value), slot => slot.as_u64();
    f32: F32, value => Slot::from_u64(u64::from(value.to_bits())), slot => f32::from_bits(slot.as_u32());
    f64: F64, value => Slot::from_u64(value.to_bits()), slot => f64::from_bits(slot.as_u64());
    u128: V128, value => Slot::from_u128(value), slot => slot.as_u128();
}

macro_rules! references {
    ($($ty:ident: $heap:ident, $to:ident, $from:ident;)*) => {$(
        impl sealed::Sealed for Option<$ty> {}

        impl WasmType for Option<$ty> {
            const TYPE: ValType = ValType::Ref(RefType::new(true, HeapType::$heap));

            fn into_slot(self, store: &Store) -> Slot {
                store.raw().$to(self)
            }

            unsafe fn from_slot(slot: &Slot, store: &Store) -> Option<$ty> {
                // SAFETY: the caller says that it is such a reference of the store.
                #[allow(unused_unsafe, reason = "an object needs no such promise")]
                unsafe { store.raw().$from(slot) }
            }
        }

        impl sealed::Sealed for $ty {}

        impl WasmType for $ty {
            const TYPE: ValType = ValType::Ref(RefType::new(false, HeapType::$heap));

            fn into_slot(self, store: &Store) -> Slot {
                Some(self).into_slot(store)
            }

            unsafe fn from_slot(slot: &Slot, store: &Store) -> $ty {
                // SAFETY: as above.
                let reference = unsafe { Option::<$ty>::from_slot(slot, store) };
                reference.expect("a reference that is never null")
            }
        }
    )*};
}

references! {
    Func: Func, func_to_slot, func_from_slot;
    ExternRef: Extern, object_to_slot, object_from_slot;
    ExnRef: Exn, exception_to_slot, exception_from_slot;
}

/// Parameters or results with types known at compile time: a single
/// [`WasmType`], or a tuple of up to 16.
pub trait WasmValues: Send + Sync + 'static + sealed::SealedValues {
    /// Their types.
    const TYPES: &'static [ValType];

    #[doc(hidden)]
    fn save(self, store: &Store, slots: &mut [Slot]);

    /// # Safety
    ///
    /// The slots hold values of [`TYPES`](WasmValues::TYPES) that were made in
    /// `store`.
    #[doc(hidden)]
    unsafe fn load(slots: &[Slot], store: &Store) -> Self;
}

impl<T: WasmType> sealed::SealedValues for T {}

impl<T: WasmType> WasmValues for T {
    const TYPES: &'static [ValType] = &[T::TYPE];

    #[inline]
    fn save(self, store: &Store, slots: &mut [Slot]) {
        slots[0] = self.into_slot(store);
    }

    #[inline]
    unsafe fn load(slots: &[Slot], store: &Store) -> T {
        // SAFETY: passed on to the caller.
        unsafe { T::from_slot(&slots[0], store) }
    }
}

macro_rules! wasm_values {
    ($($value:ident $index:tt)*) => {
        impl<$($value: WasmType),*> sealed::SealedValues for ($($value,)*) {}

        impl<$($value: WasmType),*> WasmValues for ($($value,)*) {
            const TYPES: &'static [ValType] = &[$($value::TYPE),*];

            #[inline]
            #[allow(unused_variables)]
            fn save(self, store: &Store, slots: &mut [Slot]) {
                $(slots[$index] = self.$index.into_slot(store);)*
            }

            #[inline]
            #[allow(unused_variables, clippy::unused_unit)]
            unsafe fn load(slots: &[Slot], store: &Store) -> Self {
                // SAFETY: passed on to the caller.
                ($(unsafe { $value::from_slot(&slots[$index], store) },)*)
            }
        }
    };
}

wasm_values!();
wasm_values!(A 0);
wasm_values!(A 0 B 1);
wasm_values!(A 0 B 1 C 2);
wasm_values!(A 0 B 1 C 2 D 3);
wasm_values!(A 0 B 1 C 2 D 3 E 4);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14);
wasm_values!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15);

mod sealed {
    pub trait Sealed {}
    pub trait SealedValues {}
}
