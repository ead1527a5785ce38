//! What rules are made of: `enum nft_payload_attributes` and its like, in
//! `linux/netfilter/nf_tables.h`.

use super::{attribute, c_string, nested};

/// A place in a packet: from which header on, how far, how long.
pub(crate) struct Field(u32, u32, u32);

const LINK: u32 = 0;
const NETWORK: u32 = 1;
const TRANSPORT: u32 = 2;

impl Field {
    pub(crate) const ETHER_SOURCE: Self = Self(LINK, 6, 6);
    pub(crate) const ARP_MAC: Self = Self(NETWORK, 8, 6);
    pub(crate) const ARP_ADDRESS: Self = Self(NETWORK, 14, 4);
    pub(crate) const SOURCE: Self = Self(NETWORK, 12, 4);
    pub(crate) const DESTINATION: Self = Self(NETWORK, 16, 4);
    pub(crate) const SOURCE6: Self = Self(NETWORK, 8, 16);
    /// The half of it that all of one network have.
    pub(crate) const SOURCE6_NETWORK: Self = Self(NETWORK, 8, 8);
    pub(crate) const DESTINATION6: Self = Self(NETWORK, 24, 16);
    pub(crate) const PORT: Self = Self(TRANSPORT, 2, 2);
    pub(crate) const ICMP_TYPE: Self = Self(TRANSPORT, 0, 1);
    /// Whose hardware a neighbour tells: RFC 4861, section 4.4.
    pub(crate) const ICMP_TARGET: Self = Self(TRANSPORT, 8, 16);
}

/// What is known of a packet beside its bytes: `enum nft_meta_keys`.
#[derive(Clone, Copy)]
pub(crate) enum Meta {
    /// The protocol that the frame carries, as in its header.
    Protocol = 1,
    /// The interface by which it came.
    From = 6,
    /// The interface by which it goes.
    To = 7,
    /// IPv4 or IPv6.
    Family = 15,
    /// TCP, UDP and so on.
    Transport = 16,
}

/// One expression. Values go through the first register.
pub(crate) struct Expression {
    name: &'static str,
    data: Vec<u8>,
}

const VERDICT: u32 = 0;
const FIRST: u32 = 1;
const SECOND: u32 = 2;

impl Expression {
    fn new(name: &'static str, attributes: &[(u16, u32)]) -> Self {
        let mut data = Vec::new();
        for (kind, value) in attributes {
            attribute(&mut data, *kind, &value.to_be_bytes());
        }
        Self { name, data }
    }

    pub(crate) fn append(&self, to: &mut Vec<u8>) {
        attribute(to, 1, &c_string(self.name));
        nested(to, 2, |to| to.extend(&self.data));
    }
}

/// Reads a place of the packet.
fn payload(field: &Field) -> Expression {
    let Field(base, offset, length) = *field;
    let attributes = [(1, FIRST), (2, base), (3, offset), (4, length)];
    Expression::new("payload", &attributes)
}

/// `NFT_CMP_EQ` and `NFT_CMP_NEQ`.
const EQUAL: u32 = 0;
const DIFFERENT: u32 = 1;

fn compare(operation: u32, value: &[u8]) -> Expression {
    let attributes = [(1, FIRST), (2, operation)];
    let mut compare = Expression::new("cmp", &attributes);
    nested(&mut compare.data, 3, |data| attribute(data, 1, value));
    compare
}

/// Keeps some of the bits that were read.
fn mask(value: &[u8]) -> Expression {
    let attributes = [(1, FIRST), (2, FIRST), (3, value.len() as u32)];
    let mut mask = Expression::new("bitwise", &attributes);
    nested(&mut mask.data, 4, |data| attribute(data, 1, value));
    let nothing = vec![0; value.len()];
    nested(&mut mask.data, 5, |data| attribute(data, 1, &nothing));
    mask
}

/// That a place of the packet has this value.
pub(crate) fn is(field: &Field, value: &[u8]) -> Vec<Expression> {
    vec![payload(field), compare(EQUAL, value)]
}

/// That it has another.
pub(crate) fn is_not(field: &Field, value: &[u8]) -> Vec<Expression> {
    vec![payload(field), compare(DIFFERENT, value)]
}

/// That it begins with this value, as far as `bits` are set.
pub(crate) fn is_in(
    field: &Field,
    value: &[u8],
    bits: &[u8],
) -> Vec<Expression> {
    vec![payload(field), mask(bits), compare(EQUAL, value)]
}

pub(crate) fn meta_is(key: Meta, value: &[u8]) -> Vec<Expression> {
    vec![
        Expression::new("meta", &[(1, FIRST), (2, key as u32)]),
        compare(EQUAL, value),
    ]
}

pub(crate) fn meta_is_not(key: Meta, value: &[u8]) -> Vec<Expression> {
    vec![
        Expression::new("meta", &[(1, FIRST), (2, key as u32)]),
        compare(DIFFERENT, value),
    ]
}

/// An interface's name, as the kernel keeps it.
pub(crate) fn name(name: &str) -> [u8; 16] {
    let mut padded = [0; 16];
    for (to, from) in padded.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    padded
}

/// That the packet is meant for this host: `fib daddr type local`.
pub(crate) fn is_for_this_host() -> Vec<Expression> {
    const TYPE: u32 = 3;
    const BY_DESTINATION: u32 = 2;
    let attributes = [(1, FIRST), (2, TYPE), (3, BY_DESTINATION)];
    let local = u32::from(libc::RTN_LOCAL).to_ne_bytes();
    vec![Expression::new("fib", &attributes), compare(EQUAL, &local)]
}

/// That the packet is the first of its connection: `ct state new`.
pub(crate) fn is_new() -> Vec<Expression> {
    const STATE: u32 = 0;
    const NEW: u32 = 8; // NF_CT_STATE_BIT(IP_CT_NEW)
    connection(STATE, NEW, true)
}

/// That the connection's destination was exchanged, as `is` says.
pub(crate) fn was_redirected(is: bool) -> Vec<Expression> {
    const STATUS: u32 = 2;
    const DESTINATION: u32 = 1 << 5;
    connection(STATUS, DESTINATION, is)
}

/// That a bit of what is known of the connection is set, or is not.
fn connection(key: u32, bit: u32, is_set: bool) -> Vec<Expression> {
    let operation = if is_set { DIFFERENT } else { EQUAL };
    let unset = 0_u32.to_ne_bytes();
    vec![
        Expression::new("ct", &[(2, key), (1, FIRST)]),
        mask(&bit.to_ne_bytes()),
        compare(operation, &unset),
    ]
}

/// Gives the packet the host's address for its source.
pub(crate) fn masquerade() -> Vec<Expression> {
    vec![Expression::new("masq", &[])]
}

/// Gives the packet another destination, and whatever comes back the old one
/// for its source.
pub(crate) fn redirect(
    family: u8,
    address: &[u8],
    port: u16,
) -> Vec<Expression> {
    const DESTINATION: u32 = 1;
    // Kind, family, first address, first port; the last ones, 4 and 6, would
    // make ranges of them.
    let attributes =
        [(1, DESTINATION), (2, u32::from(family)), (3, FIRST), (5, SECOND)];
    vec![
        immediate(FIRST, address),
        immediate(SECOND, &port.to_be_bytes()),
        Expression::new("nat", &attributes),
    ]
}

fn immediate(register: u32, value: &[u8]) -> Expression {
    let mut immediate = Expression::new("immediate", &[(1, register)]);
    nested(&mut immediate.data, 2, |data| attribute(data, 1, value));
    immediate
}

/// Throws the packet away.
pub(crate) fn drop_it() -> Vec<Expression> {
    let mut verdict = Expression::new("immediate", &[(1, VERDICT)]);
    nested(&mut verdict.data, 2, |data| {
        nested(data, 2, |verdict| {
            attribute(verdict, 1, &libc::NF_DROP.to_be_bytes());
        });
    });
    vec![verdict]
}
