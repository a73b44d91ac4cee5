//! `args_*` and `environ_*`.

use crate::{Errno, GuestMemory, WasiCtx};

/// A list of NUL-terminated strings, laid out once as the guest asks for it
/// each time.
pub(crate) struct Strings {
    /// All of them, each with its terminator.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Strings {
    /// `None` if they do not fit into 32-bit addresses.
    pub(crate) fn new(strings: impl IntoIterator<Item = Vec<u8>>) -> Option<Self> {
        let mut this = Self {
            bytes: Vec::new(),
            starts: Vec::new(),
        };
        for string in strings {
            this.starts.push(u32::try_from(this.bytes.len()).ok()?);
            this.bytes.extend_from_slice(&string);
            this.bytes.push(0);
        }
        u32::try_from(this.bytes.len()).ok()?;
        Some(this)
    }

    fn write(&self, mem: &mut GuestMemory<'_>, pointers: u32, buffer: u32) -> Result<(), Errno> {
        let list_size = u32::try_from(self.starts.len() * 4).map_err(|_| Errno::Fault)?;
        mem.check(pointers, list_size)?;
        mem.write(buffer, &self.bytes)?;
        for (start, pointer) in self.starts.iter().zip((pointers..).step_by(4)) {
            mem.write_u32(pointer, buffer + start)?;
        }
        Ok(())
    }

    fn write_sizes(&self, mem: &mut GuestMemory<'_>, count: u32, size: u32) -> Result<(), Errno> {
        // Both fit: `new` saw to it that the total size does.
        let [strings, bytes] = [self.starts.len(), self.bytes.len()].map(|n| n as u32);
        mem.check(size, 4)?;
        mem.write_u32(count, strings)?;
        mem.write_u32(size, bytes)
    }
}

impl WasiCtx {
    /// Writes the arguments to `argv_buf`, and a pointer to each to `argv`.
    ///
    /// # Errors
    /// [`Errno::Fault`]
    pub fn args_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        argv: u32,
        argv_buf: u32,
    ) -> Result<(), Errno> {
        self.args.write(mem, argv, argv_buf)
    }

    /// Writes the number of arguments, and their size with terminators.
    ///
    /// # Errors
    /// [`Errno::Fault`]
    pub fn args_sizes_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        argc: u32,
        argv_buf_size: u32,
    ) -> Result<(), Errno> {
        self.args.write_sizes(mem, argc, argv_buf_size)
    }

    /// Writes the variables as `NAME=value` to `environ_buf`, and a pointer
    /// to each to `environ`.
    ///
    /// # Errors
    /// [`Errno::Fault`]
    pub fn environ_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        environ: u32,
        environ_buf: u32,
    ) -> Result<(), Errno> {
        self.env.write(mem, environ, environ_buf)
    }

    /// Writes the number of variables, and their size with terminators.
    ///
    /// # Errors
    /// [`Errno::Fault`]
    pub fn environ_sizes_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        count: u32,
        environ_buf_size: u32,
    ) -> Result<(), Errno> {
        self.env.write_sizes(mem, count, environ_buf_size)
    }
}
