//! Sockets that wait to be spoken to, as proc_pid_net(5) lists them.

use std::net::{Ipv4Addr, Ipv6Addr};

use process::Result;

use crate::report::Known;
use crate::subject::Subject;

/// The files, and the state in which a socket of the kind serves: TCP_LISTEN,
/// and TCP_CLOSE for UDP, which has no other unless it is connected.
const TABLES: [(&str, &str); 4] =
    [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")];

/// `PROTOCOL ADDRESS:PORT` of each.
pub(crate) fn listening(subject: &Subject) -> Result<Known> {
    let mut found = Vec::new();
    for (protocol, state) in TABLES {
        let path = format!("net/{protocol}");
        // A kernel without IPv6 has no such file.
        if protocol.ends_with('6') && !subject.proc(&path)?.exists() {
            continue;
        }
        let table = subject.read(&path)?;
        let local = table.lines().filter_map(|line| listener(line, state));
        found.extend(local.map(|local| format!("{protocol} {local}")));
    }
    Ok(Known::set(found))
}

/// `0: 0100007F:0016 00000000:0000 0A …`: slot, local, remote, state.
fn listener(line: &str, state: &str) -> Option<String> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, _, found) = (fields.next()?, fields.next()?, fields.next()?);
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    (found == state).then_some(format!("{}:{port}", parse_address(address)?))
}

/// Words of 32 bits in the machine's byte order, in hexadecimal.
fn parse_address(hex: &str) -> Option<String> {
    let words: Vec<u8> = (0..hex.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok())
        .collect::<Option<Vec<u32>>>()?
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    match words.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(words).ok()?).to_string()),
        _ => {
            let v6 = Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?);
            Some(format!("[{v6}]"))
        }
    }
}

/// unix(7), "Abstract sockets": /proc shows the leading NUL byte as `@`.
pub(crate) fn abstract_unix(subject: &Subject) -> Result<Known> {
    let table = subject.read("net/unix")?;
    Ok(Known::set(table.lines().filter_map(abstract_name)))
}

/// The eighth field, which may contain spaces. A socket that was bound to a
/// relative path with an `@` in front looks the same.
fn abstract_name(line: &str) -> Option<String> {
    let mut rest = line;
    for _ in 0..7 {
        rest = rest.trim_start().split_once(' ')?.1;
    }
    rest.starts_with('@').then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_are_listed() {
        let v4 = "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00";
        let one = if cfg!(target_endian = "little") {
            "127.0.0.1:22"
        } else {
            "1.0.0.127:22"
        };
        assert_eq!(listener(v4, "0A").as_deref(), Some(one));
        assert_eq!(listener(v4, "07"), None);
        let any = format!("1: {}:0050 {}:0000 0A", "0".repeat(32), "0");
        assert_eq!(listener(&any, "0A").as_deref(), Some("[::]:80"));
        assert_eq!(
            listener("  sl  local_address rem_address   st", "0A"),
            None
        );
    }

    #[test]
    fn only_abstract_names_are_listed() {
        let line = "0000: 00000002 00000000 00010000 0001 01 17 @/tmp/a b";
        assert_eq!(abstract_name(line).as_deref(), Some("@/tmp/a b"));
        let line = "0000: 00000002 00000000 00010000 0001 01 17 /run/x @y";
        assert_eq!(abstract_name(line), None);
    }
}
