//! The rules of one container, in tables of its own.

use std::net::{IpAddr, Ipv6Addr};

use process::Result;

use crate::link::Mac;
use crate::nft::expression::{
    Expression, Field, Meta, drop_it, is, is_for_this_host, is_in, is_new,
    is_not, masquerade, meta_is, meta_is_not, name, redirect, was_redirected,
};
use crate::nft::{Batch, Hook, INET, NETDEV, Rules};
use crate::options::Addresses;
use crate::publish::Published;
use crate::subnet::{Subnet4, Subnet6};

/// For whom the rules are.
pub(crate) struct Container<'a> {
    /// The end of its cable on the host, and the name of its tables.
    pub(crate) link: &'a str,
    pub(crate) mac: Mac,
    pub(crate) addresses: Addresses,
    /// To which the cable leads.
    pub(crate) bridge: &'a str,
    pub(crate) has_v6: bool,
    pub(crate) subnet: Subnet4,
    pub(crate) subnet6: Subnet6,
}

const TCP: u8 = libc::IPPROTO_TCP as u8;
const UDP: u8 = libc::IPPROTO_UDP as u8;
const ICMP6: u8 = libc::IPPROTO_ICMPV6 as u8;

/// The kinds of frames: `linux/if_ether.h`.
const ARP: [u8; 2] = (libc::ETH_P_ARP as u16).to_be_bytes();
const IP: [u8; 2] = (libc::ETH_P_IP as u16).to_be_bytes();
const IPV6: [u8; 2] = (libc::ETH_P_IPV6 as u16).to_be_bytes();

/// Which neighbours tell each other by ICMPv6: RFC 4861, section 4.
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// `priority` in nft(8).
const FILTER: i32 = 0;
const BEFORE_ROUTING: i32 = -100;
const AFTER_ROUTING: i32 = 100;

impl Container<'_> {
    /// Gives the kernel all rules at once.
    pub(crate) fn install(&self, published: &[Published]) -> Result<Rules> {
        let mut batch = Batch::new();
        batch.table(INET, self.link);
        self.translate(&mut batch);
        self.keep_out(&mut batch);
        if !published.is_empty() {
            self.publish(&mut batch, published);
        }
        batch.table(NETDEV, self.link);
        add_guard(&mut batch, self.link, self.mac, self.addresses);
        batch.commit()
    }

    /// Nobody outside knows the addresses of the subnet. What leaves the host
    /// gets an address of the host's.
    fn translate(&self, batch: &mut Batch) {
        let hook = hook("nat", libc::NF_INET_POST_ROUTING, AFTER_ROUTING);
        batch.chain(INET, self.link, "postrouting", &hook);
        let bridge = name(self.bridge);
        for address in self.addresses() {
            // ip saddr ADDRESS oifname != BRIDGE masquerade
            self.inet(
                batch,
                "postrouting",
                [
                    source_is(address),
                    meta_is_not(Meta::To, &bridge),
                    masquerade(),
                ],
            );
        }
        // What a rule has led to the container must come back to the host, for
        // the rule to be undone. A neighbour, or the container itself, would be
        // answered directly, and the host's loopback not at all. Others stay
        // who they are: the container sees who asks.
        for (to, field, from, bits) in self.near() {
            // oifname BRIDGE ip daddr ADDRESS ip saddr FROM ct status dnat
            // masquerade
            self.inet(
                batch,
                "postrouting",
                [
                    meta_is(Meta::To, &bridge),
                    destination_is(to),
                    is_in(&field, &from, &bits),
                    was_redirected(true),
                    masquerade(),
                ],
            );
        }
    }

    /// Each address of the container, and from where it is answered directly
    /// or not at all: field, value, bits.
    fn near(&self) -> Vec<(IpAddr, Field, Vec<u8>, Vec<u8>)> {
        let [v4, v6] = self.addresses.all();
        let mask = self.subnet.mask();
        let subnet = self.subnet.first.octets();
        let loopback = ([127, 0, 0, 0], [255, 0, 0, 0]);
        let mut near: Vec<_> = [(subnet, mask), loopback]
            .map(|(from, bits)| (v4, Field::SOURCE, from.into(), bits.into()))
            .into();
        if self.has_v6 {
            let first = self.subnet6.first.octets()[..8].into();
            near.push((v6, Field::SOURCE6_NETWORK, first, vec![0xff; 8]));
        }
        near
    }

    /// A host that forwards would let everybody who knows the address in, to
    /// ports that were never published.
    fn keep_out(&self, batch: &mut Batch) {
        let hook = hook("filter", libc::NF_INET_FORWARD, FILTER);
        batch.chain(INET, self.link, "forward", &hook);
        for address in self.addresses() {
            // ip daddr ADDRESS iifname != BRIDGE ct state new
            // ct status & dnat == 0 drop
            self.inet(
                batch,
                "forward",
                [
                    destination_is(address),
                    meta_is_not(Meta::From, &name(self.bridge)),
                    is_new(),
                    was_redirected(false),
                    drop_it(),
                ],
            );
        }
    }

    /// Leads the published ports to the container: of what arrives, and of
    /// what the host itself sends.
    fn publish(&self, batch: &mut Batch, published: &[Published]) {
        let arriving = libc::NF_INET_PRE_ROUTING;
        let hooks =
            [("prerouting", arriving), ("output", libc::NF_INET_LOCAL_OUT)];
        for (chain, at) in hooks {
            let hook = hook("nat", at, BEFORE_ROUTING);
            batch.chain(INET, self.link, chain, &hook);
            for port in published {
                // An address of loopback is for the host alone. Whoever is on
                // its cable could send something there.
                let is_loopback = port.at.is_some_and(|at| at.is_loopback());
                if at == arriving && is_loopback {
                    continue;
                }
                for address in self.addresses() {
                    self.publish_one(batch, chain, port, address);
                }
            }
        }
    }

    fn publish_one(
        &self,
        batch: &mut Batch,
        chain: &str,
        port: &Published,
        to: IpAddr,
    ) {
        let at = match port.at {
            // The other family can't reach it.
            Some(at) if at.is_ipv4() != to.is_ipv4() => return,
            Some(at) => destination_is(at),
            // What ::1 sends never leaves the host. Without the rule it is
            // refused at once, with it there would be no answer.
            None if to.is_ipv6() => {
                let loopback = Ipv6Addr::LOCALHOST.octets();
                let not = is_not(&Field::DESTINATION6, &loopback);
                is_for_this_host().into_iter().chain(not).collect()
            }
            None => is_for_this_host(),
        };
        let protocol = if port.udp { UDP } else { TCP };
        self.inet(
            batch,
            chain,
            [
                family_is(to),
                meta_is(Meta::Transport, &[protocol]),
                is(&Field::PORT, &port.host_port.to_be_bytes()),
                at,
                redirect(family(to), &bytes(to), port.port),
            ],
        );
    }

    fn inet<const N: usize>(
        &self,
        batch: &mut Batch,
        chain: &str,
        parts: [Vec<Expression>; N],
    ) {
        let rule: Vec<_> = parts.into_iter().flatten().collect();
        batch.rule(INET, self.link, chain, &rule);
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let [v4, v6] = self.addresses.all();
        if self.has_v6 { vec![v4, v6] } else { vec![v4] }
    }
}

/// Only the guard, for a cable that leads to another bridge.
pub fn guard(link: &str, mac: Mac, addresses: Addresses) -> Result<Rules> {
    let mut batch = Batch::new();
    batch.table(NETDEV, link);
    add_guard(&mut batch, link, mac, addresses);
    batch.commit()
}

/// Lets no frame out of the cable that says it is from somebody else: a
/// neighbour's hardware, address, or answer to "who has this address?".
fn add_guard(batch: &mut Batch, link: &str, mac: Mac, addresses: Addresses) {
    let hook = Hook {
        kind: "filter",
        number: libc::NF_NETDEV_INGRESS,
        priority: FILTER,
        device: Some(link),
    };
    batch.chain(NETDEV, link, "guard", &hook);
    let Addresses { v4, v6 } = addresses;
    let (v4, v6) = (v4.octets(), v6.octets());
    let own6 = link_local(mac).octets();
    let protocol = |kind| meta_is(Meta::Protocol, kind);
    let icmp = |kind: u8| {
        let is_icmp = meta_is(Meta::Transport, &[ICMP6]);
        [is_icmp, is(&Field::ICMP_TYPE, &[kind])].into_iter().flatten()
    };
    let not_own6 = |field| {
        let not = [is_not(field, &v6), is_not(field, &own6)];
        not.into_iter().flatten().collect::<Vec<_>>()
    };
    let others: Vec<_> = [ARP, IP, IPV6]
        .iter()
        .flat_map(|kind| meta_is_not(Meta::Protocol, kind))
        .collect();
    let loopback = is_in(&Field::DESTINATION, &[127, 0, 0, 0], &[255, 0, 0, 0]);
    // Before a host has an address, it asks from none.
    let not_none = is_not(&Field::SOURCE6, &[0; 16]);
    let neighbour = icmp(NEIGHBOUR_ADVERTISEMENT).collect::<Vec<_>>();
    let ipv6 = || protocol(&IPV6);
    let drops = [
        vec![is_not(&Field::ETHER_SOURCE, &mac)],
        vec![others],
        vec![protocol(&ARP), is_not(&Field::ARP_MAC, &mac)],
        vec![protocol(&ARP), is_not(&Field::ARP_ADDRESS, &v4)],
        vec![protocol(&IP), is_not(&Field::SOURCE, &v4)],
        vec![protocol(&IP), loopback],
        vec![ipv6(), not_own6(&Field::SOURCE6), not_none],
        vec![ipv6(), neighbour, not_own6(&Field::ICMP_TARGET)],
        vec![ipv6(), icmp(ROUTER_ADVERTISEMENT).collect()],
        vec![ipv6(), icmp(REDIRECT).collect()],
    ];
    for conditions in drops {
        let rule = conditions.into_iter().chain([drop_it()]);
        let rule: Vec<_> = rule.flatten().collect();
        batch.rule(NETDEV, link, "guard", &rule);
    }
}

fn hook(kind: &str, number: i32, priority: i32) -> Hook<'_> {
    Hook { kind, number, priority, device: None }
}

fn family(address: IpAddr) -> u8 {
    let family = match address {
        IpAddr::V4(_) => libc::NFPROTO_IPV4,
        IpAddr::V6(_) => libc::NFPROTO_IPV6,
    };
    family as u8
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

fn family_is(address: IpAddr) -> Vec<Expression> {
    meta_is(Meta::Family, &[family(address)])
}

fn source_is(address: IpAddr) -> Vec<Expression> {
    let field = if address.is_ipv4() { Field::SOURCE } else { Field::SOURCE6 };
    let is = is(&field, &bytes(address));
    family_is(address).into_iter().chain(is).collect()
}

fn destination_is(address: IpAddr) -> Vec<Expression> {
    let field = if address.is_ipv4() {
        Field::DESTINATION
    } else {
        Field::DESTINATION6
    };
    let is = is(&field, &bytes(address));
    family_is(address).into_iter().chain(is).collect()
}

/// The address that an interface gives itself: RFC 4291, appendix A.
fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let part = |high, low| u16::from_be_bytes([high, low]);
    let (first, last) = (part(a ^ 2, b), part(e, f));
    Ipv6Addr::new(0xfe80, 0, 0, 0, first, part(c, 0xff), part(0xfe, d), last)
}
