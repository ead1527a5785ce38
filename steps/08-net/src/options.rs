//! Which network the container has, and what of it others reach.

use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::publish::Published;
use crate::subnet::{Subnet4, Subnet6};

/// What the container has for a network.
#[derive(Debug, clap::Args)]
pub struct NetOptions {
    /// A cable to a bridge of this host's, loopback alone, the host's own
    /// network, or that of another process: `bridge`, `none`, `host`,
    /// `container:PID`; for those who aren't root also `pasta` and
    /// `slirp4netns`, if installed [default: bridge for root, else none]
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: Option<Network>,
    /// Lead what arrives at a port of the host's to one of the container's;
    /// without an address, at any of the host's
    #[arg(
        short = 'p',
        long = "publish",
        value_name = "[IP:]HOSTPORT:PORT[/udp]"
    )]
    pub(crate) published: Vec<Published>,
    /// From where addresses are taken
    #[arg(long, value_name = "ADDRESS/LENGTH", default_value = "10.88.8.0/24")]
    pub(crate) subnet: Subnet4,
    /// The same for IPv6
    #[arg(long, value_name = "ADDRESS/64", default_value = "fd88:8::/64")]
    pub(crate) subnet6: Subnet6,
    /// How many bytes fit into one of its packets: no more than the narrowest
    /// part of the way outside takes
    #[arg(
        long,
        value_name = "BYTES",
        default_value = "1500",
        value_parser = clap::value_parser!(u32).range(1280..=65535)
    )]
    pub(crate) mtu: u32,
    /// Have the host pass on what is meant for others, as a router does, if it
    /// doesn't yet; `cargo workshop clean` puts it back
    #[arg(long)]
    pub(crate) enable_forwarding: bool,
}

/// Where the container is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// The bridge of this host.
    Bridge,
    /// Nothing but loopback.
    None,
    /// What the tool has.
    Host,
    /// What that process has.
    Container(u32),
    /// A program of the user's own, which carries packets by its sockets.
    Helper(&'static str),
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bridge" => Ok(Self::Bridge),
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            "pasta" => Ok(Self::Helper("pasta")),
            "slirp4netns" => Ok(Self::Helper("slirp4netns")),
            _ => text
                .strip_prefix("container:")
                .and_then(|pid| pid.parse().ok())
                .map(Self::Container)
                .ok_or_else(|| {
                    "it is one of bridge, none, host, container:PID, pasta, \
                     slirp4netns"
                        .into()
                }),
        }
    }
}

/// As the user would say it.
impl Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge => f.write_str("bridge"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(pid) => write!(f, "container:{pid}"),
            Self::Helper(program) => f.write_str(program),
        }
    }
}

/// The addresses of one host on the bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Of the one family.
    pub v4: Ipv4Addr,
    /// Of the other.
    pub v6: Ipv6Addr,
}

impl Addresses {
    /// Both.
    pub fn all(self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}
