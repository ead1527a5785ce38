//! The end of the tunnel (VTEP), and the bridge that it is a port of.
//!
//! The kernel's vxlan interface takes an Ethernet frame, puts it into a UDP
//! datagram with the tenant's number before it, and sends that to the host
//! where the receiver is. Its *forwarding database* says which host that is:
//! a row for each Ethernet address. It learns rows from what arrives, as a
//! switch does. A row of zeros is for all that it doesn't know, and may name
//! several hosts: each is sent a copy (head-end replication).

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use net::{Netlink, address, link};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkMessage,
};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use process::{Call, Error, Hint, Result};

use crate::options::VxlanOptions;

/// What stands before the tenant's packet in that of the underlay: an Ethernet
/// header (14 bytes), VXLAN's (8), UDP's (8), and IP's (20 or 40).
const OVERHEAD_V4: u32 = 14 + 8 + 8 + 20;
const OVERHEAD_V6: u32 = 14 + 8 + 8 + 40;

/// Of an Ethernet, and of a network that ends at this host.
const ETHERNET: u32 = 1500;

/// As far as networks go beyond that. Loopback's 65536 are no wire's.
const JUMBO: u32 = 9000;

/// For whatever is not known.
const ANYBODY: link::Mac = [0; 6];

/// A tenant's network on this host.
pub(crate) struct Tenant {
    /// The number of the bridge's interface.
    pub(crate) bridge: u32,
    /// How many bytes fit into one of its packets.
    pub(crate) mtu: u32,
}

fn vtep_of(vni: u32) -> String {
    format!("vxlan{vni}")
}

fn bridge_of(vni: u32) -> String {
    format!("vxbr{vni}")
}

impl Tenant {
    /// Makes what is not there yet. The lock must be held.
    pub(crate) fn find_or_make(
        netlink: &mut Netlink,
        options: &VxlanOptions,
    ) -> Result<Self> {
        let (name, vni) = (vtep_of(options.vni), options.vni);
        let underlay = options.local.map(|local| Underlay::of(netlink, local));
        let underlay = underlay.transpose()?;
        let mtu = underlay.as_ref().map_or(ETHERNET, Underlay::tenants_mtu);
        let bridge = link::index_of(&bridge_of(vni));
        if let (Ok(vtep), Ok(bridge)) = (link::index_of(&name), bridge) {
            let network = format!("network {vni}");
            link::must_agree(netlink, vtep, &network, &options.agreement())?;
            add_peers(netlink, vtep, options)?;
            return Ok(Self { bridge, mtu });
        }
        // Half of it, by somebody who was killed in between.
        Self::remove_unused(netlink, vni)?;
        let bridge = make_bridge(netlink, &bridge_of(vni), mtu)?;
        let vtep = vtep(&name, options, underlay.as_ref(), mtu, bridge);
        netlink.request(&[vtep]).hint(
            Errno::EOPNOTSUPP,
            "the kernel has no vxlan: `modprobe vxlan`",
        )?;
        let vtep = link::index_of(&name)?;
        // The kernel takes no alias for an interface that is yet to be made.
        let agreement = LinkAttribute::IfAlias(options.agreement());
        netlink.request(&[link::set(vtep, vec![agreement]), link::up(vtep)])?;
        add_peers(netlink, vtep, options)?;
        Ok(Self { bridge, mtu })
    }

    /// Whether a cable leads there.
    pub(crate) fn is_used(netlink: &mut Netlink, vni: u32) -> Result<bool> {
        let Ok(bridge) = link::index_of(&bridge_of(vni)) else {
            return Ok(false);
        };
        let vtep = link::index_of(&vtep_of(vni)).ok();
        let is_cable = |port: &LinkMessage| {
            let master = LinkAttribute::Controller(bridge);
            Some(port.header.index) != vtep && port.attributes.contains(&master)
        };
        Ok(link::all(netlink)?.iter().any(is_cable))
    }

    /// Removes it if no cable leads there. The lock must be held.
    pub(crate) fn remove_unused(
        netlink: &mut Netlink,
        vni: u32,
    ) -> Result<bool> {
        if Self::is_used(netlink, vni)? {
            return Ok(false);
        }
        for name in [vtep_of(vni), bridge_of(vni)] {
            if let Ok(index) = link::index_of(&name) {
                netlink.request(&[link::del(index)])?;
            }
        }
        Ok(true)
    }
}

/// The numbers of all networks on this host, used or not.
pub(crate) fn all_here(netlink: &mut Netlink) -> Result<Vec<u32>> {
    let number = |link: &LinkMessage| {
        link.attributes.iter().find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => {
                let vni = name.strip_prefix("vxbr")?.parse().ok()?;
                (bridge_of(vni) == *name).then_some(vni)
            }
            _ => None,
        })
    };
    Ok(link::all(netlink)?.iter().filter_map(number).collect())
}

/// The interface of the underlay.
struct Underlay {
    index: u32,
    mtu: u32,
    overhead: u32,
}

impl Underlay {
    /// The one that has this address.
    fn of(netlink: &mut Netlink, local: IpAddr) -> Result<Self> {
        let has_it = |found: &nix::ifaddrs::InterfaceAddress| {
            let address = found.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
            let v6 = address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()));
            v4.or(v6)
        };
        let name = getifaddrs()
            .call("getifaddrs()")?
            .find(|found| has_it(found) == Some(local))
            .map(|found| found.interface_name)
            .ok_or_else(|| {
                Error::new(format_args!("this host has no address {local}"))
                    .with_hint("`ip address` shows those that it has")
            })?;
        let index = link::index_of(&name)?;
        let all = link::all(netlink)?;
        let it = all.iter().find(|link| link.header.index == index);
        let mut attributes = it.iter().flat_map(|link| &link.attributes);
        let mtu = attributes.find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        });
        let overhead = match local {
            IpAddr::V4(_) => OVERHEAD_V4,
            IpAddr::V6(_) => OVERHEAD_V6,
        };
        Ok(Self { index, mtu: mtu.unwrap_or(ETHERNET), overhead })
    }

    /// What is left for the tenant. Larger packets would be cut in pieces
    /// below, or be lost, and nobody be told.
    fn tenants_mtu(&self) -> u32 {
        self.mtu.saturating_sub(self.overhead).min(JUMBO)
    }
}

/// A vxlan interface: `ip link add NAME type vxlan id VNI …`.
fn vtep(
    name: &str,
    options: &VxlanOptions,
    underlay: Option<&Underlay>,
    mtu: u32,
    bridge: u32,
) -> net::Request {
    let mut data =
        vec![InfoVxlan::Id(options.vni), InfoVxlan::Port(options.port)];
    data.push(InfoVxlan::Learning(true));
    data.extend(options.local.map(|local| match local {
        IpAddr::V4(local) => InfoVxlan::Local(local),
        IpAddr::V6(local) => InfoVxlan::Local6(local),
    }));
    if let (Some(group), Some(underlay)) = (options.group, underlay) {
        // A group is joined on an interface: ip(7), IP_ADD_MEMBERSHIP.
        data.push(InfoVxlan::Link(underlay.index));
        data.push(match group {
            IpAddr::V4(group) => InfoVxlan::Group(group),
            IpAddr::V6(group) => InfoVxlan::Group6(group),
        });
    }
    let attributes =
        vec![LinkAttribute::Mtu(mtu), LinkAttribute::Controller(bridge)];
    let data = Some(InfoData::Vxlan(data));
    link::add(name, InfoKind::Vxlan, data, attributes)
}

/// The bridge of the tenant's containers. The host itself is not to be one of
/// them: the tenant's network ends at its bridges.
fn make_bridge(netlink: &mut Netlink, name: &str, mtu: u32) -> Result<u32> {
    let mtu = LinkAttribute::Mtu(mtu);
    netlink
        .request(&[link::add(name, InfoKind::Bridge, None, vec![mtu])])
        .hint(
            Errno::EEXIST,
            "containers are plugged into it, and somebody has removed its \
             tunnel: end them",
        )?;
    let index = link::index_of(name)?;
    // It has no address of its own. ARP gets no answer for those of other
    // interfaces; and nothing is taken whose sender no route leads back to
    // here: ip-sysctl in the kernel's documentation.
    set(&format!("net/ipv4/conf/{name}/arp_ignore"), "8")?;
    set(&format!("net/ipv4/conf/{name}/rp_filter"), "1")?;
    let v6 = format!("net/ipv6/conf/{name}/disable_ipv6");
    if Path::new("/proc/sys").join(&v6).exists() {
        set(&v6, "1")?;
    }
    netlink.request(&[link::up(index)])?;
    Ok(index)
}

fn set(name: &str, value: &str) -> Result<()> {
    let path = Path::new("/proc/sys").join(name);
    fs::write(&path, value).call(format_args!("write({path:?}, {value})"))
}

/// All hosts but this one, so that the same list does for each: frames that
/// came back from here would seem to the bridge to come from elsewhere.
fn add_peers(
    netlink: &mut Netlink,
    vtep: u32,
    options: &VxlanOptions,
) -> Result<()> {
    let is_other = |peer: &&IpAddr| Some(**peer) != options.local;
    for peer in options.peers.iter().filter(is_other) {
        match netlink.request(&[address::append_fdb(vtep, ANYBODY, *peer)]) {
            // Another container of this host has named it too.
            Err(error) if error.errno() == Some(Errno::EEXIST) => {}
            result => result?,
        }
    }
    Ok(())
}
