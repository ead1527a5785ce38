//! What every chapter about a step must have, and the schedule.

use std::fmt::Write;

use anyhow::{Error, Result, anyhow};

use crate::kit::Kit;
use crate::render::Chapter;
use crate::teach::{Data, Minutes, PARTS, Section, sections, total};

/// All that a chapter about `step` lacks; the line goes with it.
pub(crate) fn missing(
    kit: &Kit,
    step: &str,
    text: &str,
) -> Vec<(usize, Error)> {
    let mut errors = Vec::new();
    match sections(text) {
        Ok(sections) => order(&sections, &mut errors),
        Err(error) => errors.push((1, error)),
    }
    match Data::of(text) {
        Ok(Some(data)) if !data.goals.is_empty() => {}
        Ok(_) => errors.push((1, anyhow!("no goals in `<!-- teach`"))),
        Err(error) => errors.push((1, error.context("`<!-- teach`"))),
    }
    let mut needed = vec![format!("{{{{#new {step}}}}}")];
    if let Ok(Some(before)) = kit.before(step) {
        needed.push(format!("{{{{#recipe-diff {before} {step}}}}}"));
    }
    needed.retain(|directive| !text.contains(directive));
    let lacks = |directive| (1, anyhow!("no {directive}"));
    errors.extend(needed.into_iter().map(lacks));
    errors
}

fn order(sections: &[Section], errors: &mut Vec<(usize, Error)>) {
    let mut rest = sections.iter();
    for part in PARTS {
        match rest.next() {
            Some(section) if section.title == part => {
                if section.minutes.is_none() {
                    let error = anyhow!("{part:?} has no {{minutes=…}}");
                    errors.push((section.line, error));
                }
            }
            found => {
                let line = found.map_or(1, |section| section.line);
                let error = anyhow!("here belongs the part {part:?}");
                return errors.push((line, error));
            }
        }
    }
    if let Some(Section { line, title, .. }) = rest.next() {
        errors.push((*line, anyhow!("{title:?} is not a part of a chapter")));
    }
}

/// Minutes for each chapter, and all of them.
pub(crate) fn schedule(chapters: &[Chapter]) -> Result<String> {
    let mut out = format!("{:<24}{:>8}{:>8}\n", "chapter", "full", "fast");
    let mut all = Minutes::default();
    for Chapter { path, text } in chapters {
        let Minutes { full, fast } = total(&sections(text)?);
        let name = path.with_extension("");
        writeln!(out, "{:<24}{full:>8}{fast:>8}", name.display())?;
        all = Minutes { full: all.full + full, fast: all.fast + fast };
    }
    let (full, fast) = (hours(all.full), hours(all.fast));
    writeln!(out, "{:<24}{full:>8}{fast:>8}", "in hours")?;
    Ok(out)
}

/// `{{#schedule}}`: the same for the reader, as a table of links.
pub(crate) fn table(chapters: &[Chapter]) -> Result<String> {
    let mut out = "| chapter | full | fast |\n| --- | --: | --: |\n".to_owned();
    let mut all = Minutes::default();
    for Chapter { path, text } in chapters {
        let Minutes { full, fast } = total(&sections(text)?);
        let title = text.lines().find_map(|line| line.strip_prefix("# "));
        let (title, path) = (title.unwrap_or("?"), path.display());
        writeln!(out, "| [{title}]({path}) | {full} | {fast} |")?;
        all = Minutes { full: all.full + full, fast: all.fast + fast };
    }
    let (full, fast) = (hours(all.full), hours(all.fast));
    writeln!(out, "| in hours | {full} | {fast} |")?;
    Ok(out)
}

fn hours(minutes: u32) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    fn chapter() -> String {
        let head = "<!-- teach\ngoals = ['go']\n-->\n{{#new 00-a}}\n";
        let parts =
            PARTS.map(|part| format!("## {part} {{minutes=5 fast=0}}\n"));
        head.to_owned() + &parts.concat()
    }

    fn lacks(text: &str) -> String {
        let kit = kit(&[("steps/00-a/Cargo.toml", "")]);
        let errors = missing(&kit, "00-a", text);
        errors
            .iter()
            .map(|(line, error)| format!("{line}: {error:#}\n"))
            .collect()
    }

    #[test]
    fn a_chapter_has_all_parts_in_order() {
        let text = chapter();
        assert_eq!(lacks(&text), "");
        let swapped = text.replace("## Predict", "## By hand");
        assert_eq!(lacks(&swapped), "7: here belongs the part \"Predict\"\n");
        let more = text.clone() + "## More {minutes=1}";
        assert!(lacks(&more).contains("\"More\" is not a part"));
        let untimed = text.replace("The leak {minutes=5 fast=0}", "The leak");
        assert!(lacks(&untimed).contains("\"The leak\" has no {minutes=…}"));
    }

    #[test]
    fn a_chapter_has_goals_and_says_what_is_new() {
        let text = chapter().replace("goals = ['go']", "goals = []");
        assert!(lacks(&text).contains("no goals"));
        let text = chapter().replace("{{#new 00-a}}", "");
        assert!(lacks(&text).contains("no {{#new 00-a}}"));
    }

    #[test]
    fn a_schedule_adds_up() {
        let text = chapter();
        let one = || Chapter { path: "00-a.md".into(), text: text.clone() };
        let out = schedule(&[one(), one()]).unwrap();
        assert!(out.contains("00-a                          60       0\n"));
        assert!(out.ends_with("in hours                    2:00    0:00\n"));
        let text = format!("# A\n{text}");
        let table = table(&[Chapter { path: "00-a.md".into(), text }]).unwrap();
        assert!(table.contains("\n| [A](00-a.md) | 60 | 0 |\n"), "{table}");
    }
}
