//! Which files have the right digest: see [`Verify::Cached`](crate::Verify).

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
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

type Files = HashMap<(u64, u64), Checked>;

fn files() -> MutexGuard<'static, Files> {
    static FILES: LazyLock<Mutex<Files>> = LazyLock::new(Mutex::default);
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
    let known = files().get(&identity.file).copied();
    if let Some(known) = known.filter(|known| known.version == version) {
        return options.check_signer(&known.seal);
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
        files().insert(identity.file, Checked { version, seal });
    }
    Ok(())
}
