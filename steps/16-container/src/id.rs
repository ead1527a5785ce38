//! Who a container is: an id that nobody else has, and a name for people.

use process::{Call, Result};
use rustix::rand::{GetRandomFlags, getrandom};

/// How many bytes an id has. As text it has twice as many digits.
const BYTES: usize = 6;

const HOW: [&str; 16] = [
    "able", "brave", "calm", "daring", "eager", "fair", "gentle", "happy",
    "ideal", "jolly", "keen", "lively", "merry", "noble", "polite", "quiet",
];

/// Who wrote the calls that containers are made of, or what came before them.
const WHO: [&str; 16] = [
    "biederman",
    "corbato",
    "dijkstra",
    "hopper",
    "kerrisk",
    "kernighan",
    "lamport",
    "liskov",
    "mckusick",
    "menage",
    "ritchie",
    "strachey",
    "thompson",
    "torvalds",
    "tweedie",
    "viro",
];

/// A new id: 12 hexadecimal digits, as docker(1) shows them.
pub(crate) fn new() -> Result<String> {
    let bytes = random()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name that can be remembered. It may be taken.
pub(crate) fn suggest_name() -> Result<String> {
    let [how, who, number, ..] = random()?;
    let pick = |from: [&'static str; 16], by: u8| from[usize::from(by % 16)];
    Ok(format!("{}_{}{}", pick(HOW, how), pick(WHO, who), number))
}

fn random() -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(std::io::Error::from)
        .call("getrandom()")?;
    Ok(bytes)
}

/// A name that the user gives. It is that of a file too, so no `/` nor `..`.
pub(crate) fn parse_name(text: &str) -> std::result::Result<String, String> {
    let is_first = |c: char| c.is_ascii_alphanumeric();
    let is_other = |c: char| is_first(c) || "_.-".contains(c);
    match text.starts_with(is_first) && text.chars().all(is_other) {
        true if text.len() <= 128 => Ok(text.into()),
        _ => Err("it takes letters, digits, `_`, `.` and `-`, at most 128, \
                  the first one a letter or a digit"
            .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["", ".", "..", "a/b", "-x", "_x", "a b", "\n"] {
            assert!(parse_name(name).is_err(), "{name:?}");
        }
        assert!(parse_name("a").is_ok());
        assert!(parse_name(&suggest_name().unwrap()).is_ok());
        assert_eq!(new().unwrap().len(), 12);
    }
}
