//! C strings.

use std::ffi::{CStr, c_char};

/// The bytes of a C string; `None` if it is NULL.
///
/// The caller has it from C code, which keeps it until the exported function
/// returns.
pub(crate) fn c_str<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: C code gives NULL or a string.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}
