//! `fd_*` that concern a file's contents and position.

use crate::descriptor::Descriptor;
use crate::iovec::{gather, scatter};
use crate::{Errno, GuestMemory, WasiCtx};
use rustix::fs::{Advice, FallocateFlags, SeekFrom};
use rustix::io::retry_on_intr;
use std::io::{self, IoSlice, Write};
use std::num::NonZeroU64;

impl WasiCtx {
    /// Reads at the descriptor's position, and writes how much.
    ///
    /// # Errors
    /// Those of `readv`; [`Errno::Badf`] if it is not open for reading,
    /// [`Errno::Isdir`], [`Errno::Fault`]
    pub fn fd_read(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nread: u32,
    ) -> Result<(), Errno> {
        mem.check(nread, 4)?;
        let (descriptor, waiting) = (self.table.get_mut(fd)?, &mut self.waiting);
        let read = scatter(mem, iovs, iovs_len, |bufs| match descriptor {
            Descriptor::File(file) => file.read(waiting, bufs),
            Descriptor::Input(reader) => reader.read(waiting, bufs),
            Descriptor::Output(_) => Err(Errno::Badf),
            Descriptor::Dir(_) => Err(Errno::Isdir),
        })?;
        mem.write_u32(nread, amount(read)?)
    }

    /// Writes at the descriptor's position, or at the end in append mode, and
    /// writes how much was written.
    ///
    /// # Errors
    /// Those of `writev`; [`Errno::Badf`] if it is not open for writing,
    /// [`Errno::Isdir`], [`Errno::Pipe`], [`Errno::Fault`]
    pub fn fd_write(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nwritten: u32,
    ) -> Result<(), Errno> {
        mem.check(nwritten, 4)?;
        let (descriptor, waiting) = (self.table.get_mut(fd)?, &mut self.waiting);
        let written = gather(mem, iovs, iovs_len, |bufs| match descriptor {
            Descriptor::File(file) => file.write(waiting, bufs),
            Descriptor::Output(writer) => write_to(writer, bufs),
            Descriptor::Input(_) => Err(Errno::Badf),
            Descriptor::Dir(_) => Err(Errno::Isdir),
        })?;
        mem.write_u32(nwritten, amount(written)?)
    }

    /// Reads at `offset`, leaving the position alone, and writes how much.
    ///
    /// # Errors
    /// Those of `preadv`; [`Errno::Badf`], [`Errno::Isdir`],
    /// [`Errno::Spipe`], [`Errno::Fault`]
    pub fn fd_pread(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nread: u32,
    ) -> Result<(), Errno> {
        mem.check(nread, 4)?;
        let file = self.table.file(fd, Errno::Spipe)?.readable()?;
        let read = scatter(mem, iovs, iovs_len, |bufs| {
            Ok(retry_on_intr(|| rustix::io::preadv(file, bufs, offset))?)
        })?;
        mem.write_u32(nread, amount(read)?)
    }

    /// Writes at `offset`, leaving the position alone, and writes how much was
    /// written. In append mode it writes at the end, as Linux does.
    ///
    /// # Errors
    /// Those of `pwritev`; [`Errno::Badf`], [`Errno::Isdir`],
    /// [`Errno::Spipe`], [`Errno::Fault`]
    pub fn fd_pwrite(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nwritten: u32,
    ) -> Result<(), Errno> {
        mem.check(nwritten, 4)?;
        let file = self.table.file(fd, Errno::Spipe)?.writeable()?;
        let written = gather(mem, iovs, iovs_len, |bufs| {
            Ok(retry_on_intr(|| rustix::io::pwritev(file, bufs, offset))?)
        })?;
        mem.write_u32(nwritten, amount(written)?)
    }

    /// Moves the position, and writes where it is then.
    ///
    /// # Errors
    /// [`Errno::Inval`] before the beginning or for an unknown `whence`,
    /// [`Errno::Spipe`] on a stream, [`Errno::Isdir`], [`Errno::Badf`],
    /// [`Errno::Fault`]
    pub fn fd_seek(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        position: u32,
    ) -> Result<(), Errno> {
        mem.check(position, 8)?;
        let file = self.table.file(fd, Errno::Spipe)?;
        let to = match whence {
            0 => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            1 => SeekFrom::Current(offset),
            2 => SeekFrom::End(offset),
            _ => return Err(Errno::Inval),
        };
        mem.write_u64(position, rustix::fs::seek(file, to)?)
    }

    /// Writes the position.
    ///
    /// # Errors
    /// [`Errno::Spipe`] on a stream, [`Errno::Isdir`], [`Errno::Badf`],
    /// [`Errno::Fault`]
    pub fn fd_tell(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        position: u32,
    ) -> Result<(), Errno> {
        let file = self.table.file(fd, Errno::Spipe)?;
        mem.write_u64(position, rustix::fs::tell(file)?)
    }

    /// Says how a part of a file will be used. A length of 0 means up to the
    /// end.
    ///
    /// # Errors
    /// Those of `posix_fadvise`; [`Errno::Inval`] for unknown advice
    pub fn fd_advise(&mut self, fd: u32, offset: u64, len: u64, advice: u32) -> Result<(), Errno> {
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => return Err(Errno::Inval),
        };
        let file = self.table.file(fd, Errno::Spipe)?;
        Ok(rustix::fs::fadvise(
            file,
            offset,
            NonZeroU64::new(len),
            advice,
        )?)
    }

    /// Makes sure that a part of a file has space, extending the file if it
    /// ends before it.
    ///
    /// # Errors
    /// Those of `posix_fallocate`; [`Errno::Notsup`] where the file system
    /// cannot; [`Errno::Badf`] if it is not open for writing
    pub fn fd_allocate(&mut self, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
        let file = self.table.file(fd, Errno::Spipe)?.writeable()?;
        let allocate = || rustix::fs::fallocate(file, FallocateFlags::empty(), offset, len);
        Ok(retry_on_intr(allocate)?)
    }

    /// Writes a file's data and attributes to the disk, or a directory's
    /// entries.
    ///
    /// # Errors
    /// Those of `fsync`
    pub fn fd_sync(&mut self, fd: u32) -> Result<(), Errno> {
        match self.table.get_mut(fd)? {
            Descriptor::File(file) => Ok(rustix::fs::fsync(file)?),
            Descriptor::Dir(dir) => Ok(rustix::fs::fsync(dir.reopen()?)?),
            Descriptor::Output(writer) => Ok(writer.flush()?),
            Descriptor::Input(_) => Err(Errno::Inval),
        }
    }

    /// Writes a file's data to the disk.
    ///
    /// # Errors
    /// Those of `fdatasync`
    pub fn fd_datasync(&mut self, fd: u32) -> Result<(), Errno> {
        match self.table.get_mut(fd)? {
            Descriptor::File(file) => Ok(rustix::fs::fdatasync(file)?),
            Descriptor::Dir(dir) => Ok(rustix::fs::fdatasync(dir.reopen()?)?),
            Descriptor::Output(writer) => Ok(writer.flush()?),
            Descriptor::Input(_) => Err(Errno::Inval),
        }
    }
}

/// Writes once to a writer the host supplied.
fn write_to(writer: &mut dyn Write, bufs: &[IoSlice<'_>]) -> Result<usize, Errno> {
    uninterrupted(|| writer.write_vectored(bufs))
}

/// Repeats a transfer that a signal has interrupted.
pub(crate) fn uninterrupted(
    mut transfer: impl FnMut() -> io::Result<usize>,
) -> Result<usize, Errno> {
    loop {
        match transfer() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Ok(done?),
        }
    }
}

/// A transferred amount as a result. It is at most the sum of the lengths
/// asked for, which fits; only a reader or writer of the host that claims
/// more than it was given could exceed it.
fn amount(bytes: usize) -> Result<u32, Errno> {
    u32::try_from(bytes).map_err(|_| Errno::Overflow)
}
