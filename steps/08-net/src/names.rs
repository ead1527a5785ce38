//! Names for addresses: hosts(5), resolv.conf(5).

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;

use process::Result;

use crate::bridge::{number_of, plugged_in};
use crate::link::alias;
use crate::netlink::Netlink;
use crate::options::NetOptions;
use crate::state::Locked;

/// Writes the names of all containers on the bridge to the file that all of
/// them have for `/etc/hosts`.
///
/// Who is there the kernel knows: the interfaces bear the names.
pub(crate) fn write_hosts(
    netlink: &mut Netlink,
    options: &NetOptions,
    state: &Locked,
) -> Result<()> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for cable in plugged_in(netlink)? {
        let (Some(number), Some(name)) = (number_of(&cable), alias(&cable))
        else {
            continue;
        };
        for address in options.addresses(number).all() {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{address} {name}");
        }
    }
    state.write("hosts", &text)
}

/// Writes whom to ask for other names: the servers that the host asks, but for
/// those on its loopback, which nobody inside can reach. systemd-resolved(8)
/// is one, and has the list of those that it asks in turn.
pub(crate) fn write_resolv_conf(state: &Locked) -> Result<()> {
    let of_host = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let text = match of_host.lines().any(is_for_loopback) {
        true => fs::read_to_string("/run/systemd/resolve/resolv.conf")
            .unwrap_or(of_host),
        false => of_host,
    };
    let lines = text.lines().filter(|line| !is_for_loopback(line));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    state.write("resolv.conf", &text)
}

fn is_for_loopback(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("nameserver")
        && words
            .next()
            .and_then(|address| address.parse().ok())
            .is_some_and(|address: IpAddr| address.is_loopback())
}
