//! Which files have the right digest: see [`Verify::Cached`](crate::Verify).

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::elf::Elf;
use super::map::{Identity, View};
use crate::{OpenError, OpenOptions, Seal};

/// A file that was changed so recently could be changed again without a difference in
/// its times: these are as exact as the system's clock tick.
const SETTLED: Duration = Duration::from_millis(100);

/// A version of a file. Programs can set the time of the last write, but not that of
/// the last change, in seconds and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    identity: Identity,
    changed: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Version {
        Version {
            identity: Identity::of(metadata),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a change from now on would show.
    fn is_settled(&self) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let Ok(seconds) = u64::try_from(seconds) else {
            return true;
        };
        let changed = Duration::new(seconds, nanoseconds as u32);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.is_ok_and(|now| now.saturating_sub(changed) >= SETTLED)
    }
}

/// What is known of a version of a file whose digest is right.
#[derive(Clone, Copy)]
struct Checked {
    version: Version,
    seal: Seal,
}

/// Those that are known, by device and inode.
type Files = Vec<Checked>;

fn files() -> MutexGuard<'static, Files> {
    static FILES: Mutex<Files> = Mutex::new(Vec::new());
    // It is never left half changed.
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks a file as `options` ask for, or remembers to have done so. The digest is
/// remembered, the signature is not: that is asked about by different keys.
pub(super) fn check(
    file: &File,
    metadata: &Metadata,
    options: &OpenOptions,
) -> Result<(), OpenError> {
    let version = Version::of(metadata);
    let identity = version.identity;
    if let Some(seal) = recall(&version) {
        return options.check_signer(&seal);
    }
    let view = View::new(file, identity.size())?;
    let elf = Elf::parse(view.bytes())?.for_host()?;
    let seal = elf.seal().ok_or(OpenError::NoDigest)?;
    seal.check_digest(view.bytes())?;
    options.check_signer(&seal)?;
    let now = file.metadata().map_err(|source| OpenError::Map {
        what: "the file",
        source,
    })?;
    if Version::of(&now) != version {
        return Err(OpenError::Changed);
    }
    if version.is_settled() {
        remember(Checked { version, seal });
    }
    Ok(())
}

/// The seal of this version of a file, if its digest is known to be right.
fn recall(version: &Version) -> Option<Seal> {
    let files = files();
    let known = &files[find(&files, version).ok()?];
    (known.version == *version).then_some(known.seal)
}

fn remember(checked: Checked) {
    let mut files = files();
    match find(&files, &checked.version) {
        Ok(index) => files[index] = checked,
        Err(index) => files.insert(index, checked),
    }
}

/// Where some version of the file is, or would have to be.
fn find(files: &Files, version: &Version) -> Result<usize, usize> {
    files.binary_search_by_key(&version.identity.file, |known| known.version.identity.file)
}
