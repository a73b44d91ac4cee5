//! Public keys of those who vouch for artefacts.

use std::borrow::Cow;
use std::fmt;

use crate::OpenError;

/// A public key of Ed25519, which signatures are checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// A text is not a public key of Ed25519 in PEM.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(Cow<'static, str>);

impl PublicKey {
    /// A key by its 32 bytes (RFC 8032, 5.1.5). If they are no key, nothing was ever
    /// signed by it.
    pub const fn from_bytes(bytes: [u8; 32]) -> PublicKey {
        PublicKey(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads `-----BEGIN PUBLIC KEY-----` (RFC 8410), which `wasm-aot keygen` and
    /// `openssl pkey -pubout` write.
    ///
    /// ```
    /// use wasm_aot_loader::PublicKey;
    ///
    /// let text = "-----BEGIN PUBLIC KEY-----
    /// MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    /// -----END PUBLIC KEY-----
    /// ";
    /// let key = PublicKey::from_pem(text)?;
    /// assert!(key.to_string().starts_with("d75a980182b10ab7"));
    /// # Ok::<(), wasm_aot_loader::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is none of Ed25519. Without the feature `signatures`, always.
    pub fn from_pem(text: &str) -> Result<PublicKey, KeyError> {
        read_pem(text)
    }

    /// Whether it has signed a message.
    pub(crate) fn verifies(self, message: &[u8], signature: &[u8; 64]) -> Result<bool, OpenError> {
        verify(self, message, signature)
    }
}

/// Its bytes, in hexadecimal.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(feature = "signatures")]
fn read_pem(text: &str) -> Result<PublicKey, KeyError> {
    use ed25519_dalek::VerifyingKey;
    use ed25519_dalek::pkcs8::DecodePublicKey;

    if text.contains("PRIVATE KEY") {
        return Err(KeyError(
            "this is a secret key: the public one is needed".into(),
        ));
    }
    let key = VerifyingKey::from_public_key_pem(text.trim())
        .map_err(|error| KeyError(format!("not a public key of Ed25519 in PEM: {error}").into()))?;
    Ok(PublicKey(key.to_bytes()))
}

#[cfg(feature = "signatures")]
fn verify(key: PublicKey, message: &[u8], signature: &[u8; 64]) -> Result<bool, OpenError> {
    use ed25519_dalek::{Signature, VerifyingKey};

    // Strict: neither keys nor signatures that are of a small order, which could be
    // right for more than one message.
    Ok(VerifyingKey::from_bytes(&key.0).is_ok_and(|key| {
        let signature = Signature::from_bytes(signature);
        key.verify_strict(message, &signature).is_ok()
    }))
}

#[cfg(not(feature = "signatures"))]
const ABSENT: &str = "signatures are not supported: this loader was built without them";

#[cfg(not(feature = "signatures"))]
fn read_pem(_: &str) -> Result<PublicKey, KeyError> {
    Err(KeyError(ABSENT.into()))
}

#[cfg(not(feature = "signatures"))]
fn verify(_: PublicKey, _: &[u8], _: &[u8; 64]) -> Result<bool, OpenError> {
    Err(OpenError::Unsupported(ABSENT.into()))
}
