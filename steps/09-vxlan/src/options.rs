//! Which tenant the container belongs to, and where the other hosts are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use net::{Addresses, Network};
use process::{Error, Result};

/// The tenant's network, and the one below it.
#[derive(Clone, Debug, clap::Args)]
pub struct VxlanOptions {
    /// The number of the tenant's network, the same on each host
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..1 << 24))]
    pub(crate) vni: u32,
    /// This host's own address on the network that joins the hosts; without
    /// it the tenant's network ends at this host
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) local: Option<IpAddr>,
    /// Another host, once for each: it is sent a copy of whatever is for
    /// everybody, or for somebody not yet heard of
    #[arg(long = "peer", value_name = "ADDRESS", requires = "local")]
    pub(crate) peers: Vec<IpAddr>,
    /// A multicast group, to which such is sent instead, and which hosts join
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "local",
        conflicts_with = "peers"
    )]
    pub(crate) group: Option<IpAddr>,
    /// The UDP port of all hosts
    #[arg(long = "vxlan-port", value_name = "PORT", default_value = "4789")]
    pub(crate) port: u16,
    /// Which part of the tenant's addresses is this host's to give: 10.99.N.0
    /// and fd99::N:0 [default: the last byte of --local, or 0]
    #[arg(long, value_name = "N")]
    pub(crate) part: Option<u8>,
}

/// How many bits all addresses of a tenant have in common: every tenant has the
/// same ones, since none sees another.
pub(crate) const LENGTH: u8 = 16;
pub(crate) const LENGTH6: u8 = 64;

impl VxlanOptions {
    /// The addresses of the container with this number on this host.
    pub(crate) fn addresses(&self, number: u8) -> Addresses {
        let last_of_local = self.local.map_or(0, |local| match local {
            IpAddr::V4(local) => local.octets()[3],
            IpAddr::V6(local) => local.octets()[15],
        });
        let part = self.part.unwrap_or(last_of_local);
        let (part6, number6) = (part.into(), number.into());
        Addresses {
            v4: Ipv4Addr::new(10, 99, part, number),
            v6: Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, part6, number6),
        }
    }

    /// What clap can't see. A cable to a network that others have too would
    /// join them to the tenant.
    pub fn check(&self, network: &Network) -> Result<()> {
        if !matches!(network, Network::None | Network::Bridge) {
            return Err(Error::new("a tenant's network takes one of its own")
                .with_hint("leave out --network, or say --network bridge"));
        }
        let Some(local) = self.local else { return Ok(()) };
        let others = self.peers.iter().chain(&self.group);
        for other in others {
            if other.is_ipv4() != local.is_ipv4() {
                return Err(Error::new(format_args!(
                    "{local} and {other} are of two families"
                ))
                .with_hint("a tunnel is either over IPv4 or over IPv6"));
            }
        }
        match self.group {
            Some(group) if !group.is_multicast() => {
                Err(Error::new(format_args!("{group} is one host's"))
                    .with_hint("a group is 224.0.0.0/4, or ff00::/8"))
            }
            _ => Ok(()),
        }
    }

    /// What a container must have as the others of its network on this host.
    pub(crate) fn agreement(&self) -> String {
        let or_none = |address: Option<IpAddr>| {
            address.map_or("none".into(), |address| address.to_string())
        };
        format!(
            "local {} group {} port {}",
            or_none(self.local),
            or_none(self.group),
            self.port
        )
    }
}
