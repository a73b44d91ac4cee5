//! What went wrong last.

use std::cell::RefCell;
use std::error::Error;
use std::ffi::{CString, c_char};
use std::fmt::Display;

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Keeps a message for `wasm_aot_last_error`.
pub(crate) fn set(message: impl Display) {
    let text = message.to_string().replace('\0', "\u{fffd}");
    // While the thread's own values are being destroyed, nobody asks any more.
    let _ = LAST.try_with(|last| *last.borrow_mut() = CString::new(text).ok());
}

/// The value; keeps the message if there is none.
pub(crate) fn keep<T>(result: Result<T, impl Display>) -> Option<T> {
    result.map_err(|error| set(error)).ok()
}

/// A message with those of its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_last_error() -> *const c_char {
    last()
}

/// The last message, or null. Stays until the next one on this thread.
pub(crate) fn last() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ref().map(|text| text.as_ptr()))
        .ok()
        .flatten()
        .unwrap_or(std::ptr::null())
}
