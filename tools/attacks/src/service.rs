//! The network services of the canary process: one on the loopback interface
//! that tells the secret to whoever asks, and one that is told it over and
//! over, as a collector of logs is.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use nix::errno::Errno;
use process::{Call, Hint, Result};

use crate::spec::Spec;
use crate::{network, packet};

/// The sockets.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) listener: TcpListener,
    service: UdpSocket,
    sender: UdpSocket,
    port: u16,
    id: String,
    secret: String,
}

impl Service {
    /// How often the secret is sent, in milliseconds.
    pub(crate) const PERIOD: u8 = 20;

    /// Makes them, for SPEC.
    pub(crate) fn plant(
        id: &str,
        secret: &str,
        spec: &mut Spec,
    ) -> Result<Self> {
        bring_up_loopback()?;
        let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let listener = TcpListener::bind(any_port).call("bind(127.0.0.1)")?;
        // On every address, so that a container finds it at its gateway's.
        let everywhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
        let service = packet::bind_shared(everywhere)?;
        service.set_nonblocking(true).call("fcntl(O_NONBLOCK)")?;
        let port =
            |result: std::io::Result<std::net::SocketAddr>| -> Result<u16> {
                Ok(result.call("getsockname()")?.port())
            };
        spec.set("port", port(listener.local_addr())?)?;
        let port = port(service.local_addr())?;
        spec.set("service", port)?;
        spec.set("network", packet::network()?)?;
        let sender = UdpSocket::bind(any_port).call("bind(127.0.0.1)")?;
        let (id, secret) = (id.into(), secret.into());
        Ok(Self { listener, service, sender, port, id, secret })
    }

    /// Sends the secret to the service: for whom the datagram is, is what
    /// `hijack_port` is after.
    pub(crate) fn send(&self) -> Result<()> {
        let to = (Ipv4Addr::LOCALHOST, self.port);
        match self.sender.send_to(self.secret.as_bytes(), to) {
            // Who took the port has gone away again.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                Ok(())
            }
            result => result.map(drop).call(format_args!("sendto({to:?})")),
        }
    }

    /// Reads what has arrived; whether any of it had a forged source.
    pub(crate) fn receive(&self) -> Result<bool> {
        let mut bytes = [0; 256];
        let mut forged = false;
        loop {
            match self.service.recv_from(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(forged);
                }
                result => {
                    let (length, from) = result.call("recvfrom(service)")?;
                    forged |= self.is_forged(from.ip(), &bytes[..length]);
                }
            }
        }
    }

    fn is_forged(&self, from: IpAddr, bytes: &[u8]) -> bool {
        let IpAddr::V4(from) = from else { return false };
        bytes == network::forged_text(&self.id, from).as_bytes()
    }
}

/// A host has a loopback interface that works; a new network namespace has
/// one that is down.
fn bring_up_loopback() -> Result<()> {
    // SAFETY: `ifreq` is plain data, for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).call("bind()")?;
    packet::ioctl(&socket, libc::SIOCGIFFLAGS, &mut request)
        .call("ioctl(\"lo\", SIOCGIFFLAGS)")?;
    // SAFETY: SIOCGIFFLAGS has written this field of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    let up = libc::IFF_UP as libc::c_short;
    if flags & up != 0 {
        return Ok(());
    }
    request.ifr_ifru.ifru_flags = flags | up;
    packet::ioctl(&socket, libc::SIOCSIFFLAGS, &mut request)
        .call("ioctl(\"lo\", SIOCSIFFLAGS, IFF_UP)")
        .hint(Errno::EPERM, "as root: ip link set lo up")
}
