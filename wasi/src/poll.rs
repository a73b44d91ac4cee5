//! `poll_oneoff`: waiting for clocks and descriptors.

use crate::descriptor::Descriptor;
use crate::types::{Event, Interest, Subscription};
use crate::wait::{Transfer, Waiting};
use crate::{ClockId, Clocks, Errno, GuestMemory, WasiCtx};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;

/// Subscriptions in one call. More than a guest can have descriptors, by far;
/// it keeps a call from making the host allocate as much as the guest has.
const MAX_SUBSCRIPTIONS: u32 = 1 << 16;

impl WasiCtx {
    /// Waits until at least one of the subscriptions has an event, writes all
    /// that are there, in the order of their subscriptions, and how many.
    ///
    /// A descriptor that cannot be waited for is an event with an error.
    ///
    /// # Errors
    /// [`Errno::Inval`] for no subscription or a malformed one,
    /// [`Errno::Nomem`] for more than 65,536, [`Errno::Fault`]
    pub fn poll_oneoff(
        &mut self,
        mem: &mut GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        nevents: u32,
    ) -> Result<(), Errno> {
        if count == 0 {
            return Err(Errno::Inval);
        }
        if count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Nomem);
        }
        mem.check(nevents, 4)?;
        mem.check(events, count * Event::SIZE)?;
        // The two arrays may overlap, so read all before anything is written.
        mem.check(subscriptions, count * Subscription::SIZE)?;
        let subscriptions: Vec<_> = (0..count)
            .map(|i| Subscription::decode(&mem.read(subscriptions + i * Subscription::SIZE)?))
            .collect::<Result<_, _>>()?;

        let occurred = self.wait(&subscriptions)?;
        // At most as many as subscriptions.
        mem.write_u32(nevents, occurred.len() as u32)?;
        for (event, slot) in occurred
            .iter()
            .zip((events..).step_by(Event::SIZE as usize))
        {
            mem.write(slot, &event.encode())?;
        }
        Ok(())
    }

    fn wait(&mut self, subscriptions: &[Subscription]) -> Result<Vec<Event>, Errno> {
        let clocks = &mut *self.clocks;
        let mut waits = Vec::with_capacity(subscriptions.len());
        let mut fds = Vec::new();
        for subscription in subscriptions {
            waits.push(match subscription.to {
                Interest::Clock {
                    id,
                    timeout,
                    absolute,
                } => match deadline(clocks, &mut self.waiting, id, timeout, absolute) {
                    Ok((clock, at)) => Wait::Until(clock, at),
                    Err(error) => Wait::Settled(Err(error)),
                },
                Interest::Read { fd } => readiness(self.table.get(fd), PollFlags::IN, &mut fds),
                Interest::Write { fd } => readiness(self.table.get(fd), PollFlags::OUT, &mut fds),
            });
        }

        // A look at the descriptors first, so that a guest that polls with a
        // timeout of 0, or in virtual time, sees what is there now.
        let settled = waits.iter().any(|wait| matches!(wait, Wait::Settled(_)));
        let mut left = if settled {
            Some(0)
        } else {
            time_left(clocks, &waits)?
        };
        let polled = fds.iter();
        let polled = polled.map(|&(fd, flags)| PollFd::from_borrowed_fd(fd, flags));
        let mut polled: Vec<_> = polled.collect();
        let mut ready = host_poll(&mut polled, Some(0))?;
        while !ready && left != Some(0) {
            let skipped = left.is_some_and(|ns| clocks.skip(ns));
            if !skipped {
                ready = self.waiting.for_any(&fds, &mut polled, left)?;
            }
            left = time_left(clocks, &waits)?;
        }

        let mut events = Vec::new();
        for (subscription, wait) in subscriptions.iter().zip(&waits) {
            let mut event = Event {
                userdata: subscription.userdata,
                error: None,
                tag: subscription.to.tag(),
                nbytes: 0,
                hangup: false,
            };
            match *wait {
                Wait::Settled(Ok(())) => event.nbytes = 1,
                Wait::Settled(Err(error)) => event.error = Some(error),
                Wait::Until(clock, at) if clocks.now(clock)? >= at => {}
                Wait::Until(..) => continue,
                Wait::Host { index, ref regular } => {
                    let found = polled[index].revents();
                    if found.is_empty() {
                        continue;
                    }
                    if found.contains(PollFlags::NVAL) {
                        event.error = Some(Errno::Badf);
                    } else if let Interest::Read { .. } = subscription.to {
                        event.nbytes = match regular {
                            Some(fd) => left_in_file(*fd),
                            None => rustix::io::ioctl_fionread(fds[index].0).unwrap_or(1),
                        };
                        let ended = regular.is_some() || found.intersects(PollFlags::HUP);
                        event.hangup = ended && event.nbytes == 0;
                    } else {
                        event.nbytes = 1;
                        event.hangup = found.intersects(PollFlags::HUP | PollFlags::ERR);
                    }
                }
            }
            events.push(event);
        }
        Ok(events)
    }
}

/// What one subscription comes down to.
enum Wait<'fd> {
    /// Nothing to wait for.
    Settled(Result<(), Errno>),
    /// This clock showing this time.
    Until(ClockId, u64),
    /// The host's descriptor of this index; for a regular file, of which the
    /// host does not say how much is left, that file.
    Host {
        index: usize,
        regular: Option<BorrowedFd<'fd>>,
    },
}

/// When a clock subscription ends. One for longer than the clock can show
/// never ends.
fn deadline(
    clocks: &mut dyn Clocks,
    waiting: &mut Waiting,
    id: u32,
    timeout: u64,
    absolute: bool,
) -> Result<(ClockId, u64), Errno> {
    let clock = match ClockId::try_from(id)? {
        clock @ (ClockId::Realtime | ClockId::Monotonic) => clock,
        // They stand still while the guest waits.
        ClockId::ProcessCpuTime | ClockId::ThreadCpuTime => return Err(Errno::Notsup),
    };
    if absolute {
        return Ok((clock, timeout));
    }
    // A relative timeout is not to be changed by setting the wall clock.
    let now = waiting.since(clocks.now(ClockId::Monotonic)?);
    Ok((ClockId::Monotonic, now.saturating_add(timeout)))
}

fn readiness<'t>(
    descriptor: Result<&'t Descriptor, Errno>,
    flags: PollFlags,
    fds: &mut Vec<Transfer<'t>>,
) -> Wait<'t> {
    match descriptor {
        Ok(Descriptor::File(file)) => {
            let fd = if flags == PollFlags::IN {
                file.readable()
            } else {
                file.writeable()
            };
            match fd {
                Ok(fd) => {
                    fds.push((fd, flags));
                    let regular = file.is_regular().then_some(fd);
                    Wait::Host {
                        index: fds.len() - 1,
                        regular,
                    }
                }
                Err(error) => Wait::Settled(Err(error)),
            }
        }
        // How a host's reader or writer will behave cannot be known.
        Ok(Descriptor::Input(_)) if flags == PollFlags::IN => Wait::Settled(Ok(())),
        Ok(Descriptor::Output(_)) if flags == PollFlags::OUT => Wait::Settled(Ok(())),
        Ok(_) => Wait::Settled(Err(Errno::Badf)),
        Err(error) => Wait::Settled(Err(error)),
    }
}

/// Nanoseconds until the first deadline; `None` if there is none.
fn time_left(clocks: &mut dyn Clocks, waits: &[Wait<'_>]) -> Result<Option<u64>, Errno> {
    let mut least: Option<u64> = None;
    for wait in waits {
        if let Wait::Until(clock, at) = *wait {
            let left = at.saturating_sub(clocks.now(clock)?);
            least = Some(least.map_or(left, |least| least.min(left)));
        }
    }
    Ok(least)
}

/// Polls for up to `timeout` nanoseconds, and returns whether a descriptor is
/// ready. Also returns early if a signal arrives.
pub(crate) fn host_poll(fds: &mut [PollFd<'_>], timeout: Option<u64>) -> Result<bool, Errno> {
    if fds.is_empty() && timeout == Some(0) {
        return Ok(false);
    }
    let timeout = timeout.map(|ns| Timespec {
        // Both fit: 2^64 ns are 585 years.
        tv_sec: (ns / 1_000_000_000) as i64,
        tv_nsec: (ns % 1_000_000_000) as _,
    });
    match poll(fds, timeout.as_ref()) {
        Ok(ready) => Ok(ready != 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a transfer would not block now.
pub(crate) fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags) -> Result<bool, Errno> {
    host_poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(0))
}

/// How much of a regular file lies after its position.
fn left_in_file(fd: BorrowedFd<'_>) -> u64 {
    let size = rustix::fs::fstat(fd).map_or(0, |stat| stat.st_size);
    let position = rustix::fs::tell(fd).unwrap_or(0);
    u64::try_from(size).unwrap_or(0).saturating_sub(position)
}
