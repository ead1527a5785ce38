//! Runs the sessions of every chapter, and compares or rewrites them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use similar::TextDiff;

use super::compare::{Rules, Same};
use super::host::Host;
use super::terminal::{Outcome, Terminal};
use super::{Block, Command, blocks};
use crate::kit::Kit;
use crate::render::Chapter;
use crate::teach;

/// What is run.
#[derive(clap::Args, Debug)]
pub(crate) struct Sessions {
    /// Write what was printed into the chapters, where it differs
    #[arg(long)]
    update: bool,
    /// Chapters to run, by the start of their names; all without one
    chapters: Vec<String>,
}

impl Sessions {
    fn wants(&self, chapter: &Chapter) -> bool {
        let name = chapter.path.to_string_lossy();
        let mut starts = self.chapters.iter();
        self.chapters.is_empty() || starts.any(|s| name.starts_with(s.as_str()))
    }
}

/// A command that did not print what the chapter shows.
struct Difference {
    /// Its lines in the chapter, counted from 0.
    lines: Range<usize>,
    shown: String,
    printed: String,
}

/// Runs the sessions; an error if one differs and is not to be updated.
pub(crate) fn run(
    kit: &Kit,
    chapters: &[Chapter],
    options: &Sessions,
) -> Result<()> {
    let mut failed = 0;
    for chapter in chapters.iter().filter(|each| options.wants(each)) {
        let name = chapter.path.display();
        let blocks = blocks(&chapter.text)
            .map_err(|(line, e)| e.context(format!("{name}:{line}")))?;
        let live: Vec<_> =
            blocks.iter().filter(|b| b.marks.no_run.is_none()).collect();
        if live.is_empty() {
            continue;
        }
        let (differences, error) = run_chapter(kit, chapter, &live);
        let commands: usize = live.iter().map(|b| b.commands.len()).sum();
        println!("{name}: {commands} commands, {} differ", differences.len());
        if options.update {
            rewrite(kit, chapter, &differences)?;
        } else {
            failed += differences.len();
            differences.iter().for_each(|each| print(chapter, each));
        }
        if let Some(error) = error {
            failed += 1;
            println!("{name}: {error:#}");
        }
    }
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} commands do not do what the book shows"),
    }
}

/// The differences up to the end, or to a command that never ended.
fn run_chapter(
    kit: &Kit,
    chapter: &Chapter,
    blocks: &[&Block],
) -> (Vec<Difference>, Option<anyhow::Error>) {
    let mut differences = Vec::new();
    let result = play(kit, chapter, blocks, &mut differences);
    (differences, result.err())
}

fn play(
    kit: &Kit,
    chapter: &Chapter,
    blocks: &[&Block],
    differences: &mut Vec<Difference>,
) -> Result<()> {
    let data = teach::Data::of(&chapter.text)?.unwrap_or_default();
    let rules = Rules::new(&data.vary)?;
    let host = Host::start(kit)?;
    let mut terminals = BTreeMap::new();
    for block in blocks {
        let number = block.marks.terminal.unwrap_or(1);
        let terminal = match terminals.entry(number) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(new) => new.insert(Terminal::open(&host, START)?),
        };
        let mut same = Same::default();
        for command in &block.commands {
            let outcome = terminal
                .run(command, block.marks.timeout)
                .with_context(|| format!("line {}", command.line))?;
            differences
                .extend(difference(command, outcome, &rules, &mut same));
        }
    }
    Ok(())
}

/// How long a shell may take to start.
const START: Duration = Duration::from_secs(20);

fn difference(
    command: &Command,
    outcome: Outcome,
    rules: &Rules,
    same: &mut Same,
) -> Option<Difference> {
    let mut printed = outcome.output;
    if let Some(exit @ 1..) = outcome.exit {
        printed.push(format!("[exit {exit}]"));
    }
    let prompt = command.prompt == outcome.prompt;
    if prompt && same.holds(rules, &command.output, &printed) {
        return None;
    }
    let typed = command.input.join("\n> ");
    let text = |prompt: &str, output: &[String]| {
        let output: String = output.iter().map(|l| format!("{l}\n")).collect();
        format!("{prompt}{typed}\n{output}")
    };
    let start = command.line - 1;
    let length = command.input.len() + command.output.len();
    Some(Difference {
        lines: start..start + length,
        shown: text(&command.prompt, &command.output),
        printed: text(&outcome.prompt, &printed),
    })
}

fn print(chapter: &Chapter, difference: &Difference) {
    let line = difference.lines.start + 1;
    println!("{}:{line}: the book shows -, it printed +", chapter.path.display());
    let diff = TextDiff::from_lines(&difference.shown, &difference.printed);
    for change in diff.iter_all_changes() {
        print!("    {}{change}", change.tag());
    }
}

/// Puts what was printed in the place of what is shown. What the comparison
/// accepts stays as it is, so an update changes no more than it must.
fn rewrite(
    kit: &Kit,
    chapter: &Chapter,
    differences: &[Difference],
) -> Result<()> {
    let path = kit.path("book/src").join(&chapter.path);
    fs::write(path, replace(&chapter.text, differences))?;
    Ok(())
}

fn replace(text: &str, differences: &[Difference]) -> String {
    let mut differences = differences.iter().peekable();
    let mut out = String::new();
    let mut lines = text.split_inclusive('\n').enumerate();
    while let Some((number, line)) = lines.next() {
        match differences.next_if(|each| each.lines.start == number) {
            Some(difference) => {
                out.push_str(&difference.printed);
                let rest = difference.lines.len() - 1;
                lines.by_ref().take(rest).for_each(drop);
            }
            None => out.push_str(line),
        }
    }
    out
}
