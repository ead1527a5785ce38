//! Whether the host passes on what is not meant for itself: ip-sysctl.rst in
//! the kernel's documentation.
//!
//! It is the user's host. What is off stays off, and is said; with consent it
//! is switched on, and a note kept of what it was.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use process::{Call, Result};

/// What sets all interfaces of a family, and its name as sysctl(8) has it.
const SWITCHES: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
    ("/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"),
];

/// The note: in each line a path and its value. It outlives the last container
/// but not the boot, as the settings do.
pub const REMEMBERED: &str = "/run/workshop/sysctl";

/// What is off. A file that is missing means that a family is.
fn off() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_off = |(path, _): &(&str, _)| value(Path::new(path)) == "0";
    SWITCHES.into_iter().filter(is_off)
}

/// Says what is off, and how to switch it on.
pub(crate) fn tell() {
    let names: Vec<_> = off().map(|(_, name)| format!("{name}=1")).collect();
    if !names.is_empty() {
        eprintln!(
            "note: this host forwards nothing, so the container reaches only \
             the host and its neighbours\n\
             hint: --enable-forwarding switches it on until `cargo workshop \
             clean`; for good: sysctl -w {}",
            names.join(" ")
        );
    }
}

/// Switches on what is off. Who calls it holds the lock.
pub(crate) fn enable() -> Result<()> {
    for (path, name) in off() {
        let family = if name.contains("ipv6") { "ipv6" } else { "ipv4" };
        // The switch sets every interface, also when it is put back. So those
        // that differ are noted behind it.
        remember(Path::new(path), "0")?;
        for interface in interfaces(family, "forwarding")? {
            if value(&interface) == "1" {
                remember(&interface, "1")?;
            }
        }
        // A router takes no routes from other routers (1), and loses what it
        // had from one, unless it is told that it is both (2).
        for interface in interfaces(family, "accept_ra")? {
            if value(&interface) == "1" {
                remember(&interface, "1")?;
                set(&interface, "2")?;
            }
        }
        set(Path::new(path), "1")?;
    }
    Ok(())
}

/// Puts back what was noted, in the same order.
pub fn put_back() -> Result<()> {
    let note = Path::new(REMEMBERED);
    let text = fs::read_to_string(note).call(format_args!("open({note:?})"))?;
    for (path, value) in text.lines().filter_map(|line| line.split_once(' ')) {
        // An interface may have gone.
        if Path::new(path).exists() {
            set(Path::new(path), value)?;
        }
    }
    fs::remove_file(note).call(format_args!("unlink({note:?})"))?;
    // Others may have theirs in the directory.
    let _ = note.parent().map(fs::remove_dir);
    Ok(())
}

/// A setting of each interface, the defaults among them. There may be none.
fn interfaces(family: &str, name: &str) -> Result<Vec<PathBuf>> {
    let all = PathBuf::from(format!("/proc/sys/net/{family}/conf"));
    let mut found = Vec::new();
    for entry in fs::read_dir(&all).call(format_args!("open({all:?})"))? {
        let entry = entry.call(format_args!("getdents({all:?})"))?;
        let is_all = entry.file_name() == "all";
        let path = entry.path().join(name);
        if !is_all && path.exists() {
            found.push(path);
        }
    }
    Ok(found)
}

fn value(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim_end().to_owned()
}

fn set(path: &Path, value: &str) -> Result<()> {
    fs::write(path, value).call(format_args!("write({path:?}, {value})"))
}

fn remember(path: &Path, value: &str) -> Result<()> {
    let note = Path::new(REMEMBERED);
    if let Some(directory) = note.parent() {
        fs::create_dir_all(directory)
            .call(format_args!("mkdir({directory:?})"))?;
    }
    File::options()
        .append(true)
        .create(true)
        .open(note)
        .and_then(|mut note| writeln!(note, "{} {value}", path.display()))
        .call(format_args!("write({note:?})"))
}
