//! Error numbers of preview 1 and how the host's map to them.

use std::fmt;
use std::io;

/// A preview 1 `errno` other than success.
///
/// The discriminant is the number the guest sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
#[non_exhaustive]
pub enum Errno {
    /// Argument list too long.
    TooBig = 1,
    /// Permission denied.
    Acces = 2,
    /// Address in use.
    Addrinuse = 3,
    /// Address not available.
    Addrnotavail = 4,
    /// Address family not supported.
    Afnosupport = 5,
    /// Resource unavailable, or operation would block.
    Again = 6,
    /// Connection already in progress.
    Already = 7,
    /// Bad file descriptor.
    Badf = 8,
    /// Bad message.
    Badmsg = 9,
    /// Device or resource busy.
    Busy = 10,
    /// Operation canceled.
    Canceled = 11,
    /// No child processes.
    Child = 12,
    /// Connection aborted.
    Connaborted = 13,
    /// Connection refused.
    Connrefused = 14,
    /// Connection reset.
    Connreset = 15,
    /// Resource deadlock would occur.
    Deadlk = 16,
    /// Destination address required.
    Destaddrreq = 17,
    /// Argument out of domain of function.
    Dom = 18,
    /// Disk quota exceeded.
    Dquot = 19,
    /// File exists.
    Exist = 20,
    /// Bad address.
    Fault = 21,
    /// File too large.
    Fbig = 22,
    /// Host is unreachable.
    Hostunreach = 23,
    /// Identifier removed.
    Idrm = 24,
    /// Illegal byte sequence.
    Ilseq = 25,
    /// Operation in progress.
    Inprogress = 26,
    /// Interrupted function.
    Intr = 27,
    /// Invalid argument.
    Inval = 28,
    /// I/O error.
    Io = 29,
    /// Socket is connected.
    Isconn = 30,
    /// Is a directory.
    Isdir = 31,
    /// Too many levels of symbolic links.
    Loop = 32,
    /// File descriptor table is full.
    Mfile = 33,
    /// Too many links.
    Mlink = 34,
    /// Message too large.
    Msgsize = 35,
    /// Multihop attempted.
    Multihop = 36,
    /// File name too long.
    Nametoolong = 37,
    /// Network is down.
    Netdown = 38,
    /// Connection aborted by network.
    Netreset = 39,
    /// Network unreachable.
    Netunreach = 40,
    /// Too many files open in system.
    Nfile = 41,
    /// No buffer space available.
    Nobufs = 42,
    /// No such device.
    Nodev = 43,
    /// No such file or directory.
    Noent = 44,
    /// Executable file format error.
    Noexec = 45,
    /// No locks available.
    Nolck = 46,
    /// Link has been severed.
    Nolink = 47,
    /// Not enough space.
    Nomem = 48,
    /// No message of the desired type.
    Nomsg = 49,
    /// Protocol not available.
    Noprotoopt = 50,
    /// No space left on device.
    Nospc = 51,
    /// Function not supported.
    Nosys = 52,
    /// Socket is not connected.
    Notconn = 53,
    /// Not a directory or a symbolic link to a directory.
    Notdir = 54,
    /// Directory not empty.
    Notempty = 55,
    /// State not recoverable.
    Notrecoverable = 56,
    /// Not a socket.
    Notsock = 57,
    /// Not supported.
    Notsup = 58,
    /// Inappropriate I/O control operation.
    Notty = 59,
    /// No such device or address.
    Nxio = 60,
    /// Value too large to be stored in data type.
    Overflow = 61,
    /// Previous owner died.
    Ownerdead = 62,
    /// Operation not permitted.
    Perm = 63,
    /// Broken pipe.
    Pipe = 64,
    /// Protocol error.
    Proto = 65,
    /// Protocol not supported.
    Protonosupport = 66,
    /// Protocol wrong type for socket.
    Prototype = 67,
    /// Result too large.
    Range = 68,
    /// Read-only file system.
    Rofs = 69,
    /// Invalid seek.
    Spipe = 70,
    /// No such process.
    Srch = 71,
    /// Stale file handle.
    Stale = 72,
    /// Connection timed out.
    Timedout = 73,
    /// Text file busy.
    Txtbsy = 74,
    /// Cross-device link.
    Xdev = 75,
    /// Capabilities insufficient.
    Notcapable = 76,
}

impl Errno {
    /// The number the guest sees; never 0, which is success.
    #[must_use]
    pub const fn raw(self) -> u16 {
        self as u16
    }

    /// The name in the specification, such as `noent`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooBig => "2big",
            Self::Acces => "acces",
            Self::Addrinuse => "addrinuse",
            Self::Addrnotavail => "addrnotavail",
            Self::Afnosupport => "afnosupport",
            Self::Again => "again",
            Self::Already => "already",
            Self::Badf => "badf",
            Self::Badmsg => "badmsg",
            Self::Busy => "busy",
            Self::Canceled => "canceled",
            Self::Child => "child",
            Self::Connaborted => "connaborted",
            Self::Connrefused => "connrefused",
            Self::Connreset => "connreset",
            Self::Deadlk => "deadlk",
            Self::Destaddrreq => "destaddrreq",
            Self::Dom => "dom",
            Self::Dquot => "dquot",
            Self::Exist => "exist",
            Self::Fault => "fault",
            Self::Fbig => "fbig",
            Self::Hostunreach => "hostunreach",
            Self::Idrm => "idrm",
            Self::Ilseq => "ilseq",
            Self::Inprogress => "inprogress",
            Self::Intr => "intr",
            Self::Inval => "inval",
            Self::Io => "io",
            Self::Isconn => "isconn",
            Self::Isdir => "isdir",
            Self::Loop => "loop",
            Self::Mfile => "mfile",
            Self::Mlink => "mlink",
            Self::Msgsize => "msgsize",
            Self::Multihop => "multihop",
            Self::Nametoolong => "nametoolong",
            Self::Netdown => "netdown",
            Self::Netreset => "netreset",
            Self::Netunreach => "netunreach",
            Self::Nfile => "nfile",
            Self::Nobufs => "nobufs",
            Self::Nodev => "nodev",
            Self::Noent => "noent",
            Self::Noexec => "noexec",
            Self::Nolck => "nolck",
            Self::Nolink => "nolink",
            Self::Nomem => "nomem",
            Self::Nomsg => "nomsg",
            Self::Noprotoopt => "noprotoopt",
            Self::Nospc => "nospc",
            Self::Nosys => "nosys",
            Self::Notconn => "notconn",
            Self::Notdir => "notdir",
            Self::Notempty => "notempty",
            Self::Notrecoverable => "notrecoverable",
            Self::Notsock => "notsock",
            Self::Notsup => "notsup",
            Self::Notty => "notty",
            Self::Nxio => "nxio",
            Self::Overflow => "overflow",
            Self::Ownerdead => "ownerdead",
            Self::Perm => "perm",
            Self::Pipe => "pipe",
            Self::Proto => "proto",
            Self::Protonosupport => "protonosupport",
            Self::Prototype => "prototype",
            Self::Range => "range",
            Self::Rofs => "rofs",
            Self::Spipe => "spipe",
            Self::Srch => "srch",
            Self::Stale => "stale",
            Self::Timedout => "timedout",
            Self::Txtbsy => "txtbsy",
            Self::Xdev => "xdev",
            Self::Notcapable => "notcapable",
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Errno {}

impl From<rustix::io::Errno> for Errno {
    /// Maps a Linux error to the one of the same name; one that preview 1 does
    /// not know becomes [`Errno::Io`].
    fn from(host: rustix::io::Errno) -> Self {
        use rustix::io::Errno as Host;
        match host {
            Host::TOOBIG => Self::TooBig,
            Host::ACCESS => Self::Acces,
            Host::ADDRINUSE => Self::Addrinuse,
            Host::ADDRNOTAVAIL => Self::Addrnotavail,
            Host::AFNOSUPPORT => Self::Afnosupport,
            Host::AGAIN => Self::Again,
            Host::ALREADY => Self::Already,
            Host::BADF => Self::Badf,
            Host::BADMSG => Self::Badmsg,
            Host::BUSY => Self::Busy,
            Host::CANCELED => Self::Canceled,
            Host::CHILD => Self::Child,
            Host::CONNABORTED => Self::Connaborted,
            Host::CONNREFUSED => Self::Connrefused,
            Host::CONNRESET => Self::Connreset,
            Host::DEADLK => Self::Deadlk,
            Host::DESTADDRREQ => Self::Destaddrreq,
            Host::DOM => Self::Dom,
            Host::DQUOT => Self::Dquot,
            Host::EXIST => Self::Exist,
            Host::FAULT => Self::Fault,
            Host::FBIG => Self::Fbig,
            Host::HOSTUNREACH => Self::Hostunreach,
            Host::IDRM => Self::Idrm,
            Host::ILSEQ => Self::Ilseq,
            Host::INPROGRESS => Self::Inprogress,
            Host::INTR => Self::Intr,
            Host::INVAL => Self::Inval,
            Host::IO => Self::Io,
            Host::ISCONN => Self::Isconn,
            Host::ISDIR => Self::Isdir,
            Host::LOOP => Self::Loop,
            Host::MFILE => Self::Mfile,
            Host::MLINK => Self::Mlink,
            Host::MSGSIZE => Self::Msgsize,
            Host::MULTIHOP => Self::Multihop,
            Host::NAMETOOLONG => Self::Nametoolong,
            Host::NETDOWN => Self::Netdown,
            Host::NETRESET => Self::Netreset,
            Host::NETUNREACH => Self::Netunreach,
            Host::NFILE => Self::Nfile,
            Host::NOBUFS => Self::Nobufs,
            Host::NODEV => Self::Nodev,
            Host::NOENT => Self::Noent,
            Host::NOEXEC => Self::Noexec,
            Host::NOLCK => Self::Nolck,
            Host::NOLINK => Self::Nolink,
            Host::NOMEM => Self::Nomem,
            Host::NOMSG => Self::Nomsg,
            Host::NOPROTOOPT => Self::Noprotoopt,
            Host::NOSPC => Self::Nospc,
            Host::NOSYS => Self::Nosys,
            Host::NOTCONN => Self::Notconn,
            Host::NOTDIR => Self::Notdir,
            Host::NOTEMPTY => Self::Notempty,
            Host::NOTRECOVERABLE => Self::Notrecoverable,
            Host::NOTSOCK => Self::Notsock,
            Host::NOTSUP => Self::Notsup,
            Host::NOTTY => Self::Notty,
            Host::NXIO => Self::Nxio,
            Host::OVERFLOW => Self::Overflow,
            Host::OWNERDEAD => Self::Ownerdead,
            Host::PERM => Self::Perm,
            Host::PIPE => Self::Pipe,
            Host::PROTO => Self::Proto,
            Host::PROTONOSUPPORT => Self::Protonosupport,
            Host::PROTOTYPE => Self::Prototype,
            Host::RANGE => Self::Range,
            Host::ROFS => Self::Rofs,
            Host::SPIPE => Self::Spipe,
            Host::SRCH => Self::Srch,
            Host::STALE => Self::Stale,
            Host::TIMEDOUT => Self::Timedout,
            Host::TXTBSY => Self::Txtbsy,
            Host::XDEV => Self::Xdev,
            _ => Self::Io,
        }
    }
}

impl From<io::Error> for Errno {
    /// Maps an error of the standard library, of cap-std (which reports an
    /// attempt to escape as a `PermissionDenied` without an OS error), or of a
    /// reader or writer that the host supplied.
    fn from(error: io::Error) -> Self {
        if let Some(host) = rustix::io::Errno::from_io_error(&error) {
            return host.into();
        }
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Perm,
            io::ErrorKind::NotFound => Self::Noent,
            io::ErrorKind::AlreadyExists => Self::Exist,
            io::ErrorKind::WouldBlock => Self::Again,
            io::ErrorKind::InvalidInput => Self::Inval,
            io::ErrorKind::InvalidData => Self::Ilseq,
            io::ErrorKind::BrokenPipe => Self::Pipe,
            io::ErrorKind::ConnectionReset => Self::Connreset,
            io::ErrorKind::TimedOut => Self::Timedout,
            io::ErrorKind::Interrupted => Self::Intr,
            io::ErrorKind::StorageFull => Self::Nospc,
            io::ErrorKind::OutOfMemory => Self::Nomem,
            io::ErrorKind::Unsupported => Self::Notsup,
            _ => Self::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        for (errno, number, name) in [
            (Errno::TooBig, 1, "2big"),
            (Errno::Badf, 8, "badf"),
            (Errno::Fault, 21, "fault"),
            (Errno::Inval, 28, "inval"),
            (Errno::Noent, 44, "noent"),
            (Errno::Notdir, 54, "notdir"),
            (Errno::Perm, 63, "perm"),
            (Errno::Rofs, 69, "rofs"),
            (Errno::Xdev, 75, "xdev"),
            (Errno::Notcapable, 76, "notcapable"),
        ] {
            assert_eq!((errno.raw(), errno.name()), (number, name));
        }
    }

    #[test]
    fn host_errors_keep_their_names() {
        use rustix::io::Errno as Host;
        assert_eq!(Errno::from(Host::NOENT), Errno::Noent);
        assert_eq!(Errno::from(Host::WOULDBLOCK), Errno::Again);
        assert_eq!(Errno::from(Host::OPNOTSUPP), Errno::Notsup);
        assert_eq!(Errno::from(Host::UCLEAN), Errno::Io, "unknown to preview 1");
    }

    #[test]
    fn an_escape_reported_by_cap_std_is_perm() {
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "outside");
        assert_eq!(Errno::from(escape), Errno::Perm);
        let refused = io::Error::from(rustix::io::Errno::ACCESS);
        assert_eq!(Errno::from(refused), Errno::Acces);
    }
}
