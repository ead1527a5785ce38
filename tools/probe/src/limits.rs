//! How much a process may use: getrlimit(2).

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// The soft and the hard limit; `None` is no limit.
type Pair = (Option<u64>, Option<u64>);

/// By the names that the shell's `ulimit` and docker have for them, and those
/// in proc_pid_limits(5).
#[rustfmt::skip]
const NAMES: [(&str, Resource, &str); 16] = [
    ("as", Resource::RLIMIT_AS, "Max address space"),
    ("core", Resource::RLIMIT_CORE, "Max core file size"),
    ("cpu", Resource::RLIMIT_CPU, "Max cpu time"),
    ("data", Resource::RLIMIT_DATA, "Max data size"),
    ("fsize", Resource::RLIMIT_FSIZE, "Max file size"),
    ("locks", Resource::RLIMIT_LOCKS, "Max file locks"),
    ("memlock", Resource::RLIMIT_MEMLOCK, "Max locked memory"),
    ("msgqueue", Resource::RLIMIT_MSGQUEUE, "Max msgqueue size"),
    ("nice", Resource::RLIMIT_NICE, "Max nice priority"),
    ("nofile", Resource::RLIMIT_NOFILE, "Max open files"),
    ("nproc", Resource::RLIMIT_NPROC, "Max processes"),
    ("rss", Resource::RLIMIT_RSS, "Max resident set"),
    ("rtprio", Resource::RLIMIT_RTPRIO, "Max realtime priority"),
    ("rttime", Resource::RLIMIT_RTTIME, "Max realtime timeout"),
    ("sigpending", Resource::RLIMIT_SIGPENDING, "Max pending signals"),
    ("stack", Resource::RLIMIT_STACK, "Max stack size"),
];

/// `NAME soft` and `NAME hard` of each.
pub(crate) fn rlimits(subject: &Subject) -> Result<Known> {
    // Not prlimit(2) on another: root without CAP_SYS_RESOURCE may not.
    let text = match subject.is_self() {
        true => None,
        false => Some(subject.read("limits")?),
    };
    let mut found = Vec::new();
    for (name, resource, label) in NAMES {
        let (soft, hard) = match &text {
            None => own(resource)?,
            Some(text) => parse(text, label).ok_or_else(|| {
                Error::new(format_args!("no {label:?} in /proc/PID/limits"))
            })?,
        };
        found.push((format!("{name} soft"), soft));
        found.push((format!("{name} hard"), hard));
    }
    Ok(Known::numbers(found))
}

fn own(resource: Resource) -> Result<Pair> {
    let (soft, hard) =
        getrlimit(resource).call(format_args!("getrlimit({resource:?})"))?;
    let finite = |limit| (limit != RLIM_INFINITY).then_some(limit);
    Ok((finite(soft), finite(hard)))
}

/// `Max open files            1024                 524288               files`
fn parse(text: &str, label: &str) -> Option<Pair> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    let mut columns = line.split_whitespace().map(|column| match column {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    });
    Some((columns.next()??, columns.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_table_has_both_limits() {
        let text = "Limit      Soft Limit   Hard Limit   Units\n\
                    Max cpu time      unlimited   5   seconds\n\
                    Max nice priority      0   0\n";
        assert_eq!(parse(text, "Max cpu time"), Some((None, Some(5))));
        assert_eq!(parse(text, "Max nice priority"), Some((Some(0), Some(0))));
        assert_eq!(parse(text, "Max stack size"), None);
    }
}
