//! One layer-2 network across hosts: VXLAN, RFC 7348.
//!
//! Containers of one tenant see each other as if they hung on one switch,
//! whichever hosts they are on, and see nobody else. Their Ethernet frames
//! travel between the hosts in UDP datagrams, each with the number of the
//! tenant's network before it: the VNI, 24 bits. The network that carries them
//! is the *underlay*, the tenant's the *overlay*.
//!
//! The number keeps tenants apart, and nothing else does: nothing is encrypted,
//! and whoever can send to the hosts' UDP port can say any number.

mod cable;
mod options;
mod vtep;

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use net::state::{self, Locked};
use net::{Namespace, Netlink, Rules, sweeper};
use process::Result;

pub use options::VxlanOptions;

use cable::Cable;
use vtep::Tenant;

/// The container's connection to the network of its tenant.
#[must_use = "dropped, it takes the rules of the firewall along"]
pub struct Connection {
    _rules: Rules,
}

impl Connection {
    /// Outside, while the container waits: plugs it in.
    pub fn make(options: &VxlanOptions, container: BorrowedFd) -> Result<Self> {
        let there = Namespace::of(container)?;
        let lock = lock()?;
        sweeper::start(container, &there, || {
            sweep(options.vni, &there, &lock)
        })?;

        let locked = Locked::wait(&lock)?;
        let mut netlink = Netlink::open()?;
        let tenant = Tenant::find_or_make(&mut netlink, options)?;
        let cable = Cable::plug_in(&mut netlink, options, &tenant, &there)?;
        drop(locked); // From here on it touches nothing of others.

        cable.configure_inside(&there)?;
        // A neighbour may be on another host, but a liar is found where its
        // cable ends.
        let rules = net::guard(&cable.name, cable.mac, cable.addresses)?;
        Ok(Self { _rules: rules })
    }
}

/// Beside that of the host's own bridge.
fn lock() -> Result<PathBuf> {
    Ok(state::directory()?.with_extension("vxlan"))
}

/// The networks on this host that nobody uses: what is left when the process
/// that removes them was killed too.
pub fn unused() -> Result<Vec<u32>> {
    let mut netlink = Netlink::open()?;
    let mut unused = Vec::new();
    for vni in vtep::all_here(&mut netlink)? {
        if !Tenant::is_used(&mut netlink, vni)? {
            unused.push(vni);
        }
    }
    Ok(unused)
}

/// Removes such a network, if still nobody uses it.
pub fn remove_unused(vni: u32) -> Result<()> {
    let locked = Locked::wait(&lock()?)?;
    match Tenant::remove_unused(&mut Netlink::open()?, vni)? {
        true => locked.remove(),
        false => Ok(()),
    }
}

/// Unplugs the container. The last one takes bridge and VTEP along.
fn sweep(vni: u32, there: &Namespace, lock: &Path) -> Result<()> {
    let locked = Locked::wait(lock)?;
    cable::unplug(there)?;
    match Tenant::remove_unused(&mut Netlink::open()?, vni)? {
        true => locked.remove(),
        false => Ok(()),
    }
}
