//! Attacks on what a network namespace holds: network_namespaces(7).

use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use process::{Call, Result};

use crate::outcome::Finding;
use crate::spec::Spec;

/// Connects to an abstract Unix socket: unix(7).
///
/// Such a socket has a name and no file: no root directory hides it, no mode
/// guards it, and the names belong to the network namespace. containerd
/// listened on one, and containers that shared the host's network could
/// command it (CVE-2020-15257).
pub(crate) fn abstract_socket(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    let call = format!("connect(\"@{id}\")");
    let mut stream = SocketAddr::from_abstract_name(&id)
        .and_then(|address| UnixStream::connect_addr(&address))
        .call(&call)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).call(format_args!("read(\"@{id}\")"))?;
    canary.judge(&bytes, format_args!("socket @{id}"))
}

/// Makes the socket, for the canary process to answer.
pub(crate) fn plant(id: &str) -> Result<UnixListener> {
    SocketAddr::from_abstract_name(id)
        .and_then(|address| UnixListener::bind_addr(&address))
        .call(format_args!("bind(\"@{id}\")"))
}
