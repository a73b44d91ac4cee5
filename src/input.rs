//! Reading modules.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wasm_aot_loader::{Module, OpenError};

/// A module in binary format, from a file in either format.
pub(crate) struct Input {
    /// Where it came from.
    pub(crate) path: PathBuf,
    /// Of the file.
    pub(crate) metadata: Metadata,
    /// The module. Not validated.
    pub(crate) wasm: Vec<u8>,
}

impl Input {
    /// Reads a file. What is in it decides about the format, not its name.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Input> {
        let failed = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(failed)?;
        let metadata = file.metadata().with_context(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(failed)?;
        if bytes.starts_with(ELF) {
            bail!(
                "{} is compiled already: expected .wasm or .wat",
                path.display()
            );
        }
        if bytes.is_empty() {
            bail!("{} is empty", path.display());
        }
        if !bytes.starts_with(WASM) && str::from_utf8(&bytes).is_err() {
            bail!(
                "{} is no WebAssembly module, neither in binary nor in text format",
                path.display()
            );
        }
        let wasm = if bytes.starts_with(WASM) {
            bytes
        } else {
            wat::Parser::new()
                .parse_bytes(Some(path), &bytes)?
                .into_owned()
        };
        Ok(Input {
            path: path.to_owned(),
            metadata,
            wasm,
        })
    }
}

/// Opens an artefact.
pub(crate) fn open(path: &Path) -> anyhow::Result<Module> {
    Module::open(path).map_err(|error| match error {
        OpenError::Read { .. } => error.into(), // names the file itself
        error => anyhow::Error::new(error).context(path.display().to_string()),
    })
}

/// Whether a file is an artefact, or at least named as one.
pub(crate) fn is_artefact(path: &Path) -> anyhow::Result<bool> {
    let mut magic = Vec::new();
    File::open(path)
        .and_then(|file| file.take(ELF.len() as u64).read_to_end(&mut magic))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let named = path.extension().is_some_and(|extension| extension == "so");
    Ok(named || magic == ELF)
}

/// The name of a file without directory and extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

const ELF: &[u8] = b"\x7fELF";
const WASM: &[u8] = b"\0asm";
