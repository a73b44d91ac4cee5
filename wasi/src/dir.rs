//! `fd_readdir`.
//!
//! A cookie is the host's own directory position, so that a listing survives
//! entries being added and removed while it goes on, and costs no more memory
//! than one block of it.

use crate::descriptor::OpenDir;
use crate::types::Dirent;
use crate::{Errno, GuestMemory, WasiCtx};
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, DirEntry, Mode, OFlags};

/// A directory being listed.
pub(crate) struct Cursor {
    entries: Dir,
    /// The directory's own inode.
    ino: u64,
    /// The cookie of the entry that comes next.
    cookie: u64,
    /// That entry, if it was read but did not fit into the guest's buffer.
    unread: Option<DirEntry>,
}

/// The cookie of the first entry.
const START: u64 = 0;

impl OpenDir {
    /// The directory, open for reading at its beginning. What the guest holds
    /// may be a handle that is not open for anything.
    pub(crate) fn reopen(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.dir, c".", flags, Mode::empty())?)
    }

    /// The entries from `cookie` on.
    fn list(&mut self, cookie: u64) -> Result<&mut Cursor, Errno> {
        if self.cursor.is_none() {
            let fd = self.reopen()?;
            let ino = rustix::fs::fstat(&fd)?.st_ino;
            let entries = Dir::new(fd)?;
            self.cursor = Some(Cursor {
                entries,
                ino,
                cookie: START,
                unread: None,
            });
        }
        let cursor = self.cursor.as_mut().ok_or(Errno::Io)?;
        if cookie == START {
            cursor.unread = None;
            cursor.entries.rewind();
        } else if cookie != cursor.cookie {
            cursor.unread = None;
            cursor.entries.seek(cookie.cast_signed())?;
        }
        cursor.cookie = cookie;
        Ok(cursor)
    }
}

impl Cursor {
    /// Fills `buf` with entries; the last one is cut where the buffer ends.
    /// Returns how much was filled: less than all of it at the end of the
    /// directory.
    fn fill(&mut self, buf: &mut [u8]) -> Result<usize, Errno> {
        let mut used = 0;
        while used < buf.len() {
            let entry = match self.unread.take() {
                Some(entry) => entry,
                None => match self.entries.read() {
                    Some(Ok(entry)) => entry,
                    Some(Err(error)) if used == 0 => return Err(error.into()),
                    Some(Err(_)) | None => break,
                },
            };
            let (head, name) = self.encode(&entry);
            let rest = &mut buf[used..];
            let fits = head.len() + name.len() <= rest.len();
            let written = copy_cut(rest, &head);
            used += written + copy_cut(&mut rest[written..], name);
            if fits {
                self.cookie = entry.offset().cast_unsigned();
            } else {
                self.unread = Some(entry);
            }
        }
        Ok(used)
    }

    fn encode<'e>(&self, entry: &'e DirEntry) -> ([u8; Dirent::SIZE], &'e [u8]) {
        let name = entry.file_name().to_bytes();
        // The parent of a preopen is not the guest's to know.
        let ino = if name == b".." { self.ino } else { entry.ino() };
        let head = Dirent {
            next: entry.offset().cast_unsigned(),
            ino,
            // File systems limit names to 255 bytes or a small multiple.
            namlen: name.len() as u32,
            filetype: entry.file_type().into(),
        };
        (head.encode(), name)
    }
}

/// Copies as much as fits, and returns how much that is.
fn copy_cut(to: &mut [u8], from: &[u8]) -> usize {
    let len = to.len().min(from.len());
    to[..len].copy_from_slice(&from[..len]);
    len
}

impl WasiCtx {
    /// Writes directory entries from `cookie` on, and how many bytes of the
    /// buffer they fill: less than all of it at the end of the directory.
    /// Names are the host's bytes; one that is not UTF-8 can be listed but not
    /// opened.
    ///
    /// # Errors
    /// [`Errno::Notdir`], [`Errno::Badf`], [`Errno::Fault`]; those of
    /// `getdents`, [`Errno::Inval`] for a cookie that never was
    pub fn fd_readdir(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        used: u32,
    ) -> Result<(), Errno> {
        mem.check(used, 4)?;
        mem.check(buf, buf_len)?;
        let list = self.table.dir_mut(fd)?.list(cookie)?;
        let filled = mem.fill(buf, buf_len, |buf| list.fill(buf))?;
        mem.write_u32(used, filled as u32)
    }
}
