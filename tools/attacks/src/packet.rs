//! Sockets below those that programs use: packet(7), raw(7).

use std::fs;
use std::io::ErrorKind;
use std::mem::size_of;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn,
    bind, recv, sendto, setsockopt, socket as new_socket, sockopt,
};
use nix::sys::time::TimeVal;
use process::{Call, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// How long an attack listens.
const PATIENCE: Duration = Duration::from_secs(2);

/// An Ethernet interface of the sandbox's own.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    pub(crate) mac: [u8; 6],
    pub(crate) address: Ipv4Addr,
    pub(crate) mask: Ipv4Addr,
    pub(crate) gateway: Option<Ipv4Addr>,
}

impl Interface {
    /// The last address of the subnet but one is the last of a machine.
    pub(crate) fn last_address(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.broadcast().to_bits() - 1)
    }

    /// Who sends there sends to everybody.
    pub(crate) fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !self.mask.to_bits())
    }
}

/// The network namespace we are in: its inode.
pub(crate) fn network() -> Result<u64> {
    let path = "/proc/self/ns/net";
    Ok(fs::metadata(path).call(format_args!("stat({path:?})"))?.ino())
}

/// The first interface that is not the loopback. None in the network of the
/// host: it may be a real one, on which nobody may be harmed.
pub(crate) fn own_ethernet(canary: &Spec) -> Result<Option<Interface>> {
    // Without /proc it can't have been changed since 01-chroot.
    if !network().is_ok_and(|own| canary.get("network").ok() != Some(own)) {
        return Ok(None);
    }
    let all: Vec<_> = getifaddrs().call("getifaddrs()")?.collect();
    for found in &all {
        let is_loopback = found.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let ip = |a: Option<nix::sys::socket::SockaddrStorage>| {
            a.as_ref().and_then(|a| a.as_sockaddr_in()).map(SockaddrIn::ip)
        };
        let (Some(address), Some(mask), false) =
            (ip(found.address), ip(found.netmask), is_loopback)
        else {
            continue;
        };
        let name = &found.interface_name;
        let link = all.iter().filter(|other| other.interface_name == *name);
        let mac = link.filter_map(|l| l.address?.as_link_addr()?.addr()).next();
        let index = if_nametoindex(name.as_str())
            .call(format_args!("if_nametoindex({name:?})"))?;
        let (mac, gateway) = (mac.unwrap_or_default(), gateway());
        return Ok(Some(Interface { index, mac, address, mask, gateway }));
    }
    Ok(None)
}

/// Where the default route leads: proc_pid_net(5). Without one, nowhere.
fn gateway() -> Option<Ipv4Addr> {
    let routes = fs::read_to_string("/proc/net/route").ok()?;
    routes.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let number = u32::from_str_radix(fields.get(2)?, 16).ok()?;
        (fields[1] == "00000000").then(|| Ipv4Addr::from(number.to_ne_bytes()))
    })
}

/// A socket for whole frames, on one interface or on all.
pub(crate) fn socket(interface: Option<&Interface>) -> Result<OwnedFd> {
    let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let all = Some(SockProtocol::EthAll);
    let socket = new_socket(AddressFamily::Packet, kind, flags, all)
        .call("socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)")?;
    if let Some(interface) = interface {
        bind_to(&socket, interface)?;
    }
    // So that who listens looks at the clock.
    let soon = TimeVal::new(0, 50_000);
    setsockopt(&socket, sockopt::ReceiveTimeout, &soon)
        .call("setsockopt(SO_RCVTIMEO)")?;
    Ok(socket)
}

fn bind_to(socket: &OwnedFd, interface: &Interface) -> Result<()> {
    // SAFETY: `sockaddr_ll` is plain data, for which zeroes are valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface.index.cast_signed();
    // SAFETY: bind(2) reads as many bytes of the address as it is long.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<libc::sockaddr_ll>() as libc::socklen_t,
        )
    };
    let index = interface.index;
    Errno::result(result)
        .map(drop)
        .call(format_args!("bind(AF_PACKET, {index})"))
}

/// Reads frames until one has the secret in it, or it has been long enough.
/// Each frame is shown to `is_of_use` first, and none is when nothing comes.
pub(crate) fn listen(
    canary: &Spec,
    socket: &OwnedFd,
    mut is_of_use: impl FnMut(&[u8]) -> Result<bool>,
) -> Result<Finding> {
    let id: String = canary.get("id")?;
    let mark = format!("{id}:");
    let end = Instant::now() + PATIENCE;
    let mut bytes = [0; 2048];
    while Instant::now() < end {
        let frame =
            match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty()) {
                Err(Errno::EAGAIN | Errno::ENETDOWN) => &[][..],
                result => &bytes[..result.call("recv(AF_PACKET)")?],
            };
        if !is_of_use(frame)? {
            continue;
        }
        let mut starts = frame.windows(mark.len());
        if let Some(at) = starts.position(|text| text == mark.as_bytes()) {
            let end = frame.len().min(at + crate::spec::SECRET_LENGTH);
            return canary.judge(&frame[at..end], "a frame of the network");
        }
    }
    let what = format!("nothing of the canary's in {PATIENCE:?}");
    Ok((Outcome::Contained, what))
}

/// Sends a whole frame.
pub(crate) fn send_frame(socket: &OwnedFd, frame: &[u8]) -> Result<()> {
    nix::sys::socket::send(socket.as_raw_fd(), frame, MsgFlags::empty())
        .map(drop)
        .call("send(AF_PACKET)")
}

/// A UDP socket whose port others may have too.
pub(crate) fn bind_shared(address: SocketAddrV4) -> Result<UdpSocket> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket =
        new_socket(AddressFamily::Inet, SockType::Datagram, flags, None)
            .call("socket(AF_INET, SOCK_DGRAM)")?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)
        .call("setsockopt(SO_REUSEADDR)")?;
    bind(socket.as_raw_fd(), &SockaddrIn::from(address))
        .call(format_args!("bind({address})"))?;
    Ok(socket.into())
}

/// Waits for the secret on a port that somebody else may have as well.
pub(crate) fn receive(canary: &Spec, at: SocketAddrV4) -> Result<Finding> {
    let socket = bind_shared(at)?;
    socket.set_read_timeout(Some(PATIENCE)).call("setsockopt(SO_RCVTIMEO)")?;
    let mut bytes = [0; 256];
    match socket.recv(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            let what = format!("nothing came to {at} in {PATIENCE:?}");
            Ok((Outcome::Contained, what))
        }
        result => {
            let length = result.call(format_args!("recv({at})"))?;
            canary.judge(&bytes[..length], format_args!("UDP {at}"))
        }
    }
}

/// Sends a UDP datagram with any source address: IP_HDRINCL in raw(7).
pub(crate) fn send_forged(
    source: Ipv4Addr,
    to: SocketAddrV4,
    text: &[u8],
) -> Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let raw = Some(SockProtocol::Raw);
    let socket = new_socket(AddressFamily::Inet, SockType::Raw, flags, raw)
        .call("socket(AF_INET, SOCK_RAW, IPPROTO_RAW)")?;
    let udp_length = 8 + text.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp_length).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, libc::IPPROTO_UDP as u8, 0, 0]);
    packet.extend(source.octets());
    packet.extend(to.ip().octets());
    // The kernel sums up the IP header; without a sum UDP is not checked.
    for word in [9, to.port(), udp_length, 0] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend(text);
    let address = SockaddrIn::from(to);
    sendto(socket.as_raw_fd(), &packet, &address, MsgFlags::empty())
        .map(drop)
        .call(format_args!("sendto({to}) from {source}"))
}

/// A request about an interface: netdevice(7).
pub(crate) fn ioctl(
    socket: &UdpSocket,
    request: u64,
    argument: &mut libc::ifreq,
) -> nix::Result<()> {
    // SAFETY: the requests of netdevice(7) read and write one `ifreq`.
    let result = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            request as libc::Ioctl,
            std::ptr::from_mut(argument),
        )
    };
    Errno::result(result).map(drop)
}
