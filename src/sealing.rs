//! Artefacts whose seal is changed: see "The seal" in the ABI.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use ed25519_dalek::{Signer, SigningKey};
use wasm_aot_loader::Seal;
use wasm_aot_loader::abi::{self, SIGNATURE_ED25519, Wire};

use crate::keys;
use crate::output::{self, Output};

/// Signs an artefact whose digest is right.
pub(crate) fn sign(artefact: &mut [u8], key: &SigningKey) -> anyhow::Result<()> {
    let seal = Seal::read(artefact)?;
    seal.check_digest(artefact)?;
    let mut fields = *seal.fields();
    fields.signature_algorithm = SIGNATURE_ED25519;
    fields.signer = *keys::public(key).as_bytes();
    fields.signature = key.sign(&fields.signed_message()).to_bytes();
    put(artefact, &seal, &fields);
    Ok(())
}

/// Gives an artefact the digest that it should have, and no signature.
pub(crate) fn reseal(artefact: &mut [u8]) -> anyhow::Result<()> {
    let seal = Seal::read(artefact)?;
    let fields = abi::Seal {
        digest_algorithm: seal.fields().digest_algorithm,
        signature_algorithm: abi::SIGNATURE_NONE,
        digest: seal.compute_digest(artefact)?,
        signer: [0; 32],
        signature: [0; 64],
    };
    put(artefact, &seal, &fields);
    Ok(())
}

fn put(artefact: &mut [u8], seal: &Seal, fields: &abi::Seal) {
    fields.encode(&mut artefact[seal.offset()..][..abi::Seal::SIZE]);
}

/// Replaces a file by what `change` makes of it; not at all if that fails.
pub(crate) fn change(
    path: &Path,
    change: impl FnOnce(&mut [u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    change(&mut bytes).with_context(|| path.display().to_string())?;
    let mut output = Output::replacing(path)?;
    (output.writer().write_all(&bytes))
        .with_context(|| format!("cannot write {}", path.display()))?;
    output::commit(vec![output])
}
