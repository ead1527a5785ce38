//! The firewall: nf_tables, as nft(8) speaks to it.
//!
//! A *table* has *chains*, a chain is called at a *hook*, a place on the way
//! of every packet, and has *rules*. A rule is a list of expressions. Each
//! reads something into a register, compares it, or acts; the first that does
//! not hold ends the rule.
//!
//! The messages are made by hand. No crate that is kept up does it without a C
//! library or the program nft, and there is not much to it: attributes, of
//! length, kind and value, one within the other. Numbers that nf_tables reads are
//! big-endian. What it compares is as it lies in the packet, or in the kernel.

pub(crate) mod expression;

use std::thread::sleep;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST,
};
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, protocols};
use nix::errno::Errno;
use process::{Call, Hint, Result};

use crate::netlink::{self, LONGEST, answer_of, not_netlink};

/// Only failures and acknowledgements are read, which all families share.
type Answer = NetlinkMessage<RouteNetlinkMessage>;

/// Rules for both IP families: `table inet`.
pub(crate) const INET: u8 = libc::NFPROTO_INET as u8;
/// Rules for all that one interface receives: `table netdev`.
pub(crate) const NETDEV: u8 = libc::NFPROTO_NETDEV as u8;

/// The numbers of `enum nf_tables_msg_types`, behind that of nf_tables itself.
const SUBSYSTEM: u16 = (libc::NFNL_SUBSYS_NFTABLES as u16) << 8;
const NEW_TABLE: u16 = SUBSYSTEM;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;

/// `NFT_TABLE_F_OWNER`, Linux 5.12: the table belongs to the socket.
const OWNER: u32 = 2;
const NEW_OWNED: &str = "NFT_MSG_NEWTABLE";

/// How long somebody else may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Rules that the kernel removes when this is dropped, or when its process
/// ends, however it ends.
#[must_use = "dropped, it takes its rules along"]
pub struct Rules {
    _owner: Socket,
}

/// Several changes, of which the kernel makes all or none.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// What was asked, by sequence number.
    requests: Vec<String>,
}

/// Where on the way of a packet a chain is called.
pub(crate) struct Hook<'a> {
    pub(crate) kind: &'a str,
    pub(crate) number: i32,
    pub(crate) priority: i32,
    pub(crate) device: Option<&'a str>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let mut batch = Self { bytes: Vec::new(), requests: Vec::new() };
        batch.envelope(BATCH_BEGIN);
        batch
    }

    pub(crate) fn table(&mut self, family: u8, table: &str) {
        let what = format!("{NEW_OWNED}({table:?}, NFT_TABLE_F_OWNER)");
        let mut body = Vec::new();
        attribute(&mut body, 1, &c_string(table));
        attribute(&mut body, 2, &OWNER.to_be_bytes());
        self.message(NEW_TABLE, family, what, &body);
    }

    pub(crate) fn chain(
        &mut self,
        family: u8,
        table: &str,
        chain: &str,
        hook: &Hook,
    ) {
        let what = format!("NFT_MSG_NEWCHAIN({table:?}, {chain:?})");
        let mut body = Vec::new();
        attribute(&mut body, 1, &c_string(table));
        attribute(&mut body, 3, &c_string(chain));
        nested(&mut body, 4, |body| {
            attribute(body, 1, &hook.number.to_be_bytes());
            attribute(body, 2, &hook.priority.to_be_bytes());
            if let Some(device) = hook.device {
                attribute(body, 3, &c_string(device));
            }
        });
        attribute(&mut body, 7, &c_string(hook.kind));
        self.message(NEW_CHAIN, family, what, &body);
    }

    /// Adds a rule at the end of a chain.
    pub(crate) fn rule(
        &mut self,
        family: u8,
        table: &str,
        chain: &str,
        expressions: &[expression::Expression],
    ) {
        let what = format!("NFT_MSG_NEWRULE({table:?}, {chain:?})");
        let mut body = Vec::new();
        attribute(&mut body, 1, &c_string(table));
        attribute(&mut body, 2, &c_string(chain));
        nested(&mut body, 4, |list| {
            for expression in expressions {
                nested(list, 1, |element| expression.append(element));
            }
        });
        self.message(NEW_RULE, family, what, &body);
    }

    /// Sends it. The tables stay as long as what is given here.
    ///
    /// The table of somebody else can't be changed: EPERM. Who had the name
    /// before may have lost his container already, and end in a moment; his
    /// rules are not to be for another one.
    pub(crate) fn commit(mut self) -> Result<Rules> {
        self.envelope(BATCH_END);
        let start = Instant::now();
        loop {
            match self.send() {
                Err(error)
                    if error.errno() == Some(Errno::EPERM)
                        && start.elapsed() < PATIENCE =>
                {
                    sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

    fn send(&self) -> Result<Rules> {
        let socket = netlink::open(protocols::NETLINK_NETFILTER)
            .call("socket(AF_NETLINK, NETLINK_NETFILTER)")
            .hint(
                Errno::EPROTONOSUPPORT,
                "the kernel has no nf_tables: `modprobe nf_tables`",
            )?;
        socket.send(&self.bytes, 0).call("send(nf_tables)")?;
        self.check(&socket)?;
        Ok(Rules { _owner: socket })
    }

    /// Reads the answers: one for each message, or one for all if the batch
    /// itself was refused.
    fn check(&self, socket: &Socket) -> Result<()> {
        let mut left = self.requests.len();
        let mut result = Ok(());
        while left > 0 {
            let mut bytes = Vec::with_capacity(LONGEST);
            socket.recv(&mut bytes, 0).call("recv(nf_tables)")?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let message = Answer::deserialize(rest).map_err(not_netlink)?;
                let header = message.header;
                let length = header.length.next_multiple_of(4) as usize;
                rest = rest.get(length..).unwrap_or(&[]);
                let NetlinkPayload::Error(error) = message.payload else {
                    continue;
                };
                let request = (header.sequence_number as usize).checked_sub(1);
                let what = request.and_then(|i| self.requests.get(i));
                left = if request.is_none() { 0 } else { left - 1 };
                let what = what.map_or("NFNL_MSG_BATCH_BEGIN", String::as_str);
                let answer = answer_of(&error, what);
                result = result.and(match what.starts_with(NEW_OWNED) {
                    true => answer.hint(Errno::EINVAL, "it takes Linux 5.12"),
                    false => answer,
                });
            }
        }
        result
    }

    fn message(&mut self, kind: u16, family: u8, what: String, body: &[u8]) {
        let flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
        self.requests.push(what);
        self.append(kind, flags | NLM_F_APPEND, family, 0, body);
    }

    /// The first and the last message. They have no answer.
    fn envelope(&mut self, kind: u16) {
        let subsystem = libc::NFNL_SUBSYS_NFTABLES as u16;
        self.append(kind, NLM_F_REQUEST, 0, subsystem, &[]);
    }

    /// `struct nlmsghdr`, `struct nfgenmsg`, attributes.
    fn append(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        resource: u16,
        body: &[u8],
    ) {
        let length = 16 + 4 + body.len() as u32;
        let sequence = self.requests.len() as u32;
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(sequence.to_ne_bytes());
        self.bytes.extend([0; 4]); // From whom: the kernel knows.
        self.bytes.extend([family, 0]);
        self.bytes.extend(resource.to_be_bytes());
        self.bytes.extend(body);
    }
}

/// Appends an attribute: length, kind, value, up to a multiple of four.
fn attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend((4 + value.len() as u16).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

/// Appends an attribute that consists of attributes.
fn nested(to: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    const NESTED: u16 = 1 << 15;
    let mut value = Vec::new();
    fill(&mut value);
    attribute(to, kind | NESTED, &value);
}

fn c_string(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}
