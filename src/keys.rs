//! Files with keys: PEM, as OpenSSL reads and writes them. A secret key is PKCS#8, a
//! public one SubjectPublicKeyInfo (RFC 8410).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, KeypairBytes};
use wasm_aot_loader::PublicKey;

/// Public keys that artefacts must be signed with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeysArg {
    /// Refuse compiled modules that are not signed by one of these public keys (repeatable)
    #[arg(long = "key", value_name = "KEY.pub")]
    pub(crate) keys: Vec<PathBuf>,
}

impl KeysArg {
    /// The keys; `None` if none are asked for.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Vec<PublicKey>>> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let keys = self.keys.iter().map(|path| read_public(path));
        keys.collect::<anyhow::Result<_>>().map(Some)
    }
}

/// A new secret key, from the system's random numbers.
pub(crate) fn generate() -> anyhow::Result<SigningKey> {
    let mut secret = [0; 32];
    let mut filled = 0;
    while filled < secret.len() {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut secret[filled..], flags)
            .context("the system has no random numbers")?;
    }
    Ok(SigningKey::from_bytes(&secret))
}

/// The text of a secret key, in the version of PKCS#8 that everybody reads: without the
/// public key.
pub(crate) fn secret_text(key: &SigningKey) -> anyhow::Result<String> {
    use ed25519_dalek::pkcs8::EncodePrivateKey;

    let bytes = KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    };
    let text = bytes.to_pkcs8_pem(LineEnding::LF);
    Ok(text.map_err(|error| anyhow!("{error}"))?.to_string())
}

/// The text of its public key.
pub(crate) fn public_text(key: &SigningKey) -> anyhow::Result<String> {
    let text = key.verifying_key().to_public_key_pem(LineEnding::LF);
    text.map_err(|error| anyhow!("{error}"))
}

/// What is known of a key by everybody.
pub(crate) fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_bytes(key.verifying_key().to_bytes())
}

pub(crate) fn read_secret(path: &Path) -> anyhow::Result<SigningKey> {
    let text = read(path)?;
    if text.contains("BEGIN PUBLIC KEY") {
        bail!(
            "{} is a public key: signing needs the secret one",
            path.display()
        );
    }
    SigningKey::from_pkcs8_pem(text.trim())
        .map_err(|error| anyhow!("not a secret key of Ed25519 in PEM: {error}"))
        .with_context(|| path.display().to_string())
}

pub(crate) fn read_public(path: &Path) -> anyhow::Result<PublicKey> {
    PublicKey::from_pem(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
