//! Which library this is.

use std::ffi::c_char;

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_abi_version(major: Option<&mut u32>, minor: Option<&mut u32>) {
    if let Some(major) = major {
        *major = wasm_aot_abi::ABI_MAJOR.into();
    }
    if let Some(minor) = minor {
        *minor = wasm_aot_abi::ABI_MINOR.into();
    }
}
