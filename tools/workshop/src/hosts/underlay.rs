//! The network that joins the hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net::{address, link};
use netlink_packet_route::link::{InfoKind, LinkAttribute};
use process::Result;

use super::Holder;

/// The bridge in the network of the switch.
const BRIDGE: &str = "underlay";

const LOOPBACK: u32 = 1;

/// Where a host has its number: 10.0.0.1, fd00::1.
pub(super) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

fn address6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into())
}

/// What all have in common.
pub(super) fn networks() -> [String; 2] {
    [format!("{}/24", address(0)), format!("{}/64", address6(0))]
}

/// Plugs a cable from each host into a bridge. The first is the switch.
pub(super) fn join(all: &[Holder]) -> Result<()> {
    let Some((switch, hosts)) = all.split_first() else { return Ok(()) };
    let mut netlink = switch.netlink()?;
    let bridge = link::add(BRIDGE, InfoKind::Bridge, None, vec![]);
    netlink.request(&[bridge])?;
    let bridge = switch.network()?.within(|| link::index_of(BRIDGE))?;
    netlink.request(&[link::up(bridge)])?;
    for host in hosts {
        let there = host.network()?;
        let master = vec![LinkAttribute::Controller(bridge)];
        let name = host.name();
        netlink.request(&[link::add_veth(
            &name,
            master,
            "eth0",
            vec![],
            &there,
        )])?;
        let port = switch.network()?.within(|| link::index_of(&name))?;
        netlink.request(&[link::up(port)])?;
        switch_on(host)?;
    }
    Ok(())
}

fn switch_on(host: &Holder) -> Result<()> {
    let eth0 = host.network()?.within(|| link::index_of("eth0"))?;
    let (v4, v6) = (address(host.number), address6(host.number));
    host.netlink()?.request(&[
        link::up(LOOPBACK),
        link::up(eth0),
        address::add(eth0, IpAddr::V4(v4), 24),
        address::add(eth0, IpAddr::V6(v6), 64),
    ])
}
