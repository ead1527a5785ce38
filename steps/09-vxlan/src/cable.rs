//! A cable from the tenant's bridge to a container.

use std::os::fd::AsFd;

use net::{Addresses, Namespace, Netlink, address, link};
use netlink_packet_route::link::LinkAttribute;
use nix::errno::Errno;
use process::{Error, Result};

use crate::options::{LENGTH, LENGTH6, VxlanOptions};
use crate::vtep::Tenant;

/// As the container knows its end.
const INSIDE: &str = "overlay0";

const LOOPBACK: u32 = 1;

/// A cable that has been plugged in.
pub(crate) struct Cable {
    pub(crate) name: String,
    pub(crate) mac: link::Mac,
    pub(crate) addresses: Addresses,
}

impl Cable {
    /// Plugs it in. Its name is the lease of its addresses, as in `08-net`.
    pub(crate) fn plug_in(
        netlink: &mut Netlink,
        options: &VxlanOptions,
        tenant: &Tenant,
        there: &Namespace,
    ) -> Result<Self> {
        for number in 2..=254 {
            let name = format!("vx{}-{number}", options.vni);
            let addresses = options.addresses(number);
            let mac = mac_of(addresses);
            let (mtu, hardware) = (
                LinkAttribute::Mtu(tenant.mtu),
                LinkAttribute::Address(mac.into()),
            );
            let master = LinkAttribute::Controller(tenant.bridge);
            let here = vec![master, mtu.clone()];
            let inside = vec![hardware, mtu];
            let there = there.as_fd();
            let pair = link::add_veth(&name, here, INSIDE, inside, there);
            match netlink.request(&[pair]) {
                Ok(()) => {
                    let port = link::index_of(&name)?;
                    netlink.request(&[link::up(port)])?;
                    return Ok(Self { name, mac, addresses });
                }
                Err(error) if error.errno() == Some(Errno::EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new("this host's part of the addresses is used up")
            .with_hint("give it another one with --part"))
    }

    /// Inside, by a socket of the container's. There is no route: whoever is
    /// not in the tenant's network can't be reached by it.
    pub(crate) fn configure_inside(&self, there: &Namespace) -> Result<()> {
        let mut netlink = there.within(Netlink::open)?;
        let end = there.within(|| link::index_of(INSIDE))?;
        let Addresses { v4, v6 } = self.addresses;
        netlink.request(&[
            link::up(LOOPBACK),
            link::up(end),
            address::add(end, v4.into(), LENGTH),
        ])?;
        match net::bridge::has_v6() {
            true => netlink.request(&[address::add(end, v6.into(), LENGTH6)]),
            false => Ok(()),
        }
    }
}

/// Removes the cable, from the container's side.
pub(crate) fn unplug(there: &Namespace) -> Result<()> {
    // It was never plugged in, or root inside has removed it.
    let Ok(end) = there.within(|| link::index_of(INSIDE)) else {
        return Ok(());
    };
    there.within(Netlink::open)?.request(&[link::del(end)])
}

/// No two containers of a tenant have one, on whichever host they are.
fn mac_of(addresses: Addresses) -> link::Mac {
    let [a, b, c, d] = addresses.v4.octets();
    [0x02, 0x99, a, b, c, d] // 2: not from a factory.
}
