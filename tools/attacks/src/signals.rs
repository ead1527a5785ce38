//! Hold signals back, so that none ends a tool that has to clean up.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use process::{Call, Error, Result};

/// The signals that ask a tool to end, and the one that tells of a child.
const AWAITED: [Signal; 5] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGCHLD,
];

/// Signals arrive only when they are asked for, from `hold` on.
#[derive(Debug)]
pub struct HeldSignals {
    /// What was held back before: what programs started from here are to
    /// have.
    pub(crate) before: SigSet,
    arrived: SignalFd,
}

impl HeldSignals {
    /// Call it before anything is made that must be removed.
    pub fn hold() -> Result<Self> {
        let awaited: SigSet = AWAITED.into_iter().collect();
        let before = awaited
            .thread_swap_mask(SigmaskHow::SIG_BLOCK)
            .call("sigprocmask(SIG_BLOCK)")?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let arrived =
            SignalFd::with_flags(&awaited, flags).call("signalfd()")?;
        Ok(Self { before, arrived })
    }

    /// Waits until a child has ended, `input` can be read, or it is too late.
    /// Gives the number of the signal if one asks the tool to end.
    pub fn wait(
        &self,
        input: Option<BorrowedFd<'_>>,
        until: Option<Instant>,
    ) -> Result<Option<u8>> {
        let mut fds =
            vec![PollFd::new(self.arrived.as_fd(), PollFlags::POLLIN)];
        fds.extend(input.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // A millisecond late and not early: otherwise the last would be
            // spent asking again and again.
            let left = until.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left.as_millis() + 1)
                .unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::of_call("poll()", errno)),
        }
        self.arrived()
    }

    /// The same for what has arrived already, without waiting.
    pub(crate) fn arrived(&self) -> Result<Option<u8>> {
        while let Some(signal) =
            self.arrived.read_signal().call("read(signalfd)")?
        {
            if signal.ssi_signo != Signal::SIGCHLD as u32 {
                return Ok(Some(signal.ssi_signo as u8));
            }
        }
        Ok(None)
    }
}
