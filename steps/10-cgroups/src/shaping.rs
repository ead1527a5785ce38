//! How fast a container may send and receive: tc-tbf(8).
//!
//! In version 1 two controllers mark packets, with a class or a priority, and
//! tc(8) acts by the mark. In version 2 nftables asks for the group itself, or
//! a program gives the priority ([`crate::priority`]). All that is for containers
//! in the host's network. One with a cable of its own needs no mark, and has
//! none: what it sends and receives, and nothing else, goes through there, and
//! at its end packets forget where they come from.
//!
//! Each end of the cable gets a queue, and before it a *token bucket*: tokens
//! fall in at the rate that is allowed, each is worth a byte, and what finds no
//! token waits. An end delays what it sends. So the host's end limits what the
//! container receives, and the container's end what it sends.

use std::os::fd::BorrowedFd;

use net::{Namespace, Netlink, Network, Request, link};
use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage, TcOption};
use nix::errno::Errno;
use process::{Error, Hint, Result};

use crate::options::GroupOptions;

/// From <linux/pkt_sched.h>: which part of the options it is.
const PARAMETERS: u16 = 1;
const RATE: u16 = 4;
const BURST: u16 = 6;

/// Bytes that may go at once after a pause: those of a fiftieth second, but a
/// few packets at least, or none would go at all.
const LEAST_BURST: u32 = 16 << 10;
/// Bytes that may wait; what comes then is dropped, and TCP slows down.
const LEAST_QUEUE: u32 = 64 << 10;

/// Outside, when the cables are plugged in.
pub fn shape(
    options: &GroupOptions,
    network: &Network,
    container: BorrowedFd,
) -> Result<()> {
    if let (Some(mark), false) = (options.mark(), is_hosts(network)) {
        return Err(Error::new(format_args!(
            "{mark}: a packet loses it where it leaves the container's network"
        ))
        .with_hint("with --network host it is kept; --net-rate needs none"));
    }
    let Some(rate) = options.net_rate else { return Ok(()) };
    let there = Namespace::of(container)?;
    let mut inside = there.within(Netlink::open)?;
    let cables = match is_hosts(network) {
        true => Vec::new(), // They are somebody else's.
        false => cables(&mut inside)?,
    };
    if cables.is_empty() {
        return Err(Error::new("--net-rate: no cable leads to the container")
            .with_hint("--network bridge, or --vni, is one of its own"));
    }
    let mut outside = Netlink::open()?;
    for (end, hosts_end) in cables {
        inside.request(&[token_bucket(end, rate)]).hint(NO_QUEUE, WHY)?;
        outside.request(&[token_bucket(hosts_end, rate)])?;
    }
    Ok(())
}

/// Whether the container has no network of its own.
fn is_hosts(network: &Network) -> bool {
    network.namespaces().is_empty()
}

const NO_QUEUE: Errno = Errno::ENOENT;
const WHY: &str = "this kernel was made without token buckets: sch_tbf";

/// Each interface that is one end of a cable, with the number of the other
/// end: IFLA_LINK in rtnetlink(7).
fn cables(inside: &mut Netlink) -> Result<Vec<(u32, u32)>> {
    let other_end = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::Link(number) if *number > 0 => Some(*number),
        _ => None,
    };
    let all = link::all(inside)?.into_iter().filter_map(|link| {
        let other = link.attributes.iter().find_map(other_end)?;
        Some((link.header.index, other))
    });
    Ok(all.collect())
}

/// `tc qdisc replace dev … root tbf rate … burst … limit …`.
fn token_bucket(interface: u32, rate: u64) -> Request {
    let short = u32::try_from(rate).unwrap_or(u32::MAX);
    let burst = (short / 50).max(LEAST_BURST);
    let queue = (short / 10).max(LEAST_QUEUE);
    // `struct tc_tbf_qopt`: the rate, in the form of `struct tc_ratespec`, no
    // higher one for moments, and the queue.
    let ethernet = 1;
    let mut parameters = vec![0, ethernet, 0, 0, 0, 0, 0, 0];
    parameters.extend(short.to_ne_bytes());
    parameters.extend([0; 12]);
    parameters.extend(queue.to_ne_bytes());
    parameters.extend([0; 8]); // in ticks; BURST has it in bytes

    let option = |kind, value| TcOption::Other(DefaultNla::new(kind, value));
    let mut message = TcMessage::with_index(interface as i32);
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle { major: 1, minor: 0 };
    message.attributes = vec![
        TcAttribute::Kind("tbf".into()),
        TcAttribute::Options(vec![
            option(PARAMETERS, parameters),
            option(RATE, rate.to_ne_bytes().into()),
            option(BURST, burst.to_ne_bytes().into()),
        ]),
    ];
    Request {
        what: format!("RTM_NEWQDISC(interface {interface}, tbf)"),
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        message: RouteNetlinkMessage::NewQueueDiscipline(message),
    }
}
