//! Addresses, routes and neighbours: ip-address(8), ip-route(8),
//! ip-neighbour(8), and what bridge(8) calls `fdb`.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage,
    NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol,
    RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::link::Mac;
use crate::netlink::Request;

/// Gives an interface an address: `ip address add …`.
///
/// Whoever gives it has made sure that nobody else has it: IPv6 need not ask
/// the neighbours, which takes a second or two (`nodad`).
pub fn add(index: u32, address: IpAddr, prefix: u8) -> Request {
    let what = format!("RTM_NEWADDR({address}/{prefix})");
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.prefix_len = prefix;
    message.header.index = index;
    let flags = AddressFlags::Nodad;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
        AddressAttribute::Flags(flags),
    ];
    let message = RouteNetlinkMessage::NewAddress(message);
    Request { what, flags: NLM_F_CREATE | NLM_F_EXCL, message }
}

/// The way to all that is not on a network of one's own: `ip route add default
/// via …`.
pub fn add_default_route(index: u32, gateway: IpAddr) -> Request {
    add_route(index, (unspecified(gateway), 0), gateway)
}

/// The way to a network: `ip route add TO via GATEWAY`.
pub fn add_route(index: u32, to: (IpAddr, u8), gateway: IpAddr) -> Request {
    let what = format!("RTM_NEWROUTE({}/{} via {gateway})", to.0, to.1);
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: family(gateway),
        destination_prefix_length: to.1,
        table: RouteHeader::RT_TABLE_MAIN,
        protocol: RouteProtocol::Static,
        scope: RouteScope::Universe,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes = vec![
        RouteAttribute::Gateway(route_address(gateway)),
        RouteAttribute::Oif(index),
    ];
    if to.1 != 0 {
        let to = route_address(to.0);
        message.attributes.push(RouteAttribute::Destination(to));
    }
    let message = RouteNetlinkMessage::NewRoute(message);
    Request { what, flags: NLM_F_CREATE | NLM_F_EXCL, message }
}

/// Says for good which hardware has an address: `ip neighbour add … nud
/// permanent`.
pub fn add_neighbour(index: u32, address: IpAddr, mac: Mac) -> Request {
    let what = format!("RTM_NEWNEIGH({address})");
    let mut message = neighbour(index, family(address), mac, address);
    message.header.state = NeighbourState::Permanent;
    let message = RouteNetlinkMessage::NewNeighbour(message);
    Request { what, flags: NLM_F_CREATE | NLM_F_EXCL, message }
}

/// Says by which host a tunnel reaches some hardware: `bridge fdb append MAC
/// dev … dst HOST`. All zeros stand for whatever is not known, and may have
/// several hosts.
pub fn append_fdb(index: u32, mac: Mac, host: IpAddr) -> Request {
    let what = format!("RTM_NEWNEIGH(fdb, dst {host})");
    let message = fdb(index, mac, host);
    let message = RouteNetlinkMessage::NewNeighbour(message);
    Request { what, flags: NLM_F_CREATE | NLM_F_APPEND, message }
}

/// Takes that back: `bridge fdb del MAC dev … dst HOST`.
pub fn del_fdb(index: u32, mac: Mac, host: IpAddr) -> Request {
    let what = format!("RTM_DELNEIGH(fdb, dst {host})");
    let message = RouteNetlinkMessage::DelNeighbour(fdb(index, mac, host));
    Request { what, flags: 0, message }
}

fn fdb(index: u32, mac: Mac, host: IpAddr) -> NeighbourMessage {
    let mut message = neighbour(index, AddressFamily::Bridge, mac, host);
    // The table of the interface itself, and not of a bridge it is a port of.
    message.header.flags = NeighbourFlags::Own;
    message.header.state = NeighbourState::Permanent;
    message
}

fn neighbour(
    index: u32,
    family: AddressFamily,
    mac: Mac,
    address: IpAddr,
) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    message.header.ifindex = index;
    let address = match address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(address),
        NeighbourAttribute::LinkLayerAddress(mac.into()),
    ];
    message
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}

fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}
