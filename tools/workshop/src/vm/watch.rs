//! Reads what a guest prints, and does not wait for ever.

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// No line may take longer. The slowest test takes a fifth of it, even on a
/// machine that has other things to do.
pub(crate) const SILENCE: Duration = Duration::from_secs(240);

/// Hands each line to `read` until it breaks off, the output ends, or nothing
/// came for too long: then it says so.
pub(crate) fn lines(
    output: impl Read + Send + 'static,
    read: impl FnMut(&str) -> ControlFlow<()>,
) -> Option<String> {
    lines_within(SILENCE, output, read)
}

/// The same with another limit.
pub(crate) fn lines_within(
    limit: Duration,
    output: impl Read + Send + 'static,
    mut read: impl FnMut(&str) -> ControlFlow<()>,
) -> Option<String> {
    let (sender, receiver) = channel();
    // It ends with the output: whoever gives up ends the guest.
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut last = Instant::now();
    loop {
        match receiver.recv_timeout(limit.saturating_sub(last.elapsed())) {
            Ok(line) => {
                let line = String::from_utf8_lossy(&line);
                // What the harness says of its own accord is no progress.
                if !line.contains("has been running for over") {
                    last = Instant::now();
                }
                if read(line.trim_end()).is_break() {
                    return None;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {
                return Some(format!("nothing for {} s", limit.as_secs()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow::{Break, Continue};

    use super::*;

    #[test]
    fn every_line_is_read_until_the_end() {
        let mut read = Vec::new();
        let silence = lines(&b"one\r\n\xfftwo"[..], |line| {
            read.push(line.to_owned());
            Continue(())
        });
        assert_eq!((read.len(), silence), (2, None));
        assert_eq!(read[0], "one");
    }

    #[test]
    fn a_reader_may_have_enough() {
        let mut number = 0;
        lines(&b"one\ntwo\n"[..], |_| {
            number += 1;
            Break(())
        });
        assert_eq!(number, 1);
    }

    #[test]
    fn silence_has_an_end() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let limit = Duration::from_millis(20);
        assert!(lines_within(limit, reader, |_| Continue(())).is_some());
    }
}
