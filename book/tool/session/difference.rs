//! What a command printed instead of what the book shows.

use std::ops::Range;
use std::path::Path;

use similar::TextDiff;

use super::Command;
use super::compare::{Rules, Same};
use super::terminal::Outcome;

/// A command that did not print what the chapter shows.
pub(super) struct Difference {
    /// Its lines in the chapter, counted from 0.
    pub(super) lines: Range<usize>,
    shown: String,
    pub(super) printed: String,
}

impl Difference {
    pub(super) fn of(
        command: &Command,
        outcome: Outcome,
        rules: &Rules,
        same: &mut Same,
    ) -> Option<Self> {
        let mut printed = outcome.output;
        if let Some(exit @ 1..) = outcome.exit {
            printed.push(format!("[exit {exit}]"));
        }
        // An empty line at the end only sets commands apart.
        let mut shown = command.output.as_slice();
        while let Some((last, rest)) = shown.split_last()
            && last.is_empty()
        {
            shown = rest;
        }
        let prompt = command.prompt == outcome.prompt;
        if prompt && same.holds(rules, shown, &printed) {
            return None;
        }
        let typed = command.input.join("\n> ");
        let text = |prompt: &str, output: &[String]| {
            let output: String =
                output.iter().map(|l| format!("{l}\n")).collect();
            format!("{prompt}{typed}\n{output}")
        };
        let start = command.line - 1;
        let length = command.input.len() + command.output.len();
        Some(Self {
            lines: start..start + length,
            shown: text(&command.prompt, &command.output),
            printed: text(&outcome.prompt, &printed),
        })
    }

    pub(super) fn print(&self, chapter: &Path) {
        let line = self.lines.start + 1;
        println!(
            "{}:{line}: the book shows -, it printed +",
            chapter.display()
        );
        let diff = TextDiff::from_lines(&self.shown, &self.printed);
        for change in diff.iter_all_changes() {
            print!("    {}{change}", change.tag());
        }
    }
}

/// The chapter with what was printed in the place of what it shows.
pub(super) fn replace(text: &str, differences: &[Difference]) -> String {
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
