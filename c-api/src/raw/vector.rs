//! `wasm_X_vec_t`.

use std::mem::{self, MaybeUninit};
use std::ptr;

use super::Value;
use crate::reference::Ref;
use crate::trap::Place;
use crate::types::{Export, Import, Type, ValueType};

/// An array that C code made with our functions, or we did, and that it hands
/// around by value. Its memory is of `malloc`, so that a wrong `size` does no harm
/// when it is released.
///
/// Owns its elements. C code that "borrows" a vector gives us a reference.
#[repr(C)]
pub(crate) struct Vector<T> {
    size: usize,
    data: *mut T,
}

/// What can be in a vector: a value of which zeros are one, which owns nothing.
///
/// # Safety
///
/// All-zero bytes are a value of the type, whose drop does nothing.
pub(crate) unsafe trait Element {}

// SAFETY: plain bytes.
unsafe impl Element for u8 {}
// SAFETY: `None` is a null pointer.
unsafe impl<T> Element for Option<Box<T>> {}

impl<T> Vector<T> {
    pub(crate) const EMPTY: Vector<T> = Vector {
        size: 0,
        data: ptr::null_mut(),
    };

    /// A vector for C code to borrow, of elements that stay `items`' own: not to be
    /// dropped.
    pub(super) fn over(items: &mut [T]) -> Vector<T> {
        Vector {
            size: items.len(),
            data: items.as_mut_ptr(),
        }
    }

    /// The elements.
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.size == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: C code vouches for `size` elements at `data` for as long as it
        // lends the vector.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// The elements, if they are all initialised.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        if self.size == 0 || self.data.is_null() {
            return &mut [];
        }
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.size) }
    }

    /// Writes over the element at a place, which is not dropped. Drops `value`
    /// instead if there is no such place.
    ///
    /// By a shared reference, because C code may give the same vector as arguments
    /// and for results; so there must be no slice of the elements meanwhile.
    pub(crate) fn overwrite(&self, nth: usize, value: T) {
        if nth < self.size && !self.data.is_null() {
            // SAFETY: C code has room for `size` elements there.
            unsafe { self.data.add(nth).write(value) };
        }
    }

    /// The places of the elements, which are to be overwritten.
    fn as_places(&mut self) -> &mut [MaybeUninit<T>] {
        if self.size == 0 || self.data.is_null() {
            return &mut [];
        }
        // SAFETY: as above; whether there is a value is left open.
        unsafe { std::slice::from_raw_parts_mut(self.data.cast(), self.size) }
    }

    /// What there is, leaving nothing.
    pub(crate) fn take(&mut self) -> Vector<T> {
        mem::replace(self, Vector::EMPTY)
    }
}

impl<T: Element> Vector<T> {
    /// `size` zeros.
    ///
    /// Aborts if memory is used up.
    pub(crate) fn zeroed(size: usize) -> Vector<T> {
        if size == 0 {
            return Vector::EMPTY;
        }
        // SAFETY: `calloc` checks the product.
        let data: *mut T = unsafe { libc::calloc(size, size_of::<T>()) }.cast();
        if data.is_null() {
            let layout = std::alloc::Layout::array::<T>(size);
            let layout = layout.unwrap_or(std::alloc::Layout::new::<T>());
            std::alloc::handle_alloc_error(layout);
        }
        Vector { size, data }
    }

    /// Moves `size` elements from `from`.
    ///
    /// # Safety
    ///
    /// There are so many, and nobody uses them any more.
    pub(crate) unsafe fn take_array(size: usize, from: *const T) -> Vector<T> {
        let vector = Vector::zeroed(size);
        if size > 0 {
            // SAFETY: the caller says so; there is as much room.
            unsafe { ptr::copy_nonoverlapping(from, vector.data, size) };
        }
        vector
    }
}

impl<T: Element> FromIterator<T> for Vector<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Vector<T> {
        let items: Vec<T> = items.into_iter().collect();
        let mut vector = Vector::zeroed(items.len());
        for (place, item) in vector.as_places().iter_mut().zip(items) {
            // What was there owns nothing.
            place.write(item);
        }
        vector
    }
}

impl Vector<u8> {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Vector<u8> {
        let mut vector = Vector::zeroed(bytes.len());
        vector.as_mut_slice().copy_from_slice(bytes);
        vector
    }
}

impl<T: Clone + Element> Clone for Vector<T> {
    fn clone(&self) -> Vector<T> {
        self.as_slice().iter().cloned().collect()
    }
}

impl<T> Drop for Vector<T> {
    fn drop(&mut self) {
        if self.data.is_null() {
            return;
        }
        // SAFETY: the array is of `malloc`, and ours; its elements are initialised,
        // be it with zeros.
        unsafe {
            ptr::slice_from_raw_parts_mut(self.data, self.size).drop_in_place();
            libc::free(self.data.cast());
        }
    }
}

/// The functions of a type of vectors.
macro_rules! vectors {
    ($($element:ty: $empty:ident $zeroed:ident $new:ident $copy:ident $delete:ident;)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $empty(out: &mut MaybeUninit<Vector<$element>>) {
            out.write(Vector::EMPTY);
        }

        #[unsafe(no_mangle)]
        extern "C" fn $zeroed(out: &mut MaybeUninit<Vector<$element>>, size: usize) {
            out.write(Vector::zeroed(size));
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $new(
            out: &mut MaybeUninit<Vector<$element>>,
            size: usize,
            data: *const $element,
        ) {
            // SAFETY: C code gives so many elements away.
            out.write(unsafe { Vector::take_array(size, data) });
        }

        #[unsafe(no_mangle)]
        extern "C" fn $copy(
            out: &mut MaybeUninit<Vector<$element>>,
            from: &Vector<$element>,
        ) {
            out.write(from.clone());
        }

        #[unsafe(no_mangle)]
        extern "C" fn $delete(vector: Option<&mut Vector<$element>>) {
            drop(vector.map(Vector::take));
        }
    )*};
}

vectors! {
    u8: wasm_byte_vec_new_empty wasm_byte_vec_new_uninitialized wasm_byte_vec_new
        wasm_byte_vec_copy wasm_byte_vec_delete;
    Option<Box<ValueType>>: wasm_valtype_vec_new_empty wasm_valtype_vec_new_uninitialized
        wasm_valtype_vec_new wasm_valtype_vec_copy wasm_valtype_vec_delete;
    Option<Box<Type>>: wasm_functype_vec_new_empty wasm_functype_vec_new_uninitialized
        wasm_functype_vec_new wasm_functype_vec_copy wasm_functype_vec_delete;
    Option<Box<Type>>: wasm_globaltype_vec_new_empty
        wasm_globaltype_vec_new_uninitialized wasm_globaltype_vec_new
        wasm_globaltype_vec_copy wasm_globaltype_vec_delete;
    Option<Box<Type>>: wasm_tabletype_vec_new_empty wasm_tabletype_vec_new_uninitialized
        wasm_tabletype_vec_new wasm_tabletype_vec_copy wasm_tabletype_vec_delete;
    Option<Box<Type>>: wasm_memorytype_vec_new_empty
        wasm_memorytype_vec_new_uninitialized wasm_memorytype_vec_new
        wasm_memorytype_vec_copy wasm_memorytype_vec_delete;
    Option<Box<Type>>: wasm_externtype_vec_new_empty
        wasm_externtype_vec_new_uninitialized wasm_externtype_vec_new
        wasm_externtype_vec_copy wasm_externtype_vec_delete;
    Option<Box<Import>>: wasm_importtype_vec_new_empty
        wasm_importtype_vec_new_uninitialized wasm_importtype_vec_new
        wasm_importtype_vec_copy wasm_importtype_vec_delete;
    Option<Box<Export>>: wasm_exporttype_vec_new_empty
        wasm_exporttype_vec_new_uninitialized wasm_exporttype_vec_new
        wasm_exporttype_vec_copy wasm_exporttype_vec_delete;
    Value: wasm_val_vec_new_empty wasm_val_vec_new_uninitialized wasm_val_vec_new
        wasm_val_vec_copy wasm_val_vec_delete;
    Option<Box<Place>>: wasm_frame_vec_new_empty wasm_frame_vec_new_uninitialized
        wasm_frame_vec_new wasm_frame_vec_copy wasm_frame_vec_delete;
    Option<Box<Ref>>: wasm_extern_vec_new_empty wasm_extern_vec_new_uninitialized
        wasm_extern_vec_new wasm_extern_vec_copy wasm_extern_vec_delete;
}
