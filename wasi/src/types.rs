//! The ABI of preview 1: flags, enumerations and structure layouts.
//!
//! Structures are encoded field by field at the offsets of the witx
//! definition `wasi_snapshot_preview1`; nothing here depends on how the host
//! would lay them out.

use crate::Errno;
use rustix::fs::FileType;

/// Checks a flags parameter: preview 1's flags are at most 16 bits wide but
/// travel as an `i32`.
///
/// # Errors
/// [`Errno::Inval`] if a bit outside `known` is set.
pub(crate) fn flags(value: u32, known: u16) -> Result<u16, Errno> {
    match u16::try_from(value) {
        Ok(bits) if bits & !known == 0 => Ok(bits),
        _ => Err(Errno::Inval),
    }
}

/// `fdflags`
pub(crate) mod fdflags {
    pub(crate) const APPEND: u16 = 1 << 0;
    pub(crate) const DSYNC: u16 = 1 << 1;
    pub(crate) const NONBLOCK: u16 = 1 << 2;
    pub(crate) const RSYNC: u16 = 1 << 3;
    pub(crate) const SYNC: u16 = 1 << 4;
    pub(crate) const ALL: u16 = APPEND | DSYNC | NONBLOCK | RSYNC | SYNC;
}

/// `oflags`
pub(crate) mod oflags {
    pub(crate) const CREAT: u16 = 1 << 0;
    pub(crate) const DIRECTORY: u16 = 1 << 1;
    pub(crate) const EXCL: u16 = 1 << 2;
    pub(crate) const TRUNC: u16 = 1 << 3;
    pub(crate) const ALL: u16 = CREAT | DIRECTORY | EXCL | TRUNC;
}

/// `fstflags`
pub(crate) mod fstflags {
    pub(crate) const ATIM: u16 = 1 << 0;
    pub(crate) const ATIM_NOW: u16 = 1 << 1;
    pub(crate) const MTIM: u16 = 1 << 2;
    pub(crate) const MTIM_NOW: u16 = 1 << 3;
    pub(crate) const ALL: u16 = ATIM | ATIM_NOW | MTIM | MTIM_NOW;
}

/// `rights`
pub(crate) mod rights {
    pub(crate) const FD_DATASYNC: u64 = 1 << 0;
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_SEEK: u64 = 1 << 2;
    pub(crate) const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
    pub(crate) const FD_SYNC: u64 = 1 << 4;
    pub(crate) const FD_TELL: u64 = 1 << 5;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    pub(crate) const FD_ADVISE: u64 = 1 << 7;
    pub(crate) const FD_ALLOCATE: u64 = 1 << 8;
    pub(crate) const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
    pub(crate) const PATH_CREATE_FILE: u64 = 1 << 10;
    pub(crate) const PATH_LINK_SOURCE: u64 = 1 << 11;
    pub(crate) const PATH_LINK_TARGET: u64 = 1 << 12;
    pub(crate) const PATH_OPEN: u64 = 1 << 13;
    pub(crate) const FD_READDIR: u64 = 1 << 14;
    pub(crate) const PATH_READLINK: u64 = 1 << 15;
    pub(crate) const PATH_RENAME_SOURCE: u64 = 1 << 16;
    pub(crate) const PATH_RENAME_TARGET: u64 = 1 << 17;
    pub(crate) const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub(crate) const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
    pub(crate) const FD_FILESTAT_GET: u64 = 1 << 21;
    pub(crate) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    pub(crate) const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
    pub(crate) const PATH_SYMLINK: u64 = 1 << 24;
    pub(crate) const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
    pub(crate) const PATH_UNLINK_FILE: u64 = 1 << 26;
    pub(crate) const POLL_FD_READWRITE: u64 = 1 << 27;
    pub(crate) const SOCK_SHUTDOWN: u64 = 1 << 28;
    pub(crate) const SOCK_ACCEPT: u64 = 1 << 29;

    /// What every directory can do. C libraries compute the rights they ask
    /// for from these, so they are the same for read-only preopens: a program
    /// then learns `rofs` when it tries, not a silently weaker descriptor.
    pub(crate) const DIRECTORY_BASE: u64 = PATH_CREATE_DIRECTORY
        | PATH_CREATE_FILE
        | PATH_LINK_SOURCE
        | PATH_LINK_TARGET
        | PATH_OPEN
        | FD_READDIR
        | PATH_READLINK
        | PATH_RENAME_SOURCE
        | PATH_RENAME_TARGET
        | PATH_SYMLINK
        | PATH_REMOVE_DIRECTORY
        | PATH_UNLINK_FILE
        | PATH_FILESTAT_GET
        | PATH_FILESTAT_SET_TIMES
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES;

    /// What can be asked for when opening something in a directory.
    pub(crate) const DIRECTORY_INHERITING: u64 = DIRECTORY_BASE
        | FD_DATASYNC
        | FD_READ
        | FD_SEEK
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_TELL
        | FD_WRITE
        | FD_ADVISE
        | FD_ALLOCATE
        | FD_FILESTAT_SET_SIZE
        | POLL_FD_READWRITE;

    /// What every open file can do, apart from its access mode and position.
    pub(crate) const FILE: u64 = FD_DATASYNC
        | FD_FDSTAT_SET_FLAGS
        | FD_SYNC
        | FD_ADVISE
        | FD_FILESTAT_GET
        | FD_FILESTAT_SET_TIMES
        | POLL_FD_READWRITE;
}

/// `lookupflags`: whether a symbolic link in the last component is followed.
///
/// # Errors
/// [`Errno::Inval`] if an unknown flag is set.
pub(crate) fn follows_symlinks(lookupflags: u32) -> Result<bool, Errno> {
    const SYMLINK_FOLLOW: u16 = 1 << 0;
    Ok(flags(lookupflags, SYMLINK_FOLLOW)? != 0)
}

/// `filetype`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Filetype {
    /// Also pipes, for which preview 1 has no type.
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl From<FileType> for Filetype {
    /// A host socket becomes a stream: its directory entry or inode does not
    /// say which kind it is.
    fn from(host: FileType) -> Self {
        match host {
            FileType::RegularFile => Self::RegularFile,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::SymbolicLink,
            FileType::BlockDevice => Self::BlockDevice,
            FileType::CharacterDevice => Self::CharacterDevice,
            FileType::Socket => Self::SocketStream,
            _ => Self::Unknown,
        }
    }
}

/// `fdstat`
pub(crate) struct Fdstat {
    pub(crate) filetype: Filetype,
    pub(crate) flags: u16,
    pub(crate) rights_base: u64,
    pub(crate) rights_inheriting: u64,
}

impl Fdstat {
    pub(crate) const SIZE: u32 = 24;

    pub(crate) fn encode(&self) -> [u8; Self::SIZE as usize] {
        let mut out = [0; Self::SIZE as usize];
        out[0] = self.filetype as u8;
        put(&mut out, 2, self.flags.to_le_bytes());
        put(&mut out, 8, self.rights_base.to_le_bytes());
        put(&mut out, 16, self.rights_inheriting.to_le_bytes());
        out
    }
}

/// `filestat`
#[derive(Clone, Copy)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: Filetype,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
    pub(crate) ctim: u64,
}

impl Filestat {
    pub(crate) const SIZE: u32 = 64;

    /// What is said of a stream that is not a file of the host.
    pub(crate) const STREAM: Self = Self {
        dev: 0,
        ino: 0,
        filetype: Filetype::Unknown,
        nlink: 0,
        size: 0,
        atim: 0,
        mtim: 0,
        ctim: 0,
    };

    pub(crate) fn encode(&self) -> [u8; Self::SIZE as usize] {
        let mut out = [0; Self::SIZE as usize];
        put(&mut out, 0, self.dev.to_le_bytes());
        put(&mut out, 8, self.ino.to_le_bytes());
        out[16] = self.filetype as u8;
        put(&mut out, 24, self.nlink.to_le_bytes());
        put(&mut out, 32, self.size.to_le_bytes());
        put(&mut out, 40, self.atim.to_le_bytes());
        put(&mut out, 48, self.mtim.to_le_bytes());
        put(&mut out, 56, self.ctim.to_le_bytes());
        out
    }
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the host's field widths differ between architectures"
)]
impl From<&rustix::fs::Stat> for Filestat {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Self {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            filetype: FileType::from_raw_mode(stat.st_mode).into(),
            nlink: stat.st_nlink as u64,
            size: stat.st_size as u64,
            atim: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as u64),
            mtim: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
            ctim: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        }
    }
}

/// A host time as a preview 1 timestamp, which covers 1970 to 2554. A time
/// outside becomes the nearest end: an odd time on a file must not make its
/// size and type unreadable.
pub(crate) fn nanoseconds(seconds: i64, nanos: u64) -> u64 {
    u64::try_from(seconds).map_or(0, |s| s.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// `dirent`, the fixed part that precedes the name
pub(crate) struct Dirent {
    /// The cookie of the entry that follows.
    pub(crate) next: u64,
    pub(crate) ino: u64,
    pub(crate) namlen: u32,
    pub(crate) filetype: Filetype,
}

impl Dirent {
    pub(crate) const SIZE: usize = 24;

    pub(crate) fn encode(&self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        put(&mut out, 0, self.next.to_le_bytes());
        put(&mut out, 8, self.ino.to_le_bytes());
        put(&mut out, 16, self.namlen.to_le_bytes());
        out[20] = self.filetype as u8;
        out
    }
}

/// `prestat` of a directory: tag 0 and the length of its name
pub(crate) fn encode_prestat_dir(name_len: u32) -> [u8; 8] {
    let mut out = [0; 8];
    put(&mut out, 4, name_len.to_le_bytes());
    out
}

/// `subscription`
#[derive(Clone, Copy)]
pub(crate) struct Subscription {
    pub(crate) userdata: u64,
    pub(crate) to: Interest,
}

/// What a subscription waits for
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    Clock {
        id: u32,
        timeout: u64,
        absolute: bool,
    },
    Read {
        fd: u32,
    },
    Write {
        fd: u32,
    },
}

impl Interest {
    /// `eventtype`
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Clock { .. } => 0,
            Self::Read { .. } => 1,
            Self::Write { .. } => 2,
        }
    }
}

impl Subscription {
    pub(crate) const SIZE: u32 = 48;

    /// # Errors
    /// [`Errno::Inval`] for an unknown kind of event or unknown clock flags.
    pub(crate) fn decode(bytes: &[u8; Self::SIZE as usize]) -> Result<Self, Errno> {
        const ABSTIME: u16 = 1 << 0;
        let fd = u32::from_le_bytes(take(bytes, 16));
        let to = match bytes[8] {
            0 => Interest::Clock {
                id: fd,
                timeout: u64::from_le_bytes(take(bytes, 24)),
                absolute: flags(u16::from_le_bytes(take(bytes, 40)).into(), ABSTIME)? != 0,
            },
            1 => Interest::Read { fd },
            2 => Interest::Write { fd },
            _ => return Err(Errno::Inval),
        };
        Ok(Self {
            userdata: u64::from_le_bytes(take(bytes, 0)),
            to,
        })
    }
}

/// `event`
pub(crate) struct Event {
    pub(crate) userdata: u64,
    pub(crate) error: Option<Errno>,
    pub(crate) tag: u8,
    /// Bytes that can be read without blocking, as far as known.
    pub(crate) nbytes: u64,
    pub(crate) hangup: bool,
}

impl Event {
    pub(crate) const SIZE: u32 = 32;

    pub(crate) fn encode(&self) -> [u8; Self::SIZE as usize] {
        let mut out = [0; Self::SIZE as usize];
        put(&mut out, 0, self.userdata.to_le_bytes());
        put(&mut out, 8, self.error.map_or(0, Errno::raw).to_le_bytes());
        out[10] = self.tag;
        put(&mut out, 16, self.nbytes.to_le_bytes());
        put(&mut out, 24, u16::from(self.hangup).to_le_bytes());
        out
    }
}

fn put<const N: usize>(out: &mut [u8], offset: usize, bytes: [u8; N]) {
    out[offset..offset + N].copy_from_slice(&bytes);
}

fn take<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[offset + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flags_are_invalid() {
        assert_eq!(flags(0x1f, fdflags::ALL), Ok(0x1f));
        assert_eq!(flags(0x20, fdflags::ALL), Err(Errno::Inval));
        assert_eq!(flags(0x1_0001, fdflags::ALL), Err(Errno::Inval));
        assert_eq!(follows_symlinks(2), Err(Errno::Inval));
    }

    #[test]
    fn times_outside_the_representable_range_saturate() {
        assert_eq!(nanoseconds(1, 5), 1_000_000_005);
        assert_eq!(nanoseconds(-1, 999_999_999), 0);
        assert_eq!(nanoseconds(i64::MAX, 0), u64::MAX);
    }

    #[test]
    fn layouts_are_those_of_the_witx_definition() {
        let event = Event {
            userdata: 1,
            error: Some(Errno::Badf),
            tag: 2,
            nbytes: 3,
            hangup: true,
        };
        let mut expected = [0; 32];
        (
            expected[0],
            expected[8],
            expected[10],
            expected[16],
            expected[24],
        ) = (1, 8, 2, 3, 1);
        assert_eq!(event.encode(), expected);

        let dirent = Dirent {
            next: 1,
            ino: 2,
            namlen: 3,
            filetype: Filetype::RegularFile,
        };
        let mut expected = [0; 24];
        (expected[0], expected[8], expected[16], expected[20]) = (1, 2, 3, 4);
        assert_eq!(dirent.encode(), expected);

        let mut bytes = [0; 48];
        (bytes[0], bytes[16], bytes[24], bytes[40]) = (9, 1, 7, 1);
        let subscription = Subscription::decode(&bytes).unwrap();
        assert_eq!(subscription.userdata, 9);
        assert!(matches!(
            subscription.to,
            Interest::Clock {
                id: 1,
                timeout: 7,
                absolute: true
            }
        ));
        bytes[8] = 3;
        assert_eq!(Subscription::decode(&bytes).err(), Some(Errno::Inval));
    }
}
