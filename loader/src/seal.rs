//! The seal of an artefact: its digest, and who vouches for it.

use sha2::{Digest, Sha256};
use wasm_aot_abi::{self as abi, DIGEST_SHA256, SIGNATURE_ED25519, SIGNATURE_NONE, Wire};

use crate::raw::Elf;
use crate::{OpenError, PublicKey};

/// What an artefact can be checked with before anything of it is mapped: the
/// digest of the file, and perhaps a signature. See "The seal" in the
/// [ABI](wasm_aot_abi).
///
/// [`Module::open`](crate::Module::open) checks by itself; this is for tools.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{OpenError, Seal};
///
/// let mut artefact = wasm_aot_compiler::compile(b"(module)", &Default::default())?;
/// Seal::read(&artefact)?.check_digest(&artefact)?;
/// assert!(Seal::read(&artefact)?.signer().is_none());
/// *artefact.last_mut().unwrap() ^= 1;
/// let error = Seal::read(&artefact)?.check_digest(&artefact).unwrap_err();
/// assert!(matches!(error, OpenError::WrongDigest));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Where it is in the file.
    offset: usize,
    fields: abi::Seal,
}

impl Seal {
    /// Reads the seal of a whole file, for whatever machine that is. Nothing of it is
    /// checked yet, but the structure of the file is.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoDigest`] if it has none; see [`OpenError`] for what else may be
    /// wrong with the file.
    pub fn read(file: &[u8]) -> Result<Seal, OpenError> {
        Elf::parse(file)?.seal().ok_or(OpenError::NoDigest)
    }

    /// A seal at an offset in the file.
    pub(crate) fn new(offset: usize, description: &[u8]) -> Seal {
        Seal {
            offset,
            fields: abi::Seal::decode(description),
        }
    }

    /// What is written in it.
    pub fn fields(&self) -> &abi::Seal {
        &self.fields
    }

    /// Where its bytes are in the file, from the start, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The public key of who has signed, as the file says; the signature may still be
    /// wrong.
    pub fn signer(&self) -> Option<PublicKey> {
        (self.fields.signature_algorithm == SIGNATURE_ED25519)
            .then(|| PublicKey::from_bytes(self.fields.signer))
    }

    /// The digest that the file should have. It is that of `file`, which this was read
    /// from.
    ///
    /// # Errors
    ///
    /// [`OpenError::UnknownDigest`] if it is to be computed in an unknown way.
    ///
    /// # Panics
    ///
    /// If the seal is not in `file`.
    pub fn compute_digest(&self, file: &[u8]) -> Result<[u8; 32], OpenError> {
        const ZEROS: [u8; abi::Seal::SIZE] = [0; abi::Seal::SIZE];
        if self.fields.digest_algorithm != DIGEST_SHA256 {
            return Err(OpenError::UnknownDigest(self.fields.digest_algorithm));
        }
        let cleared = abi::Seal::CLEARED;
        let (before, rest) = file.split_at(self.offset + cleared.start);
        let after = &rest[cleared.len()..];
        let mut hash = Sha256::new();
        for piece in [before, &ZEROS[cleared], after] {
            hash.update(piece);
        }
        Ok(hash.finalize().into())
    }

    /// Checks that `file`, which this was read from, is what its digest was computed of.
    ///
    /// # Errors
    ///
    /// [`OpenError::WrongDigest`] or [`OpenError::UnknownDigest`].
    ///
    /// # Panics
    ///
    /// If the seal is not in `file`.
    pub fn check_digest(&self, file: &[u8]) -> Result<(), OpenError> {
        match self.compute_digest(file)? == self.fields.digest {
            true => Ok(()),
            false => Err(OpenError::WrongDigest),
        }
    }

    /// Checks that one of `keys` has signed the digest. Says nothing about the file
    /// unless its [digest is checked](Seal::check_digest) too.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotSigned`], [`OpenError::UnknownSigner`] or
    /// [`OpenError::WrongSignature`]; [`OpenError::Unsupported`] for a signature of an
    /// unknown kind, and without the feature `signatures`.
    pub fn check_signer(&self, keys: &[PublicKey]) -> Result<(), OpenError> {
        match self.fields.signature_algorithm {
            SIGNATURE_NONE => return Err(OpenError::NotSigned),
            SIGNATURE_ED25519 => {}
            other => {
                let what = format!("signatures of the kind {other}");
                return Err(OpenError::Unsupported(what));
            }
        }
        let signer = PublicKey::from_bytes(self.fields.signer);
        if !keys.contains(&signer) {
            return Err(OpenError::UnknownSigner(signer));
        }
        match signer.verifies(&self.fields.signed_message(), &self.fields.signature)? {
            true => Ok(()),
            false => Err(OpenError::WrongSignature),
        }
    }
}
