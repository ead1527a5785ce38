//! How much a process may use: setrlimit(2).

use nix::errno::Errno;
use nix::sys::resource::{
    RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit,
};
use process::{Call, Error, Hint, Result};

/// The limits by the names that the shell's `ulimit` and docker have for them.
const NAMES: [(&str, Resource); 16] = [
    ("as", Resource::RLIMIT_AS),
    ("core", Resource::RLIMIT_CORE),
    ("cpu", Resource::RLIMIT_CPU),
    ("data", Resource::RLIMIT_DATA),
    ("fsize", Resource::RLIMIT_FSIZE),
    ("locks", Resource::RLIMIT_LOCKS),
    ("memlock", Resource::RLIMIT_MEMLOCK),
    ("msgqueue", Resource::RLIMIT_MSGQUEUE),
    ("nice", Resource::RLIMIT_NICE),
    ("nofile", Resource::RLIMIT_NOFILE),
    ("nproc", Resource::RLIMIT_NPROC),
    ("rss", Resource::RLIMIT_RSS),
    ("rtprio", Resource::RLIMIT_RTPRIO),
    ("rttime", Resource::RLIMIT_RTTIME),
    ("sigpending", Resource::RLIMIT_SIGPENDING),
    ("stack", Resource::RLIMIT_STACK),
];

/// What holds unless the user says otherwise: no core files, which would hold
/// the memory of a program that fails, and as many open files as select(2)
/// can handle.
const DEFAULTS: [(Resource, rlim_t); 2] =
    [(Resource::RLIMIT_CORE, 0), (Resource::RLIMIT_NOFILE, 1024)];

/// How much the command may use.
#[derive(Debug, clap::Args)]
pub struct LimitOptions {
    /// Limit a resource of getrlimit(2), such as `nofile=100` or `cpu=5:10`
    ///
    /// The soft limit, then the hard one if it is another. In bytes, seconds
    /// or pieces, or `unlimited`. By default core=0 and nofile=1024.
    #[arg(
        long = "ulimit",
        value_name = "NAME=SOFT[:HARD]",
        value_parser = parse_limit
    )]
    limits: Vec<Limit>,
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    resource: Resource,
    soft: rlim_t,
    hard: rlim_t,
}

fn parse_limit(text: &str) -> std::result::Result<Limit, String> {
    let (name, values) =
        text.split_once('=').ok_or("the form is NAME=SOFT[:HARD]")?;
    let resource = NAMES
        .into_iter()
        .find_map(|(known, resource)| (known == name).then_some(resource))
        .ok_or_else(|| {
            format!("the names are {}", NAMES.map(|(name, _)| name).join(", "))
        })?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (parse_value(soft)?, parse_value(hard)?);
    if soft > hard {
        return Err("the soft limit is above the hard one".into());
    }
    Ok(Limit { resource, soft, hard })
}

fn parse_value(text: &str) -> std::result::Result<rlim_t, String> {
    match text {
        "unlimited" | "-1" => Ok(RLIM_INFINITY),
        number => number.parse().map_err(|_| {
            format!("{number:?} is neither a number nor `unlimited`")
        }),
    }
}

/// Sets the limits, which the command and all that it starts inherit.
pub fn set_limits(options: &LimitOptions) -> Result<()> {
    for (resource, value) in DEFAULTS {
        // To raise it again later might not be allowed.
        if options.limits.iter().any(|limit| limit.resource == resource) {
            continue;
        }
        // A caller that is limited to less stays so.
        let (_, highest) = get(resource)?;
        let value = value.min(highest);
        set(Limit { resource, soft: value, hard: value })?;
    }
    options.limits.iter().copied().try_for_each(set)
}

fn set(limit: Limit) -> Result<()> {
    let Limit { resource, soft, hard } = limit;
    setrlimit(resource, soft, hard)
        .call(format_args!("setrlimit({resource:?}, {soft}, {hard})"))
        .hint(
            Errno::EPERM,
            "nobody may raise a hard limit without CAP_SYS_RESOURCE, nor \
             nofile above /proc/sys/fs/nr_open",
        )?;
    match get(resource)? {
        present if present == (soft, hard) => Ok(()),
        present => Err(Error::new(format_args!(
            "{resource:?} was set to {:?} and reads back as {present:?}",
            (soft, hard)
        ))),
    }
}

/// The soft and the hard limit.
fn get(resource: Resource) -> Result<(rlim_t, rlim_t)> {
    getrlimit(resource).call(format_args!("getrlimit({resource:?})"))
}
