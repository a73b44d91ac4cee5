//! How artefacts are opened, and which.

use std::path::Path;

use crate::raw::Artefact;
use crate::traced::span;
use crate::{Module, OpenError, PublicKey, Seal};

/// How much of an artefact is checked before it is mapped.
///
/// That the file is an artefact, that it is for this machine, and that all its
/// metadata is sound is always checked. What only the digest tells is whether machine
/// code and data are still what the compiler wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verify {
    /// What was checked is what runs, whoever may write to the file. The file is copied
    /// to memory that nobody can change, its digest is checked there, and the copy is
    /// mapped. Files of the same content are one artefact in the process, but every
    /// process has a copy of its own. Debuggers find it by the name `/proc/PID/fd/N`, and
    /// `perf record` of a program knows which file it is; `perf` that is attached to a
    /// process later does not.
    #[default]
    Full,
    /// The digest of a file is checked once in a process, and then taken for granted as
    /// long as device, inode, size, and times of the last write and change stay the same.
    /// The file itself is mapped, under its name, and its pages are shared among
    /// processes. So damage and other files are noticed; but who can write into the file
    /// while it is open changes what runs, as with any shared library.
    ///
    /// What is in memory ([`OpenOptions::from_bytes`]) is checked as for `Full`.
    Cached,
    /// The digest is not looked at: the path is trusted to lead to what the compiler
    /// wrote. The file itself is mapped, as for `Cached`.
    TrustedPath,
}

/// How to open artefacts: what is checked, and by whom they must be signed.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use wasm_aot_loader::{OpenError, OpenOptions, PublicKey, Verify};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("app.so");
/// # std::fs::write(&path, wasm_aot_compiler::compile(b"(module $app)", &Default::default())?)?;
/// let module = OpenOptions::new().verify(Verify::Cached).open(&path)?;
/// assert_eq!(module.name(), "app");
///
/// let key = PublicKey::from_bytes([7; 32]);
/// let error = OpenOptions::new().trusted_keys([key]).open(&path).unwrap_err();
/// assert!(matches!(error, OpenError::NotSigned));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    verify: Verify,
    keys: Option<Vec<PublicKey>>,
}

impl OpenOptions {
    /// The defaults: [`Verify::Full`], and signatures are not asked for.
    pub const fn new() -> OpenOptions {
        OpenOptions {
            verify: Verify::Full,
            keys: None,
        }
    }

    /// What is checked.
    #[must_use]
    pub fn verify(mut self, verify: Verify) -> OpenOptions {
        self.verify = verify;
        self
    }

    /// Refuses what none of these has signed, besides those of earlier calls. Without
    /// any key, that is everything. Does not go with [`Verify::TrustedPath`]: a
    /// signature is over the digest, and says nothing if that is not checked.
    #[must_use]
    pub fn trusted_keys(mut self, keys: impl IntoIterator<Item = PublicKey>) -> OpenOptions {
        self.keys.get_or_insert_default().extend(keys);
        self
    }

    /// Opens an artefact, as [`Module::open`] does.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Module, OpenError> {
        span!(INFO, "open", path = %path.as_ref().display(), verify = ?self.verify);
        self.check()?;
        Artefact::open(path.as_ref(), self).map(Module::from_artefact)
    }

    /// Opens an artefact that is in memory, as [`Module::from_bytes`] does.
    ///
    /// # Errors
    ///
    /// See [`OpenError`].
    pub fn from_bytes(&self, bytes: &[u8]) -> Result<Module, OpenError> {
        span!(INFO, "open", bytes = bytes.len(), verify = ?self.verify);
        self.check()?;
        Artefact::from_bytes(bytes, self).map(Module::from_artefact)
    }

    /// Whether the choices go together.
    fn check(&self) -> Result<(), OpenError> {
        let what = match self.keys {
            Some(_) if !cfg!(feature = "signatures") => {
                "signatures: this loader was built without them"
            }
            Some(_) if self.verify == Verify::TrustedPath => {
                "signatures without a check of the digest"
            }
            _ => return Ok(()),
        };
        Err(OpenError::Unsupported(what.into()))
    }

    pub(crate) fn how(&self) -> Verify {
        self.verify
    }

    /// Whether a file, whose digest is right, is signed as it has to be.
    pub(crate) fn check_signer(&self, seal: &Seal) -> Result<(), OpenError> {
        match &self.keys {
            Some(keys) if cfg!(feature = "signatures") => seal.check_signer(keys),
            _ => Ok(()), // see `check`
        }
    }
}
