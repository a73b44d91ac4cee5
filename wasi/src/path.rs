//! `path_*`: everything that starts from a directory and a path. How a path
//! is kept beneath its directory is the matter of `resolve`.

use crate::descriptor::{Access, Descriptor, OpenDir, OpenFile};
use crate::fd::timestamps;
use crate::resolve::{self, guest_path, place};
use crate::types::{Filestat, fdflags, flags, follows_symlinks, oflags, rights};
use crate::{Errno, GuestMemory, WasiCtx};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

impl WasiCtx {
    /// Makes a directory, with mode 777 under the process's umask.
    ///
    /// # Errors
    /// Those of `mkdirat`; [`Errno::Rofs`] beneath a read-only preopen
    pub fn path_create_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = guest_path(mem, path, path_len)?;
        let entry = place(self.writable_dir(fd)?, path)?;
        Ok(rustix::fs::mkdirat(
            &entry,
            entry.name(),
            Mode::from_raw_mode(0o777),
        )?)
    }

    /// Writes the attributes of a file or directory.
    ///
    /// # Errors
    /// Those of `fstatat`
    pub fn path_filestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        filestat: u32,
    ) -> Result<(), Errno> {
        let follow = follows_symlinks(lookup)?;
        let path = guest_path(mem, path, path_len)?;
        let stat = resolve::stat(&self.table.dir(fd)?.dir, path, follow)?;
        mem.write(filestat, &Filestat::from(&stat).encode())
    }

    /// Sets the times of a file or directory.
    ///
    /// # Errors
    /// Those of `utimensat`; [`Errno::Inval`] if a time is to be both given
    /// and now; [`Errno::Rofs`] beneath a read-only preopen
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn path_filestat_set_times(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Errno> {
        let follow = follows_symlinks(lookup)?;
        let times = timestamps(atim, mtim, fst_flags)?;
        let path = guest_path(mem, path, path_len)?;
        resolve::set_times(self.writable_dir(fd)?, path, follow, &times)
    }

    /// Makes a hard link. A symbolic link in the last component of the old
    /// path is linked itself.
    ///
    /// # Errors
    /// Those of `linkat`; [`Errno::Inval`] if the link is to be followed;
    /// [`Errno::Rofs`] if either side is beneath a read-only preopen, because
    /// a second name could make a read-only file writable
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn path_link(
        &mut self,
        mem: &mut GuestMemory<'_>,
        old_fd: u32,
        old_lookup: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        if follows_symlinks(old_lookup)? {
            return Err(Errno::Inval);
        }
        let old_path = guest_path(mem, old_path, old_path_len)?;
        let new_path = guest_path(mem, new_path, new_path_len)?;
        let old = place(self.writable_dir(old_fd)?, old_path)?;
        let new = place(self.writable_dir(new_fd)?, new_path)?;
        if old.has_slash() {
            // Asks for a directory, which cannot have a second name.
            let stat = rustix::fs::statat(&old, old.name(), AtFlags::SYMLINK_NOFOLLOW)?;
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            return Err(if is_dir { Errno::Perm } else { Errno::Notdir });
        }
        let new_name = new.name_and_slashes();
        Ok(rustix::fs::linkat(
            &old,
            old.name(),
            &new,
            new_name,
            AtFlags::empty(),
        )?)
    }

    /// Opens a file or directory, and writes its number, the lowest free one.
    ///
    /// Of the rights, reading and writing choose the access mode; a file
    /// opened with neither can be read. Opening a FIFO waits for its other
    /// end unless `fdflags` say non-blocking.
    ///
    /// # Errors
    /// Those of `openat`; [`Errno::Loop`] for a symbolic link that is not to
    /// be followed; [`Errno::Rofs`] for writing beneath a read-only preopen;
    /// [`Errno::Mfile`] if the guest has too many descriptors
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn path_open(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights_base: u64,
        _rights_inheriting: u64,
        fdflags: u32,
        opened: u32,
    ) -> Result<(), Errno> {
        let write = rights_base & rights::FD_WRITE != 0;
        let how = How {
            follow: follows_symlinks(lookup)?,
            access: Access {
                read: rights_base & rights::FD_READ != 0 || !write,
                write,
            },
            oflags: flags(oflags, oflags::ALL)?,
            fdflags: flags(fdflags, fdflags::ALL)?,
            may_block: !self.waiting.is_elsewhere(),
        };
        mem.check(opened, 4)?;
        self.table.check_room()?;
        let parent = self.table.dir(fd)?;
        let path = guest_path(mem, path, path_len)?;
        let opened_now = if parent.writable {
            how.open(&parent.dir, path, true)
        } else {
            how.open_read_only(&parent.dir, path)
        };
        let descriptor = match opened_now {
            // There is nothing to wait for but time.
            Err(Errno::Nxio) if how.waits_for_reader(&parent.dir, path) => {
                const AGAIN_AFTER: u64 = 20_000_000;
                self.waiting.for_any(&[], &mut [], Some(AGAIN_AFTER))?;
                return Err(Errno::Nxio);
            }
            opened_now => opened_now?,
        };
        let number = self.table.insert(descriptor)?;
        mem.write_u32(opened, number)
    }

    /// Writes what a symbolic link says, cut to the buffer, and its length
    /// there.
    ///
    /// # Errors
    /// Those of `readlinkat`
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn path_readlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        used: u32,
    ) -> Result<(), Errno> {
        mem.check(used, 4)?;
        mem.check(buf, buf_len)?;
        let path = guest_path(mem, path, path_len)?;
        let entry = place(&self.table.dir(fd)?.dir, path)?;
        if entry.has_slash() {
            // Asks for a directory, which is no link.
            let stat = resolve::stat(&self.table.dir(fd)?.dir, path, true)?;
            let is_dir = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            return Err(if is_dir { Errno::Inval } else { Errno::Notdir });
        }
        let contents = rustix::fs::readlinkat(&entry, entry.name(), Vec::new())?;
        let contents = contents.as_bytes();
        let len = contents.len().min(buf_len as usize);
        mem.write(buf, &contents[..len])?;
        mem.write_u32(used, len as u32)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of `unlinkat`; [`Errno::Rofs`] beneath a read-only preopen
    pub fn path_remove_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = guest_path(mem, path, path_len)?;
        let entry = place(self.writable_dir(fd)?, path)?;
        Ok(rustix::fs::unlinkat(
            &entry,
            entry.name(),
            AtFlags::REMOVEDIR,
        )?)
    }

    /// Renames a file or directory, replacing what has the new name.
    ///
    /// # Errors
    /// Those of `renameat`; [`Errno::Rofs`] if either side is beneath a
    /// read-only preopen
    #[allow(clippy::too_many_arguments, reason = "the specification's parameters")]
    pub fn path_rename(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let old_path = guest_path(mem, old_path, old_path_len)?;
        let new_path = guest_path(mem, new_path, new_path_len)?;
        let old = place(self.writable_dir(fd)?, old_path)?;
        let new = place(self.writable_dir(new_fd)?, new_path)?;
        let (old_name, new_name) = (old.name_and_slashes(), new.name_and_slashes());
        Ok(rustix::fs::renameat(&old, old_name, &new, new_name)?)
    }

    /// Makes a symbolic link. What it says may lead anywhere relative to it:
    /// that is checked when it is followed. It may not be absolute, so that a
    /// program outside is not led astray by it either.
    ///
    /// # Errors
    /// Those of `symlinkat`; [`Errno::Perm`] for an absolute link;
    /// [`Errno::Rofs`] beneath a read-only preopen
    pub fn path_symlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        contents: u32,
        contents_len: u32,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let contents = guest_path(mem, contents, contents_len)?;
        let path = guest_path(mem, path, path_len)?;
        let entry = place(self.writable_dir(fd)?, path)?;
        if contents.starts_with('/') {
            return Err(Errno::Perm);
        }
        Ok(rustix::fs::symlinkat(
            contents,
            &entry,
            entry.name_and_slashes(),
        )?)
    }

    /// Removes a name of a file that is not a directory.
    ///
    /// # Errors
    /// Those of `unlinkat`; [`Errno::Isdir`] for a directory;
    /// [`Errno::Rofs`] beneath a read-only preopen
    pub fn path_unlink_file(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = guest_path(mem, path, path_len)?;
        let entry = place(self.writable_dir(fd)?, path)?;
        Ok(rustix::fs::unlinkat(
            &entry,
            entry.name_and_slashes(),
            AtFlags::empty(),
        )?)
    }

    /// A directory beneath which something is to be changed.
    fn writable_dir(&self, fd: u32) -> Result<&Dir, Errno> {
        let dir = self.table.dir(fd)?;
        if dir.writable {
            Ok(&dir.dir)
        } else {
            Err(Errno::Rofs)
        }
    }
}

/// The checked flags of `path_open`.
struct How {
    follow: bool,
    access: Access,
    oflags: u16,
    fdflags: u16,
    /// If not, a FIFO is opened before there is somebody at its other end, and
    /// reading from it waits instead.
    may_block: bool,
}

impl How {
    fn open(&self, dir: &Dir, path: &str, writable: bool) -> Result<Descriptor, Errno> {
        if self.has(oflags::CREAT) && self.has(oflags::DIRECTORY) {
            return Err(Errno::Inval);
        }
        let fd = resolve::open(dir, path, self.follow, self.access, self.host_flags())?;
        let stat = rustix::fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let dir = Dir::from_std_file(fd.into());
            return Ok(Descriptor::Dir(OpenDir {
                dir,
                writable,
                preopen: None,
                cursor: None,
            }));
        }
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if !self.may_block && !regular && self.fdflags & fdflags::NONBLOCK == 0 {
            let status = rustix::fs::fcntl_getfl(&fd)?;
            rustix::fs::fcntl_setfl(&fd, status - OFlags::NONBLOCK)?;
        }
        let file = OpenFile::opened(fd, &stat, self.access, self.fdflags, writable);
        Ok(Descriptor::File(file))
    }

    /// As on a read-only file system, asking to create a file that exists is
    /// no change.
    fn open_read_only(&self, dir: &Dir, path: &str) -> Result<Descriptor, Errno> {
        if self.access.write || self.has(oflags::TRUNC) {
            return Err(Errno::Rofs);
        }
        if !self.has(oflags::CREAT) {
            return self.open(dir, path, false);
        }
        if self.has(oflags::EXCL) {
            return Err(match resolve::stat(dir, path, false) {
                Ok(_) => Errno::Exist,
                Err(Errno::Noent) => Errno::Rofs,
                Err(other) => other,
            });
        }
        let existing = Self {
            oflags: self.oflags & !oflags::CREAT,
            ..*self
        };
        match existing.open(dir, path, false) {
            Err(Errno::Noent) => Err(Errno::Rofs),
            other => other,
        }
    }

    /// Whether opening would wait for somebody to open a FIFO for reading.
    fn waits_for_reader(&self, dir: &Dir, path: &str) -> bool {
        !self.may_block
            && self.fdflags & fdflags::NONBLOCK == 0
            && resolve::stat(dir, path, self.follow)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    }

    fn has(&self, oflag: u16) -> bool {
        self.oflags & oflag != 0
    }

    fn host_flags(&self) -> OFlags {
        // A terminal does not become the process's by being opened.
        let mut host = OFlags::NOCTTY;
        host.set(OFlags::NONBLOCK, !self.may_block);
        for (guest, flag) in [
            (oflags::CREAT, OFlags::CREATE),
            (oflags::DIRECTORY, OFlags::DIRECTORY),
            (oflags::EXCL, OFlags::EXCL),
            (oflags::TRUNC, OFlags::TRUNC),
        ] {
            host.set(flag, self.has(guest));
        }
        for (guest, flag) in [
            (fdflags::APPEND, OFlags::APPEND),
            (fdflags::NONBLOCK, OFlags::NONBLOCK),
            // Linux has no separate synchronisation of reads: `O_RSYNC` is
            // `O_SYNC`. And `O_SYNC` contains `O_DSYNC`, so add up.
            (fdflags::DSYNC, OFlags::DSYNC),
            (fdflags::RSYNC, OFlags::RSYNC),
            (fdflags::SYNC, OFlags::SYNC),
        ] {
            if self.fdflags & guest != 0 {
                host |= flag;
            }
        }
        host
    }
}
