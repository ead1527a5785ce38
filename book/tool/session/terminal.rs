//! A terminal with a shell, at which commands are typed.
//!
//! A pseudoterminal, because the reader sits at one: programs list in
//! columns, ask, buffer by line and start interactive shells only there.
//! script(1) makes it inside of the host, where `tty` and /dev/pts know it.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::Regex;

use super::{Command, host::Host};

/// What a command did.
pub(super) struct Outcome {
    /// The prompt that it was typed at.
    pub(super) prompt: String,
    pub(super) output: Vec<String>,
    /// Unknown within a shell that is not bash.
    pub(super) exit: Option<i32>,
}

pub(super) struct Terminal {
    process: Child,
    input: ChildStdin,
    output: Receiver<Vec<u8>>,
    prompt: String,
}

#[expect(clippy::unwrap_used, reason = "a constant, compiled by every test")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

/// The shell's own prompt, behind the exit status of the last command.
static OWN: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\x1b\]133;D;(?<exit>\d+)\x07(?<prompt>[#$] )$"));
/// That of a shell within, which the book's parser knows too.
static INNER: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?:^|\n)(?<prompt>{})$", super::PROMPT)));
static MORE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^|\n)(?<prompt>> )$"));
/// What moves the cursor, or asks where it is.
static CONTROL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\x1b\[[0-9;?]*[A-Za-z]|\r"));
static STATUS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\x1b\]133;D;\d+\x07"));

/// A prompt without an exit status is one if nothing follows for so long.
const QUIET: Duration = Duration::from_millis(150);
/// How long a command runs before it is interrupted by `^C`.
const BEFORE_INTERRUPT: Duration = Duration::from_secs(1);

impl Terminal {
    pub(super) fn open(host: &Host, timeout: Duration) -> Result<Self> {
        let shell = "cd ~/workshop; stty cols 80 rows 24 -tabs; exec bash";
        let mut process = host
            .command("script")
            .args(["--quiet", "--flush", "--echo", "always"])
            .args(["--command", shell, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("no input")?;
        let stdout = process.stdout.take().context("no output")?;
        let (sender, output) = channel();
        thread::spawn(move || forward(stdout, &sender));
        let prompt = String::new();
        let mut terminal = Self { process, input, output, prompt };
        terminal.prompt = terminal.wait(timeout, false)?.prompt;
        Ok(terminal)
    }

    /// Types the command and waits for the next prompt.
    pub(super) fn run(
        &mut self,
        command: &Command,
        timeout: Duration,
    ) -> Result<Outcome> {
        let mut text = String::new();
        let mut exit = None;
        let before = self.prompt.clone();
        for (index, line) in command.input.iter().enumerate() {
            self.send(&format!("{line}\n"))?;
            if command.is_interrupted() {
                thread::sleep(BEFORE_INTERRUPT);
                self.send("\x03")?;
            }
            let more = index + 1 < command.input.len();
            let seen = self.wait(timeout, more)?;
            text.push_str(without_echo(&seen.text, line));
            (self.prompt, exit) = (seen.prompt, seen.exit);
        }
        let lines = text.trim_end().lines().map(|l| l.trim_end().to_owned());
        Ok(Outcome { prompt: before, output: lines.collect(), exit })
    }

    fn send(&mut self, text: &str) -> Result<()> {
        self.input.write_all(text.as_bytes())?;
        Ok(self.input.flush()?)
    }

    /// Reads up to a prompt, or the `> ` that asks for `more` of a command.
    fn wait(&mut self, timeout: Duration, more: bool) -> Result<Seen> {
        let end = Instant::now() + timeout;
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes);
            let text = CONTROL.replace_all(&text, "");
            let seen = Seen::at_end_of(&text, more);
            let left = end.saturating_duration_since(Instant::now());
            let patience = match &seen {
                Some(seen) if seen.exit.is_some() => Duration::ZERO,
                Some(_) => QUIET.min(left),
                None => left,
            };
            match self.output.recv_timeout(patience) {
                Ok(more) => bytes.extend(more),
                Err(RecvTimeoutError::Timeout) => {
                    return seen.with_context(|| hung(timeout, &text));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the shell has ended; it printed:\n{text}")
                }
            }
        }
    }
}

/// What was printed, up to the prompt behind it.
struct Seen {
    text: String,
    prompt: String,
    exit: Option<i32>,
}

impl Seen {
    fn at_end_of(text: &str, more: bool) -> Option<Self> {
        let found = OWN
            .captures(text)
            .or_else(|| INNER.captures(text))
            .or_else(|| MORE.captures(text).filter(|_| more))?;
        let start = found.get(0)?.start();
        let exit = found.name("exit");
        Some(Self {
            text: STATUS.replace_all(&text[..start], "").into_owned() + "\n",
            prompt: found["prompt"].to_owned(),
            exit: exit.and_then(|exit| exit.as_str().parse().ok()),
        })
    }
}

fn hung(timeout: Duration, text: &str) -> String {
    format!("no prompt within {timeout:?}; it printed:\n{text}")
}

fn forward(mut from: ChildStdout, to: &Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.send(buffer[..length].to_vec()).is_err() {
            return;
        }
    }
}

/// A terminal shows what is typed; a shell that edits lines breaks it where
/// the line is full.
fn without_echo<'a>(output: &'a str, typed: &str) -> &'a str {
    let mut rest = output;
    for wanted in typed.chars().filter(|c| !c.is_whitespace()) {
        match rest.trim_start().strip_prefix(wanted) {
            Some(more) => rest = more,
            None => return output,
        }
    }
    let rest = rest.trim_start_matches(' ');
    rest.strip_prefix('\n').unwrap_or(rest)
}

impl Drop for Terminal {
    /// The host's end would do it too; this leaves no zombie behind.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_is_not_output() {
        assert_eq!(without_echo("ls -l\nfile\n", "ls -l"), "file\n");
        assert_eq!(without_echo("ls \n-l\nfile\n", "ls -l"), "file\n");
        assert_eq!(without_echo("file\n", "ls -l"), "file\n");
        assert_eq!(without_echo("ls\n\nfile\n", "ls"), "\nfile\n");
    }

    #[test]
    fn prompts_of_inner_shells_are_known() {
        for text in ["x\n/ # ", "/etc # ", "$ ", "\nsh-5.2# "] {
            assert!(INNER.is_match(text), "{text:?}");
        }
        assert!(!INNER.is_match("a # "));
    }
}
