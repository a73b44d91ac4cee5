//! `fd_*` that concern the descriptor: closing, renumbering, flags, rights,
//! attributes and preopens.

use crate::descriptor::Descriptor;
use crate::types::{
    Fdstat, Filestat, Filetype, encode_prestat_dir, fdflags, flags, fstflags, rights,
};
use crate::{Errno, GuestMemory, WasiCtx};
use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

impl WasiCtx {
    /// Closes a descriptor, be it a preopen or a standard stream.
    ///
    /// # Errors
    /// [`Errno::Badf`]
    pub fn fd_close(&mut self, fd: u32) -> Result<(), Errno> {
        self.table.remove(fd).map(drop)
    }

    /// Moves a descriptor to another open number, closing what was there.
    ///
    /// # Errors
    /// [`Errno::Badf`] if either is not open
    pub fn fd_renumber(&mut self, fd: u32, to: u32) -> Result<(), Errno> {
        self.table.renumber(fd, to)
    }

    /// Writes type, flags and rights of a descriptor.
    ///
    /// # Errors
    /// [`Errno::Badf`], [`Errno::Fault`]
    pub fn fd_fdstat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        fdstat: u32,
    ) -> Result<(), Errno> {
        let stream = |right| Fdstat {
            filetype: Filetype::Unknown,
            flags: 0,
            rights_base: right | rights::POLL_FD_READWRITE | rights::FD_FILESTAT_GET,
            rights_inheriting: 0,
        };
        let value = match self.table.get(fd)? {
            Descriptor::Dir(_) => Fdstat {
                filetype: Filetype::Directory,
                flags: 0,
                rights_base: rights::DIRECTORY_BASE,
                rights_inheriting: rights::DIRECTORY_INHERITING,
            },
            Descriptor::File(file) => file.fdstat(),
            Descriptor::Input(_) => stream(rights::FD_READ),
            Descriptor::Output(_) => stream(rights::FD_WRITE),
        };
        mem.write(fdstat, &value.encode())
    }

    /// Sets append and non-blocking mode. A stream that the host supplies as
    /// a reader or writer has no modes, a directory neither.
    ///
    /// # Errors
    /// [`Errno::Badf`]; [`Errno::Inval`] if another flag would change;
    /// [`Errno::Notsup`] for append mode on a stream shared with the host
    pub fn fd_fdstat_set_flags(&mut self, fd: u32, fdflags: u32) -> Result<(), Errno> {
        let flags = flags(fdflags, fdflags::ALL)?;
        match self.table.get_mut(fd)? {
            Descriptor::File(file) => file.set_flags(flags),
            _ if flags == 0 => Ok(()),
            _ => Err(Errno::Notsup),
        }
    }

    /// Refuses to change rights; see the crate's documentation.
    ///
    /// # Errors
    /// [`Errno::Badf`], [`Errno::Notsup`]
    pub fn fd_fdstat_set_rights(
        &mut self,
        fd: u32,
        _rights_base: u64,
        _rights_inheriting: u64,
    ) -> Result<(), Errno> {
        self.table.get(fd)?;
        Err(Errno::Notsup)
    }

    /// Writes the attributes of an open file.
    ///
    /// # Errors
    /// [`Errno::Badf`], [`Errno::Fault`]
    pub fn fd_filestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        filestat: u32,
    ) -> Result<(), Errno> {
        let value = match self.table.get(fd)? {
            Descriptor::Dir(dir) => Filestat::from(&rustix::fs::fstat(&dir.dir)?),
            Descriptor::File(file) => file.filestat()?,
            Descriptor::Input(_) | Descriptor::Output(_) => Filestat::STREAM,
        };
        mem.write(filestat, &value.encode())
    }

    /// Truncates or extends a file.
    ///
    /// # Errors
    /// Those of `ftruncate`; [`Errno::Badf`] if it is not open for writing
    pub fn fd_filestat_set_size(&mut self, fd: u32, size: u64) -> Result<(), Errno> {
        let file = self.table.file(fd, Errno::Inval)?;
        Ok(rustix::fs::ftruncate(file.writeable()?, size)?)
    }

    /// Sets the times of an open file or directory.
    ///
    /// # Errors
    /// Those of `futimens`; [`Errno::Inval`] if a time is to be both given
    /// and now; [`Errno::Rofs`] beneath a read-only preopen
    pub fn fd_filestat_set_times(
        &mut self,
        fd: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Errno> {
        let times = timestamps(atim, mtim, fst_flags)?;
        match self.table.get(fd)? {
            Descriptor::Dir(dir) if dir.writable => {
                // A handle on a preopen is not open for anything, which
                // `futimens` insists on.
                rustix::fs::utimensat(&dir.dir, c".", &times, AtFlags::empty())?;
            }
            Descriptor::File(file) if file.writable => rustix::fs::futimens(file, &times)?,
            Descriptor::Dir(_) | Descriptor::File(_) => return Err(Errno::Rofs),
            Descriptor::Input(_) | Descriptor::Output(_) => return Err(Errno::Badf),
        }
        Ok(())
    }

    /// Writes what a preopen is: a directory, and the length of its name.
    ///
    /// # Errors
    /// [`Errno::Badf`] if `fd` is not a preopen, [`Errno::Fault`]
    pub fn fd_prestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        prestat: u32,
    ) -> Result<(), Errno> {
        match self.table.get(fd)? {
            Descriptor::Dir(dir) => {
                let name = dir.preopen.as_ref().ok_or(Errno::Badf)?;
                let len = u32::try_from(name.len()).map_err(|_| Errno::Overflow)?;
                mem.write(prestat, &encode_prestat_dir(len))
            }
            _ => Err(Errno::Badf),
        }
    }

    /// Writes the name of a preopen, without a terminator.
    ///
    /// # Errors
    /// [`Errno::Nametoolong`] if the buffer is too short, [`Errno::Notdir`]
    /// if `fd` is not a preopen, [`Errno::Badf`], [`Errno::Fault`]
    pub fn fd_prestat_dir_name(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let name = self.table.dir(fd)?.preopen.as_ref().ok_or(Errno::Notdir)?;
        if name.len() > path_len as usize {
            return Err(Errno::Nametoolong);
        }
        mem.write(path, name.as_bytes())
    }
}

/// The times to set, from the parameters of the `*_set_times` functions.
///
/// # Errors
/// [`Errno::Inval`] for unknown flags, or a time that is to be both given and
/// now
pub(crate) fn timestamps(atim: u64, mtim: u64, fst_flags: u32) -> Result<Timestamps, Errno> {
    let flags = flags(fst_flags, fstflags::ALL)?;
    let time = |value: u64, given: u16, now: u16| {
        let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        match (flags & given != 0, flags & now != 0) {
            (true, true) => Err(Errno::Inval),
            (true, false) => {
                // Both quotients of a u64 fit.
                Ok(at(
                    (value / 1_000_000_000) as i64,
                    (value % 1_000_000_000) as _,
                ))
            }
            (false, true) => Ok(at(0, UTIME_NOW)),
            (false, false) => Ok(at(0, UTIME_OMIT)),
        }
    };
    Ok(Timestamps {
        last_access: time(atim, fstflags::ATIM, fstflags::ATIM_NOW)?,
        last_modification: time(mtim, fstflags::MTIM, fstflags::MTIM_NOW)?,
    })
}
