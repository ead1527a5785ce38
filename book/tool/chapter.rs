//! From a chapter as it is written to one that mdBook renders.
//!
//! A directive stands on a line of its own. What can't be expanded is an
//! error with the chapter's name and the line, never a hole in the page.

use std::mem::take;
use std::path::Path;

use anyhow::{Error, Result, anyhow, bail};

use crate::kit::Kit;
use crate::lines::{Place, lines};
use crate::session::Marks;
use crate::{figure, listing, man, new, parts, render, teach};

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
    let place = |line: usize, error: Error| {
        error.context(format!("{}:{line}", name.display()))
    };
    let pages = kit.read(man::LIST).map_err(|error| vec![error])?;
    let (linked, typos) = man::link(text, &pages);
    let mut errors: Vec<_> =
        typos.into_iter().map(|(line, error)| place(line, error)).collect();
    let mut reader =
        Reader { kit, text, edition, held: String::new(), session: None };
    let mut out = String::new();
    for (number, what, line) in lines(&linked) {
        match reader.read(what, line) {
            Ok(Some(made)) => out.extend([made.as_str(), "\n"]),
            Ok(None) => {}
            Err(error) => errors.push(place(number, error)),
        }
    }
    if reader.session.is_some() || !reader.held.is_empty() {
        let end = text.lines().count();
        errors.push(place(end, anyhow!("a session or comment has no end")));
    }
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

struct Reader<'a> {
    kit: &'a Kit,
    text: &'a str,
    edition: Edition,
    /// The lines so far of a comment or a session.
    held: String,
    session: Option<Marks>,
}

impl Reader<'_> {
    /// What a line becomes, if it doesn't wait for those that follow.
    fn read(&mut self, place: Place, line: &str) -> Result<Option<String>> {
        match place {
            Place::Prose => prose(self.kit, line, self.edition).map(Some),
            Place::Open(info) if info.starts_with("console") => {
                self.session = Some(Marks::parse(info)?);
                Ok(None)
            }
            Place::Open(info) => open(line, info).map(Some),
            Place::Code if self.session.is_some() => {
                self.hold(&code(line)?);
                Ok(None)
            }
            Place::Code => code(line).map(Some),
            Place::Close => Ok(Some(match self.session.take() {
                Some(marks) => marks.html(&take(&mut self.held)),
                None => line.to_owned(),
            })),
            Place::Comment => {
                self.hold(line);
                if !line.contains("-->") {
                    return Ok(None);
                }
                let comment = take(&mut self.held);
                teach::comment(&comment, self.text, self.edition).map(Some)
            }
        }
    }

    fn hold(&mut self, line: &str) {
        self.held.extend([line, "\n"]);
    }
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
        "schedule" => parts::table(&render::chapters(kit)?),
        _ => bail!("there is no directive {{{{#{name}}}}}"),
    }
}

/// The opening line of a code block that the chapter itself holds.
fn open(line: &str, info: &str) -> Result<String> {
    let (language, rest) = info.split_once(',').unwrap_or((info, ""));
    let code = ["rust", "bash", "sh", "shell"].contains(&language);
    if code && !rest.starts_with("inline=") {
        bail!(
            "code is included by {{{{#item}}}} or {{{{#file}}}}, commands are \
             typed in a `console`; what can't be is marked \
             `{language},inline=REASON`"
        );
    }
    let opening = line.len() - info.len();
    Ok(format!("{}{language}", &line[..opening]))
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
        assert!(fails("a\n```console\n# b").starts_with("x.md:3: a session"));
        assert!(fails("<!-- a\nb").starts_with("x.md:2: a session or"));
        assert!(fails("a\n`b` chrot(2)").starts_with("x.md:2: chrot(2)"));
    }

    #[test]
    fn every_error_is_reported() {
        assert_eq!(fails("{{#a}}\n{{#b}}").lines().count(), 2);
    }

    #[test]
    fn pasted_code_is_refused() {
        assert!(fails("```rust\n```").contains("is included by"));
        assert!(fails("```sh\n```").contains("in a `console`"));
        let kit = kit(&[("book/man-pages.txt", "")]);
        let text = "```rust,inline=it is wrong\n```";
        assert!(expand(&kit, Path::new("x.md"), text, Edition::Reader).is_ok());
    }
}
