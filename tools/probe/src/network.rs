//! The network as the process finds it: interfaces and their addresses.

use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::if_nameindex;
use nix::sys::socket::SockaddrStorage;
use process::{Call, Result};

use crate::report::Known;
use crate::subject::Subject;

/// if_nameindex(3).
pub(crate) fn interfaces(subject: &Subject) -> Result<Known> {
    let names = subject.within("net", || {
        let found = if_nameindex().call("if_nameindex()")?;
        Ok(found
            .iter()
            .map(|one| one.name().to_string_lossy().into_owned())
            .collect::<Vec<_>>())
    })?;
    Ok(Known::set(names))
}

/// `INTERFACE ADDRESS/LENGTH` of each, by getifaddrs(3).
pub(crate) fn addresses(subject: &Subject) -> Result<Known> {
    let addresses = subject.within("net", || {
        let found = getifaddrs().call("getifaddrs()")?;
        Ok(found.filter_map(|one| describe(&one)).collect::<Vec<_>>())
    })?;
    Ok(Known::set(addresses))
}

/// `None` for what is not an IP address, such as that of an Ethernet card.
fn describe(one: &InterfaceAddress) -> Option<String> {
    let name = &one.interface_name;
    let address = ip(one.address.as_ref()?)?;
    Some(match one.netmask.as_ref().and_then(ip) {
        Some(mask) => format!("{name} {address}/{}", ones(mask)),
        None => format!("{name} {address}"),
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::from(v4.ip()));
    v4.or_else(|| Some(address.as_sockaddr_in6()?.ip().into()))
}

/// The length of the network part.
fn ones(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    }
}
