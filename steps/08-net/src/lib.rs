//! Own network: network_namespaces(7).

pub mod address;
pub mod link;
pub mod namespace;
pub mod netlink;

pub use namespace::Namespace;
pub use netlink::{Netlink, Request};
