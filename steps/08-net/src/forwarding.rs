//! Whether the host passes on what is not meant for itself: ip-sysctl.rst in
//! the kernel's documentation.

use std::fs;
use std::path::Path;

use process::{Call, Result};

use crate::state::Locked;

/// The switch, and its name as sysctl(8) has it.
const SWITCHES: [(&str, &str); 2] = [
    ("/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
    ("/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"),
];

/// What of them is off. A file that is missing means that a family is.
fn off() -> impl Iterator<Item = (&'static str, &'static str)> {
    let is_off = |path: &str| {
        fs::read_to_string(path).is_ok_and(|text| text.trim() == "0")
    };
    SWITCHES.into_iter().filter(move |(path, _)| is_off(path))
}

/// Says what is off, and how to switch it on. It is the user's host.
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

/// Switches on what is off, and keeps a note of what it was.
pub(crate) fn enable(state: &Locked) -> Result<()> {
    let _ = state;
    for (path, _) in off() {
        remember(path)?;
        fs::write(path, "1").call(format_args!("write({path:?}, 1)"))?;
    }
    Ok(())
}

/// Where it is remembered. It outlives the last container, and not the boot.
pub const REMEMBERED: &str = "/run/workshop/sysctl";

fn remember(path: &str) -> Result<()> {
    use std::io::Write;
    let file = Path::new(REMEMBERED);
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)
            .call(format_args!("mkdir({directory:?})"))?;
    }
    fs::File::options()
        .append(true)
        .create(true)
        .open(file)
        .and_then(|mut file| writeln!(file, "{path} 0"))
        .call(format_args!("write({file:?})"))
}

/// Puts back what was remembered.
pub fn put_back() -> Result<()> {
    let Ok(text) = fs::read_to_string(REMEMBERED) else { return Ok(()) };
    for line in text.lines() {
        let Some((path, value)) = line.split_once(' ') else { continue };
        fs::write(path, value)
            .call(format_args!("write({path:?}, {value})"))?;
    }
    fs::remove_file(REMEMBERED).call(format_args!("unlink({REMEMBERED:?})"))?;
    // The directory may have others.
    let _ = Path::new(REMEMBERED).parent().map(fs::remove_dir);
    Ok(())
}
