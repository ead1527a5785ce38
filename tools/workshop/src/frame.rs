//! `workshop frame`: waits for a frame that carries another one, and takes it
//! apart, header by header, down to the number of the tenant.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket,
};
use process::{Call, Hint, Result};

/// Wait for a VXLAN frame on any interface, and take it apart.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The UDP port of the tunnel
    #[arg(long, default_value = "4789")]
    port: u16,
    /// Only one whose inner frame is of this kind
    #[arg(long, value_enum)]
    inner: Option<Inner>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Inner {
    Arp,
    Ipv4,
    Ipv6,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    // Not bound to an interface, it has the frames of all.
    let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let all = Some(SockProtocol::EthAll);
    let socket = socket(AddressFamily::Packet, kind, flags, all)
        .call("socket(AF_PACKET, SOCK_RAW, ETH_P_ALL)")
        .hint(Errno::EPERM, "it takes CAP_NET_RAW: run it with sudo")?;
    let mut bytes = [0; 65536];
    loop {
        let length = recv(socket.as_raw_fd(), &mut bytes, MsgFlags::empty())
            .call("recv(AF_PACKET)")?;
        let frame = &bytes[..length];
        if let Some(layers) = take_apart(frame, options) {
            print!("{}", table(frame, &layers));
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// A header: where it begins, how long it is, and what it says.
#[derive(Debug, PartialEq, Eq)]
struct Layer {
    name: &'static str,
    start: usize,
    length: usize,
    says: String,
}

/// The headers of a VXLAN frame; nothing, if it is another.
fn take_apart(frame: &[u8], options: &Options) -> Option<Vec<Layer>> {
    let mut layers = Vec::new();
    let kind = ethernet(frame, &mut layers)?;
    let protocol = internet(frame, kind, &mut layers)?;
    let at = end(&layers);
    let to = number(frame, at + 2)?;
    if protocol != libc::IPPROTO_UDP as u8 || to != options.port {
        return None;
    }
    let says = format!("port {} → {to}", number(frame, at)?);
    layers.push(Layer { name: "UDP", start: at, length: 8, says });

    let start = end(&layers);
    // Flags, of which the fifth says that there is a number; 24 bits that are
    // not used; the number; 8 more bits: RFC 7348, section 5.
    let [flags, _, _, _, a, b, c, _] = *frame.get(start..start + 8)? else {
        return None;
    };
    let says = match flags & 0x08 {
        0 => "no number".into(),
        _ => format!("VNI {}", u32::from_be_bytes([0, a, b, c])),
    };
    layers.push(Layer { name: "VXLAN", start, length: 8, says });

    let kind = ethernet(frame, &mut layers)?;
    let wanted = options.inner.is_none_or(|inner| inner.ethertype() == kind);
    // Of an inner frame that is no IP, the Ethernet header must do.
    let _ = internet(frame, kind, &mut layers);
    wanted.then_some(layers)
}

impl Inner {
    fn ethertype(self) -> i32 {
        match self {
            Self::Arp => libc::ETH_P_ARP,
            Self::Ipv4 => libc::ETH_P_IP,
            Self::Ipv6 => libc::ETH_P_IPV6,
        }
    }
}

fn end(layers: &[Layer]) -> usize {
    layers.last().map_or(0, |layer| layer.start + layer.length)
}

/// 14 bytes: to whom, from whom, what is in it. Gives the last.
fn ethernet(frame: &[u8], layers: &mut Vec<Layer>) -> Option<i32> {
    let start = end(layers);
    let mac = |at: usize| -> Option<String> {
        let bytes = frame.get(start + at..start + at + 6)?.iter();
        let bytes: Vec<_> = bytes.map(|byte| format!("{byte:02x}")).collect();
        Some(bytes.join(":"))
    };
    let kind = i32::from(number(frame, start + 12)?);
    let what = match kind {
        libc::ETH_P_IP => "IPv4",
        libc::ETH_P_IPV6 => "IPv6",
        libc::ETH_P_ARP => "ARP",
        _ => "another",
    };
    let says = format!("{} → {}, {what}", mac(6)?, mac(0)?);
    layers.push(Layer { name: "Ethernet", start, length: 14, says });
    Some(kind)
}

/// 20 bytes of IPv4 or more, 40 of IPv6. Gives what is in it.
fn internet(frame: &[u8], kind: i32, layers: &mut Vec<Layer>) -> Option<u8> {
    let start = end(layers);
    let header = frame.get(start..)?;
    let (name, length, protocol, says) = match kind {
        libc::ETH_P_IP => {
            let length = usize::from(header.first()? & 15) * 4;
            let address = |at| -> Option<Ipv4Addr> {
                Some(<[u8; 4]>::try_from(header.get(at..at + 4)?).ok()?.into())
            };
            let says = format!("{} → {}", address(12)?, address(16)?);
            ("IPv4", length, *header.get(9)?, says)
        }
        libc::ETH_P_IPV6 => {
            let address = |at| -> Option<Ipv6Addr> {
                Some(
                    <[u8; 16]>::try_from(header.get(at..at + 16)?).ok()?.into(),
                )
            };
            let says = format!("{} → {}", address(8)?, address(24)?);
            ("IPv6", 40, *header.get(6)?, says)
        }
        _ => return None,
    };
    layers.push(Layer { name, start, length, says });
    Some(protocol)
}

/// Two bytes, as the network has them: the high one first.
fn number(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?))
}

fn table(frame: &[u8], layers: &[Layer]) -> String {
    let mut text = String::new();
    for Layer { name, start, length, says } in layers {
        text += &format!("{start:4}  {length:2} bytes  {name:9} {says}\n");
        let bytes = frame.get(*start..start + length).unwrap_or_default();
        for line in bytes.chunks(16) {
            let bytes: Vec<_> =
                line.iter().map(|b| format!("{b:02x}")).collect();
            text += &format!("{:16}{}\n", "", bytes.join(" "));
        }
    }
    let inner = frame.len().saturating_sub(end(layers));
    text + &format!(
        "{:4}  {inner:2} bytes  of the packet inside\n",
        end(layers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a frame over IPv4, with an ARP request in it.
    fn frame() -> Vec<u8> {
        let mut frame = vec![1; 12];
        frame.extend([8, 0]);
        frame.extend([0x45, 0, 0, 78, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend([10, 0, 0, 2, 10, 0, 0, 1]);
        frame.extend([0xab, 0xcd, 18, 181, 0, 58, 0, 0]);
        frame.extend([8, 0, 0, 0, 0, 1, 2, 0]);
        frame.extend([0xff; 6]);
        frame.extend([2; 6]);
        frame.extend([8, 6]);
        frame.extend([0; 28]);
        frame
    }

    fn says(options: &Options) -> Option<Vec<String>> {
        let layers = take_apart(&frame(), options)?;
        Some(layers.into_iter().map(|layer| layer.says).collect())
    }

    #[test]
    fn the_number_is_found_below_all_headers() {
        let says = says(&Options { port: 4789, inner: None }).unwrap();
        assert_eq!(says[1], "10.0.0.2 → 10.0.0.1");
        assert_eq!(says[2], "port 43981 → 4789");
        assert_eq!(says[3], "VNI 258");
        assert_eq!(says[4], "02:02:02:02:02:02 → ff:ff:ff:ff:ff:ff, ARP");
    }

    #[test]
    fn another_frame_is_none() {
        assert_eq!(says(&Options { port: 8472, inner: None }), None);
        let inner = Some(Inner::Ipv6);
        assert_eq!(says(&Options { port: 4789, inner }), None);
        for length in 0..64 {
            let options = Options { port: 4789, inner: None };
            assert_eq!(take_apart(&frame()[..length], &options), None);
        }
    }
}
