//! Open files: each stays a way to what it points at, whatever the root
//! directory is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// Without /proc every number below this is tried.
const BOUND: RawFd = 65_536;

/// The first descriptor behind standard input, output and error.
const FIRST: RawFd = 3;

/// What a program inherited beyond the standard streams.
pub(crate) fn files(subject: &Subject) -> Result<Known> {
    describe(subject, |fd| fd >= FIRST)
}

/// Standard input, output and error. One that the caller closed is /dev/null:
/// Rust opens that in its place before `main`.
pub(crate) fn streams(subject: &Subject) -> Result<Known> {
    describe(subject, |fd| fd < FIRST)
}

/// `NUMBER TYPE DEVICE:INODE` of each.
fn describe(subject: &Subject, wanted: fn(RawFd) -> bool) -> Result<Known> {
    let (numbers, bound) = numbers(subject)?;
    let mut found = BTreeMap::new();
    for fd in numbers.into_iter().filter(|fd| wanted(*fd)) {
        if is_inherited(subject, fd)?
            && let Some(identity) = identity(subject, fd)?
        {
            found.insert(fd, format!("{fd} {identity}"));
        }
    }
    let targets: Vec<String> = found
        .keys()
        .filter_map(|fd| {
            let path = subject.proc(&format!("fd/{fd}")).ok()?;
            Some(format!("{fd} -> {}", fs::read_link(path).ok()?.display()))
        })
        .collect();
    let known = Known::set(found.into_values());
    Ok(match bound {
        Some(bound) => known.noted(format_args!("below {bound}, by fcntl(2)")),
        None if targets.is_empty() => known,
        None => known.noted(targets.join(", ")),
    })
}

/// The numbers that may be descriptors, from /proc/PID/fd, or all up to a
/// bound, which is given too.
fn numbers(subject: &Subject) -> Result<(Vec<RawFd>, Option<RawFd>)> {
    let listed = subject.proc("fd").and_then(|path| {
        let entries = fs::read_dir(&path)
            .and_then(|entries| entries.collect::<io::Result<Vec<_>>>());
        entries.call(format_args!("getdents({path:?})"))
    });
    match listed {
        Ok(entries) => {
            let number = |entry: &fs::DirEntry| {
                entry.file_name().to_str().and_then(|name| name.parse().ok())
            };
            Ok((entries.iter().filter_map(number).collect(), None))
        }
        Err(_) if subject.is_self() => Ok(((0..BOUND).collect(), Some(BOUND))),
        Err(error) => Err(error),
    }
}

/// Whether a program inherited it, and would pass it on: no descriptor that
/// closes on execve(2) was inherited, and probe's own all do.
fn is_inherited(subject: &Subject, fd: RawFd) -> Result<bool> {
    if subject.is_self() {
        // SAFETY: F_GETFD reads a flag of whatever the number stands for.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        return Ok(flags != -1 && flags & libc::FD_CLOEXEC == 0);
    }
    // proc_pid_fdinfo(5): the flags of open(2), in octal.
    let text = match subject.read(&format!("fdinfo/{fd}")) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => return Ok(false),
        answer => answer?,
    };
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok())
        .map(|flags| flags & libc::O_CLOEXEC == 0)
        .ok_or_else(|| Error::new(format_args!("fdinfo/{fd} has no flags")))
}

/// What it is, and which. `None` if it was closed meanwhile.
fn identity(subject: &Subject, fd: RawFd) -> Result<Option<String>> {
    let answer = match subject.is_self() {
        true => fstat(fd),
        false => nix::sys::stat::stat(&subject.proc(&format!("fd/{fd}"))?),
    };
    match answer {
        Ok(found) => Ok(Some(format!(
            "{} {}:{}",
            kind(found.st_mode),
            found.st_dev,
            found.st_ino
        ))),
        Err(Errno::EBADF | Errno::ENOENT) => Ok(None),
        Err(errno) => Err(Error::of_call(format!("fstat({fd})"), errno)),
    }
}

/// fstat(2) by number: the descriptor is not ours to own or to borrow.
fn fstat(fd: RawFd) -> nix::Result<libc::stat> {
    let mut found = MaybeUninit::uninit();
    // SAFETY: fstat(2) writes one `struct stat`, for which there is room,
    // and answers EBADF to a number that stands for nothing.
    Errno::result(unsafe { libc::fstat(fd, found.as_mut_ptr()) })?;
    // SAFETY: fstat(2) succeeded, so it filled the structure.
    Ok(unsafe { found.assume_init() })
}

/// The types of inode(7).
fn kind(mode: libc::mode_t) -> &'static str {
    match mode & libc::S_IFMT {
        libc::S_IFREG => "file",
        libc::S_IFDIR => "directory",
        libc::S_IFCHR => "character-device",
        libc::S_IFBLK => "block-device",
        libc::S_IFIFO => "pipe",
        libc::S_IFSOCK => "socket",
        libc::S_IFLNK => "symlink",
        // Such as a pidfd or an eventfd, which have no type.
        _ => "anonymous",
    }
}
