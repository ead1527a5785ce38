//! A range of addresses, and who has which.

use std::fmt::{self, Display};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IPv4 addresses: the first so many bits are the same in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet4 {
    pub(crate) first: Ipv4Addr,
    pub(crate) length: u8,
}

/// The same for IPv6, always 64 bits long: RFC 4291, section 2.5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet6 {
    pub(crate) first: Ipv6Addr,
}

/// Number 1 is the host.
pub(crate) const HOST: u32 = 1;

impl Subnet4 {
    /// The address of the host with this number.
    pub(crate) fn address(self, number: u32) -> Ipv4Addr {
        (u32::from(self.first) + number).into()
    }

    /// The numbers that containers may have. The last address of all is that
    /// of everybody (broadcast).
    pub(crate) fn numbers(self) -> std::ops::Range<u32> {
        HOST + 1..(1 << (32 - u32::from(self.length))) - 1
    }

    /// What an address and this have in common.
    pub(crate) fn mask(self) -> [u8; 4] {
        (u32::MAX << (32 - u32::from(self.length))).to_be_bytes()
    }
}

impl Subnet6 {
    pub(crate) const LENGTH: u8 = 64;

    pub(crate) fn address(self, number: u32) -> Ipv6Addr {
        (u128::from(self.first) + u128::from(number)).into()
    }
}

impl Display for Subnet4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

impl Display for Subnet6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, Self::LENGTH)
    }
}

impl FromStr for Subnet4 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let (first, length) = parts.ok_or("the form is ADDRESS/LENGTH")?;
        let first: Ipv4Addr = first.parse().map_err(|_| "no IPv4 address")?;
        let length: u8 = length.parse().map_err(|_| "no length")?;
        if !(16..=29).contains(&length) {
            return Err("the length is from 16 to 29 bits".into());
        }
        let subnet = Self { first, length };
        let rest = u32::from(first) & !u32::from_be_bytes(subnet.mask());
        match rest {
            0 => Ok(subnet),
            _ => Err("behind the length all bits must be 0".into()),
        }
    }
}

impl FromStr for Subnet6 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = text.strip_suffix("/64").ok_or("the form is ADDRESS/64")?;
        let first: Ipv6Addr = first.parse().map_err(|_| "no IPv6 address")?;
        match u128::from(first) << 64 {
            0 => Ok(Self { first }),
            _ => Err("the last 64 bits must be 0".into()),
        }
    }
}
