//! What is checked of artefacts, and by whom they have to be signed.

use std::ffi::c_char;
use std::mem::take;

use wasm_aot_loader::{PublicKey, Verify};

use crate::engine::Config;
use crate::error;
use crate::raw::c_str;

/// See `wasm_aot.h`. `false` for a number that stands for nothing.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_verify(config: &mut Config, verify: u32) -> bool {
    let verify = match verify {
        0 => Verify::Full,
        1 => Verify::Cached,
        2 => Verify::TrustedPath,
        _ => {
            error::set("this number stands for no wasm_aot_verify_t");
            return false;
        }
    };
    config.open = take(&mut config.open).verify(verify);
    true
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_trust_key(config: &mut Config, pem: *const c_char) -> bool {
    let text = c_str(pem).and_then(|text| text.to_str().ok());
    let key = error::keep(PublicKey::from_pem(text.unwrap_or_default()));
    // Who wanted a key to be asked for wants keys to be asked for, whatever came of it.
    config.open = take(&mut config.open).trusted_keys(key);
    key.is_some()
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_has_signatures() -> bool {
    cfg!(feature = "signatures")
}
