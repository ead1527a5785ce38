//! Interfaces: ip-link(8).

use std::fmt::Display;
use std::os::fd::{AsFd, AsRawFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage,
};
use nix::net::if_::if_nametoindex;
use process::{Call, Error, Result};

use crate::netlink::{Netlink, Request};

/// A hardware address.
pub type Mac = [u8; 6];

/// The number by which the kernel knows an interface of this network namespace.
pub fn index_of(name: &str) -> Result<u32> {
    if_nametoindex(name).call(format_args!("if_nametoindex({name:?})"))
}

/// Makes an interface: `ip link add NAME type KIND …`. The attributes are what
/// it has from the start, such as `Mtu`, `Controller` (ip's `master`),
/// `Address` or `IfAlias`.
pub fn add(
    name: &str,
    kind: InfoKind,
    data: Option<InfoData>,
    attributes: Vec<LinkAttribute>,
) -> Request {
    let what = format!("RTM_NEWLINK({name:?}, {kind})");
    let info = [LinkInfo::Kind(kind)].into_iter();
    let info = info.chain(data.map(LinkInfo::Data)).collect();
    let mut message = message(0, attributes);
    message.attributes.push(LinkAttribute::IfName(name.into()));
    message.attributes.push(LinkAttribute::LinkInfo(info));
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    Request { what, flags, message: RouteNetlinkMessage::NewLink(message) }
}

/// Makes a pair of interfaces, two ends of one cable: veth(4). The other end
/// is `peer`, and is made in the network namespace `there`. So it never bears
/// another name, and nobody here sees it.
pub fn add_veth(
    name: &str,
    attributes: Vec<LinkAttribute>,
    peer: &str,
    peers_attributes: Vec<LinkAttribute>,
    there: impl AsFd,
) -> Request {
    let mut other = message(0, peers_attributes);
    let there = there.as_fd().as_raw_fd();
    other.attributes.push(LinkAttribute::IfName(peer.into()));
    other.attributes.push(LinkAttribute::NetNsFd(there));
    let data = InfoData::Veth(InfoVeth::Peer(other));
    add(name, InfoKind::Veth, Some(data), attributes)
}

/// Changes attributes of an interface: `ip link set … mtu …`.
pub fn set(index: u32, attributes: Vec<LinkAttribute>) -> Request {
    change(index, "set", message(index, attributes))
}

/// Switches an interface on: `ip link set … up`.
pub fn up(index: u32) -> Request {
    let mut message = message(index, vec![]);
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    change(index, "up", message)
}

/// Switches an interface off.
pub fn down(index: u32) -> Request {
    let mut message = message(index, vec![]);
    message.header.change_mask = LinkFlags::Up;
    change(index, "down", message)
}

/// Makes an interface a port of a bridge: `ip link set … master …`. 0 takes it
/// out.
pub fn set_master(index: u32, bridge: u32) -> Request {
    set(index, vec![LinkAttribute::Controller(bridge)])
}

/// How many bytes fit into one packet: `ip link set … mtu …`.
pub fn set_mtu(index: u32, mtu: u32) -> Request {
    set(index, vec![LinkAttribute::Mtu(mtu)])
}

/// Removes an interface, of a pair both: `ip link del …`.
pub fn del(index: u32) -> Request {
    let what = format!("RTM_DELLINK(interface {index})");
    let message = RouteNetlinkMessage::DelLink(message(index, vec![]));
    Request { what, flags: 0, message }
}

/// All interfaces: `ip link`.
pub fn all(netlink: &mut Netlink) -> Result<Vec<LinkMessage>> {
    let what = "RTM_GETLINK".into();
    let message = RouteNetlinkMessage::GetLink(LinkMessage::default());
    let found = netlink.dump(&Request { what, flags: 0, message })?;
    let link = |message| match message {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    };
    Ok(found.into_iter().filter_map(link).collect())
}

/// What is written on an interface: `ip link set … alias …`.
pub fn alias(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfAlias(text) => Some(text.as_str()),
        _ => None,
    })
}

/// Fails if an interface is not as the caller wants it. Containers that share
/// one must agree on it, and what they agree on is written on it: the kernel
/// keeps it exactly as long.
pub fn must_agree(
    netlink: &mut Netlink,
    index: u32,
    name: &str,
    wanted: &str,
) -> Result<()> {
    let all = all(netlink)?;
    let it = all.iter().find(|link| link.header.index == index);
    match it.and_then(alias) {
        Some(found) if found == wanted => Ok(()),
        found => Err(Error::new(format_args!(
            "{name} is there with {}, not {wanted}",
            found.unwrap_or("settings of somebody else's")
        ))
        .with_hint("all its containers on this host agree on these")),
    }
}

fn message(index: u32, attributes: Vec<LinkAttribute>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes = attributes;
    message
}

fn change(index: u32, how: impl Display, message: LinkMessage) -> Request {
    let what = format!("RTM_NEWLINK(interface {index}, {how})");
    let message = RouteNetlinkMessage::NewLink(message);
    Request { what, flags: 0, message }
}
