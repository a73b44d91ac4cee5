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
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tempfile::TempPath;

use crate::input::Source;

/// A file to be written. Unless it is [committed](commit), nothing happens to
/// its target.
pub(crate) struct Output {
    target: PathBuf,
    content: Content,
    /// Its name among [`TEMPORARY`], if it has one.
    temporary: Option<PathBuf>,
}

/// Where what is written goes before it is complete.
enum Content {
    /// A file that has no name.
    Unnamed(File),
    /// A file that has a temporary name.
    Named(File),
    /// Memory: the target is a pipe or device, which nothing can be renamed
    /// over and which need not be able to seek.
    Memory(Cursor<Vec<u8>>),
}

/// The names of temporary files. Whoever gives a file a name or takes it away
/// does so under the lock, and the process is not ended by a signal in between.
static TEMPORARY: Mutex<Vec<TempPath>> = Mutex::new(Vec::new());

/// Where the system shows open files by their descriptors.
const DESCRIPTORS: &str = "/proc/self/fd";

impl Output {
    /// Makes sure that `target` can be written before any work is put into
    /// what is to be written there. It must not be the file that `input` is.
    pub(crate) fn create(target: &Path, input: &Source) -> anyhow::Result<Output> {
        let failed = || format!("cannot write {}", target.display());
        let (content, name) = match fs::metadata(target) {
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
            Ok(_) => (Content::Memory(Cursor::default()), None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                temporary(target).with_context(failed)?
            }
            Err(error) => return Err(error).with_context(failed),
        };
        Ok(Output {
            target: target.to_owned(),
            content,
            temporary: name,
        })
    }

    /// Makes sure that a file can be replaced by another with the same permissions.
    pub(crate) fn replacing(target: &Path) -> anyhow::Result<Output> {
        let failed = || format!("cannot write {}", target.display());
        // Not a link to it.
        let target = fs::canonicalize(target).with_context(failed)?;
        let permissions = fs::metadata(&target).with_context(failed)?.permissions();
        let (content, temporary) = temporary(&target).with_context(failed)?;
        if let Content::Unnamed(file) | Content::Named(file) = &content {
            file.set_permissions(permissions).with_context(failed)?;
        }
        Ok(Output {
            target,
            content,
            temporary,
        })
    }

    /// As [`create`](Output::create), to be written by another program under a
    /// temporary name, which is returned.
    pub(crate) fn create_named(target: &Path, input: &Source) -> anyhow::Result<(Output, PathBuf)> {
        let mut output = Output::create(target, input)?;
        let failed = || format!("cannot write {}", target.display());
        output.name(&mut names()).with_context(failed)?;
        let path = output.temporary.clone();
        let path = path.with_context(|| format!("{}: it is no file", failed()))?;
        Ok((output, path))
    }

    /// Whether it is to be written to this path.
    pub(crate) fn is(&self, target: &Path) -> bool {
        self.target == target
    }

    /// Where to write.
    pub(crate) fn writer(&mut self) -> &mut (impl Write + Seek + use<>) {
        &mut self.content
    }

    /// Gives the file a temporary name, if it is to have one and has none yet.
    fn name(&mut self, names: &mut Vec<TempPath>) -> io::Result<()> {
        let (Content::Unnamed(file), None) = (&self.content, &self.temporary) else {
            return Ok(());
        };
        let file = format!("{DESCRIPTORS}/{}", file.as_raw_fd());
        let link = |path: &Path| {
            rustix::fs::linkat(CWD, &file, CWD, path, AtFlags::SYMLINK_FOLLOW)?;
            Ok(())
        };
        let ((), path) = with_temporary_name(&self.target, link)?;
        self.temporary = Some(path.to_path_buf());
        names.push(path);
        Ok(())
    }

    /// Puts what was written in the target's place.
    fn publish(&self, names: &mut Vec<TempPath>) -> io::Result<()> {
        if let Content::Memory(bytes) = &self.content {
            let mut device = OpenOptions::new().write(true).open(&self.target)?;
            return device.write_all(bytes.get_ref());
        }
        let path = self.temporary.as_ref().and_then(|path| take(names, path));
        let path = path.expect("a temporary file has a name");
        path.persist(&self.target).map_err(|error| error.error)
    }
}

/// Puts what was written in the targets' places. Whatever can fail before that
/// is done for all of them first.
pub(crate) fn commit(mut outputs: Vec<Output>) -> anyhow::Result<()> {
    let mut names = names();
    let failed = |output: &Output| format!("cannot write {}", output.target.display());
    let named = (outputs.iter_mut())
        .try_for_each(|output| output.name(&mut names).with_context(|| failed(output)));
    let done = named.and_then(|()| {
        (outputs.iter())
            .try_for_each(|output| output.publish(&mut names).with_context(|| failed(output)))
    });
    // Outputs take the lock when they are dropped.
    drop(names);
    done
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(path) = &self.temporary {
            drop(take(&mut names(), path));
        }
    }
}

/// Takes a name out of those of temporary files, unless it was taken already.
fn take(names: &mut Vec<TempPath>, path: &Path) -> Option<TempPath> {
    let position = names.iter().position(|name| **name == *path)?;
    Some(names.swap_remove(position))
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
fn temporary(target: &Path) -> io::Result<(Content, Option<PathBuf>)> {
    remove_on_signals()?;
    match unnamed(target) {
        Ok(file) => Ok((Content::Unnamed(file), None)),
        // There are several answers for a file system without such files.
        // Whatever else is wrong will show again.
        Err(_) => {
            let (file, path) = named(target)?;
            Ok((Content::Named(file), Some(path)))
        }
    }
}

/// Opens a file that has no name yet.
fn unnamed(target: &Path) -> io::Result<File> {
    fs::metadata(DESCRIPTORS)?; // will be needed to give it one
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(directory(target), flags, mode())?;
    Ok(file.into())
}

/// Opens a file that has a temporary name, and returns both.
fn named(target: &Path) -> io::Result<(File, PathBuf)> {
    let mut names = names();
    let (file, path) = with_temporary_name(target, |path| {
        (OpenOptions::new().write(true).create_new(true))
            .mode(mode().as_raw_mode())
            .open(path)
    })?;
    let name = path.to_path_buf();
    names.push(path);
    Ok((file, name))
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

/// The names, locked. What a panicking thread left is as good as any.
fn names() -> std::sync::MutexGuard<'static, Vec<TempPath>> {
    TEMPORARY
        .lock()
        .unwrap_or_else(|poison| poison.into_inner())
}

/// Starts a thread that removes temporary files before a signal ends the process,
/// unless there is one already.
fn remove_on_signals() -> io::Result<()> {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                let mut names = names();
                names.clear();
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
        let output = || {
            let (file, name) = named(&target).unwrap();
            Output {
                target: target.clone(),
                content: Content::Named(file),
                temporary: Some(name),
            }
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
        commit(vec![complete]).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(files(), 1);
    }
}
