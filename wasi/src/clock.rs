//! `clock_*`, and the clocks behind them.

use crate::types::nanoseconds;
use crate::{Errno, GuestMemory, WasiCtx};
use rustix::time::{ClockId as HostClock, Timespec, clock_getres, clock_gettime};

/// The clocks of preview 1, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ClockId {
    /// Wall-clock time since 1970-01-01 00:00 UTC; can jump.
    Realtime = 0,
    /// Time since an arbitrary point; never goes back.
    Monotonic = 1,
    /// CPU time of the process that hosts the guest.
    ProcessCpuTime = 2,
    /// CPU time of the thread that runs the guest.
    ThreadCpuTime = 3,
}

impl TryFrom<u32> for ClockId {
    type Error = Errno;

    /// # Errors
    /// [`Errno::Inval`] for a number that is no clock.
    fn try_from(id: u32) -> Result<Self, Errno> {
        match id {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 => Ok(Self::ProcessCpuTime),
            3 => Ok(Self::ThreadCpuTime),
            _ => Err(Errno::Inval),
        }
    }
}

/// A source of time. All values are nanoseconds.
///
/// ```
/// use wasm_aot_wasi::{ClockId, Clocks, Errno, WasiCtx};
///
/// /// It is always the same moment, and nothing else is known of time.
/// struct Noon;
///
/// impl Clocks for Noon {
///     fn now(&mut self, clock: ClockId) -> Result<u64, Errno> {
///         match clock {
///             ClockId::Realtime => Ok(12 * 3600 * 1_000_000_000),
///             _ => Err(Errno::Inval),
///         }
///     }
///
///     fn resolution(&mut self, _: ClockId) -> Result<u64, Errno> {
///         Ok(1)
///     }
/// }
///
/// let ctx = WasiCtx::builder().clocks(Noon).build()?;
/// # Ok::<(), wasm_aot_wasi::BuildError>(())
/// ```
pub trait Clocks: Send {
    /// What the clock shows now.
    ///
    /// # Errors
    /// Whatever the guest is to see if there is no such clock.
    fn now(&mut self, clock: ClockId) -> Result<u64, Errno>;

    /// The smallest step the clock makes; not 0.
    ///
    /// # Errors
    /// Whatever the guest is to see if there is no such clock.
    fn resolution(&mut self, clock: ClockId) -> Result<u64, Errno>;

    /// Called when the guest has nothing to do for `ns` nanoseconds. Time
    /// that is not the system's moves ahead by that much and returns true;
    /// the guest then goes on at once. If this returns false, as it does
    /// unless implemented, the thread really sleeps.
    fn skip(&mut self, ns: u64) -> bool {
        let _ = ns;
        false
    }
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClocks;

impl Clocks for SystemClocks {
    fn now(&mut self, clock: ClockId) -> Result<u64, Errno> {
        Ok(from_host(clock_gettime(host_clock(clock))))
    }

    fn resolution(&mut self, clock: ClockId) -> Result<u64, Errno> {
        Ok(from_host(clock_getres(host_clock(clock))))
    }
}

/// Clocks that only move when they are looked at or slept on, for runs that
/// repeat exactly: every look is one `step` later than the one before, and a
/// sleep takes no time but moves the clocks by its length.
///
/// ```
/// use wasm_aot_wasi::{ClockId, Clocks, VirtualClocks};
///
/// let mut clocks = VirtualClocks::new(1_000, 1);
/// let first = clocks.now(ClockId::Realtime)?;
/// assert!(clocks.skip(500)); // the guest sleeps
/// assert!(clocks.now(ClockId::Realtime)? >= first + 500);
/// # Ok::<(), wasm_aot_wasi::Errno>(())
/// ```
#[derive(Clone, Debug)]
pub struct VirtualClocks {
    realtime_start: u64,
    elapsed: u64,
    step: u64,
}

impl VirtualClocks {
    /// Clocks at `realtime_start` nanoseconds after 1970, the others at 0.
    #[must_use]
    pub fn new(realtime_start: u64, step: u64) -> Self {
        Self {
            realtime_start,
            elapsed: 0,
            step,
        }
    }
}

impl Clocks for VirtualClocks {
    fn now(&mut self, clock: ClockId) -> Result<u64, Errno> {
        let start = if clock == ClockId::Realtime {
            self.realtime_start
        } else {
            0
        };
        let now = start.saturating_add(self.elapsed);
        self.elapsed = self.elapsed.saturating_add(self.step);
        Ok(now)
    }

    fn resolution(&mut self, _clock: ClockId) -> Result<u64, Errno> {
        Ok(self.step.max(1))
    }

    fn skip(&mut self, ns: u64) -> bool {
        self.elapsed = self.elapsed.saturating_add(ns);
        true
    }
}

fn host_clock(clock: ClockId) -> HostClock {
    match clock {
        ClockId::Realtime => HostClock::Realtime,
        ClockId::Monotonic => HostClock::Monotonic,
        ClockId::ProcessCpuTime => HostClock::ProcessCPUTime,
        ClockId::ThreadCpuTime => HostClock::ThreadCPUTime,
    }
}

fn from_host(time: Timespec) -> u64 {
    nanoseconds(time.tv_sec, u64::try_from(time.tv_nsec).unwrap_or(0))
}

impl WasiCtx {
    /// Writes a clock's resolution.
    ///
    /// # Errors
    /// [`Errno::Inval`] if there is no such clock, [`Errno::Fault`]
    pub fn clock_res_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        id: u32,
        resolution: u32,
    ) -> Result<(), Errno> {
        let value = self.clocks.resolution(id.try_into()?)?;
        mem.write_u64(resolution, value)
    }

    /// Writes a clock's time. Clocks are read exactly, so the precision the
    /// guest would be content with changes nothing.
    ///
    /// # Errors
    /// [`Errno::Inval`] if there is no such clock, [`Errno::Fault`]
    pub fn clock_time_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        id: u32,
        _precision: u64,
        time: u32,
    ) -> Result<(), Errno> {
        let now = self.clocks.now(id.try_into()?)?;
        mem.write_u64(time, now)
    }
}
