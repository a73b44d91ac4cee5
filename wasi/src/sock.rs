//! `sock_*`: accepting, receiving, sending and shutting down on sockets that
//! the host opened.

use crate::descriptor::{Access, Descriptor, OpenFile};
use crate::iovec::{gather, scatter};
use crate::types::{fdflags, flags};
use crate::{Errno, GuestMemory, WasiCtx};
use rustix::event::PollFlags;
use rustix::net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, Shutdown, SocketFlags};

/// `riflags`
const RECV_PEEK: u16 = 1 << 0;
const RECV_WAITALL: u16 = 1 << 1;

/// `roflags`
const RECV_DATA_TRUNCATED: u16 = 1 << 0;

impl WasiCtx {
    /// Accepts a connection, and writes its number. Of the flags, only
    /// non-blocking applies to a connection.
    ///
    /// # Errors
    /// Those of `accept`; [`Errno::Notsock`], [`Errno::Mfile`],
    /// [`Errno::Inval`] for other flags
    pub fn sock_accept(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        fdflags: u32,
        accepted: u32,
    ) -> Result<(), Errno> {
        let guest_flags = flags(fdflags, fdflags::NONBLOCK)?;
        mem.check(accepted, 4)?;
        self.table.check_room()?;
        let mut host_flags = SocketFlags::CLOEXEC;
        host_flags.set(SocketFlags::NONBLOCK, guest_flags != 0);
        let listener = self.table.socket(fd)?;
        let connection = listener.blocking(&mut self.waiting, PollFlags::IN, || {
            rustix::net::accept_with(listener, host_flags)
        })?;
        let connection = OpenFile::supplied(connection, Access::BOTH);
        let number = self.table.insert(Descriptor::File(connection))?;
        mem.write_u32(accepted, number)
    }

    /// Receives a message, and writes its length, and whether some of it was
    /// cut off.
    ///
    /// # Errors
    /// Those of `recvmsg`; [`Errno::Notsock`], [`Errno::Badf`],
    /// [`Errno::Inval`] for unknown flags, [`Errno::Fault`]
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn sock_recv(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        ri_flags: u32,
        nread: u32,
        ro_flags: u32,
    ) -> Result<(), Errno> {
        let guest_flags = flags(ri_flags, RECV_PEEK | RECV_WAITALL)?;
        mem.check(nread, 4)?;
        mem.check(ro_flags, 2)?;
        let socket = self.table.socket(fd)?;
        let mut host_flags = RecvFlags::empty();
        host_flags.set(RecvFlags::PEEK, guest_flags & RECV_PEEK != 0);
        host_flags.set(RecvFlags::WAITALL, guest_flags & RECV_WAITALL != 0);
        host_flags.set(RecvFlags::DONTWAIT, self.waiting.is_elsewhere());
        let waiting = &mut self.waiting;
        let message = scatter(mem, iovs, iovs_len, |bufs| {
            socket.blocking(waiting, PollFlags::IN, || {
                let mut control = RecvAncillaryBuffer::default();
                rustix::net::recvmsg(socket, bufs, &mut control, host_flags)
            })
        })?;
        let truncated = message.flags.contains(ReturnFlags::TRUNC);
        // Not more than was asked for, and that fits.
        mem.write_u32(nread, message.bytes as u32)?;
        mem.write_u16(ro_flags, if truncated { RECV_DATA_TRUNCATED } else { 0 })
    }

    /// Sends a message, and writes how much of it was taken.
    ///
    /// # Errors
    /// Those of `sendmsg`; [`Errno::Notsock`], [`Errno::Badf`],
    /// [`Errno::Pipe`], [`Errno::Inval`] for any flag, [`Errno::Fault`]
    pub fn sock_send(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        si_flags: u32,
        nwritten: u32,
    ) -> Result<(), Errno> {
        flags(si_flags, 0)?;
        mem.check(nwritten, 4)?;
        let socket = self.table.socket(fd)?;
        let waiting = &mut self.waiting;
        let sent = gather(mem, iovs, iovs_len, |bufs| socket.send(waiting, bufs))?;
        mem.write_u32(nwritten, sent as u32)
    }

    /// Shuts down one or both directions of a connection.
    ///
    /// # Errors
    /// Those of `shutdown`; [`Errno::Notsock`], [`Errno::Badf`],
    /// [`Errno::Inval`] for neither direction
    pub fn sock_shutdown(&mut self, fd: u32, how: u32) -> Result<(), Errno> {
        let socket = self.table.socket(fd)?;
        let how = match how {
            1 => Shutdown::Read,
            2 => Shutdown::Write,
            3 => Shutdown::Both,
            _ => return Err(Errno::Inval),
        };
        Ok(rustix::net::shutdown(socket, how)?)
    }
}
