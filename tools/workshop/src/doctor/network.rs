//! What the host does with packets.

use super::{Machine, Verdict};

/// Whether the host passes on what is meant for others. Without it a container
/// reaches the host, and no further.
pub(super) fn forwarding(machine: &Machine) -> Verdict {
    let is_on = |path: &str| machine.number(path) == Some(1);
    let v4 = is_on("proc/sys/net/ipv4/ip_forward");
    let v6 = is_on("proc/sys/net/ipv6/conf/all/forwarding");
    match (v4, v6) {
        (true, true) => Verdict::ok("IPv4 and IPv6"),
        (true, false) => Verdict::ok("IPv4"),
        (false, _) => Verdict::warning(
            "off; a container reaches the host, and nothing behind it",
            "bin/08-net --enable-forwarding asks for it, and `cargo workshop \
             clean` puts it back",
        ),
    }
}

/// Whether the firewall looks at what a bridge passes on, too.
pub(super) fn br_netfilter(machine: &Machine) -> Verdict {
    match machine.number("proc/sys/net/bridge/bridge-nf-call-iptables") {
        Some(1) => Verdict::ok(
            "on; rules at `forward` hold between containers of one bridge",
        ),
        _ => Verdict::ok("off"),
    }
}
