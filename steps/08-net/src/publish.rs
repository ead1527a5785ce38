//! Ports of the host that lead into the container.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::str::FromStr;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt,
    socket, sockopt,
};
use process::{Call, Hint, Result};

/// `[IP:]HOSTPORT:PORT[/udp]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// At which of the host's addresses; none means any.
    pub(crate) at: Option<IpAddr>,
    pub(crate) host_port: u16,
    pub(crate) port: u16,
    pub(crate) udp: bool,
}

impl Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, host_port, port, udp } = *self;
        match at {
            Some(IpAddr::V6(at)) => write!(f, "[{at}]:")?,
            Some(at) => write!(f, "{at}:")?,
            None => {}
        }
        write!(f, "{host_port}->{port}/{}", if udp { "udp" } else { "tcp" })
    }
}

impl FromStr for Published {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let form = || "the form is [IP:]HOSTPORT:PORT[/tcp|/udp]".to_owned();
        let (rest, udp) = match text.rsplit_once('/') {
            Some((rest, "udp")) => (rest, true),
            Some((rest, "tcp")) => (rest, false),
            Some(_) => return Err(form()),
            None => (text, false),
        };
        let (rest, port) = rest.rsplit_once(':').ok_or_else(form)?;
        let (at, host_port) = match rest.rsplit_once(':') {
            Some((at, host_port)) => (Some(at), host_port),
            None => (None, rest),
        };
        let number = |text: &str| match text.parse() {
            Ok(0) | Err(_) => Err("a port is a number from 1 to 65535"),
            Ok(number) => Ok(number),
        };
        let address = |text: &str| -> std::result::Result<IpAddr, String> {
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            bare.unwrap_or(text).parse().map_err(|_| form())
        };
        let at = at.map(address).transpose()?;
        if at == Some(Ipv6Addr::LOCALHOST.into()) {
            return Err(
                "what ::1 sends never leaves the host, so it can't be \
                        led to a container: publish at 127.0.0.1"
                    .into(),
            );
        }
        let (host_port, port) = (number(host_port)?, number(port)?);
        Ok(Self { at, host_port, port, udp })
    }
}

impl Published {
    /// Where it is reserved.
    fn sockets(self) -> Vec<SocketAddr> {
        let any = [IpAddr::from([0; 4]), IpAddr::from([0; 16])];
        let at = self.at.map_or(any.to_vec(), |at| vec![at]);
        at.into_iter().map(|at| (at, self.host_port).into()).collect()
    }

    /// Takes the ports of the host, so that nobody else has them as long as
    /// this process lives: a second container, or a server on the host.
    ///
    /// The rules of the firewall would take a port twice, and the first one
    /// would win. A socket can't. It listens to nothing, and gets nothing:
    /// what arrives has another address by then.
    pub(crate) fn reserve(self) -> Result<Vec<OwnedFd>> {
        self.sockets().into_iter().map(|at| self.reserve_at(at)).collect()
    }

    fn reserve_at(self, at: SocketAddr) -> Result<OwnedFd> {
        let family = match at {
            SocketAddr::V4(_) => AddressFamily::Inet,
            SocketAddr::V6(_) => AddressFamily::Inet6,
        };
        let (kind, name) = match self.udp {
            true => (SockType::Datagram, "udp"),
            false => (SockType::Stream, "tcp"),
        };
        let fd = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)
            .call(format_args!("socket({name})"))?;
        if at.is_ipv6() {
            setsockopt(&fd, sockopt::Ipv6V6Only, &true)
                .call("setsockopt(IPV6_V6ONLY)")?;
        }
        bind(fd.as_raw_fd(), &SockaddrStorage::from(at))
            .call(format_args!("bind({name}, {at})"))
            .hint(
                Errno::EADDRINUSE,
                "somebody has this port: a server on the host, or another \
                 container; `ss -lntup` names servers",
            )
            .hint(Errno::EADDRNOTAVAIL, "the host has no such address")
            .hint(Errno::EACCES, "ports below 1024 take root")?;
        Ok(fd)
    }
}
