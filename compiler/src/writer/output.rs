//! Where the bytes go: a sink that hashes what it passes on.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use object::write::WritableBuffer;
use sha2::{Digest, Sha256};

use super::Error;

/// The length of a build id. Tools allow others, but size their buffers for
/// this one.
pub(crate) const BUILD_ID_LEN: usize = 20;

/// A stream of bytes to `W`. [`WritableBuffer`] has no way to report an error;
/// the first one is kept for [`Output::finish`], and nothing is written after
/// it.
pub(crate) struct Output<W: Write + Seek> {
    out: BufWriter<W>,
    /// The position in `out` of the first byte of the file.
    start: u64,
    len: usize,
    hash: Sha256,
    result: io::Result<()>,
}

impl<W: Write + Seek> Output<W> {
    /// Starts a file at the current position of `out`.
    pub(crate) fn new(mut out: W) -> Result<Self, Error> {
        Ok(Output {
            start: out.stream_position()?,
            out: BufWriter::with_capacity(0x1_0000, out),
            len: 0,
            hash: Sha256::new(),
            result: Ok(()),
        })
    }

    /// Stores the hash of all that was written at `build_id_offset`, where
    /// zeros have been written so far; nothing if the file has no build id.
    pub(crate) fn finish(self, build_id_offset: Option<u64>) -> Result<(), Error> {
        let Output {
            mut out,
            start,
            len,
            hash,
            result,
        } = self;
        result?;
        if let Some(offset) = build_id_offset {
            out.seek(SeekFrom::Start(start + offset))?;
            out.write_all(&hash.finalize()[..BUILD_ID_LEN])?;
            out.seek(SeekFrom::Start(start + len as u64))?;
        }
        Ok(out.flush()?)
    }
}

impl<W: Write + Seek> WritableBuffer for Output<W> {
    fn len(&self) -> usize {
        self.len
    }

    fn reserve(&mut self, _size: usize) -> Result<(), ()> {
        Ok(())
    }

    fn resize(&mut self, new_len: usize) {
        const ZEROS: [u8; 0x1000] = [0; 0x1000];
        while self.len < new_len {
            self.write_bytes(&ZEROS[..ZEROS.len().min(new_len - self.len)]);
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        if self.result.is_ok() {
            self.hash.update(bytes);
            self.result = self.out.write_all(bytes);
        }
        self.len += bytes.len();
    }
}
