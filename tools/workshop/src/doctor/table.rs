//! Findings for people to read.

use std::io::{IsTerminal, Write, stdout};

use process::{Call, Result};

use super::finding::{Finding, Status};

/// The width of the page, as in the book.
const WIDTH: usize = 80;
/// Columns as docker(1) prints them.
const STATUS: usize = 10;
const CHECK: usize = 19;
/// Where a remedy begins.
const REMEDY: usize = 15;

/// A line for each finding, and below it what to do.
pub(super) fn print(findings: &[Finding]) -> Result<()> {
    let text = render(findings, wants_colour());
    stdout().write_all(text.as_bytes()).call("write(stdout)")
}

/// Only for a terminal, and not if the user set NO_COLOR.
fn wants_colour() -> bool {
    let refused =
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !refused
}

fn render(findings: &[Finding], colour: bool) -> String {
    let mut text =
        format!("{:STATUS$}{:CHECK$}{}\n", "STATUS", "CHECK", "FOUND");
    for finding in findings {
        text += &paint(finding.status(), colour);
        text += &format!("{:CHECK$}", finding.check());
        text += &wrap(finding.found(), STATUS + CHECK);
        if let Some(remedy) = finding.remedy() {
            text += &format!("{:>REMEDY$}", "-> ");
            text += &wrap(remedy, REMEDY);
        }
    }
    text
}

fn paint(status: Status, colour: bool) -> String {
    // Select Graphic Rendition: console_codes(4).
    let (word, code) = match status {
        Status::Ok => ("ok", "\x1b[32m"),
        Status::Warning => ("warning", "\x1b[33m"),
        Status::Problem => ("problem", "\x1b[31m"),
    };
    match colour {
        true => format!("{code}{word:STATUS$}\x1b[0m"),
        false => format!("{word:STATUS$}"),
    }
}

/// The text in lines, all but the first of which are indented.
fn wrap(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if lines[last].is_empty() {
            lines[last] = word.to_owned();
        } else if indent + lines[last].len() + 1 + word.len() > WIDTH {
            lines.push(word.to_owned());
        } else {
            lines[last] += " ";
            lines[last] += word;
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent))) + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn findings() -> [Finding; 2] {
        [
            Finding::new("kernel", Verdict::ok("6.1.0")),
            Finding::new(
                "user",
                Verdict::warning("user 1000", "sudo ".repeat(20).trim_end()),
            ),
        ]
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let expected = "\
STATUS    CHECK              FOUND
ok        kernel             6.1.0
warning   user               user 1000
            -> sudo sudo sudo sudo sudo sudo sudo sudo sudo sudo sudo sudo sudo
               sudo sudo sudo sudo sudo sudo sudo
";
        assert_eq!(render(&findings(), false), expected);
    }

    #[test]
    fn colour_changes_no_column() {
        let coloured = render(&findings(), true);
        assert!(coloured.contains("\x1b[33mwarning   \x1b[0muser "));
    }
}
