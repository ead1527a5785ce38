//! An accomplice outside, for a step that looks at a path and then uses it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use process::{Call, Error, Hint, Result};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::signals::HeldSignals;

/// Exchanges between two looks at the clock and for signals: looking takes as
/// long as exchanging.
const ROUNDS: u64 = 64;

/// What is exchanged, and how long.
#[derive(Debug, clap::Args)]
pub struct ExchangeOptions {
    /// A file, a directory or a symbolic link
    #[arg(value_name = "A")]
    one: PathBuf,
    /// Another, on the same file system
    #[arg(value_name = "B")]
    other: PathBuf,
    /// End after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_seconds)]
    duration: Option<Duration>,
}

fn parse_seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "it must be a number of seconds".into())
}

/// Exchanges two paths over and over, and says how often: renameat2(2).
///
/// Who looks at a path and then uses it may use another thing than the one he
/// looked at. runc made sure that a directory of a container was no symbolic
/// link, and then mounted there; meanwhile another container exchanged the
/// directory with a link to `/`, and the mount was on the host
/// (CVE-2021-30465). The exchange is atomic: neither path is ever missing, so
/// that whoever looks finds one of the two.
///
/// In the end, whatever ends it, the two are as they were.
pub fn exchange(options: &ExchangeOptions) -> Result<u64> {
    let signals = HeldSignals::hold()?;
    end_with_parent()?;
    let until = options.duration.map(|duration| Instant::now() + duration);
    let is_late = || until.is_some_and(|until| Instant::now() >= until);
    let mut count = 0;
    while signals.arrived()?.is_none() && !is_late() {
        for _ in 0..ROUNDS {
            there_and_back(&options.one, &options.other)?;
            count += 2;
        }
    }
    Ok(count)
}

/// Has the end of the parent ask us to end: PR_SET_PDEATHSIG in prctl(2). Not
/// by SIGKILL, which could leave the two exchanged.
fn end_with_parent() -> Result<()> {
    let parent = getppid();
    prctl::set_pdeathsig(Signal::SIGTERM)
        .call("prctl(PR_SET_PDEATHSIG, SIGTERM)")?;
    // It may have ended before the kernel knew that we care.
    match getppid() == parent {
        true => Ok(()),
        false => Err(Error::new("the parent has ended")),
    }
}

fn there_and_back(one: &Path, other: &Path) -> Result<()> {
    swap(one, other)?;
    swap(one, other).map_err(|error| {
        error.with_hint(format_args!("{one:?} and {other:?} are exchanged now"))
    })
}

fn swap(one: &Path, other: &Path) -> Result<()> {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)
        .map_err(|errno| Errno::from_raw(errno.raw_os_error()))
        .call(format_args!("renameat2({one:?}, {other:?}, RENAME_EXCHANGE)"))
        .hint(Errno::ENOENT, "both must be there before they are exchanged")
        .hint(Errno::EXDEV, "both must be on one file system and one mount")
        .hint(
            Errno::EINVAL,
            "one is inside the other, or their file system can't exchange: \
             ext4, xfs, btrfs and tmpfs can",
        )
        .hint(Errno::EACCES, "both directories must be yours to write")
        .hint(Errno::EBUSY, "something is mounted there: see findmnt(8)")
}
