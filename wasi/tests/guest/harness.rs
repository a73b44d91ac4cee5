//! A stand-in for a guest: a linear memory, and calls with the parameters
//! put where a guest would put them.

use std::path::Path;
use wasm_aot_wasi::{DirAccess, Errno, GuestMemory, WasiCtx, WasiCtxBuilder};

pub(crate) const RIGHT_READ: u64 = 1 << 1;
pub(crate) const RIGHT_WRITE: u64 = 1 << 6;

pub(crate) const CREAT: u32 = 1;
pub(crate) const DIRECTORY: u32 = 2;
pub(crate) const EXCL: u32 = 4;
pub(crate) const TRUNC: u32 = 8;

pub(crate) const APPEND: u32 = 1;
pub(crate) const NONBLOCK: u32 = 4;

pub(crate) const FOLLOW: u32 = 1;
pub(crate) const NOFOLLOW: u32 = 0;

/// The descriptor of the first preopen.
pub(crate) const ROOT: u32 = 3;

/// Where results go.
const OUT: u32 = 0;
/// Where iovecs and subscriptions go.
const LIST: u32 = 1024;
/// Where the first and the second path go.
const PATHS: [u32; 2] = [8192, 24576];
/// Where contents go.
const DATA: u32 = 65536;

pub(crate) struct Guest {
    pub(crate) ctx: WasiCtx,
    pub(crate) memory: Vec<u8>,
}

/// What `fd_fdstat_get` says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fdstat {
    pub(crate) filetype: u8,
    pub(crate) flags: u16,
    pub(crate) base: u64,
    pub(crate) inheriting: u64,
}

/// What `*_filestat_get` say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filestat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) filetype: u8,
    pub(crate) nlink: u64,
    pub(crate) size: u64,
    pub(crate) atim: u64,
    pub(crate) mtim: u64,
}

impl Guest {
    pub(crate) fn new(builder: WasiCtxBuilder) -> Self {
        Self {
            ctx: builder.build().unwrap(),
            memory: vec![0; 1 << 20],
        }
    }

    /// A guest with one read-write preopen.
    pub(crate) fn in_dir(dir: impl AsRef<Path>) -> Self {
        let builder = WasiCtx::builder();
        Self::new(builder.preopen_dir(dir, "/", DirAccess::ReadWrite).unwrap())
    }

    pub(crate) fn with<R>(&mut self, f: impl FnOnce(&mut WasiCtx, &mut GuestMemory<'_>) -> R) -> R {
        f(&mut self.ctx, &mut GuestMemory::new(&mut self.memory))
    }

    pub(crate) fn bytes(&self, ptr: u32, len: u32) -> &[u8] {
        &self.memory[ptr as usize..(ptr + len) as usize]
    }

    pub(crate) fn put(&mut self, ptr: u32, bytes: &[u8]) {
        self.memory[ptr as usize..ptr as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn u16(&self, ptr: u32) -> u16 {
        u16::from_le_bytes(self.bytes(ptr, 2).try_into().unwrap())
    }

    pub(crate) fn u32(&self, ptr: u32) -> u32 {
        u32::from_le_bytes(self.bytes(ptr, 4).try_into().unwrap())
    }

    pub(crate) fn u64(&self, ptr: u32) -> u64 {
        u64::from_le_bytes(self.bytes(ptr, 8).try_into().unwrap())
    }

    fn path(&mut self, which: usize, path: &[u8]) -> (u32, u32) {
        self.put(PATHS[which], path);
        (PATHS[which], path.len() as u32)
    }

    /// One iovec that covers `len` bytes at `DATA`; returns address and count.
    fn iovec(&mut self, len: usize) -> (u32, u32) {
        self.put(LIST, &DATA.to_le_bytes());
        self.put(LIST + 4, &(len as u32).to_le_bytes());
        (LIST, 1)
    }

    pub(crate) fn open(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        lookup: u32,
        oflags: u32,
        rights: u64,
        fdflags: u32,
    ) -> Result<u32, Errno> {
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| {
            ctx.path_open(mem, dir, lookup, ptr, len, oflags, rights, 0, fdflags, OUT)
        })?;
        Ok(self.u32(OUT))
    }

    pub(crate) fn read(&mut self, fd: u32, len: usize) -> Result<Vec<u8>, Errno> {
        let (iovs, count) = self.iovec(len);
        self.with(|ctx, mem| ctx.fd_read(mem, fd, iovs, count, OUT))?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub(crate) fn pread(&mut self, fd: u32, len: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        let (iovs, count) = self.iovec(len);
        self.with(|ctx, mem| ctx.fd_pread(mem, fd, iovs, count, offset, OUT))?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub(crate) fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        self.put(DATA, bytes);
        let (iovs, count) = self.iovec(bytes.len());
        self.with(|ctx, mem| ctx.fd_write(mem, fd, iovs, count, OUT))?;
        Ok(self.u32(OUT))
    }

    pub(crate) fn pwrite(&mut self, fd: u32, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
        self.put(DATA, bytes);
        let (iovs, count) = self.iovec(bytes.len());
        self.with(|ctx, mem| ctx.fd_pwrite(mem, fd, iovs, count, offset, OUT))?;
        Ok(self.u32(OUT))
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u32) -> Result<u64, Errno> {
        self.with(|ctx, mem| ctx.fd_seek(mem, fd, offset, whence, OUT))?;
        Ok(self.u64(OUT))
    }

    pub(crate) fn tell(&mut self, fd: u32) -> Result<u64, Errno> {
        self.with(|ctx, mem| ctx.fd_tell(mem, fd, OUT))?;
        Ok(self.u64(OUT))
    }

    pub(crate) fn fdstat(&mut self, fd: u32) -> Result<Fdstat, Errno> {
        self.with(|ctx, mem| ctx.fd_fdstat_get(mem, fd, OUT))?;
        Ok(Fdstat {
            filetype: self.memory[OUT as usize],
            flags: self.u16(OUT + 2),
            base: self.u64(OUT + 8),
            inheriting: self.u64(OUT + 16),
        })
    }

    pub(crate) fn filestat(&mut self, fd: u32) -> Result<Filestat, Errno> {
        self.with(|ctx, mem| ctx.fd_filestat_get(mem, fd, OUT))?;
        Ok(self.decode_filestat())
    }

    pub(crate) fn path_filestat(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        lookup: u32,
    ) -> Result<Filestat, Errno> {
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_filestat_get(mem, dir, lookup, ptr, len, OUT))?;
        Ok(self.decode_filestat())
    }

    fn decode_filestat(&self) -> Filestat {
        Filestat {
            dev: self.u64(OUT),
            ino: self.u64(OUT + 8),
            filetype: self.memory[OUT as usize + 16],
            nlink: self.u64(OUT + 24),
            size: self.u64(OUT + 32),
            atim: self.u64(OUT + 40),
            mtim: self.u64(OUT + 48),
        }
    }

    pub(crate) fn path_set_mtime(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        lookup: u32,
        mtim: u64,
    ) -> Result<(), Errno> {
        const MTIM: u32 = 4;
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_filestat_set_times(mem, dir, lookup, ptr, len, 0, mtim, MTIM))
    }

    pub(crate) fn mkdir(&mut self, dir: u32, path: impl AsRef<[u8]>) -> Result<(), Errno> {
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_create_directory(mem, dir, ptr, len))
    }

    pub(crate) fn rmdir(&mut self, dir: u32, path: impl AsRef<[u8]>) -> Result<(), Errno> {
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_remove_directory(mem, dir, ptr, len))
    }

    pub(crate) fn unlink(&mut self, dir: u32, path: impl AsRef<[u8]>) -> Result<(), Errno> {
        let (ptr, len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_unlink_file(mem, dir, ptr, len))
    }

    pub(crate) fn symlink(
        &mut self,
        contents: impl AsRef<[u8]>,
        dir: u32,
        path: impl AsRef<[u8]>,
    ) -> Result<(), Errno> {
        let (old, old_len) = self.path(0, contents.as_ref());
        let (new, new_len) = self.path(1, path.as_ref());
        self.with(|ctx, mem| ctx.path_symlink(mem, old, old_len, dir, new, new_len))
    }

    pub(crate) fn readlink(
        &mut self,
        dir: u32,
        path: impl AsRef<[u8]>,
        len: u32,
    ) -> Result<Vec<u8>, Errno> {
        let (ptr, path_len) = self.path(0, path.as_ref());
        self.with(|ctx, mem| ctx.path_readlink(mem, dir, ptr, path_len, DATA, len, OUT))?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub(crate) fn rename(
        &mut self,
        (old_dir, old): (u32, impl AsRef<[u8]>),
        (new_dir, new): (u32, impl AsRef<[u8]>),
    ) -> Result<(), Errno> {
        let (old, old_len) = self.path(0, old.as_ref());
        let (new, new_len) = self.path(1, new.as_ref());
        self.with(|ctx, mem| ctx.path_rename(mem, old_dir, old, old_len, new_dir, new, new_len))
    }

    pub(crate) fn link(
        &mut self,
        (old_dir, old): (u32, impl AsRef<[u8]>),
        lookup: u32,
        (new_dir, new): (u32, impl AsRef<[u8]>),
    ) -> Result<(), Errno> {
        let (old, old_len) = self.path(0, old.as_ref());
        let (new, new_len) = self.path(1, new.as_ref());
        self.with(|ctx, mem| {
            ctx.path_link(mem, old_dir, lookup, old, old_len, new_dir, new, new_len)
        })
    }

    /// The raw bytes `fd_readdir` returns.
    pub(crate) fn readdir(&mut self, fd: u32, len: u32, cookie: u64) -> Result<Vec<u8>, Errno> {
        self.with(|ctx, mem| ctx.fd_readdir(mem, fd, DATA, len, cookie, OUT))?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub(crate) fn poll(&mut self, subscriptions: &[[u8; 48]]) -> Result<Vec<[u8; 32]>, Errno> {
        self.put(LIST, subscriptions.as_flattened());
        let count = subscriptions.len() as u32;
        self.with(|ctx, mem| ctx.poll_oneoff(mem, LIST, DATA, count, OUT))?;
        let events = self.bytes(DATA, self.u32(OUT) * 32);
        Ok(events.as_chunks().0.to_vec())
    }

    pub(crate) fn now(&mut self, clock: u32) -> Result<u64, Errno> {
        self.with(|ctx, mem| ctx.clock_time_get(mem, clock, 0, OUT))?;
        Ok(self.u64(OUT))
    }

    pub(crate) fn random(&mut self, len: u32) -> Result<Vec<u8>, Errno> {
        self.with(|ctx, mem| ctx.random_get(mem, DATA, len))?;
        Ok(self.bytes(DATA, len).to_vec())
    }

    pub(crate) fn accept(&mut self, fd: u32, fdflags: u32) -> Result<u32, Errno> {
        self.with(|ctx, mem| ctx.sock_accept(mem, fd, fdflags, OUT))?;
        Ok(self.u32(OUT))
    }

    /// Received bytes and `roflags`.
    pub(crate) fn recv(
        &mut self,
        fd: u32,
        len: usize,
        flags: u32,
    ) -> Result<(Vec<u8>, u16), Errno> {
        let (iovs, count) = self.iovec(len);
        self.with(|ctx, mem| ctx.sock_recv(mem, fd, iovs, count, flags, OUT, OUT + 4))?;
        Ok((self.bytes(DATA, self.u32(OUT)).to_vec(), self.u16(OUT + 4)))
    }

    pub(crate) fn send(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        self.put(DATA, bytes);
        let (iovs, count) = self.iovec(bytes.len());
        self.with(|ctx, mem| ctx.sock_send(mem, fd, iovs, count, 0, OUT))?;
        Ok(self.u32(OUT))
    }
}
