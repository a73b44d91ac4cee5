//! Reading modules.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use wasm_aot_loader::{Module, OpenError, OpenOptions};

/// A module in binary format, from a file in either format.
pub(crate) struct Input {
    /// Where it came from.
    pub(crate) path: PathBuf,
    /// Of the file.
    pub(crate) metadata: Metadata,
    /// The module. Not validated.
    pub(crate) wasm: Vec<u8>,
}

/// A module that may still be on its way.
pub(crate) enum Source {
    /// A file.
    Whole(Input),
    /// Standard input, or a file that is a pipe or the like.
    Stream(Stream),
}

/// Brings a module, in binary or text format.
pub(crate) struct Stream {
    name: String,
    metadata: Metadata,
    bytes: io::Chain<Cursor<Vec<u8>>, File>,
}

impl Source {
    /// Opens a file, or standard input if it is `-`.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Source> {
        if is_stdin(path) {
            let stdin = io::stdin().as_fd().try_clone_to_owned();
            return Stream::start("standard input".into(), stdin.map(File::from));
        }
        let regular = |metadata: &Metadata| metadata.is_file() || metadata.is_dir();
        match path.metadata() {
            Ok(metadata) if !regular(&metadata) => {
                Stream::start(path.display().to_string(), File::open(path))
            }
            _ => Ok(Source::Whole(Input::read(path)?)),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Source::Whole(input) => input.path.display().to_string(),
            Source::Stream(stream) => stream.name.clone(),
        }
    }

    /// Of the file.
    pub(crate) fn metadata(&self) -> &Metadata {
        match self {
            Source::Whole(input) => &input.metadata,
            Source::Stream(stream) => &stream.metadata,
        }
    }
}

impl Stream {
    /// Waits for the first bytes, to tell what is no module.
    fn start(name: String, file: io::Result<File>) -> anyhow::Result<Source> {
        let failed = || format!("cannot read {name}");
        let mut file = file.with_context(failed)?;
        let metadata = file.metadata().with_context(failed)?;
        let mut start = Vec::new();
        (&mut file)
            .take(MAGIC_LEN)
            .read_to_end(&mut start)
            .with_context(failed)?;
        check_start(&start, &name)?;
        Ok(Source::Stream(Stream {
            name,
            metadata,
            bytes: Cursor::new(start).chain(file),
        }))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// Whether `path` stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Refuses what starts as no module does.
fn check_start(bytes: &[u8], name: &str) -> anyhow::Result<()> {
    if is_compiled(bytes) {
        bail!("{name} is compiled already: expected .wasm or .wat");
    }
    if bytes.is_empty() {
        bail!("{name} is empty");
    }
    Ok(())
}

impl Input {
    /// Reads a file. What is in it decides about the format, not its name.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Input> {
        let failed = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(failed)?;
        let metadata = file.metadata().with_context(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(failed)?;
        check_start(&bytes, &path.display().to_string())?;
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
pub(crate) fn open(path: &Path, options: &OpenOptions) -> anyhow::Result<Module> {
    options.open(path).map_err(|error| match error {
        OpenError::Read { .. } => error.into(), // names the file itself
        error => anyhow::Error::new(error).context(path.display().to_string()),
    })
}

/// Whether a file is an artefact, or at least named as one.
pub(crate) fn is_artefact(path: &Path) -> anyhow::Result<bool> {
    let mut magic = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAGIC_LEN).read_to_end(&mut magic))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let named = path.extension().is_some_and(|extension| extension == "so");
    Ok(named || is_compiled(&magic))
}

/// Whether a file that starts so has machine code in it, of any system: the loader
/// can tell which.
fn is_compiled(bytes: &[u8]) -> bool {
    const ELF: &[u8] = b"\x7fELF";
    const MACH_O: &[u8] = b"\xcf\xfa\xed\xfe";
    const COFF: &[u8] = b"\x64\x86";
    const PE: &[u8] = b"MZ";
    const ARCHIVE: &[u8] = b"!<ar";
    let kinds = [ELF, MACH_O, COFF, PE, ARCHIVE];
    kinds.iter().any(|kind| bytes.starts_with(kind))
}

/// The name of a file without directory and extension.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// How many bytes at the start of a file tell what it is.
const MAGIC_LEN: u64 = 4;
const WASM: &[u8] = b"\0asm";
