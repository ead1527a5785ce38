//! A bridge on the host, and the cables to it.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use netlink_packet_route::link::{
    InfoBridgePort, InfoKind, InfoPortData, InfoPortKind, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::address;
use crate::link::{self, Mac};
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::options::{Addresses, NetOptions};
use crate::subnet::{HOST, Subnet6};

/// The bridge of all containers on this host.
pub const BRIDGE: &str = "workshop0";

/// How the cables begin that lead to it. Behind that is the number that the
/// container has in the subnet.
const CABLE: &str = "workshop-";

/// As the container knows its end of the cable.
const INSIDE: &str = "eth0";
/// The first interface of every network namespace, and so its number.
pub(crate) const LOOPBACK: u32 = 1;

impl NetOptions {
    pub(crate) fn addresses(&self, number: u32) -> Addresses {
        Addresses {
            v4: self.subnet.address(number),
            v6: self.subnet6.address(number),
        }
    }

    /// What a container must have as the others at the bridge.
    fn agreement(&self) -> String {
        format!("{} and {}", self.subnet, self.subnet6)
    }
}

/// A cable that has been plugged in.
pub(crate) struct Cable {
    pub(crate) name: String,
    pub(crate) mac: Mac,
    pub(crate) addresses: Addresses,
}

/// Whether the host has IPv6.
pub fn has_v6() -> bool {
    let off = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    fs::read_to_string(off).is_ok_and(|text| text.trim() == "0")
}

/// The bridge's number; it is made if need be. The lock must be held.
pub(crate) fn find_or_make(
    netlink: &mut Netlink,
    options: &NetOptions,
) -> Result<u32> {
    if let Ok(index) = link::index_of(BRIDGE) {
        let wanted = options.agreement();
        let agrees = link::must_agree(netlink, index, BRIDGE, &wanted);
        // One that is in nobody's use, or that nobody has finished, is made
        // anew.
        if agrees.is_ok() || !remove_unused(netlink)? {
            return agrees.map(|()| index);
        }
    }
    // Of its own accord it would have that of its first port, and change it
    // when that one goes.
    let addresses = options.addresses(HOST);
    let mac = LinkAttribute::Address(mac_of(addresses).into());
    let bridge = link::add(BRIDGE, InfoKind::Bridge, None, vec![mac]);
    netlink.request(&[bridge])?;
    let index = link::index_of(BRIDGE)?;
    if let Err(error) = configure(netlink, options, index, addresses) {
        netlink.request(&[link::del(index)])?;
        return Err(error);
    }
    Ok(index)
}

fn configure(
    netlink: &mut Netlink,
    options: &NetOptions,
    index: u32,
    addresses: Addresses,
) -> Result<()> {
    // So that what the host sends to 127.0.0.1 can be led to a container. A
    // container can send nothing there: see `rules::add_guard`.
    set("net/ipv4/conf", "route_localnet", "1")?;
    let Addresses { v4, v6 } = addresses;
    let mut requests =
        vec![address::add(index, v4.into(), options.subnet.length)];
    if has_v6() {
        // A container is no router, whatever it says (CVE-2020-13401).
        set("net/ipv6/conf", "accept_ra", "0")?;
        // Nobody can have its address, so it need not wait a second to see.
        set("net/ipv6/conf", "accept_dad", "0")?;
        requests.push(address::add(index, v6.into(), Subnet6::LENGTH));
    }
    let agreement = LinkAttribute::IfAlias(options.agreement());
    requests.extend([link::up(index), link::set(index, vec![agreement])]);
    netlink.request(&requests)
}

fn set(kind: &str, name: &str, value: &str) -> Result<()> {
    let path = Path::new("/proc/sys").join(kind).join(BRIDGE).join(name);
    fs::write(&path, value).call(format_args!("write({path:?}, {value})"))
}

/// Whether there is a bridge to which no cable leads.
pub fn is_unused() -> Result<bool> {
    match link::index_of(BRIDGE) {
        Ok(_) => plugged_in(&mut Netlink::open()?).map(|all| all.is_empty()),
        Err(_) => Ok(false),
    }
}

/// Removes the bridge if no cable leads to it; whether it is gone. The lock
/// must be held.
pub(crate) fn remove_unused(netlink: &mut Netlink) -> Result<bool> {
    let Ok(index) = link::index_of(BRIDGE) else { return Ok(true) };
    if !plugged_in(netlink)?.is_empty() {
        return Ok(false);
    }
    netlink.request(&[link::del(index)]).map(|()| true)
}

/// The ends on the host of all cables.
pub(crate) fn plugged_in(netlink: &mut Netlink) -> Result<Vec<LinkMessage>> {
    let mut all = link::all(netlink)?;
    all.retain(|link| number_of(link).is_some());
    Ok(all)
}

/// Which number the container at the other end has.
pub(crate) fn number_of(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => name.strip_prefix(CABLE)?.parse().ok(),
        _ => None,
    })
}

/// Plugs a cable in, from the bridge to a network namespace: veth(4).
///
/// Its name is the lease. There can't be two interfaces of one name, so no
/// two containers have one number. And it lasts exactly as long as it should:
/// the kernel removes the cable with the container's network, whoever was
/// killed before.
pub(crate) fn plug_in(
    netlink: &mut Netlink,
    options: &NetOptions,
    bridge: u32,
    there: &Namespace,
) -> Result<Cable> {
    for number in options.subnet.numbers() {
        let name = format!("{CABLE}{number}");
        let addresses = options.addresses(number);
        let mac = mac_of(addresses);
        let mtu = LinkAttribute::Mtu(options.mtu);
        let inside = vec![LinkAttribute::Address(mac.into()), mtu.clone()];
        let master = vec![LinkAttribute::Controller(bridge), mtu];
        let there = there.as_fd();
        let mut veth = link::add_veth(&name, master, INSIDE, inside, there);
        switch_on(&mut veth);
        match netlink.request(&[veth]) {
            Ok(()) => return Ok(Cable { name, mac, addresses }),
            Err(error) if error.errno() == Some(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new("every address of the subnet is taken")
        .with_hint("give it a larger one with --subnet"))
}

/// What can be set only when the cable is there: whose it is, by `ip link set …
/// alias …`, and `hairpin on`.
///
/// A bridge sends no frame back to where it came from. But where the firewall
/// looks into bridges (`br_netfilter`), what a container sends to its own
/// published port is led to the container before it reaches the host, and must
/// go back there.
pub(crate) fn finish(
    netlink: &mut Netlink,
    cable: &Cable,
    name: Option<&str>,
) -> Result<()> {
    let hairpin =
        InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)]);
    let port = LinkAttribute::LinkInfo(vec![
        LinkInfo::PortKind(InfoPortKind::Bridge),
        LinkInfo::PortData(hairpin),
    ]);
    let alias = name.map(|name| LinkAttribute::IfAlias(name.into()));
    let attributes = [port].into_iter().chain(alias).collect();
    let index = link::index_of(&cable.name)?;
    netlink.request(&[link::set(index, attributes)])
}

/// Inside, by a socket of the container's: the end of the cable gets its
/// addresses, and the way to everywhere else leads over the bridge.
pub(crate) fn configure_inside(
    there: &Namespace,
    options: &NetOptions,
    addresses: Addresses,
) -> Result<()> {
    let mut netlink = there.within(Netlink::open)?;
    // Not always 2: with some modules, a network begins with a tunnel or two.
    let eth0 = there.within(|| link::index_of(INSIDE))?;
    let host = options.addresses(HOST);
    let Addresses { v4, v6 } = addresses;
    let mut requests = vec![
        link::up(LOOPBACK),
        address::add(eth0, v4.into(), options.subnet.length),
    ];
    let mut gateways = vec![host.v4.into()];
    if has_v6() {
        requests.push(address::add(eth0, v6.into(), Subnet6::LENGTH));
        gateways.push(host.v6.into());
    }
    requests.push(link::up(eth0));
    let routes = gateways.into_iter();
    requests.extend(routes.map(|to| address::add_default_route(eth0, to)));
    netlink.request(&requests)
}

/// Has an interface that is made be on from the start.
fn switch_on(request: &mut Request) {
    use netlink_packet_route::RouteNetlinkMessage::NewLink;
    if let NewLink(message) = &mut request.message {
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
    }
}

/// One for each address, as docker has it: whoever gets an address after
/// another container is reached by those who remember the other's hardware.
fn mac_of(addresses: Addresses) -> Mac {
    let [a, b, c, d] = addresses.v4.octets();
    [0x02, 0x42, a, b, c, d] // 2: not from a factory.
}

/// Removes the cable, from the container's side: by what name it is known on
/// the host need not be known.
pub(crate) fn unplug(there: &Namespace) -> Result<()> {
    let Ok(eth0) = there.within(|| link::index_of(INSIDE)) else {
        return Ok(()); // It was never plugged in, or root has removed it.
    };
    there.within(Netlink::open)?.request(&[link::del(eth0)])
}
