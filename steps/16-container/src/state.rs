//! In which state a container is, as the kernel tells it.

use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use process::{Call, Error, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::Serialize;

use crate::group;
use crate::life::{Sight, boot, start_of};
use crate::store::Entry;

/// The name of a file, which is there as long as a container may be paused.
pub(crate) const PAUSED: &str = "paused";

/// The names are docker's, but for the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its first process waits at the gate.
    Created,
    /// It was let go.
    Running,
    /// It stands still.
    Paused,
    /// It has ended in order, and its exit code is known.
    Exited,
    /// Nobody was there to see how it ended: its owner was killed, or the
    /// machine.
    Lost,
}

impl Entry {
    /// The state at this moment.
    pub fn state(&self) -> Result<State> {
        self.witness.look().map(|seen| self.state_as(&seen))
    }

    /// The state, as it was seen.
    pub(crate) fn state_as(&self, seen: &Sight) -> State {
        let is_started = seen.started().is_some();
        match (seen.code(), seen.owner) {
            (Some(_), _) => State::Exited,
            (None, None) => State::Lost,
            (None, Some(_)) if !is_started => State::Created,
            (None, Some(_)) if self.is_paused() => State::Paused,
            (None, Some(_)) => State::Running,
        }
    }

    /// The kernel says it. But that takes as long as all else that `ps` does,
    /// so only those are asked for that somebody has paused.
    fn is_paused(&self) -> bool {
        self.path.join(PAUSED).exists() && group::is_frozen(&self.record.groups)
    }

    /// What may have become of a container that was lost.
    pub(crate) fn why_lost(&self) -> Result<&'static str> {
        Ok(match boot()? == self.record.boot {
            true => "its owner was killed",
            false => "the machine was restarted",
        })
    }

    /// The same, if it has become its command. Until then it is a process of
    /// ours, among the host's files: nobody has business in there.
    pub fn command(&self) -> Result<OwnedFd> {
        let process = self.process()?;
        match self.state()? {
            State::Created => {
                let name = &self.record.name;
                Err(Error::new(format_args!(
                    "the container {name} is not started"
                ))
                .with_hint(format_args!("`start {name}` does it")))
            }
            _ => Ok(process),
        }
    }

    /// Its first process, by its pidfd. Fails, if it doesn't live.
    pub fn process(&self) -> Result<OwnedFd> {
        let gone = || {
            let name = &self.record.name;
            Error::new(format_args!("the container {name} is not running"))
                .with_hint("`ps -a` says what became of it")
        };
        let process = open(self.record.pid)?.ok_or_else(gone)?;
        // Whoever has the number now: is it still the same?
        let is_it = start_of(self.record.pid)? == Some(self.record.start);
        let is_owned = self.witness.look()?.owner.is_some();
        match is_it && is_owned {
            true => Ok(process),
            false => Err(gone()),
        }
    }

    /// Waits until nobody owns it any more: then its exit code is written
    /// down, and all that was made for it is gone. Nothing, if it takes longer
    /// than so many milliseconds.
    pub fn wait(&self, timeout: Option<u32>) -> Result<Option<u8>> {
        let seen = self.witness.look()?;
        if let Some(owner) = seen.owner.map(open).transpose()?.flatten() {
            let mut events = [PollFd::new(owner.as_fd(), PollFlags::POLLIN)];
            let timeout = match timeout {
                None => PollTimeout::NONE,
                Some(millis) => {
                    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
                }
            };
            if poll(&mut events, timeout).call("poll(owner)")? == 0 {
                return Ok(None);
            }
        }
        let seen = self.witness.look()?;
        // What happened to a container that was lost was a SIGKILL.
        Ok(Some(seen.code().unwrap_or(128 + libc::SIGKILL as u8)))
    }
}

/// Nothing, if there is no such process.
fn open(pid: i32) -> Result<Option<OwnedFd>> {
    let Some(number) = Pid::from_raw(pid) else { return Ok(None) };
    match pidfd_open(number, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => Ok(None),
        fd => fd
            .map_err(std::io::Error::from)
            .call(format_args!("pidfd_open({pid})"))
            .map(Some),
    }
}
