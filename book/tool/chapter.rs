//! From a chapter as it is written to one that mdBook renders.
//!
//! A directive stands on a line of its own. What can't be expanded is an
//! error with the chapter's name and the line, never a hole in the page.

use std::path::Path;

use anyhow::{Error, Result, bail};

use crate::kit::Kit;
use crate::lines::{Place, lines};
use crate::{figure, listing, man, new, session, teach};

/// For whom the book is made: the teacher's has minutes and notes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Edition {
    Reader,
    Teacher,
}

/// Expands the chapter; all that is wrong with it, not only the first thing.
pub(crate) fn expand(
    kit: &Kit,
    name: &Path,
    text: &str,
    edition: Edition,
) -> Result<String, Vec<Error>> {
    let mut errors = Vec::new();
    let place = |line: usize, error: Error| {
        error.context(format!("{}:{line}", name.display()))
    };
    let pages = kit.read(man::LIST).map_err(|error| vec![error])?;
    let (linked, typos) = man::link(text, &pages);
    errors.extend(typos.into_iter().map(|(line, e)| place(line, e)));
    let mut out = String::new();
    let mut comment = String::new();
    for (number, what, line) in lines(&linked) {
        let made = match what {
            Place::Prose => prose(kit, line, edition),
            Place::Open(info) => open(line, info),
            Place::Code => code(line),
            Place::Close => Ok(line.to_owned()),
            Place::Comment => {
                comment.push_str(line);
                comment.push('\n');
                if !line.contains("-->") {
                    continue;
                }
                let comment = std::mem::take(&mut comment);
                teach::comment(&comment, text, edition)
            }
        };
        match made {
            Ok(line) => out.extend([line.as_str(), "\n"]),
            Err(error) => errors.push(place(number, error)),
        }
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn prose(kit: &Kit, line: &str, edition: Edition) -> Result<String> {
    let whole = line.trim().strip_prefix("{{#");
    match whole.and_then(|rest| rest.strip_suffix("}}")) {
        Some(directive) => expand_directive(kit, directive),
        None if line.contains("{{#") => bail!(NOT_ALONE),
        None if line.starts_with("## ") => teach::heading(line, edition),
        None => Ok(line.to_owned()),
    }
}

fn code(line: &str) -> Result<String> {
    if line.contains("{{#") { bail!(NOT_ALONE) } else { Ok(line.to_owned()) }
}

const NOT_ALONE: &str = "a directive stands on a line of its own, in prose";

fn expand_directive(kit: &Kit, directive: &str) -> Result<String> {
    let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
    let rest = rest.trim();
    match name {
        "file" => listing::file(kit, rest),
        "item" => listing::items(kit, rest),
        "snapshot" => listing::snapshot(kit, rest),
        "recipe-diff" => listing::recipe_diff(kit, rest),
        "new" => new::table(kit, rest),
        "figure" => figure::directive(kit, rest),
        _ => bail!("there is no directive {{{{#{name}}}}}"),
    }
}

/// The opening line of a code block that the chapter itself holds.
fn open(line: &str, info: &str) -> Result<String> {
    let indent = &line[..line.len() - line.trim_start().len()];
    let ticks = line.trim().len() - line.trim().trim_start_matches('`').len();
    let fence = "`".repeat(ticks);
    let (language, rest) = info.split_once(',').unwrap_or((info, ""));
    let mut label = None;
    match language {
        "console" => label = session::Marks::parse(info)?.label(),
        "rust" if !rest.starts_with("inline=") => bail!(
            "code comes from compiled sources, by {{{{#item}}}} or {{{{#file}}}}; \
             what can't is marked `rust,inline=REASON`"
        ),
        _ => {}
    }
    let label = label.map(|text| format!("{indent}{text}\n\n"));
    Ok(format!("{}{indent}{fence}{language}", label.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    fn fails(text: &str) -> String {
        let kit = kit(&[("book/man-pages.txt", "chroot.2")]);
        let name = Path::new("x.md");
        let errors = expand(&kit, name, text, Edition::Reader).unwrap_err();
        let lines = errors.iter().map(|error| format!("{error:#}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_error_names_chapter_and_line() {
        let text = "a\n\n{{#item steps/x.rs enter}}";
        assert!(fails(text).starts_with("x.md:3: steps/x.rs can't be read"));
        assert!(fails("{{#itme a b}}").contains("no directive {{#itme}}"));
        assert!(fails("see {{#file a}}").contains("line of its own"));
        assert!(fails("a\n`b` chrot(2)").starts_with("x.md:2: chrot(2)"));
    }

    #[test]
    fn every_error_is_reported() {
        assert_eq!(fails("{{#a}}\n{{#b}}").lines().count(), 2);
    }

    #[test]
    fn pasted_rust_is_refused() {
        assert!(fails("```rust\n```").contains("compiled sources"));
        let kit = kit(&[("book/man-pages.txt", "")]);
        let text = "```rust,inline=it is wrong\n```";
        assert!(
            expand(&kit, Path::new("x.md"), text, Edition::Reader).is_ok()
        );
    }
}
