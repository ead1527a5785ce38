//! Sessions: what a reader types and sees.
//!
//! ````text
//! ```console
//! # bin/01-chroot rootfs/busybox sh -c 'exit 3'
//! [exit 3]
//! # for word in a b
//! > do echo $word; done
//! a
//! b
//! # bin/01-chroot rootfs/busybox sh
//! / # ls -d bin
//! bin
//! ```
//! ````
//!
//! A line with a prompt is typed; `> ` goes on with it; the rest is output,
//! and `[exit N]` the exit status, if it is not zero. The prompt is `# `,
//! because the workshop is done as root of a virtual machine; shells within
//! have their own. An output line `^C` says that Ctrl-C is typed after a
//! second. All blocks of a chapter share a host and its shells.
//!
//! The info string is `console`, then `terminal=N` for another shell on the
//! same host, `timeout=SECONDS`, and `no-run=REASON`, in this order.

mod compare;
mod difference;
mod host;
mod run;
mod terminal;

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;

pub(crate) use run::{Sessions, run};

use crate::figure::escape;
use crate::lines::{Place, lines};

/// `# `, `$ `, or that of a shell in a container: `/etc # `, `sh-5.2# `.
const PROMPT: &str = r"(?:[/~]\S* |\w*sh-[\d.]+)?[#$] ";

#[expect(clippy::unwrap_used, reason = "a constant, compiled by every test")]
static TYPED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("^({PROMPT})(.*)$")).unwrap());

#[expect(clippy::unwrap_used, reason = "a constant, compiled by every test")]
static CONTINUED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^(> )(.*)$").unwrap());

/// What the info string says.
#[derive(Debug, PartialEq)]
pub(crate) struct Marks {
    terminal: Option<usize>,
    timeout: Duration,
    pub(crate) no_run: Option<String>,
}

impl Marks {
    pub(crate) fn parse(info: &str) -> Result<Self> {
        let mut marks = Self {
            terminal: None,
            timeout: Duration::from_secs(20),
            no_run: None,
        };
        let mut rest = info.strip_prefix("console").context("not a session")?;
        while let Some(mark) = rest.strip_prefix(',') {
            if let Some(reason) = mark.strip_prefix("no-run=") {
                ensure!(!reason.is_empty(), "no-run needs a reason");
                marks.no_run = Some(reason.to_owned());
                return Ok(marks);
            }
            let end = mark.find(',').unwrap_or(mark.len());
            match mark[..end].split_once('=') {
                Some(("terminal", n)) => marks.terminal = Some(n.parse()?),
                Some(("timeout", n)) => {
                    marks.timeout = Duration::from_secs(n.parse()?);
                }
                _ => bail!("a session has no mark {:?}", &mark[..end]),
            }
            rest = &mark[end..];
        }
        ensure!(rest.is_empty(), "a session has no mark {rest:?}");
        Ok(marks)
    }

    /// A session as the reader sees it. Prompts can't be selected, so what
    /// is copied can be typed.
    pub(crate) fn html(&self, text: &str) -> String {
        let mut out = String::new();
        if let Some(number) = self.terminal {
            out = format!("<p class=\"terminal\">terminal {number}</p>\n\n");
        }
        out.push_str("<pre class=\"session\"><code class=\"nohighlight\">");
        let lines: Vec<_> = text.lines().map(html).collect();
        out + &lines.join("\n") + "</code></pre>\n"
    }
}

fn html(line: &str) -> String {
    let parts = TYPED.captures(line).or_else(|| CONTINUED.captures(line));
    match parts {
        Some(parts) => format!(
            "<span class=\"prompt\">{}</span><b>{}</b>",
            escape(&parts[1]),
            escape(&parts[2])
        ),
        None if line.starts_with("[exit ") => format!("<i>{line}</i>"),
        None => escape(line),
    }
}

/// One command and what the book says that it prints.
#[derive(Debug, PartialEq)]
struct Command {
    /// The line of the prompt in the chapter, counted from 1.
    line: usize,
    prompt: String,
    input: Vec<String>,
    output: Vec<String>,
}

impl Command {
    fn is_interrupted(&self) -> bool {
        self.output.iter().any(|line| line == "^C")
    }
}

#[derive(Debug)]
struct Block {
    marks: Marks,
    commands: Vec<Command>,
}

/// All sessions of a chapter; an error goes with its line.
fn blocks(text: &str) -> Result<Vec<Block>, (usize, anyhow::Error)> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within = false;
    for (number, place, line) in lines(text) {
        let made = match place {
            Place::Open(info) => {
                within = info.split(',').next() == Some("console");
                if within {
                    open(info).map(|block| blocks.push(block))
                } else {
                    Ok(())
                }
            }
            Place::Code if within => match blocks.last_mut() {
                Some(block) => add(&mut block.commands, number, line),
                None => Ok(()),
            },
            _ => Ok(()),
        };
        made.map_err(|error| (number, error))?;
    }
    Ok(blocks)
}

fn open(info: &str) -> Result<Block> {
    Ok(Block { marks: Marks::parse(info)?, commands: Vec::new() })
}

fn add(commands: &mut Vec<Command>, number: usize, line: &str) -> Result<()> {
    if let Some(parts) = TYPED.captures(line) {
        commands.push(Command {
            line: number,
            prompt: parts[1].to_owned(),
            input: vec![parts[2].to_owned()],
            output: Vec::new(),
        });
        return Ok(());
    }
    let command = commands.last_mut();
    let command = command.context("a session begins with a prompt: `# `")?;
    match line.strip_prefix("> ") {
        Some(more) if command.output.is_empty() => {
            command.input.push(more.to_owned());
        }
        _ => command.output.push(line.to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read() {
        let text = "\
```console,terminal=2
# if true
> then sh; fi
/ # echo '#'
#
/ # exit
[exit 3]
```";
        let block = &blocks(text).unwrap()[0];
        assert_eq!(block.marks.terminal, Some(2));
        let [first, second, third] = &block.commands[..] else { panic!() };
        assert_eq!(first.input, ["if true", "then sh; fi"]);
        assert_eq!((second.prompt.as_str(), second.line), ("/ # ", 4));
        assert_eq!(second.output, ["#"]);
        assert_eq!(third.output, ["[exit 3]"]);
    }

    #[test]
    fn marks_are_checked() {
        let marks = Marks::parse("console,no-run=a disk, a real one").unwrap();
        assert_eq!(marks.no_run.as_deref(), Some("a disk, a real one"));
        assert!(Marks::parse("console,no-run=").is_err());
        assert!(Marks::parse("console,norun=x").is_err());
        assert!(Marks::parse("console two").is_err());
    }

    #[test]
    fn what_is_typed_stands_out() {
        let marks = Marks::parse("console,terminal=2").unwrap();
        let html = marks.html("# a <b\n\n> c\n[exit 1]\n");
        let expected = "<span class=\"prompt\"># </span><b>a &lt;b</b>\n\n\
                        <span class=\"prompt\">&gt; </span><b>c</b>\n\
                        <i>[exit 1]</i></code></pre>\n";
        assert!(html.starts_with("<p class=\"terminal\">terminal 2</p>"));
        assert!(html.ends_with(expected), "{html}");
    }

    #[test]
    fn output_without_a_command_is_an_error() {
        let (line, _) = blocks("\n```console\nfile\n```").unwrap_err();
        assert_eq!(line, 3);
    }
}
