//! C strings.

use std::ffi::{CStr, c_char};

/// `count` C strings, but for those that are NULL. See [`c_str`].
pub(crate) fn c_strs<'a>(
    count: usize,
    texts: *const *const c_char,
) -> impl Iterator<Item = &'a CStr> {
    let count = if texts.is_null() { 0 } else { count };
    // SAFETY: C code gives an array of so many.
    (0..count).filter_map(move |nth| c_str(unsafe { texts.add(nth).read() }))
}

/// The bytes of a C string; `None` if it is NULL.
///
/// The caller has it from C code, which keeps it until the exported function
/// returns.
pub(crate) fn c_str<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: C code gives NULL or a string.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}
