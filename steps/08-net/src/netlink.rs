//! Talk to the kernel about the network: netlink(7), rtnetlink(7).
//!
//! A request is a message to a socket, and so is the answer. ip(8) does the
//! same. Several requests can go in one message, which costs one system call.

use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols};
use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

/// One thing that is asked of the kernel. `link`, `address`, `route` and
/// `neighbour` make them.
#[derive(Clone, Debug)]
pub struct Request {
    /// For messages.
    pub what: String,
    /// `NLM_F_CREATE` and the like.
    pub flags: u16,
    /// The message itself.
    pub message: RouteNetlinkMessage,
}

/// A connection to the part of the kernel that has the interfaces, addresses
/// and routes of one network namespace: that in which it was opened.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// As much as the kernel puts into one answer: netlink(7).
pub(crate) const LONGEST: usize = 32 * 1024;

impl Netlink {
    /// For the network namespace of the caller.
    pub fn open() -> Result<Self> {
        let socket = open(protocols::NETLINK_ROUTE)
            .call("socket(AF_NETLINK, NETLINK_ROUTE)")?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Has the requests done in their order, and waits until all are.
    ///
    /// A request that fails doesn't keep the kernel from the next ones. The
    /// first failure is given.
    pub fn request(&mut self, requests: &[Request]) -> Result<()> {
        let first = self.sequence + 1;
        let mut bytes = Vec::new();
        for (i, request) in requests.iter().enumerate() {
            // Failures are answered in any case.
            let is_last = i + 1 == requests.len();
            let ack = if is_last { NLM_F_ACK } else { 0 };
            self.append(request, ack, &mut bytes);
        }
        self.send(&bytes)?;
        let mut result = Ok(());
        self.receive(|sequence, payload| {
            if let NetlinkPayload::Error(error) = payload {
                let index = sequence.wrapping_sub(first) as usize;
                let what = requests.get(index).map(|r| &*r.what);
                let answer = answer_of(&error, what.unwrap_or("netlink"));
                if result.is_ok() {
                    result = answer;
                }
            }
        })?;
        result
    }

    /// All that there is of a kind, such as links.
    pub fn dump(
        &mut self,
        request: &Request,
    ) -> Result<Vec<RouteNetlinkMessage>> {
        let mut bytes = Vec::new();
        self.append(request, NLM_F_DUMP, &mut bytes);
        self.send(&bytes)?;
        let (mut found, mut result) = (Vec::new(), Ok(()));
        self.receive(|_, payload| match payload {
            NetlinkPayload::InnerMessage(message) => found.push(message),
            NetlinkPayload::Error(e) => result = answer_of(&e, &request.what),
            _ => {}
        })?;
        result.map(|()| found)
    }

    fn append(&mut self, request: &Request, flags: u16, to: &mut Vec<u8>) {
        self.sequence += 1;
        let mut message = NetlinkMessage::from(request.message.clone());
        message.header.flags = NLM_F_REQUEST | request.flags | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        // Each begins at a multiple of four: NLMSG_ALIGN in netlink(3).
        let start = to.len().next_multiple_of(4);
        to.resize(start + message.buffer_len(), 0);
        message.serialize(&mut to[start..]);
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        self.socket.send(bytes, 0).map(drop).call("send(netlink)")
    }

    /// Reads answers up to that to the last request.
    fn receive(
        &self,
        mut take: impl FnMut(u32, NetlinkPayload<RouteNetlinkMessage>),
    ) -> Result<()> {
        loop {
            let mut bytes = Vec::with_capacity(LONGEST);
            self.socket.recv(&mut bytes, 0).call("recv(netlink)")?;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let message =
                    NetlinkMessage::deserialize(rest).map_err(not_netlink)?;
                let length = message.header.length as usize;
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
                let sequence = message.header.sequence_number;
                let is_end = matches!(
                    message.payload,
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_)
                );
                take(sequence, message.payload);
                if is_end && sequence == self.sequence {
                    return Ok(());
                }
            }
        }
    }
}

/// A netlink socket that gives the kernel's own words with each failure.
pub(crate) fn open(protocol: isize) -> std::io::Result<Socket> {
    let mut socket = Socket::new(protocol)?; // with SOCK_CLOEXEC
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?; // 0 is the kernel
    socket.set_ext_ack(true)?;
    socket.set_cap_ack(true)?; // without a copy of the request
    Ok(socket)
}

pub(crate) fn not_netlink(error: netlink_packet_core::DecodeError) -> Error {
    Error::new(format_args!("the kernel's answer can't be read: {error}"))
}

/// The kernel's answer to one request.
pub(crate) fn answer_of(error: &ErrorMessage, what: &str) -> Result<()> {
    let Some(code) = error.code else { return Ok(()) };
    let errno = Errno::from_raw(-code.get());
    let error = match explanation(&error.header) {
        Some(text) => Error::of_call(what, errno).with_hint(text),
        None => Error::of_call(what, errno),
    };
    Err(error).hint(
        Errno::EPERM,
        "it takes CAP_NET_ADMIN in the user namespace that owns the network \
         namespace: run it with sudo",
    )
}

/// What the kernel says beside the number: NETLINK_EXT_ACK in netlink(7).
/// Behind the header of the request are attributes, and 1 is a text.
fn explanation(answer: &[u8]) -> Option<String> {
    const HEADER: usize = 16;
    const MESSAGE: u16 = 1;
    let mut rest = answer.get(HEADER..)?;
    while let [a, b, c, d, ..] = *rest {
        let length = u16::from_ne_bytes([a, b]) as usize;
        let value = rest.get(4..length)?;
        if u16::from_ne_bytes([c, d]) == MESSAGE {
            let text = String::from_utf8_lossy(value);
            return Some(text.trim_end_matches('\0').to_owned());
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}
