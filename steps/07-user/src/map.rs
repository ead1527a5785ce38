//! Which number inside is which number outside.

use std::fmt::{self, Display};
use std::fs::read_to_string;
use std::str::FromStr;

use process::{Call, Error, Result};

/// As many lines may a map have: user_namespaces(7), from Linux 4.15 on.
const MAX_LINES: usize = 340;

/// A line of a map: `count` numbers from `inside` on are, in this order, those
/// from `outside` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first one, as the container knows it.
    pub inside: u32,
    /// The first one, as the caller knows it.
    pub outside: u32,
    /// How many there are.
    pub count: u32,
}

/// `INSIDE:OUTSIDE:COUNT`.
impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts: Vec<_> = text.split(':').map(str::parse).collect();
        let [Ok(inside), Ok(outside), Ok(count)] = parts.as_slice() else {
            return Err("the form is INSIDE:OUTSIDE:COUNT".into());
        };
        let range = Self { inside: *inside, outside: *outside, count: *count };
        let ends = [range.inside, range.outside]
            .map(|start| u64::from(start) + u64::from(range.count));
        match ends {
            _ if range.count == 0 => Err("a range of none".into()),
            // The highest number is none: it means "leave as it is".
            _ if ends.iter().any(|end| *end > u64::from(u32::MAX)) => {
                Err("the highest number is 4294967294".into())
            }
            _ => Ok(range),
        }
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.inside, self.outside, self.count)
    }
}

impl Range {
    /// Which number outside this number inside is.
    fn outside_of(&self, inside: u32) -> Option<u32> {
        let distance = inside.checked_sub(self.inside)?;
        (distance < self.count).then(|| self.outside + distance)
    }

    /// Whether the numbers outside from `start` on are all in this range.
    pub(crate) fn covers(&self, start: u32, count: u32) -> bool {
        start >= self.outside
            && u64::from(start) + u64::from(count)
                <= u64::from(self.outside) + u64::from(self.count)
    }
}

/// The ranges of users, or of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map(Vec<Range>);

impl Map {
    /// Checks what the kernel would answer with EINVAL and no word more.
    /// `kind` is for messages: "uid" or "gid".
    pub(crate) fn new(kind: &str, ranges: Vec<Range>) -> Result<Self> {
        if ranges.len() > MAX_LINES {
            let lines = ranges.len();
            return Err(Error::new(format_args!(
                "a {kind} map of {lines} ranges: the kernel takes {MAX_LINES}"
            ))
            .with_hint("join neighbours, or map fewer"));
        }
        for (number, one) in ranges.iter().enumerate() {
            for other in &ranges[..number] {
                must_not_overlap(kind, one, other)?;
            }
        }
        let map = Self(ranges);
        match map.outside_of(0) {
            Some(_) => Ok(map),
            None => Err(Error::new(format_args!(
                "no range of the {kind} map has a 0 inside"
            ))
            .with_hint("without it there is no root inside: add 0:…:1")),
        }
    }

    /// That of a process, of which `file` is `uid_map` or `gid_map`.
    pub fn of(process: i32, file: &str) -> Result<Self> {
        let path = format!("/proc/{process}/{file}");
        let text =
            read_to_string(&path).call(format_args!("read({path:?})"))?;
        let lines = text.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words.join(":").parse().map_err(|why: String| {
                Error::new(format_args!("{path:?} says {line:?}: {why}"))
            })
        });
        Self::new(file, lines.collect::<Result<_>>()?)
    }

    /// Its ranges.
    pub fn ranges(&self) -> &[Range] {
        &self.0
    }

    /// Which number outside this number inside is.
    pub fn outside_of(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|range| range.outside_of(inside))
    }

    /// Whether this number outside is somebody inside.
    pub fn has_outside(&self, outside: u32) -> bool {
        self.0.iter().any(|range| range.covers(outside, 1))
    }
}

/// As the files of proc(5) have it.
impl Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges = self.0.iter();
        ranges.try_for_each(|Range { inside, outside, count }| {
            writeln!(f, "{inside} {outside} {count}")
        })
    }
}

fn must_not_overlap(kind: &str, one: &Range, other: &Range) -> Result<()> {
    let overlap = |a: u32, b: u32| {
        let (a, b) = (u64::from(a), u64::from(b));
        a < b + u64::from(other.count) && b < a + u64::from(one.count)
    };
    let side = match () {
        () if overlap(one.inside, other.inside) => "inside",
        () if overlap(one.outside, other.outside) => "outside",
        () => return Ok(()),
    };
    Err(Error::new(format_args!(
        "{kind} ranges {other} and {one} overlap {side}"
    ))
    .with_hint("each number may stand for one other only"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(ranges: &[&str]) -> Result<Map> {
        let ranges = ranges.iter().map(|text| text.parse().unwrap());
        Map::new("uid", ranges.collect())
    }

    #[test]
    fn a_number_inside_is_as_far_from_the_first_as_outside() {
        let map = map(&["0:1000:1", "1:100000:65536"]).unwrap();
        assert_eq!(map.outside_of(0), Some(1000));
        assert_eq!(map.outside_of(33), Some(100_032));
        assert_eq!(map.outside_of(65_536), Some(165_535));
        assert_eq!(map.outside_of(65_537), None);
        assert!(map.has_outside(1000) && !map.has_outside(1001));
        assert_eq!(map.to_string(), "0 1000 1\n1 100000 65536\n");
    }

    #[test]
    fn ranges_that_overlap_are_named() {
        for (ranges, side) in [
            (["0:1000:10", "9:2000:1"], "inside"),
            (["0:1000:10", "10:1009:5"], "outside"),
            (["0:4294967290:4", "1:5:1"], "inside"),
        ] {
            let said = map(&ranges).unwrap_err().to_string();
            assert!(said.contains(&format!("overlap {side}")), "{said}");
            assert!(said.contains(ranges[1]), "{said}");
        }
    }

    #[test]
    fn a_range_has_an_end_and_a_map_a_root() {
        for text in ["", "0:1", "0:1:0", "0:1:x", "1:4294967295:1", "0:-1:1"] {
            assert!(text.parse::<Range>().is_err(), "{text}");
        }
        assert!("1:4294967294:1".parse::<Range>().is_ok());
        assert!(map(&["1:1000:10"]).is_err());
        let many: Vec<Range> = (0..=MAX_LINES as u32)
            .map(|n| Range { inside: n, outside: 2 * n, count: 1 })
            .collect();
        assert!(Map::new("uid", many[1..].to_vec()).is_err(), "no root");
        assert!(Map::new("uid", many[..MAX_LINES].to_vec()).is_ok());
        assert!(Map::new("uid", many).is_err());
    }
}
