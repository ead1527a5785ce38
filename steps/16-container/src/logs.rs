//! `logs`: what a container has written.

use std::thread::sleep;
use std::time::Duration;

use process::{Error, Result};

use crate::log::{FILE, Piece, Reader, tail};
use crate::store::Entry;
use crate::streams::show;

/// How much, and until when.
#[derive(Debug, clap::Args)]
pub struct LogsOptions {
    /// Go on until the container ends
    #[arg(short, long)]
    follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,
    /// With the time of each
    #[arg(short, long)]
    timestamps: bool,
    /// The container, by name, id, or the beginning of an id
    pub container: String,
}

/// Between two looks whether there is more.
const PAUSE: Duration = Duration::from_millis(50);

/// Prints it, each stream to the one of the same kind.
pub fn logs(entry: &Entry, options: &LogsOptions) -> Result<()> {
    if !entry.path.join(FILE).exists() {
        return Err(Error::new(format_args!(
            "the container {} has no log",
            entry.record.name
        ))
        .with_hint(
            "one that is to be removed, and neither --detach nor --tty, writes \
             to the files of whoever has started it",
        ));
    }
    let mut reader = Reader::open(&entry.path);
    let mut pieces = Vec::new();
    while let Some(piece) = reader.next()? {
        pieces.push(piece);
    }
    let pieces = match options.tail {
        Some(lines) => tail(pieces, lines),
        None => pieces,
    };
    let mut printer = Printer { options, is_at_start: true, is_read: true };
    pieces.iter().try_for_each(|piece| printer.print(piece))?;
    let mut is_over = !options.follow;
    while !is_over && printer.is_read {
        // In this order: what it writes at last is still read.
        is_over = entry.witness.look()?.owner.is_none();
        while let Some(piece) = reader.next()? {
            printer.print(&piece)?;
        }
        if !is_over {
            sleep(PAUSE);
        }
    }
    Ok(())
}

struct Printer<'a> {
    options: &'a LogsOptions,
    /// Whether the next piece is on a line of its own.
    is_at_start: bool,
    /// Whether somebody still reads what is printed.
    is_read: bool,
}

impl Printer<'_> {
    fn print(&mut self, piece: &Piece) -> Result<()> {
        if self.options.timestamps && self.is_at_start {
            show(piece.stream, format!("{} ", piece.time).as_bytes())?;
        }
        self.is_at_start = piece.is_full;
        self.is_read &= show(piece.stream, &piece.bytes)?;
        Ok(())
    }
}
