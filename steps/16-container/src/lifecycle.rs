//! What can be done to a container that is there, from any process: `start`,
//! `kill`, `stop`, `wait`, `rm`, `pause`, `unpause`.

use std::fs::File;
use std::os::fd::AsFd;

use process::{Call, Error, Result};

use crate::group::{is_frozen, set_frozen};
use crate::state::{PAUSED, State};
use crate::store::{Entry, Store, remove_file};
use crate::{door, life, signal};

/// Has its owner let it go. It has become its command when this returns.
pub fn start(entry: &Entry) -> Result<()> {
    let _lock = entry.lock()?;
    let name = &entry.record.name;
    if !matches!(entry.state()?, State::Created | State::Lost) {
        return Err(Error::new(format_args!(
            "the container {name} was started before"
        ))
        .with_hint("each is started once: `run` makes another one"));
    }
    entry.process()?;
    door::knock(&entry.path)?;
    if entry.witness.look()?.started().is_some() {
        return Ok(());
    }
    let code = entry.wait(None)?.unwrap_or_default();
    let hint = match entry.record.remove {
        false => format!("`logs {name}` says why"),
        true => "without --rm it would have a log, which says why".into(),
    };
    Err(Error::new(format_args!("the container {name} can't be started"))
        .with_hint(hint)
        .with_exit_code(code))
}

/// Sends a signal to its first process.
pub fn kill(entry: &Entry, number: i32) -> Result<()> {
    signal::send(entry.process()?.as_fd(), number)
}

/// Asks it to end, and makes it end if it hasn't after so many seconds.
pub fn stop(entry: &Entry, seconds: u32) -> Result<()> {
    let process = match entry.process() {
        Ok(process) => process,
        Err(_) if is_over(entry)? => return Ok(()),
        Err(error) => return Err(error),
    };
    thaw(entry)?; // Who stands still hears nothing.
    // Nor does who waits at the gate.
    let seconds = if entry.command().is_ok() { seconds } else { 0 };
    signal::send(process.as_fd(), libc::SIGTERM)?;
    if entry.wait(Some(seconds.saturating_mul(1000)))?.is_none() {
        signal::send(process.as_fd(), libc::SIGKILL)?;
        entry.wait(None)?;
    }
    Ok(())
}

fn is_over(entry: &Entry) -> Result<bool> {
    Ok(matches!(entry.state()?, State::Exited | State::Lost))
}

/// Forgets a container that does not run. With `force` it may.
pub fn delete(store: &Store, entry: &Entry, force: bool) -> Result<()> {
    let _lock = match entry.lock() {
        Err(error) if life::is_gone(&error) => return Ok(()),
        lock => lock?,
    };
    if entry.witness.look()?.owner.is_some() {
        let name = &entry.record.name;
        let state = entry.state()?;
        if !force && matches!(state, State::Running | State::Paused) {
            return Err(Error::new(format_args!(
                "the container {name} is running"
            ))
            .with_hint(format_args!("stop it first, or `rm -f {name}`")));
        }
        if let Ok(process) = entry.process() {
            thaw(entry)?;
            signal::send(process.as_fd(), libc::SIGKILL)?;
        }
        entry.wait(None)?;
    }
    store.forget(&entry.path, &entry.record.name)
}

/// Has all its processes stand still, or go on.
pub fn pause(entry: &Entry, is: bool) -> Result<()> {
    let _lock = entry.lock()?;
    entry.command()?;
    let mark = entry.path.join(PAUSED);
    if is {
        File::create(&mark).call(format_args!("open({mark:?}, O_CREAT)"))?;
    }
    set_frozen(&entry.record.groups, is)?;
    match is {
        true => Ok(()),
        false => remove_file(&mark),
    }
}

/// Whoever has frozen it.
fn thaw(entry: &Entry) -> Result<()> {
    match is_frozen(&entry.record.groups) {
        true => set_frozen(&entry.record.groups, false),
        false => Ok(()),
    }
}
