//! The priority of packets in version 2, which has no controller for it.
//!
//! A queue of tc(8) sends the packets of a higher priority first; one with
//! classes takes the priority for the class. In version 1, net_prio writes it
//! into each packet that leaves by an interface of the first network namespace.
//! Here a program of the group does, in whichever namespace the interface is.

use std::path::Path;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use process::{Call, Hint, Result};

use crate::bpf;

/// From now on, for all that the group sends by this interface of the network
/// that the caller is in.
pub(crate) fn set(group: &Path, interface: &str, priority: u32) -> Result<()> {
    let number = if_nametoindex(interface)
        .call(format_args!("--net-priority: if_nametoindex({interface:?})"))
        .hint(Errno::ENODEV, "`ip link` lists the interfaces")?;
    bpf::attach(group, &bpf::PACKETS, &bpf::prioritize(number, priority))
}
