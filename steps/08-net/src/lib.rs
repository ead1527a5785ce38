//! Own network: network_namespaces(7).
//!
//! A new network namespace has no interface but loopback, which is off. With
//! the interfaces go addresses, routes, rules of the firewall, every port,
//! and the abstract names of Unix sockets. To be of use it gets a cable: two
//! interfaces, of which one is inside, and the other a port of a bridge on the
//! host. What goes from there to the outside gets the host's address.
//!
//! Nearly all of it is cleaned up by the kernel. The cable goes with the
//! container's network, the rules go with the socket by which they were made,
//! and what reserves a port is a socket too.

pub mod address;
pub mod bridge;
pub mod forwarding;
mod helper;
pub mod link;
mod names;
pub mod namespace;
pub mod netlink;
mod nft;
mod options;
mod publish;
mod rules;
pub mod state;
mod subnet;
pub mod sweeper;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::geteuid;
use process::{Call, Error, Hint, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

pub use namespace::Namespace;
pub use netlink::{Netlink, Request};
pub use nft::Rules;
pub use options::{Addresses, NetOptions, Network};
pub use publish::Published;
pub use rules::guard;
pub use state::STATE;
pub use subnet::{Subnet4, Subnet6};
pub use sweeper::sweep_all;

use rules::Container;
use state::Locked;

impl NetOptions {
    /// Which network it is to be. A bridge takes root, who is anybody in a
    /// user namespace of his own, too.
    pub fn choose(&self) -> Result<Network> {
        self.choose_or(match geteuid().is_root() {
            true => Network::Bridge,
            false => Network::None,
        })
    }

    /// The same where another is meant if nothing is said.
    pub fn choose_or(&self, otherwise: Network) -> Result<Network> {
        let network = self.network.clone().unwrap_or(otherwise);
        if network != Network::Bridge && !self.published.is_empty() {
            return Err(Error::new("--publish takes --network bridge")
                .with_hint(
                "of what else it could lead to, the host has the ports already",
            ));
        }
        Ok(network)
    }

    /// Which ports of the host lead to the container.
    pub fn published(&self) -> &[Published] {
        &self.published
    }

    /// What is mounted in the container besides: names for addresses.
    pub fn mounts(
        &self,
        network: &Network,
        mounts: &mount::MountOptions,
    ) -> Result<mount::MountOptions> {
        let mut mounts = mounts.clone();
        if *network == Network::Bridge {
            let state = state::directory()?;
            for name in ["hosts", "resolv.conf"] {
                let inside = Path::new("/etc").join(name);
                mounts = mounts.with_file(&state.join(name), &inside);
            }
        }
        Ok(mounts)
    }
}

impl Network {
    /// The namespaces that it takes.
    pub fn namespaces(&self) -> CloneFlags {
        match self {
            Self::Host | Self::Container(_) => CloneFlags::empty(),
            _ => CloneFlags::CLONE_NEWNET,
        }
    }

    /// Outside, before the container is made: goes where it is to be, if that
    /// is somebody else's network. The container inherits it.
    pub fn join(&self) -> Result<()> {
        let Self::Container(pid) = *self else { return Ok(()) };
        let process = Pid::from_raw(pid as i32)
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()))
            .map_err(std::io::Error::from)
            .call(format_args!("pidfd_open({pid})"))
            .hint(Errno::ESRCH, "there is no such process on this host")?;
        namespace::enter(process.as_fd())
    }

    /// Outside, while the container waits: plugs it in, if there is a cable.
    /// `name` is what others may call it. Keep what is given until the
    /// container has ended.
    pub fn connect(
        &self,
        options: &NetOptions,
        container: &pid::Child,
        name: Option<&str>,
    ) -> Result<Option<Plugged>> {
        match self {
            Self::Bridge => {
                Plugged::in_bridge(options, container.pidfd(), name).map(Some)
            }
            Self::Helper(program) => {
                helper::start(program, container).map(|()| None)
            }
            _ => Ok(None),
        }
    }

    /// Inside: switches loopback on, which in a new network namespace is off.
    pub fn bring_up(&self) -> Result<()> {
        match self {
            Self::Host | Self::Container(_) => Ok(()),
            Self::Bridge => Ok(()), // The tool has done it.
            Self::None | Self::Helper(_) => {
                Netlink::open()?.request(&[link::up(bridge::LOOPBACK)])
            }
        }
    }
}

/// What the tool holds for a container at the bridge: rules, and ports of the
/// host's.
#[must_use = "dropped, it takes rules and ports along"]
pub struct Plugged {
    _rules: Rules,
    _ports: Vec<OwnedFd>,
}

impl Plugged {
    /// While the container waits: gives it a cable.
    fn in_bridge(
        options: &NetOptions,
        container: BorrowedFd,
        name: Option<&str>,
    ) -> Result<Self> {
        let there = Namespace::of(container)?;
        let state = state::directory()?;
        // First: from here on there is something to be swept.
        sweeper::start(container, &there, || {
            sweeper::sweep(&there, options, &state)
        })?;
        let ports = reserve(&options.published)?;

        let state = Locked::wait(&state)?;
        let mut netlink = Netlink::open()?;
        let bridge = bridge::find_or_make(&mut netlink, options)?;
        let cable = bridge::plug_in(&mut netlink, options, bridge, &there)?;
        bridge::finish(&mut netlink, &cable, name)?;
        names::write_hosts(&mut netlink, options, &state)?;
        names::write_resolv_conf(&state)?;
        match options.enable_forwarding {
            true => forwarding::enable()?,
            false => forwarding::tell(),
        }
        drop(state); // From here on it touches nothing of others.

        bridge::configure_inside(&there, options, cable.addresses)?;
        let container = Container {
            link: &cable.name,
            mac: cable.mac,
            addresses: cable.addresses,
            bridge: bridge::BRIDGE,
            has_v6: bridge::has_v6(),
            subnet: options.subnet,
            subnet6: options.subnet6,
        };
        let rules = container.install(&options.published)?;
        Ok(Self { _rules: rules, _ports: ports })
    }
}

fn reserve(published: &[Published]) -> Result<Vec<OwnedFd>> {
    let mut ports = Vec::new();
    for port in published {
        ports.extend(port.reserve()?);
    }
    Ok(ports)
}
