//! Attacks on what all share, the machine itself: cgroups(7).
//!
//! Each takes more than its share of one thing, for a moment, and nothing that
//! a machine of today would miss. No namespace is in the way: they hide the
//! neighbours, and these attacks need not see them.

use std::convert::Infallible;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, pause};
use process::{Call, Error, Result};

use crate::devices;
use crate::loop_device::LoopDevice;
use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// A bomb has no end; this one has as many at a time.
const PROCESSES: usize = 100;

/// Bytes. What is asked for is not taken yet: pages are, when they are used.
const MEMORY: usize = 96 << 20;
const PAGE: usize = 4096;

/// Bytes of a disk of memory, which are read at once if nothing is in the way.
const DISK: u64 = 256 << 10;
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts processes until there are too many: fork(2).
///
/// One line of shell, `:(){ :|:& };:`, ends a machine that has no limit: the
/// table of processes is full, and nobody can start kill(1).
pub(crate) fn fork_bomb(canary: &Spec) -> Result<Finding> {
    canary.inside()?;
    let mut crowd = Crowd::default();
    for _ in 0..PROCESSES {
        crowd.add(|| {
            loop {
                pause();
            }
        })?;
    }
    Ok((Outcome::Escaped, format!("{PROCESSES} processes ran at once")))
}

/// Takes memory until there is none: mmap(2).
///
/// When a machine has none left, the kernel kills somebody, and who that is
/// depends on size and not on guilt.
pub(crate) fn memory_hog(canary: &Spec) -> Result<Finding> {
    canary.inside()?;
    let mut crowd = Crowd::default();
    let pid = crowd.add(|| {
        let mut bytes = vec![0_u8; MEMORY];
        bytes.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
        std::hint::black_box(&bytes);
        std::process::exit(0)
    })?;
    let status = crowd.wait(pid)?;
    let megabytes = MEMORY >> 20;
    Ok(match status {
        WaitStatus::Exited(_, 0) => {
            (Outcome::Escaped, format!("took {megabytes} MB"))
        }
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => {
            (Outcome::Contained, format!("killed before it had {megabytes} MB"))
        }
        _ => return Err(Error::new(format_args!("the hog: {status:?}"))),
    })
}

/// Runs on every CPU of the machine: sched_setaffinity(2).
///
/// The scheduler is fair to processes, or to sessions: who starts more of them
/// gets more, and on as many CPUs as there are. This one is there for a moment
/// only, and leaves again.
pub(crate) fn cpu_hog(canary: &Spec) -> Result<Finding> {
    let cpus: usize = canary.get_if_planted("cpus")?;
    let ours = visit_cpus()?;
    let evidence = format!("ran on {ours} of {cpus} CPUs");
    Ok(match ours < cpus {
        true => (Outcome::Contained, evidence),
        false => (Outcome::Escaped, evidence),
    })
}

/// How many CPUs there are to be had, if it is more than one.
pub(crate) fn plant_cpus() -> Result<String> {
    match visit_cpus()? {
        0 | 1 => Err(Error::new("there is one CPU, and it is everybody's")),
        several => Ok(several.to_string()),
    }
}

/// On how many this process can run.
fn visit_cpus() -> Result<usize> {
    let we = Pid::from_raw(0);
    let before = sched_getaffinity(we).call("sched_getaffinity()")?;
    let mut visited = 0;
    for cpu in 0..CpuSet::count() {
        let mut only = CpuSet::new();
        only.set(cpu).call("CPU_SET()")?;
        match sched_setaffinity(we, &only) {
            // There is none of this number, or it is for others.
            Err(Errno::EINVAL) => continue,
            result => result.call("sched_setaffinity()")?,
        }
        // The call returns when the process has moved.
        visited += usize::from(sched_getcpu().call("getcpu()")? == cpu);
    }
    sched_setaffinity(we, &before).call("sched_setaffinity()")?;
    Ok(visited)
}

/// Reads a disk as fast as it can: read(2).
///
/// A disk serves one request at a time, or a few; whoever else wants something
/// of it waits. How long, depends on who asks most.
pub(crate) fn disk_hog(canary: &Spec) -> Result<Finding> {
    let node: PathBuf = canary.get_if_planted("slow")?;
    let call = format!("open({node:?})");
    let disk = File::open(&node).call(&call)?;
    // Nothing that was read before, and nothing that was not asked for yet.
    for advice in [
        PosixFadviseAdvice::POSIX_FADV_DONTNEED,
        PosixFadviseAdvice::POSIX_FADV_RANDOM,
    ] {
        posix_fadvise(&disk, 0, 0, advice).call("posix_fadvise()")?;
    }
    let (start, mut page) = (Instant::now(), [0; PAGE]);
    for at in (0..DISK).step_by(PAGE) {
        disk.read_exact_at(&mut page, at)
            .call(format_args!("read({node:?})"))?;
        if start.elapsed() > PATIENCE {
            let evidence = format!("read {at} of {DISK} bytes in {PATIENCE:?}");
            return Ok((Outcome::Contained, evidence));
        }
    }
    let evidence = format!("read {DISK} bytes in {:?}", start.elapsed());
    Ok((Outcome::Escaped, evidence))
}

/// What the step may call the node by which the disk can be limited.
pub(crate) const SLOW: &str = "slow";

/// Makes a disk in memory, for everybody to read.
pub(crate) fn plant_disk(canary: &Spec, inside: &Path) -> Result<LoopDevice> {
    let name = format!("attacks-{}-slow", canary.get::<String>("id")?);
    let disk = LoopDevice::make(&name, "", DISK, inside)?;
    devices::plant_node(SLOW, disk.device, inside)?;
    Ok(disk)
}

/// Processes that end with their parent, or when this is dropped.
#[derive(Default)]
struct Crowd(Vec<Pid>);

impl Crowd {
    fn add(&mut self, does: impl FnOnce() -> Infallible) -> Result<Pid> {
        let child = process::spawn(|parent| {
            process::die_with(parent)?;
            Ok(does())
        })?;
        self.0.push(child.pid());
        Ok(child.pid())
    }

    fn wait(&mut self, pid: Pid) -> Result<WaitStatus> {
        self.0.retain(|other| *other != pid);
        waitpid(pid, None).call(format_args!("waitpid({pid})"))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for pid in &self.0 {
            // It may have ended before; it must be waited for all the same.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        for pid in &self.0 {
            let _ = waitpid(*pid, None);
        }
    }
}
