//! What is checked of artefacts, and by whom they have to be signed.

use std::ffi::c_char;

use wasm_aot_loader::{PublicKey, Verify};

use crate::engine::Config;
use crate::error;
use crate::raw::c_str;

/// See `wasm_aot.h`. `false` for a number that stands for nothing.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_set_verify(config: &mut Config, verify: u32) -> bool {
    let verify = match verify {
        0 => Ok(Verify::Full),
        1 => Ok(Verify::Cached),
        2 => Ok(Verify::TrustedPath),
        other => Err(format!(
            "the number {other} stands for no wasm_aot_verify_t"
        )),
    };
    let Some(verify) = error::keep(verify) else {
        return false;
    };
    config.open = config.open.clone().verify(verify);
    true
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_config_trust_key(config: &mut Config, pem: *const c_char) -> bool {
    let text = c_str(pem).and_then(|text| text.to_str().ok());
    // Who wanted to ask for a key asks for keys, whatever comes of it.
    config.open = config.open.clone().trusted_keys([]);
    let key = PublicKey::from_pem(text.unwrap_or_default());
    let Some(key) = error::keep(key) else {
        return false;
    };
    config.open = config.open.clone().trusted_keys([key]);
    true
}

/// See `wasm_aot.h`.
#[unsafe(no_mangle)]
extern "C" fn wasm_aot_has_signatures() -> bool {
    cfg!(feature = "signatures")
}
