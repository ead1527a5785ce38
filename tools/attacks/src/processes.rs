//! Attacks on other processes, by their numbers: pid_namespaces(7).

use std::fs;
use std::io::IoSliceMut;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, getsid};
use process::{Call, Error, Result};

use crate::outcome::{Finding, Outcome};
use crate::proc::Proc;
use crate::spec::{SECRET_LENGTH, Spec};

/// Learns that a process of the host exists: proc(5), getsid(2).
///
/// Not to be seen is more than not to be signalled: the list of processes
/// tells what a host runs, and command lines hold passwords.
pub(crate) fn list(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    // A proc file system shows the processes of the namespace that it was
    // mounted for, so what it lists may not be what kill(2) reaches.
    if let Ok(proc) = Proc::find_or_mount(canary)
        && let Some(path) = find_name(proc.path(), &id)?
    {
        return Ok((Outcome::Escaped, format!("{path:?} is {id:?}")));
    }
    let pid = find_process(canary)?;
    Ok((Outcome::Escaped, format!("getsid({pid}) is {pid}: it exists")))
}

/// The file that holds this name of a process: proc_pid_comm(5).
fn find_name(proc: &Path, name: &str) -> Result<Option<PathBuf>> {
    let entries =
        fs::read_dir(proc).call(format_args!("getdents({proc:?})"))?;
    // What can't be read belongs to no process, or to one that has ended.
    let mut names = entries.flatten().map(|entry| entry.path().join("comm"));
    Ok(names.find(|path| {
        fs::read_to_string(path).is_ok_and(|found| found.trim_end() == name)
    }))
}

/// Sends SIGUSR1 to a process of the host: kill(2).
///
/// The kernel asks for the same user, or CAP_KILL, and not whose container
/// the process is in. Whether it arrived, the witness says.
pub(crate) fn signal(canary: &Spec) -> Result<Finding> {
    let pid = find_process(canary)?;
    kill(pid, Signal::SIGUSR1).call(format_args!("kill({pid}, SIGUSR1)"))?;
    Ok((Outcome::Attempted, format!("kill({pid}, SIGUSR1) was granted")))
}

/// Reads the memory of a process of the host: process_vm_readv(2), ptrace(2).
///
/// The canary allows everybody of its own user to do so, as processes do
/// unless they ask for more; with CAP_SYS_PTRACE the user does not matter.
/// What is read here could as well be written, and the process made to do
/// anything.
pub(crate) fn ptrace(canary: &Spec) -> Result<Finding> {
    let pid = find_process(canary)?;
    let address: usize = canary.get("address")?;
    let mut bytes = [0; SECRET_LENGTH];
    let there = [RemoteIoVec { base: address, len: SECRET_LENGTH }];
    let result =
        process_vm_readv(pid, &mut [IoSliceMut::new(&mut bytes)], &there);
    if result.is_ok() {
        return canary.judge(&bytes, format_args!("memory of {pid}"));
    }
    // The system call may be forbidden, and the older one forgotten.
    let bytes = peek(pid, address)?;
    canary.judge(&bytes, format_args!("memory of {pid}, by ptrace"))
}

/// The same by ptrace(2), a word at a time.
fn peek(pid: Pid, address: usize) -> Result<Vec<u8>> {
    ptrace::seize(pid, ptrace::Options::empty())
        .call(format_args!("ptrace(PTRACE_SEIZE, {pid})"))?;
    ptrace::interrupt(pid)
        .call(format_args!("ptrace(PTRACE_INTERRUPT, {pid})"))?;
    waitpid(pid, None).call(format_args!("waitpid({pid})"))?;
    let word = size_of::<libc::c_long>();
    let words = (0..SECRET_LENGTH / word)
        .map(|index| {
            let address =
                std::ptr::without_provenance_mut(address + index * word);
            ptrace::read(pid, address).map(|value| value.to_ne_bytes())
        })
        .collect::<nix::Result<Vec<_>>>();
    // The process stands still, and must go on whatever was read.
    ptrace::detach(pid, None)
        .call(format_args!("ptrace(PTRACE_DETACH, {pid})"))?;
    Ok(words.call(format_args!("ptrace(PTRACE_PEEKDATA, {pid})"))?.concat())
}

/// The canary process, or an error if there is none of its number.
///
/// The number may be another process's in here, which must not be harmed. The
/// canary leads a session, and a session has its leader's number.
fn find_process(canary: &Spec) -> Result<Pid> {
    let pid = Pid::from_raw(canary.get("pid")?);
    let call = format!("getsid({pid})");
    match getsid(Some(pid)).call(&call)? {
        session if session == pid => Ok(pid),
        _ => Err(Error::of_call(call, Errno::ESRCH)
            .with_hint("there is a process of this number, another one")),
    }
}
