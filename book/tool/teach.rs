//! Teaching data: what a chapter is for, how long it takes, what to say.
//!
//! It stands in the chapter, where the prose that it is about stands:
//!
//! - `<!-- teach … -->` holds TOML: `goals`, a list of what the reader can do
//!   at the end, and `vary`, a list of patterns for `session::compare`.
//! - `## Title {minutes=10 fast=5}` is how long a section takes in the full
//!   course and on the fast track, where `fast=0` leaves it out; without
//!   `fast` it takes as long as in the full course.
//! - `<!-- teacher: … -->` is a note that only the teacher's edition shows.

use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;

use crate::chapter::Edition;
use crate::lines::{Place, lines};

/// The parts of a chapter about a step, in this order.
pub(crate) const PARTS: [&str; 12] = [
    "Promise",
    "The leak",
    "Predict",
    "By hand",
    "The kernel feature",
    "The code",
    "See it",
    "Break it",
    "Not yet",
    "In real runtimes",
    "Exercises",
    "Check yourself",
];

/// What `<!-- teach … -->` says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    pub(crate) goals: Vec<String>,
    #[serde(default)]
    pub(crate) vary: Vec<String>,
}

impl Data {
    pub(crate) fn of(text: &str) -> Result<Option<Self>> {
        let Some(at) = text.find("<!-- teach\n") else { return Ok(None) };
        let rest = &text[at + "<!-- teach\n".len()..];
        let (toml, _) = rest.split_once("-->").context("`-->` is missing")?;
        Ok(Some(toml::from_str(toml)?))
    }
}

/// A second-level heading and its minutes.
#[derive(Debug, PartialEq)]
pub(crate) struct Section {
    pub(crate) line: usize,
    pub(crate) title: String,
    pub(crate) minutes: Option<Minutes>,
}

/// How long a section takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Minutes {
    pub(crate) full: u32,
    pub(crate) fast: u32,
}

#[expect(clippy::unwrap_used, reason = "a constant, compiled by every test")]
static HEADING: LazyLock<Regex> = LazyLock::new(|| {
    let minutes = r"\{minutes=(\d+)(?: fast=(\d+))?\}";
    Regex::new(&format!(r"^## (.*?)\s*(?:{minutes})?\s*$")).unwrap()
});

fn section(line: usize, text: &str) -> Result<Section> {
    let parts = HEADING.captures(text).context("is not a heading")?;
    let title = parts[1].to_owned();
    ensure!(
        !title.contains('{'),
        "write {{minutes=10}} or \
         {{minutes=10 fast=5}} behind the title: {title}"
    );
    let number = |at| parts.get(at).and_then(|m| m.as_str().parse().ok());
    let minutes =
        number(2).map(|full| Minutes { full, fast: number(3).unwrap_or(full) });
    Ok(Section { line, title, minutes })
}

pub(crate) fn sections(text: &str) -> Result<Vec<Section>> {
    lines(text)
        .filter(|(_, place, line)| {
            *place == Place::Prose && line.starts_with("## ")
        })
        .map(|(number, _, line)| section(number, line))
        .collect()
}

pub(crate) fn total(sections: &[Section]) -> Minutes {
    let minutes = sections.iter().filter_map(|section| section.minutes);
    minutes.fold(Minutes::default(), |sum, each| Minutes {
        full: sum.full + each.full,
        fast: sum.fast + each.fast,
    })
}

/// A heading as it is shown: without its minutes, or with a line about them.
pub(crate) fn heading(line: &str, edition: Edition) -> Result<String> {
    let Section { title, minutes, .. } = section(0, line)?;
    let heading = format!("## {title}");
    let Some(Minutes { full, fast }) = minutes else { return Ok(heading) };
    let fast = match fast {
        0 => ", not on the fast track".to_owned(),
        fast if fast == full => String::new(),
        fast => format!(", {fast} on the fast track"),
    };
    Ok(match edition {
        Edition::Reader => heading,
        Edition::Teacher => format!(
            "{heading}\n\n<p class=\"minutes\">{full} minutes{fast}</p>\n"
        ),
    })
}

/// A comment as it is shown: the goals to all, notes to the teacher, and
/// nothing else.
pub(crate) fn comment(
    comment: &str,
    chapter: &str,
    edition: Edition,
) -> Result<String> {
    let inner = comment.trim().trim_start_matches("<!--");
    let inner = inner.strip_suffix("-->").context("text behind a comment")?;
    let inner = inner.trim();
    if inner.starts_with("teach\n") {
        return goals(chapter);
    }
    let note = inner.strip_prefix("teacher:").map(str::trim);
    Ok(match (note, edition) {
        (Some(note), Edition::Teacher) => {
            format!("<aside class=\"teacher\">\n\n{note}\n\n</aside>\n")
        }
        _ => String::new(),
    })
}

fn goals(chapter: &str) -> Result<String> {
    let data = Data::of(chapter)?.unwrap_or_default();
    let minutes = total(&sections(chapter)?);
    let goals: String =
        data.goals.iter().map(|goal| format!("- {goal}\n")).collect();
    Ok(format!(
        "<div class=\"goals\">\n\nAfter this chapter you can\n\n{goals}\n\
         It takes about {} minutes, or {} on the fast track.\n\n</div>\n",
        minutes.full, minutes.fast
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<!-- teach\ngoals = ['see']\n-->\n\
                        ## A {minutes=10 fast=4}\n## B {minutes=5}\n## C\n";

    #[test]
    fn minutes_stand_behind_the_heading() {
        let sections = sections(TEXT).unwrap();
        assert_eq!(sections[0].title, "A");
        assert_eq!(sections[2].minutes, None);
        assert_eq!(total(&sections), Minutes { full: 15, fast: 9 });
        let error = section(1, "## A {minute=10}").unwrap_err();
        assert!(error.to_string().contains("{minutes=10}"), "{error}");
    }

    #[test]
    fn notes_are_the_teachers() {
        let note = "<!-- teacher: Ask *why*. -->";
        let shown = |edition| comment(note, TEXT, edition).unwrap();
        assert_eq!(shown(Edition::Reader), "");
        assert!(comment("<!-- a --> lost", TEXT, Edition::Reader).is_err());
        assert!(shown(Edition::Teacher).contains("\n\nAsk *why*.\n\n"));
        let minutes = heading("## A {minutes=3 fast=0}", Edition::Teacher);
        assert!(minutes.unwrap().contains("3 minutes, not on the fast track"));
        let reader = heading("## A {minutes=3}", Edition::Reader).unwrap();
        assert_eq!(reader, "## A");
    }

    #[test]
    fn goals_are_shown_with_the_time() {
        let text = "<!-- teach\ngoals = ['see']\n-->";
        let shown = comment(text, TEXT, Edition::Reader).unwrap();
        assert!(shown.contains("- see\n"), "{shown}");
        assert!(shown.contains("15 minutes, or 9"), "{shown}");
    }
}
