//! Resolving a guest's path without ever leaving the directory it is relative
//! to.
//!
//! There are two ways, and neither inspects a path to decide whether it is
//! harmless:
//!
//! * [`open`] resolves the whole path. cap-std asks the kernel to do so
//!   beneath the directory, symbolic links included; an escape is refused at
//!   the moment it would happen, whatever else renames or replaces meanwhile.
//! * [`place`] opens all but the last component that way and leaves the last
//!   one for a system call that acts on a directory entry. Such a call does
//!   not follow a symbolic link, with one exception: Linux follows a link with
//!   a slash behind it in `fstatat`, `utimensat`, `readlinkat` and in the
//!   first path of `linkat`. These are only ever given [`Place::name`], which
//!   has no slash.

use crate::descriptor::Access;
use crate::{Errno, GuestMemory};
use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, Timestamps};

/// The longest path Linux takes, with its terminator.
const PATH_MAX: u32 = 4096;

/// A path as the guest passes it.
///
/// # Errors
/// [`Errno::Fault`]; [`Errno::Nametoolong`], found before the path is looked
/// at; [`Errno::Ilseq`] if it is not UTF-8; [`Errno::Inval`] if it contains a
/// NUL.
pub(crate) fn guest_path<'m>(
    mem: &'m GuestMemory<'_>,
    ptr: u32,
    len: u32,
) -> Result<&'m str, Errno> {
    mem.check(ptr, len)?;
    if len >= PATH_MAX {
        return Err(Errno::Nametoolong);
    }
    let path = std::str::from_utf8(mem.slice(ptr, len)?).map_err(|_| Errno::Ilseq)?;
    if path.contains('\0') {
        Err(Errno::Inval)
    } else {
        Ok(path)
    }
}

/// A directory entry: where a path's last component is, or would be.
pub(crate) struct Place<'a> {
    parent: Parent<'a>,
    /// The last component with the slashes behind it.
    tail: &'a str,
}

enum Parent<'a> {
    Given(&'a Dir),
    Opened(Dir),
}

impl AsFd for Place<'_> {
    /// The directory that holds the entry.
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.parent {
            Parent::Given(dir) => dir.as_fd(),
            Parent::Opened(dir) => dir.as_fd(),
        }
    }
}

impl<'a> Place<'a> {
    /// The component alone; never `..`, empty, or with a slash.
    pub(crate) fn name(&self) -> &'a str {
        self.tail.trim_end_matches('/')
    }

    /// The component with the slashes behind it, for the system calls that
    /// give them their meaning (it has to be a directory) without following a
    /// link.
    pub(crate) fn name_and_slashes(&self) -> &'a str {
        self.tail
    }

    /// Whether the path says that this is a directory.
    pub(crate) fn has_slash(&self) -> bool {
        self.tail.ends_with('/')
    }
}

/// Opens the directory that holds the last component of `path`.
///
/// # Errors
/// [`Errno::Noent`] for an empty path, [`Errno::Perm`] if it leads outside,
/// and those of opening a directory.
pub(crate) fn place<'a>(dir: &'a Dir, path: &'a str) -> Result<Place<'a>, Errno> {
    if path.starts_with('/') {
        return Err(Errno::Perm);
    }
    let trimmed = path.trim_end_matches('/');
    let start = trimmed.rfind('/').map_or(0, |slash| slash + 1);
    let (parent, tail) = match &trimmed[start..] {
        "" => return Err(Errno::Noent),
        // Not an entry of its parent: the directory it leads to, seen from
        // inside.
        ".." => (trimmed, "."),
        _ => (&path[..start], &path[start..]),
    };
    let parent = if parent.is_empty() {
        Parent::Given(dir)
    } else {
        Parent::Opened(dir.open_dir(parent)?)
    };
    Ok(Place { parent, tail })
}

/// Opens what `path` leads to. `flags` are those of `openat2`, which refuses
/// ones that make no sense together; the access mode and close-on-exec come
/// by themselves.
///
/// # Errors
/// [`Errno::Perm`] if it leads outside, and those of opening a file.
pub(crate) fn open(
    dir: &Dir,
    path: &str,
    follow: bool,
    access: Access,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let custom_flags = i32::try_from(flags.bits()).map_err(|_| Errno::Inval)?;
    let mut options = OpenOptions::new();
    options
        .read(access.read)
        .write(access.write)
        .custom_flags(custom_flags)
        .follow(if follow {
            FollowSymlinks::Yes
        } else {
            FollowSymlinks::No
        });
    match dir.open_with(path, &options).map_err(Errno::from) {
        Ok(file) => Ok(file.into_std().into()),
        // A component walk meets a link in the last place as what is no
        // directory. So see where it leads, and open that.
        Err(Errno::Notdir) if follow && flags.contains(OFlags::DIRECTORY) => {
            let object = open(dir, path, true, Access::READ, OFlags::PATH)?;
            let mode = match access.write {
                true => OFlags::RDWR,
                false => OFlags::RDONLY,
            };
            let flags = flags | mode | OFlags::CLOEXEC;
            Ok(rustix::fs::openat(object, c".", flags, Mode::empty())?)
        }
        Err(other) => Err(other),
    }
}

/// The attributes of what `path` leads to.
///
/// # Errors
/// [`Errno::Perm`] if it leads outside, and those of `fstatat`.
pub(crate) fn stat(dir: &Dir, path: &str, follow: bool) -> Result<Stat, Errno> {
    match target(dir, path, follow)? {
        Target::Entry(place) => Ok(rustix::fs::statat(
            &place,
            place.name(),
            AtFlags::SYMLINK_NOFOLLOW,
        )?),
        Target::Object(object) => Ok(rustix::fs::fstat(object)?),
    }
}

/// Sets the times of what `path` leads to.
///
/// # Errors
/// [`Errno::Perm`] if it leads outside, and those of `utimensat`.
pub(crate) fn set_times(
    dir: &Dir,
    path: &str,
    follow: bool,
    times: &Timestamps,
) -> Result<(), Errno> {
    match target(dir, path, follow)? {
        Target::Entry(place) => {
            rustix::fs::utimensat(&place, place.name(), times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Target::Object(object) => {
            rustix::fs::utimensat(object, c"", times, AtFlags::EMPTY_PATH)?;
        }
    }
    Ok(())
}

/// What a path leads to, in the cheaper of two forms.
enum Target<'a> {
    /// An entry that is not to be followed if it is a link.
    Entry(Place<'a>),
    /// A handle that can neither be read nor written (`O_PATH`), so that
    /// getting it needs no permission and waits for nobody, not even on a
    /// FIFO.
    Object(OwnedFd),
}

fn target<'a>(dir: &'a Dir, path: &'a str, follow: bool) -> Result<Target<'a>, Errno> {
    if !follow {
        let place = place(dir, path)?;
        if !place.has_slash() {
            return Ok(Target::Entry(place));
        }
    }
    // A slash behind a link asks for what the link leads to.
    open(dir, path, true, Access::READ, OFlags::PATH).map(Target::Object)
}
