//! What `08-net` and `09-vxlan` can leave: settings of the host that a user has
//! agreed to, and bridges, if the process that removes them was killed too.

use std::path::Path;

use process::Result;

use super::{Leftover, Place};

pub(super) fn find(_: &Place) -> Result<Vec<Leftover>> {
    let mut found = Vec::new();
    if net::bridge::is_unused()? {
        found.push(Leftover {
            description: format!("interface {}", net::bridge::BRIDGE),
            remove: Box::new(net::sweep_all),
        });
    }
    if Path::new(net::forwarding::REMEMBERED).exists() {
        found.push(Leftover {
            description: "the host's forwarding of packets".into(),
            remove: Box::new(net::forwarding::put_back),
        });
    }
    for vni in vxlan::unused()? {
        found.push(Leftover {
            description: format!("network {vni} of a tenant"),
            remove: Box::new(move || vxlan::remove_unused(vni)),
        });
    }
    Ok(found)
}
