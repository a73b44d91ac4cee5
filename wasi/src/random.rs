//! `random_get`, and the randomness behind it.

use crate::{Errno, GuestMemory, WasiCtx};
use rustix::rand::{GetRandomFlags, getrandom};

/// A source of random bytes.
///
/// ```
/// use wasm_aot_wasi::{Errno, Random, WasiCtx};
///
/// struct Dice;
///
/// impl Random for Dice {
///     fn fill(&mut self, buf: &mut [u8]) -> Result<(), Errno> {
///         buf.fill(4); // chosen by a fair roll
///         Ok(())
///     }
/// }
///
/// let ctx = WasiCtx::builder().random(Dice).build()?;
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
pub trait Random: Send {
    /// Fills all of `buf`.
    ///
    /// # Errors
    /// Whatever the guest is to see if there is no randomness.
    fn fill(&mut self, buf: &mut [u8]) -> Result<(), Errno>;
}

/// The system's cryptographic randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, mut buf: &mut [u8]) -> Result<(), Errno> {
        while !buf.is_empty() {
            match getrandom(&mut *buf, GetRandomFlags::empty()) {
                Ok(filled) => buf = &mut buf[filled..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The same bytes for the same seed, for runs that repeat exactly. Anyone who
/// sees some of them can compute the others: never give this to a guest that
/// makes keys.
///
/// ```
/// use wasm_aot_wasi::{Random, SeededRandom};
///
/// let (mut one, mut other) = ([0; 8], [0; 8]);
/// SeededRandom::new(42).fill(&mut one)?;
/// SeededRandom::new(42).fill(&mut other)?;
/// assert_eq!(one, other);
/// # Ok::<(), wasm_aot_wasi::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: u64,
}

impl SeededRandom {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64: a Weyl sequence through a 64-bit finaliser.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, buf: &mut [u8]) -> Result<(), Errno> {
        for chunk in buf.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl WasiCtx {
    /// Fills a buffer with random bytes.
    ///
    /// # Errors
    /// [`Errno::Fault`]
    pub fn random_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        buf: u32,
        buf_len: u32,
    ) -> Result<(), Errno> {
        const AT_ONCE: u32 = 1 << 20;
        mem.check(buf, buf_len)?;
        for at in (0..buf_len).step_by(AT_ONCE as usize) {
            let random = &mut self.random;
            mem.fill(buf + at, AT_ONCE.min(buf_len - at), |bytes| {
                random.fill(bytes)?;
                Ok(bytes.len())
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeded_sequence_is_splitmix64() {
        // The published first outputs for seed 1234567.
        let mut random = SeededRandom::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
