//! Tables for people, as docker(1) prints them.

use std::env;
use std::io::{self, IsTerminal};

use probe::{Comparison, Fact, Report, Verdict};

/// How much of a value or a note a row shows; `--format json` has all of it.
const WIDTH: usize = 44;

/// `RESOURCE   VALUE   NOTE`.
pub(crate) fn of_report(report: &Report) -> String {
    let head = ["RESOURCE", "VALUE", "NOTE"].map(str::to_owned);
    let pid = ["pid".to_owned(), report.pid.to_string(), String::new()];
    let rows = probe::RESOURCES.iter().filter_map(|resource| {
        let [value, note] = match report.get(resource.name)? {
            Fact::Known(known) => [
                known.value.to_string(),
                shorten(known.note.as_deref().unwrap_or_default()),
            ],
            Fact::Unknown { unknown } => ["unknown".into(), unknown.clone()],
        };
        Some([resource.name.to_owned(), value, note])
    });
    layout([head, pid].into_iter().chain(rows), plain)
}

/// `RESOURCE   VERDICT   REASON`.
pub(crate) fn of_comparison(comparisons: &[Comparison]) -> String {
    let head = ["RESOURCE", "VERDICT", "REASON"].map(str::to_owned);
    let rows = comparisons.iter().map(|one| {
        let reason = one.reason.clone().unwrap_or_default();
        [one.resource.clone(), word(one.verdict).to_owned(), reason]
    });
    let no_color = env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let colored = io::stdout().is_terminal() && !no_color;
    let rows = std::iter::once(head).chain(rows);
    layout(rows, if colored { color } else { plain })
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Shared => "shared",
        Verdict::Private => "private",
        Verdict::Limited => "limited",
        Verdict::Unknown => "unknown",
    }
}

fn plain(_: &str) -> &'static str {
    ""
}

/// The escape sequence, console_codes(4), that a cell begins with.
fn color(cell: &str) -> &'static str {
    match cell.trim_end() {
        "shared" => "\x1b[31m",  // red: it leaks
        "private" => "\x1b[32m", // green
        "limited" => "\x1b[33m", // yellow
        _ => "",
    }
}

/// Columns, three spaces apart.
fn layout(
    rows: impl Iterator<Item = [String; 3]>,
    color: fn(&str) -> &'static str,
) -> String {
    let rows: Vec<[String; 3]> = rows
        .map(|[name, value, note]| {
            [printable(&name), shorten(&printable(&value)), printable(&note)]
        })
        .collect();
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [name, value, note] in &rows {
        let on = color(value);
        let off = if on.is_empty() { "" } else { "\x1b[0m" };
        let pad = " ".repeat(second - value.chars().count());
        let line = format!("{name:first$}   {on}{value}{off}{pad}   {note}");
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A name may contain what would steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    let start: String = text.chars().take(WIDTH - 2).collect();
    format!("{start} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_three_spaces_apart() {
        let rows = [["A", "BB", "C"], ["aaa", "b", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let text = layout(rows.into_iter(), plain);
        assert_eq!(text, "A     BB   C\naaa   b\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let rows = [["a", "\x1b[2J", "b\nc"].map(str::to_owned)];
        let text = layout(rows.into_iter(), plain);
        assert_eq!(text, "a   ?[2J   b?c\n");
    }
}
