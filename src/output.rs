//! Output files that appear under their name only when they are complete.
//!
//! The content goes to a file without a name (`O_TMPFILE`), of which nothing is
//! left however the process ends. When it is complete it is given a temporary
//! name in the target's directory, since a link cannot replace a file, and
//! renamed over the target. Where a file system has no files without a name,
//! the temporary name is there from the beginning; it is removed after an error
//! and before `SIGINT` and `SIGTERM` end the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, bail};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempPath;

use crate::input::Source;

/// A file to be written. Unless it is [committed](Output::commit), nothing
/// happens to its target.
pub(crate) struct Output {
    target: PathBuf,
    content: Content,
}

/// Where what is written goes before it is complete.
enum Content {
    /// A file that has no name.
    Unnamed(File),
    /// A file of the name that is in [`TEMPORARY`].
    Named(File),
    /// Memory: the target is a pipe or device, which nothing can be renamed
    /// over and which need not be able to seek.
    Memory(Cursor<Vec<u8>>),
}

/// The name of the temporary file, if there is one. Whoever gives a file a name
/// or takes it away does so under the lock, and the process is not ended by a
/// signal in between.
static TEMPORARY: Mutex<Option<TempPath>> = Mutex::new(None);

/// Where the system shows open files by their descriptors.
const DESCRIPTORS: &str = "/proc/self/fd";

impl Output {
    /// Makes sure that `target` can be written before any work is put into
    /// what is to be written there. It must not be the file that `input` is.
    pub(crate) fn create(target: &Path, input: &Source) -> anyhow::Result<Output> {
        let failed = || format!("cannot write {}", target.display());
        let content = match fs::metadata(target) {
            Ok(metadata) if metadata.is_file() => {
                let same = |file: &fs::Metadata| (file.dev(), file.ino());
                if same(&metadata) == same(input.metadata()) {
                    bail!("the output would replace the input {}", input.name());
                }
                temporary(target).with_context(failed)?
            }
            Ok(metadata) if metadata.is_dir() => {
                return Err(io::Error::from(io::ErrorKind::IsADirectory)).with_context(failed);
            }
            Ok(_) => Content::Memory(Cursor::default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                temporary(target).with_context(failed)?
            }
            Err(error) => return Err(error).with_context(failed),
        };
        Ok(Output {
            target: target.to_owned(),
            content,
        })
    }

    /// Where to write.
    pub(crate) fn writer(&mut self) -> &mut (impl Write + Seek + use<>) {
        &mut self.content
    }

    /// Puts what was written in the target's place.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        let Output { target, content } = &self;
        match content {
            Content::Unnamed(file) => publish(target, Some(file)),
            Content::Named(_) => publish(target, None),
            Content::Memory(bytes) => (OpenOptions::new().write(true).open(target))
                .and_then(|mut device| device.write_all(bytes.get_ref())),
        }
        .with_context(|| format!("cannot write {}", target.display()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        drop(name().take());
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Content::Unnamed(file) | Content::Named(file) => file.write(bytes),
            Content::Memory(memory) => memory.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // no layer keeps anything back
    }
}

impl Seek for Content {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Content::Unnamed(file) | Content::Named(file) => file.seek(position),
            Content::Memory(memory) => memory.seek(position),
        }
    }
}

/// Opens a temporary file on the target's file system.
fn temporary(target: &Path) -> io::Result<Content> {
    remove_on_signals()?;
    match unnamed(target) {
        Ok(file) => Ok(Content::Unnamed(file)),
        // There are several answers for a file system without such files.
        // Whatever else is wrong will show again.
        Err(_) => Ok(Content::Named(named(target)?)),
    }
}

/// Opens a file that has no name yet.
fn unnamed(target: &Path) -> io::Result<File> {
    fs::metadata(DESCRIPTORS)?; // will be needed to give it one
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory(target), flags, mode())?;
    Ok(file.into())
}

/// Opens a file that has a temporary name.
fn named(target: &Path) -> io::Result<File> {
    let mut name = name();
    let (file, path) = with_temporary_name(target, |path| {
        (OpenOptions::new().write(true).create_new(true))
            .mode(mode().as_raw_mode())
            .open(path)
    })?;
    *name = Some(path);
    Ok(file)
}

/// Renames the temporary file to `target`, giving it a name first if it is
/// still `unnamed`.
fn publish(target: &Path, unnamed: Option<&File>) -> io::Result<()> {
    let mut name = name();
    if let Some(file) = unnamed {
        let file = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
        let link = |path: &Path| {
            rustix::fs::linkat(CWD, &file, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
            Ok(())
        };
        let ((), path) = with_temporary_name(target, link)?;
        *name = Some(path);
    }
    let path = name.take().expect("a temporary file has a name");
    path.persist(target).map_err(|error| error.error)
}

/// Calls `make` with names beside `target` until it finds one that is free.
fn with_temporary_name<T>(
    target: &Path,
    make: impl FnMut(&Path) -> io::Result<T>,
) -> io::Result<(T, TempPath)> {
    let mut prefix = target.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let made = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".wasm-aot-tmp")
        .make_in(directory(target), make)?;
    Ok(made.into_parts())
}

/// The name, locked. What a panicking thread left is as good as any.
fn name() -> std::sync::MutexGuard<'static, Option<TempPath>> {
    TEMPORARY
        .lock()
        .unwrap_or_else(|poison| poison.into_inner())
}

/// Starts a thread that removes the temporary file before a signal ends the
/// process.
fn remove_on_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let mut name = name();
                drop(name.take());
                // Does not return, as these signals' default is to end the
                // process; the lock is kept until then.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        })?;
    Ok(())
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The permissions of new files, before the process's mask.
fn mode() -> Mode {
    Mode::from_raw_mode(0o666)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way for file systems that have no files without a name.
    #[test]
    fn a_file_with_a_temporary_name_is_renamed_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("app.so");
        let output = || Output {
            target: target.clone(),
            content: Content::Named(named(&target).unwrap()),
        };
        let files = || fs::read_dir(&folder).unwrap().count();

        let mut abandoned = output();
        abandoned.writer().write_all(b"half").unwrap();
        assert_eq!(files(), 1);
        drop(abandoned);
        assert_eq!(files(), 0);

        fs::write(&target, "older").unwrap();
        let mut complete = output();
        complete.writer().write_all(b"whole").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"older");
        complete.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(files(), 1);
    }
}
