//! The folder of a cache, which others may use at the same time.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use super::Cache;

/// What the names of all files in it end with.
pub(super) const SUFFIX: &str = ".wasm-aot-cache";

/// Makes a file the one that was used last.
pub(super) fn touch(file: &Path) -> io::Result<()> {
    File::open(file)?.set_modified(SystemTime::now())
}

/// Makes a file have what `write` writes, and removes others if there are too many.
/// Whoever is reading the file has the old one.
pub(super) fn replace(
    cache: &Cache,
    file: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    create(&cache.folder)?;
    // One that is left over counts, and is removed in the end, as any other.
    let temporary = tempfile::Builder::new()
        .prefix("new-")
        .suffix(SUFFIX)
        .tempfile_in(&cache.folder)?;
    let (new, path) = temporary.into_parts();
    let mut out = BufWriter::new(new);
    write(&mut out)?;
    out.flush()?;
    path.persist(file)?;
    shrink(cache)
}

/// A folder that others cannot look into, unless there is one.
fn create(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Removes those files that have not been used for longest, until the others are small
/// enough.
fn shrink(cache: &Cache) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&cache.folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if !name.ends_with(SUFFIX) {
            continue;
        }
        // Somebody else may have removed it.
        if let Ok(metadata) = fs::metadata(&path) {
            files.push((metadata.modified()?, metadata.len(), path));
        }
    }
    let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
    files.sort();
    for (_, length, path) in files {
        if total <= cache.limit {
            break;
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => total -= length,
        }
    }
    Ok(())
}
