//! Tables, as docker(1) prints them.

use std::io::Write;

use process::{Call, Error, Result};
use serde::Serialize;

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Prints columns as wide as their widest cell.
pub(crate) fn print(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let head: Vec<String> = head.iter().map(|&name| name.into()).collect();
    let all: Vec<_> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in all {
        let cells = row.iter().zip(&widths);
        let line: String =
            cells.map(|(cell, width)| format!("{cell:width$}   ")).collect();
        text += line.trim_end();
        text.push('\n');
    }
    print_text(&text)
}

/// Prints what programs read.
pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::new(format_args!("JSON: {error}")))?;
    print_text(&format!("{text}\n"))
}

/// All at once; that nobody reads it is no error.
pub(crate) fn print_text(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(()),
        written => written.call("write(stdout)"),
    }
}
