//! Where packets go: a dump of the routing tables by rtnetlink(7).
//!
//! A request and its answer are a `struct nlmsghdr` (16 bytes), a `struct
//! rtmsg` (12 bytes) and attributes, each aligned to 4 bytes.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::net::if_::if_nameindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send,
    socket,
};
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

const HEADER: usize = 16;
const RTMSG: usize = 12;
/// The kernel makes no message of a dump larger than this.
const BUFFER: usize = 1 << 16;

/// `DESTINATION [via GATEWAY] [dev INTERFACE]` of each unicast route.
pub(crate) fn unicast(subject: &Subject) -> Result<Known> {
    Ok(Known::set(subject.within("net", dump)?))
}

fn dump() -> Result<Vec<String>> {
    let names = interface_names()?;
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )
    .call("socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)")?;
    let fd = socket.as_raw_fd();
    send(fd, &request(), MsgFlags::empty()).call("send(RTM_GETROUTE)")?;

    let mut routes = Vec::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = recv(fd, &mut buffer, MsgFlags::empty())
            .call("recv(RTM_NEWROUTE)")?;
        for (kind, body) in messages(&buffer[..length]) {
            match libc::c_int::from(kind) {
                libc::NLMSG_DONE => return Ok(routes),
                libc::NLMSG_ERROR => return Err(refused(body)),
                _ => routes.extend(route(body, &names)),
            }
        }
    }
}

fn interface_names() -> Result<BTreeMap<u32, String>> {
    let found = if_nameindex().call("if_nameindex()")?;
    let pair = |one: &nix::net::if_::Interface| {
        (one.index(), one.name().to_string_lossy().into_owned())
    };
    Ok(found.iter().map(pair).collect())
}

/// RTM_GETROUTE for all tables of all address families.
fn request() -> [u8; HEADER + RTMSG] {
    let mut request = [0; HEADER + RTMSG];
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let length = request.len() as u32;
    request[0..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&libc::RTM_GETROUTE.to_ne_bytes());
    request[6..8].copy_from_slice(&flags.to_ne_bytes());
    request
}

fn refused(body: &[u8]) -> Error {
    let errno = number(body).map_or(0, |number| -(number as i32));
    Error::of_call("RTM_GETROUTE", Errno::from_raw(errno))
}

/// The type and the body of each message.
fn messages(buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(buffer, |header| Some((number(header)? as usize, 4)), HEADER)
}

/// The type and the value of each attribute.
fn attributes(buffer: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    pieces(buffer, |header| Some((short(header)? as usize, 2)), 4)
}

/// Cuts at the lengths that stand in the headers; `read` gives a length, and
/// where the type stands.
fn pieces(
    mut rest: &[u8],
    read: impl Fn(&[u8]) -> Option<(usize, usize)>,
    header: usize,
) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, at) = read(rest)?;
        let piece = (short(rest.get(at..)?)?, rest.get(header..length)?);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(piece)
    })
}

/// `None` for what is no unicast route, such as those for broadcasts.
fn route(body: &[u8], names: &BTreeMap<u32, String>) -> Option<String> {
    // rtnetlink(7): family, length of the destination, …, type at 7.
    let (length, kind) = (*body.get(1)?, *body.get(7)?);
    if kind != libc::RTN_UNICAST {
        return None;
    }
    let (mut destination, mut gateway, mut device) = (None, None, None);
    for (kind, value) in attributes(body.get(RTMSG..)?) {
        match kind {
            libc::RTA_DST => destination = address(value),
            libc::RTA_GATEWAY => gateway = address(value),
            libc::RTA_OIF => device = number(value),
            _ => {}
        }
    }
    let mut text = match destination {
        Some(destination) => format!("{destination}/{length}"),
        None => "default".into(),
    };
    if let Some(gateway) = gateway {
        text += &format!(" via {gateway}");
    }
    if let Some(name) = device.and_then(|index| names.get(&index)) {
        text += &format!(" dev {name}");
    }
    Some(text)
}

fn address(value: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).to_string())
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

fn short(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_cut_short_is_no_message() {
        let mut bytes = request().to_vec();
        assert_eq!(messages(&bytes).count(), 1);
        bytes.truncate(20);
        assert_eq!(messages(&bytes).count(), 0);
        assert_eq!(messages(&[0; 64]).count(), 0, "a length of nothing");
    }
}
