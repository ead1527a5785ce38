//! Whether a command printed what the book shows.
//!
//! The book shows real output, with numbers that will be others next time.
//! What varies is recognised on both sides, by these rules:
//!
//! | class | what |
//! | --- | --- |
//! | inode | of a namespace: `uts:[4026531838]`, `4026531838` |
//! | pid | 10 and above: `Pid: 2031`, a column `PID`, a job `[1] 2031` |
//! | id | 12 or 64 hexadecimal digits |
//! | mac | `3a:5f:01:c2:44:9e`, and the address `fe80::…` made from it |
//! | pointer | `0x7ffd4a3c` |
//! | temp | `tmp.`, `.tmp` and what mktemp put behind it |
//! | time | `07:14`, `2026-11-23`, `Nov 23`, `12.5 ms`, `0m0.003s` |
//! | kernel | `6.1.0-18-amd64` |
//! | vary | the chapter's own patterns |
//!
//! Of the first four it matters which are the same: what is equal, or differs,
//! within a block of the book must be equal, or differ, when it is run. Spaces
//! count as one. A line `...` stands for any number of lines.

use std::collections::HashMap;
use std::ops::Range;

use anyhow::Result;
use regex::Regex;

/// By rank: where two rules match, the first has it.
const RULES: [(&str, &str); 14] = [
    (
        "inode",
        r"\b(?:cgroup|ipc|mnt|net|pid|time|user|uts)(?:_for_children)?:\[(\d+)\]",
    ),
    ("inode", r"\b(402[67]\d{6})\b"), // They begin at 0xf0000000.
    ("mac", r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b"),
    ("mac", r"\bfe80::[0-9a-f:]+"),
    ("id", r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b"),
    ("pointer", r"\b0x[0-9a-f]{6,}\b"),
    ("temp", r"\btmp\.[A-Za-z0-9]{6,10}\b|\.tmp[A-Za-z0-9]{6}\b"),
    ("kernel", r"\b\d+\.\d+\.\d+[-+][\w.+~-]+"),
    ("time", r"\b\d{4}-\d\d-\d\d\b"),
    (
        "time",
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}\b",
    ),
    ("time", r"\b\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?\b"),
    ("time", r"\b(?:\d+m)?\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s)\b"),
    ("pid", r"(?i)\b(?:\w*pid|process|tgid)s?[:=]?\s+(\d{2,})\b"),
    ("pid", r"^\[\d+\][+-]?\s+(\d{2,})\b"),
];

/// Whose values are told apart.
const TOLD_APART: [&str; 4] = ["inode", "pid", "id", "mac"];

pub(super) struct Rules(Vec<(&'static str, Regex)>);

impl Rules {
    /// The rules above, and the chapter's own.
    pub(super) fn new(vary: &[String]) -> Result<Self> {
        let own = vary.iter().map(|pattern| ("vary", pattern.as_str()));
        let all = own.chain(RULES);
        let all = all.map(|(class, text)| Ok((class, Regex::new(text)?)));
        Ok(Self(all.collect::<Result<_>>()?))
    }

    fn read(&self, lines: &[String]) -> Vec<Line> {
        let mut columns = Vec::new();
        let mut out = Vec::new();
        for line in lines {
            let mut spans = self.spans(line);
            spans.extend(cells(line, &columns));
            if let Some(found) = pid_columns(line) {
                columns = found;
            }
            out.push(Line::new(line, spans));
        }
        out
    }

    fn spans(&self, line: &str) -> Vec<(Range<usize>, &'static str)> {
        let mut spans = Vec::new();
        for (class, rule) in &self.0 {
            for found in rule.captures_iter(line) {
                let value = found.get(1).or(found.get(0));
                spans.extend(value.map(|value| (value.range(), *class)));
            }
        }
        spans
    }
}

/// Which columns of a table, by its head, hold process numbers.
fn pid_columns(line: &str) -> Option<Vec<usize>> {
    let words = line.split_whitespace().enumerate();
    let pids =
        words.filter(|(_, w)| matches!(*w, "PID" | "PPID" | "PGID" | "SID"));
    let pids: Vec<_> = pids.map(|(column, _)| column).collect();
    (!pids.is_empty()).then_some(pids)
}

fn cells(line: &str, columns: &[usize]) -> Vec<(Range<usize>, &'static str)> {
    let start = |word: &str| word.as_ptr() as usize - line.as_ptr() as usize;
    let words = line.split_whitespace().enumerate();
    words
        .filter(|(column, word)| columns.contains(column) && word.len() > 1)
        .filter(|(_, word)| word.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|(_, word)| (start(word)..start(word) + word.len(), "pid"))
        .collect()
}

/// A line in which what varies is replaced by its class.
#[derive(Debug)]
struct Line {
    fixed: String,
    values: Vec<(&'static str, String)>,
}

impl Line {
    /// `spans` come in the order of their rank.
    fn new(line: &str, spans: Vec<(Range<usize>, &'static str)>) -> Self {
        let mut taken: Vec<(Range<usize>, &'static str)> = Vec::new();
        for (span, class) in spans {
            let free = |(other, _): &(Range<usize>, _)| {
                span.end <= other.start || other.end <= span.start
            };
            if taken.iter().all(free) {
                taken.push((span, class));
            }
        }
        taken.sort_by_key(|(span, _)| span.start);
        let (mut fixed, mut values, mut at) = (String::new(), Vec::new(), 0);
        for (span, class) in taken {
            fixed.extend([&line[at..span.start], "<", class, ">"]);
            values.push((class, line[span.clone()].to_owned()));
            at = span.end;
        }
        fixed.push_str(&line[at..]);
        let words: Vec<_> = fixed.split_whitespace().collect();
        Self { fixed: words.join(" "), values }
    }
}

/// Which value of the book is which value of this run, for one block.
#[derive(Default)]
pub(super) struct Same {
    here: HashMap<(&'static str, String), String>,
    there: HashMap<(&'static str, String), String>,
}

impl Same {
    /// Whether the run printed what the book shows.
    pub(super) fn holds(
        &mut self,
        rules: &Rules,
        shown: &[String],
        printed: &[String],
    ) -> bool {
        let (shown, printed) = (rules.read(shown), rules.read(printed));
        let mut pairs = Vec::new();
        align(&shown, &printed, &mut pairs)
            && pairs.iter().all(|(shown, printed)| self.pair(shown, printed))
    }

    fn pair(&mut self, shown: &Line, printed: &Line) -> bool {
        let pairs = shown.values.iter().zip(&printed.values);
        let mut told =
            pairs.filter(|((class, _), _)| TOLD_APART.contains(class));
        told.all(|(a, b)| {
            let there = self.here.entry(a.clone()).or_insert(b.1.clone());
            let here = self.there.entry(b.clone()).or_insert(a.1.clone());
            *there == b.1 && *here == a.1
        })
    }
}

fn align<'a>(
    shown: &'a [Line],
    printed: &'a [Line],
    pairs: &mut Vec<(&'a Line, &'a Line)>,
) -> bool {
    let Some((first, rest)) = shown.split_first() else {
        return printed.is_empty();
    };
    let length = pairs.len();
    if first.fixed == "..." {
        return (0..=printed.len()).any(|skipped| {
            pairs.truncate(length);
            align(rest, &printed[skipped..], pairs)
        });
    }
    match printed.split_first() {
        Some((line, more)) if line.fixed == first.fixed => {
            pairs.push((first, line));
            align(rest, more, pairs)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(shown: &str, printed: &str) -> bool {
        let rules = Rules::new(&[r"\d+ kB".to_owned()]).unwrap();
        let lines = |text: &str| -> Vec<_> {
            text.lines().map(str::to_owned).collect()
        };
        Same::default().holds(&rules, &lines(shown), &lines(printed))
    }

    #[test]
    fn what_varies_may_vary() {
        for (shown, printed) in [
            ("uts:[4026531838]", "uts:[4026532201]"),
            ("user 4:4026532184", "user 4:4026549932"),
            ("[1] 2031", "[1] 317"),
            ("Pid:\t2031", "Pid:\t99"),
            ("at 07:14:52, 12 ms", "at 19:00:00, 3.5 ms"),
            ("/tmp/tmp.AbCdEfGhIj", "/tmp/tmp.0123456789"),
            ("Rss: 120 kB", "Rss: 99 kB"),
            ("a\n...\nd", "a\nb\nc\nd"),
            ("  PID CMD\n 2031 sh", "    PID CMD\n    317 sh"),
            ("Linux 6.1.0-18-amd64", "Linux 6.18.0+deb13"),
        ] {
            assert!(holds(shown, printed), "{shown:?}, {printed:?}");
        }
    }

    #[test]
    fn nothing_else_may() {
        for (shown, printed) in [
            ("shared", "private"),
            ("a", "a\nb"),
            ("a\nb", "a"),
            ("a\n...\nd", "a\nb\nc"),
            ("pid 1", "pid 2031"),
            ("  PID CMD\n    1 sh", "  PID CMD\n  317 sh"),
            ("64M", "65M"),
        ] {
            assert!(!holds(shown, printed), "{shown:?}, {printed:?}");
        }
    }

    #[test]
    fn equal_stays_equal_and_different_different() {
        let same = "uts:[4026531838]\nuts:[4026531838]";
        let other = "uts:[4026531838]\nuts:[4026532201]";
        assert!(holds(same, "uts:[4026530001]\nuts:[4026530001]"));
        assert!(!holds(same, other));
        assert!(!holds(other, same));
    }
}
