//! A gate, at which the new process waits until all is ready for it.

use nix::sys::eventfd::{EfdFlags, EventFd};
use process::{Call, Result};

/// Closed at first. Both processes have it: eventfd(2) survives fork.
#[derive(Debug)]
pub struct Gate(EventFd);

impl Gate {
    /// A new gate, closed.
    pub fn new() -> Result<Self> {
        EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC)
            .call("eventfd(0, EFD_CLOEXEC)")
            .map(Self)
    }

    /// Outside: lets the process inside go on.
    pub fn open(&self) -> Result<()> {
        self.0.write(1).call("write(eventfd)").map(drop)
    }

    /// Inside: waits until the gate is open.
    ///
    /// Unlike a pipe it does not tell when the other side has ended: call
    /// [`die_with`](crate::die_with) before.
    pub fn wait(&self) -> Result<()> {
        self.0.read().call("read(eventfd)").map(drop)
    }
}
