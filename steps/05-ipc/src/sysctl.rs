//! Settings of the kernel that each IPC namespace has for itself: sysctl(8).

use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;
use std::os::fd::AsFd;
use std::str::FromStr;

use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use process::{Call, Error, Hint, Result};

/// Those of ipc_namespaces(7): the rest of `/proc/sys` is the whole machine's.
const OF_THE_NAMESPACE: &[&str] = &[
    "fs.mqueue.msg_default",
    "fs.mqueue.msg_max",
    "fs.mqueue.msgsize_default",
    "fs.mqueue.msgsize_max",
    "fs.mqueue.queues_max",
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shm_rmid_forced",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
];

/// Which settings the container has otherwise than a new namespace.
#[derive(Debug, clap::Args)]
pub struct SysctlOptions {
    /// Set a limit of System V IPC or message queues, such as
    /// `kernel.shmmax=65536`
    #[arg(long = "sysctl", value_name = "NAME=VALUE")]
    settings: Vec<Setting>,
}

/// `NAME=VALUE` on the command line.
#[derive(Clone, Debug)]
struct Setting {
    name: &'static str,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else {
            return Err("the form is NAME=VALUE".into());
        };
        let known = OF_THE_NAMESPACE.iter().find(|known| **known == name);
        match known {
            Some(name) => Ok(Self { name, value: value.into() }),
            None => Err(format!(
                "an IPC namespace has no {name} of its own; it has {}",
                OF_THE_NAMESPACE.join(", ")
            )),
        }
    }
}

/// Writes the settings to `/proc/sys`. Call it inside the namespace, and while
/// the host's `/proc` is in reach: the kernel goes by who writes, not by which
/// `/proc` it is.
pub fn set_sysctls(options: &SysctlOptions) -> Result<()> {
    options.settings.iter().try_for_each(set)
}

fn set(Setting { name, value }: &Setting) -> Result<()> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let mut file = open(&path)?;
    file.write_all(value.as_bytes())
        .call(format_args!("write({path:?}, {value:?})"))
        .hint(
            Errno::EINVAL,
            "proc_sys_kernel(5) and mq_overview(7) say what it may be",
        )?;
    must_be(value, &path)
}

fn open(path: &str) -> Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .call(format_args!("open({path:?})"))
        .hint(Errno::EROFS, "/proc is read-only, as in another container")
        .hint(
            Errno::EACCES,
            "before Linux 6.9 it takes the machine's root, and not that of a \
             user namespace",
        )?;
    let found =
        fstatfs(file.as_fd()).call(format_args!("fstatfs({path:?})"))?;
    match found.filesystem_type() {
        PROC_SUPER_MAGIC => Ok(file),
        _ => Err(Error::new(format_args!("{path:?} is not on a proc"))),
    }
}

/// The kernel takes as many numbers as there are to the setting, and ignores
/// the rest, or the lack of any.
fn must_be(value: &str, path: &str) -> Result<()> {
    let found = read_to_string(path).call(format_args!("read({path:?})"))?;
    let (found, value) = (words(&found), words(value));
    match found == value {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "{path:?} was set to {value:?} and reads back as {found:?}"
        ))
        .with_hint("write all its numbers, in decimal")),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().collect()
}
