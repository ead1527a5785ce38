//! What a container has written, for those who ask later.
//!
//! A line of the log is a time, which stream it was, whether the line ends
//! there (F) or goes on (P), and what was written: the form that Kubernetes
//! asks of runtimes. It takes bytes of any kind.
//!
//! A program that writes without end fills no disk: a log that has grown to
//! its limit becomes the old one, and the old one before it is gone.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use process::{Call, Result};

use crate::life::now;
use crate::time;

/// The names of the two files.
pub(crate) const FILE: &str = "log";
pub(crate) const OLD: &str = "log.1";

/// How large each of the two may become, in bytes.
pub(crate) const LIMIT: u64 = 1 << 20;

/// Where it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output, or a terminal.
    Out,
    /// Standard error.
    Err,
}

/// The log of a container, being written.
#[derive(Debug)]
pub(crate) struct Log {
    directory: PathBuf,
    file: File,
    length: u64,
}

impl Log {
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        let (directory, file) = (directory.to_owned(), create(directory)?);
        Ok(Self { directory, file, length: 0 })
    }

    /// Adds what was written, a piece for each line.
    pub(crate) fn add(&mut self, stream: Stream, bytes: &[u8]) -> Result<()> {
        let mut text = Vec::new();
        let name = match stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, tag) = match line.strip_suffix(b"\n") {
                Some(line) => (line, 'F'),
                None => (line, 'P'),
            };
            let time = time::full(now());
            text.extend(format!("{time} {name} {tag} ").bytes());
            text.extend(line);
            text.push(b'\n');
        }
        if self.length + text.len() as u64 > LIMIT {
            self.rotate()?;
        }
        self.length += text.len() as u64;
        self.file.write_all(&text).call("write(log)")
    }

    fn rotate(&mut self) -> Result<()> {
        let (log, old) = (self.directory.join(FILE), self.directory.join(OLD));
        fs::rename(&log, &old)
            .call(format_args!("rename({log:?}, {old:?})"))?;
        self.file = create(&self.directory)?;
        self.length = 0;
        Ok(())
    }
}

fn create(directory: &Path) -> Result<File> {
    let path = directory.join(FILE);
    File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .call(format_args!("open({path:?}, O_CREAT)"))
}

/// A log being read, from the old file on into the new one, and the one that
/// comes after it.
pub(crate) struct Reader {
    directory: PathBuf,
    file: Option<BufReader<File>>,
    /// What of a line has been read already.
    begun: Vec<u8>,
}

/// What was written, and where.
pub(crate) struct Piece {
    pub(crate) stream: Stream,
    pub(crate) bytes: Vec<u8>,
    pub(crate) time: String,
    /// Whether the next one is on a line of its own.
    pub(crate) is_full: bool,
}

impl Reader {
    pub(crate) fn open(directory: &Path) -> Self {
        let open = |name| File::open(directory.join(name)).ok();
        let file = open(OLD).or_else(|| open(FILE)).map(BufReader::new);
        Self { directory: directory.into(), file, begun: Vec::new() }
    }

    /// The next piece; nothing, if there is none yet.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            let Some(file) = &mut self.file else {
                self.file = open(&self.directory.join(FILE));
                match self.file {
                    Some(_) => continue,
                    None => return Ok(None),
                }
            };
            file.read_until(b'\n', &mut self.begun).call("read(log)")?;
            if self.begun.last() == Some(&b'\n') {
                if let Some(piece) = parse(&std::mem::take(&mut self.begun)) {
                    return Ok(Some(piece));
                }
            } else if !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// At the end of a file: whether there is another one behind it.
    fn go_on(&mut self) -> Result<bool> {
        let Some(newest) = open(&self.directory.join(FILE)) else {
            return Ok(false);
        };
        let inode = |file: &BufReader<File>| {
            file.get_ref().metadata().map(|found| found.ino())
        };
        let here = self.file.as_ref().map(inode).transpose();
        if here.call("fstat(log)")? == inode(&newest).ok() {
            return Ok(false);
        }
        // It was rotated. What came between two looks may be in two files, of
        // which the older one is perhaps the one just read.
        let old = open(&self.directory.join(OLD));
        let is_old = old.as_ref().and_then(|old| inode(old).ok())
            == self.file.as_ref().and_then(|file| inode(file).ok());
        // The last line may have come since it was read to the end.
        if let Some(file) = &mut self.file {
            let more = file.read_until(b'\n', &mut self.begun);
            if more.call("read(log)")? > 0 {
                return Ok(true);
            }
        }
        self.begun.clear();
        self.file = if is_old { Some(newest) } else { old };
        Ok(true)
    }
}

fn open(path: &Path) -> Option<BufReader<File>> {
    File::open(path).ok().map(BufReader::new)
}

fn parse(line: &[u8]) -> Option<Piece> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = String::from_utf8(parts.next()?.into()).ok()?;
    let stream = match parts.next()? {
        b"stderr" => Stream::Err,
        _ => Stream::Out,
    };
    let is_full = parts.next()? == b"F";
    let mut bytes = parts.next()?.to_vec();
    if !is_full {
        bytes.pop(); // The end of this line is the log's own.
    }
    Some(Piece { stream, bytes, time, is_full })
}

/// The last lines, whether the very last one has an end or not.
pub(crate) fn tail(mut pieces: Vec<Piece>, lines: usize) -> Vec<Piece> {
    let mut ends = 0;
    let mut skip = pieces.len();
    for (index, piece) in pieces.iter().enumerate().rev() {
        ends += usize::from(piece.is_full && index + 1 < pieces.len());
        if ends == lines {
            break;
        }
        skip = index;
    }
    pieces.split_off(skip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader) -> Vec<Piece> {
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    fn text(pieces: &[Piece]) -> String {
        let text = pieces.iter().map(|piece| {
            let text = String::from_utf8_lossy(&piece.bytes).into_owned();
            if piece.is_full { text } else { text + "…" }
        });
        text.collect()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::create(directory.path()).unwrap();
        let mut reader = Reader::open(directory.path());
        log.add(Stream::Out, b"one\ntw").unwrap();
        assert_eq!(text(&read(&mut reader)), "one\ntw…");
        log.add(Stream::Err, b"o\n\xff\n").unwrap();
        assert_eq!(text(&read(&mut reader)), "o\n\u{fffd}\n");
        let all = read(&mut Reader::open(directory.path()));
        assert_eq!(all[2].stream, Stream::Err);
        assert_eq!(text(&tail(all, 2)), "tw…o\n\u{fffd}\n");
    }

    #[test]
    fn a_log_has_its_limit_and_a_reader_follows() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::create(directory.path()).unwrap();
        let mut reader = Reader::open(directory.path());
        let mut found = Vec::new();
        for number in 0..40_000 {
            let line = format!("{number:0100}\n");
            log.add(Stream::Out, line.as_bytes()).unwrap();
            if number % 1000 == 0 {
                found.extend(read(&mut reader));
            }
        }
        found.extend(read(&mut reader));
        assert_eq!(found.len(), 40_000, "none is lost");
        let size = |name| directory.path().join(name).metadata().unwrap().len();
        assert!(size(FILE) <= LIMIT && size(OLD) <= LIMIT);
    }

    #[test]
    fn the_last_line_need_have_no_end() {
        let piece = |text: &str| Piece {
            stream: Stream::Out,
            bytes: text.trim_end_matches('…').into(),
            time: String::new(),
            is_full: !text.ends_with('…'),
        };
        let last = |n| {
            let pieces = ["a…", "b\n", "c\n", "d…"].map(piece).into();
            text(&tail(pieces, n))
        };
        assert_eq!([0, 1, 2, 3].map(last), ["", "d…", "c\nd…", "a…b\nc\nd…"]);
    }
}
