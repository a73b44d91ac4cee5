//! Where the bytes go: sinks that hash what they get.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use object::write::WritableBuffer;
use sha2::{Digest, Sha256};

use super::Error;

/// The length of a build id. Tools allow others, but size their buffers for
/// this one.
pub(crate) const BUILD_ID_LEN: usize = 20;

const ZEROS: [u8; 0x1000] = [0; 0x1000];

/// The hash of a file that is not kept.
#[derive(Default)]
pub(crate) struct Hash {
    len: usize,
    hash: Sha256,
}

impl Hash {
    /// What was written, as a build id.
    pub(crate) fn build_id(self) -> [u8; BUILD_ID_LEN] {
        let hash = self.hash.finalize();
        *hash.first_chunk().expect("the hash is longer")
    }
}

impl WritableBuffer for Hash {
    fn len(&self) -> usize {
        self.len
    }

    fn reserve(&mut self, _size: usize) -> Result<(), ()> {
        Ok(())
    }

    fn resize(&mut self, new_len: usize) {
        while self.len < new_len {
            self.write_bytes(&ZEROS[..ZEROS.len().min(new_len - self.len)]);
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.len += bytes.len();
    }
}

/// A stream of bytes to `W`. [`WritableBuffer`] has no way to report an error;
/// the first one is kept for [`Output::finish`], and nothing is written after
/// it.
pub(crate) struct Output<W: Write + Seek> {
    out: BufWriter<W>,
    /// The position in `out` of the first byte of the file.
    start: u64,
    hash: Hash,
    result: io::Result<()>,
}

impl<W: Write + Seek> Output<W> {
    /// Starts a file at the current position of `out`.
    pub(crate) fn new(mut out: W) -> Result<Self, Error> {
        Ok(Output {
            start: out.stream_position()?,
            out: BufWriter::with_capacity(0x1_0000, out),
            hash: Hash::default(),
            result: Ok(()),
        })
    }

    /// Stores the hash of all that was written at `digest_offset`, where zeros have
    /// been written so far; nothing if the file has no digest.
    pub(crate) fn finish(self, digest_offset: Option<u64>) -> Result<(), Error> {
        let Output {
            mut out,
            start,
            hash,
            result,
        } = self;
        result?;
        if let Some(offset) = digest_offset {
            out.seek(SeekFrom::Start(start + offset))?;
            out.write_all(&hash.hash.finalize())?;
            out.seek(SeekFrom::Start(start + hash.len as u64))?;
        }
        Ok(out.flush()?)
    }
}

impl<W: Write + Seek> WritableBuffer for Output<W> {
    fn len(&self) -> usize {
        self.hash.len
    }

    fn reserve(&mut self, _size: usize) -> Result<(), ()> {
        Ok(())
    }

    fn resize(&mut self, new_len: usize) {
        while self.hash.len < new_len {
            self.write_bytes(&ZEROS[..ZEROS.len().min(new_len - self.hash.len)]);
        }
    }

    fn write_bytes(&mut self, bytes: &[u8]) {
        self.hash.write_bytes(bytes);
        if self.result.is_ok() {
            self.result = self.out.write_all(bytes);
        }
    }
}
