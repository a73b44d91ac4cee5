//! What a guest's descriptor number stands for.

use crate::dir::Cursor;
use crate::reader::Reader;
use crate::types::{Fdstat, Filestat, Filetype, fdflags, rights};
use crate::wait::Waiting;
use crate::{Errno, poll};
use cap_std::fs::Dir;
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno as Host;
use rustix::net::SendFlags;
use std::io::{IoSlice, IoSliceMut, IsTerminal, Write};

/// An open descriptor.
pub(crate) enum Descriptor {
    Dir(OpenDir),
    File(OpenFile),
    Input(Reader),
    Output(Box<dyn Write + Send>),
}

/// A directory, preopened or opened beneath one.
pub(crate) struct OpenDir {
    pub(crate) dir: Dir,
    /// Whether anything beneath may be changed; inherited from the preopen.
    pub(crate) writable: bool,
    /// The guest's name of a preopen.
    pub(crate) preopen: Option<Box<str>>,
    /// Where `fd_readdir` left off.
    pub(crate) cursor: Option<Cursor>,
}

/// A regular file, device, pipe, terminal or socket of the host.
pub(crate) struct OpenFile {
    fd: HostFd,
    filetype: Filetype,
    access: Access,
    /// `fdflags` as the guest sees them.
    flags: u16,
    seekable: bool,
    /// Whether size-independent metadata may be changed: not beneath a
    /// read-only preopen.
    pub(crate) writable: bool,
}

/// The modes a file was opened with.
#[derive(Clone, Copy)]
pub(crate) struct Access {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

impl Access {
    pub(crate) const READ: Self = Self {
        read: true,
        write: false,
    };
    pub(crate) const WRITE: Self = Self {
        read: false,
        write: true,
    };
    pub(crate) const BOTH: Self = Self {
        read: true,
        write: true,
    };
}

enum HostFd {
    Owned(OwnedFd),
    /// The process's own stream. Its open file description may be shared with
    /// other processes (a shell, say), so its status flags are never changed.
    Stdio(BorrowedFd<'static>),
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.fd {
            HostFd::Owned(fd) => fd.as_fd(),
            HostFd::Stdio(fd) => *fd,
        }
    }
}

impl OpenFile {
    /// A file the guest opened; `stat` is its own.
    pub(crate) fn opened(
        fd: OwnedFd,
        stat: &rustix::fs::Stat,
        access: Access,
        flags: u16,
        writable: bool,
    ) -> Self {
        let filetype = FileType::from_raw_mode(stat.st_mode).into();
        Self::new(HostFd::Owned(fd), filetype, access, flags, writable)
    }

    /// One of the process's standard streams.
    pub(crate) fn stdio(fd: BorrowedFd<'static>, access: Access) -> Self {
        Self::new(HostFd::Stdio(fd), host_filetype(fd), access, 0, false)
    }

    /// A file or socket the host hands over. Of its status flags, those that
    /// preview 1 knows are taken on.
    pub(crate) fn supplied(fd: OwnedFd, access: Access) -> Self {
        let filetype = host_filetype(fd.as_fd());
        let status = rustix::fs::fcntl_getfl(&fd).unwrap_or(OFlags::empty());
        let mut flags = 0;
        for (guest, host) in [
            (fdflags::APPEND, OFlags::APPEND),
            (fdflags::NONBLOCK, OFlags::NONBLOCK),
            (fdflags::SYNC, OFlags::SYNC),
            (fdflags::DSYNC, OFlags::DSYNC),
        ] {
            if status.contains(host) {
                flags |= guest;
            }
        }
        Self::new(HostFd::Owned(fd), filetype, access, flags, access.write)
    }

    fn new(fd: HostFd, filetype: Filetype, access: Access, flags: u16, writable: bool) -> Self {
        let mut file = Self {
            fd,
            filetype,
            access,
            flags,
            seekable: false,
            writable,
        };
        file.seekable = match filetype {
            Filetype::RegularFile | Filetype::BlockDevice => true,
            Filetype::CharacterDevice => !file.as_fd().is_terminal(),
            _ => false,
        };
        file
    }

    /// The host's descriptor, for operations that need the file open for
    /// reading.
    ///
    /// # Errors
    /// [`Errno::Badf`] if it is not.
    pub(crate) fn readable(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.access.read.then(|| self.as_fd()).ok_or(Errno::Badf)
    }

    /// The host's descriptor, for operations that need the file open for
    /// writing.
    ///
    /// # Errors
    /// [`Errno::Badf`] if it is not.
    pub(crate) fn writeable(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.access.write.then(|| self.as_fd()).ok_or(Errno::Badf)
    }

    pub(crate) fn is_socket(&self) -> bool {
        matches!(
            self.filetype,
            Filetype::SocketStream | Filetype::SocketDgram
        )
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.filetype == Filetype::RegularFile
    }

    /// Reads at the file's position; blocks unless the guest made it
    /// non-blocking.
    pub(crate) fn read(
        &self,
        waiting: &mut Waiting,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize, Errno> {
        let fd = self.readable()?;
        self.blocking(waiting, PollFlags::IN, || rustix::io::readv(fd, bufs))
    }

    /// Writes at the file's position, or at its end in append mode; blocks
    /// unless the guest made it non-blocking. Never raises `SIGPIPE` on a
    /// socket.
    pub(crate) fn write(
        &self,
        waiting: &mut Waiting,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize, Errno> {
        let fd = self.writeable()?;
        if self.is_socket() {
            return self.send(waiting, bufs);
        }
        let piece;
        let must_not_block = self.emulates_nonblock() || waiting.is_elsewhere();
        let bufs = if must_not_block && !self.is_regular() {
            // A pipe or terminal that is ready takes this much at once.
            const PIPE_BUF: usize = 4096;
            let first = bufs.first().map_or(&[][..], |buf| buf);
            piece = [IoSlice::new(&first[..first.len().min(PIPE_BUF)])];
            &piece
        } else {
            bufs
        };
        self.blocking(waiting, PollFlags::OUT, || rustix::io::writev(fd, bufs))
    }

    /// Writes to a socket.
    pub(crate) fn send(&self, waiting: &mut Waiting, bufs: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::DONTWAIT, waiting.is_elsewhere());
        self.blocking(waiting, PollFlags::OUT, || {
            let mut control = rustix::net::SendAncillaryBuffer::default();
            rustix::net::sendmsg(self, bufs, &mut control, flags)
        })
    }

    /// Performs a transfer as the guest's flags say: one interrupted by a
    /// signal of the host is repeated, and on a stream shared with the host,
    /// whose own mode may be either, blocking or not blocking is emulated. A call
    /// that must not block waits before it begins.
    pub(crate) fn blocking<R>(
        &self,
        waiting: &mut Waiting,
        ready: PollFlags,
        mut transfer: impl FnMut() -> Result<R, Host>,
    ) -> Result<R, Errno> {
        if self.emulates_nonblock() && !poll::is_ready(self.as_fd(), ready)? {
            return Err(Errno::Again);
        }
        let may_wait = self.flags & fdflags::NONBLOCK == 0 && !self.is_regular();
        if may_wait && waiting.is_elsewhere() && !poll::is_ready(self.as_fd(), ready)? {
            waiting.for_transfer(self.as_fd(), ready)?;
        }
        loop {
            match transfer() {
                Err(Host::INTR) => {}
                Err(Host::AGAIN) if self.flags & fdflags::NONBLOCK == 0 => {
                    waiting.for_transfer(self.as_fd(), ready)?;
                }
                done => return Ok(done?),
            }
        }
    }

    fn emulates_nonblock(&self) -> bool {
        matches!(self.fd, HostFd::Stdio(_)) && self.flags & fdflags::NONBLOCK != 0
    }

    /// Changes the flags that can change after opening: append and
    /// non-blocking.
    ///
    /// # Errors
    /// [`Errno::Inval`] for any other change; [`Errno::Notsup`] for append
    /// mode on a stream that is shared with the host.
    pub(crate) fn set_flags(&mut self, flags: u16) -> Result<(), Errno> {
        const CHANGEABLE: u16 = fdflags::APPEND | fdflags::NONBLOCK;
        let changed = self.flags ^ flags;
        if changed & !CHANGEABLE != 0 {
            return Err(Errno::Inval);
        }
        match &self.fd {
            HostFd::Owned(fd) => {
                let mut status = rustix::fs::fcntl_getfl(fd)?;
                status.set(OFlags::APPEND, flags & fdflags::APPEND != 0);
                status.set(OFlags::NONBLOCK, flags & fdflags::NONBLOCK != 0);
                rustix::fs::fcntl_setfl(fd, status)?;
            }
            HostFd::Stdio(_) if changed & fdflags::APPEND != 0 => return Err(Errno::Notsup),
            HostFd::Stdio(_) => {}
        }
        self.flags = flags;
        Ok(())
    }

    pub(crate) fn fdstat(&self) -> Fdstat {
        let mut base = rights::FILE;
        if self.seekable {
            base |= rights::FD_SEEK | rights::FD_TELL;
        }
        if self.access.read {
            base |= rights::FD_READ;
        }
        if self.access.write {
            base |= rights::FD_WRITE | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE;
        }
        if self.is_socket() {
            base |= rights::SOCK_SHUTDOWN | rights::SOCK_ACCEPT;
        }
        Fdstat {
            filetype: self.filetype,
            flags: self.flags,
            rights_base: base,
            rights_inheriting: 0,
        }
    }

    pub(crate) fn filestat(&self) -> Result<Filestat, Errno> {
        let stat = rustix::fs::fstat(self)?;
        Ok(Filestat {
            filetype: self.filetype,
            ..Filestat::from(&stat)
        })
    }
}

/// The type of a file the host hands over; unlike an inode, an open socket
/// knows which kind it is.
fn host_filetype(fd: BorrowedFd<'_>) -> Filetype {
    let Ok(stat) = rustix::fs::fstat(fd) else {
        return Filetype::Unknown;
    };
    match Filetype::from(FileType::from_raw_mode(stat.st_mode)) {
        Filetype::SocketStream => match rustix::net::sockopt::socket_type(fd) {
            Ok(rustix::net::SocketType::DGRAM) => Filetype::SocketDgram,
            _ => Filetype::SocketStream,
        },
        other => other,
    }
}
