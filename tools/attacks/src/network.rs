//! Attacks on what a network namespace holds: network_namespaces(7).

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use process::{Call, Result};

use crate::outcome::{Finding, Outcome};
use crate::packet::{self, Interface};
use crate::spec::Spec;

/// The source that is forged: TEST-NET-1 of RFC 5737, which nobody has.
const NOBODYS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 66);

/// Connects to an abstract Unix socket: unix(7).
///
/// Such a socket has a name and no file: no root directory hides it, no mode
/// guards it, and the names belong to the network namespace. containerd
/// listened on one, and containers that shared the host's network could
/// command it (CVE-2020-15257).
pub(crate) fn abstract_socket(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    let call = format!("connect(\"@{id}\")");
    let mut stream = SocketAddr::from_abstract_name(&id)
        .and_then(|address| UnixStream::connect_addr(&address))
        .call(&call)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).call(format_args!("read(\"@{id}\")"))?;
    canary.judge(&bytes, format_args!("socket @{id}"))
}

/// Connects to a service that listens on the loopback interface alone.
///
/// "Only local programs reach it", think those who leave it without a
/// password: databases, debuggers, the agents of clouds. Whoever shares the
/// network is local.
pub(crate) fn host_loopback(canary: &Spec) -> Result<Finding> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, canary.get("port")?);
    let mut stream =
        TcpStream::connect(address).call(format_args!("connect({address})"))?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).call(format_args!("read({address})"))?;
    canary.judge(&bytes, format_args!("TCP {address}"))
}

/// Reads what others on the host send: packet(7).
///
/// A packet socket has a copy of every frame that any interface of its
/// network namespace sends or receives. It takes CAP_NET_RAW.
pub(crate) fn sniff_traffic(canary: &Spec) -> Result<Finding> {
    packet::listen(canary, &packet::socket(None)?, |_| Ok(true))
}

/// Takes a port on which the host's own datagrams arrive: socket(7).
///
/// With SO_REUSEADDR two may have one UDP port, and the one that bound the
/// more exact address is given the datagrams. No privilege is asked for.
pub(crate) fn hijack_port(canary: &Spec) -> Result<Finding> {
    let port = canary.get("service")?;
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    packet::receive(canary, address)
}

/// Sends datagrams with the source address of somebody else: raw(7).
///
/// Who answers or filters by the source trusts what the sender wrote. It takes
/// CAP_NET_RAW. It goes to the default gateway, which for a container is the
/// host. Whether it arrived, the witness says.
pub(crate) fn forged_source(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    let service: u16 = canary.get("service")?;
    let (host, own) = match packet::own_ethernet(canary)? {
        Some(Interface { gateway: Some(gateway), address, .. }) => {
            (gateway, address)
        }
        _ => (Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST),
    };
    let to = SocketAddrV4::new(host, service);
    // Of nobody, and of somebody who may well be on the same network.
    let neighbours = Ipv4Addr::from_bits(own.to_bits() ^ 0x40);
    for source in [NOBODYS, neighbours] {
        packet::send_forged(source, to, forged_text(&id, source).as_bytes())?;
    }
    let said = format!("sent to {to} from {NOBODYS} and {neighbours}");
    Ok((Outcome::Attempted, said))
}

/// What a datagram says that has this source and should not.
pub(crate) fn forged_text(id: &str, source: Ipv4Addr) -> String {
    format!("{id} forged {source}")
}

/// Makes the socket, for the canary process to answer.
pub(crate) fn plant(id: &str) -> Result<UnixListener> {
    SocketAddr::from_abstract_name(id)
        .and_then(|address| UnixListener::bind_addr(&address))
        .call(format_args!("bind(\"@{id}\")"))
}
