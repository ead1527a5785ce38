//! Text that comes from files of the repository.

use std::path::Path;

use anyhow::{Context, Result, bail};
use regex::Regex;
use similar::TextDiff;

use crate::item;
use crate::kit::Kit;
use crate::lines::fenced;

/// `{{#file PATH}}`
pub(crate) fn file(kit: &Kit, path: &str) -> Result<String> {
    Ok(figure(path, &fenced(language(path), &kit.read(path)?)))
}

/// `{{#item PATH NAME, NAME…}}`
pub(crate) fn items(kit: &Kit, rest: &str) -> Result<String> {
    let (path, names) = rest.split_once(' ').context("which item?")?;
    let source = kit.read(path)?;
    let mut found = Vec::new();
    for name in names.split(',').map(str::trim) {
        found.push(item::find(&source, name).with_context(|| path.to_owned())?);
    }
    let texts: Vec<_> = found.iter().map(|each| each.text.as_str()).collect();
    let origin = format!("{path}:{}", found[0].line);
    Ok(figure(&origin, &fenced("rust", &texts.join("\n\n"))))
}

/// `{{#snapshot PATH columns=NAME,NAME only=REGEX}}`: what a test saw. `only`
/// picks rows, and keeps the table's head; `columns` picks columns, beside the
/// first.
pub(crate) fn snapshot(kit: &Kit, rest: &str) -> Result<String> {
    let option = |text: &'_ str, name| match text.split_once(name) {
        Some((before, value)) => (before.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    };
    let (rest, only) = option(rest, " only=");
    let (path, names) = option(&rest, " columns=");
    let path = path.as_str();
    let text = kit.read(path)?;
    let body = without_front_matter(&text)?;
    let table = body.starts_with('|');
    let body = match only {
        Some(only) => rows(body, if table { 2 } else { 1 }, &only)?,
        None => body.to_owned(),
    };
    let body = match names {
        Some(names) => columns(&body, &names)?,
        None => body,
    };
    let body = if table { body } else { fenced("text", &body) };
    Ok(figure(path, &body))
}

/// insta writes `---`, what it knows of the test, and `---` above the text.
fn without_front_matter(text: &str) -> Result<&str> {
    let rest = text.strip_prefix("---\n").context("is not a snapshot")?;
    let (_, body) =
        rest.split_once("\n---\n").context("has no front matter")?;
    Ok(body)
}

fn rows(body: &str, head: usize, only: &str) -> Result<String> {
    let only = Regex::new(only)?;
    let mut rows: Vec<_> = body.lines().collect();
    let mut index = 0;
    rows.retain(|row| {
        index += 1;
        index <= head || only.is_match(row)
    });
    if rows.len() <= head {
        bail!("no row matches {only}");
    }
    Ok(rows.join("\n"))
}

/// The first column and these. A dot means "as in the column before", which
/// may not be one of them.
fn columns(body: &str, names: &str) -> Result<String> {
    let gap = Regex::new("  +")?;
    let head: Vec<_> = gap.split(body.lines().next().unwrap_or("")).collect();
    let mut places = vec![0];
    for name in names.trim().split(',') {
        let place = head.iter().position(|column| *column == name);
        places.push(place.with_context(|| format!("no column {name}"))?);
    }
    let pick = |row| {
        let cells: Vec<_> = gap.split(row).collect();
        let cell = |place: usize| {
            let until = cells.get(..=place).context("a row is too short")?;
            let known = until.iter().rev().find(|cell| **cell != ".");
            known.copied().context("nothing but dots")
        };
        places.iter().map(|place| cell(*place)).collect::<Result<Vec<_>>>()
    };
    let rows = body.lines().map(pick).collect::<Result<Vec<_>>>()?;
    let width = |place: usize| {
        rows.iter().map(|row| row[place].len()).max().unwrap_or(0)
    };
    let line = |row: &Vec<&str>| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(n, cell)| format!("{cell:0$}", width(n)));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    Ok(rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// `{{#recipe-diff STEP STEP}}`
pub(crate) fn recipe_diff(kit: &Kit, rest: &str) -> Result<String> {
    let (old, new) = rest.split_once(' ').context("two steps are needed")?;
    let recipe = |step: &str| kit.read(format!("steps/{step}/src/main.rs"));
    let (before, after) = (recipe(old)?, recipe(new)?);
    let diff = TextDiff::from_lines(&before, &after);
    let diff = diff.unified_diff().context_radius(3).to_string();
    Ok(format!(
        "<details class=\"recipe\">\n\
         <summary>The recipe, against <code>{old}</code></summary>\n\n\
         {}\n\n</details>\n",
        figure(&format!("steps/{new}/src/main.rs"), &fenced("diff", &diff))
    ))
}

/// A block with the path it comes from, to be found in an editor.
fn figure(origin: &str, body: &str) -> String {
    let caption = caption(origin);
    format!("<figure class=\"listing\">{caption}\n\n{body}\n\n</figure>\n")
}

pub(crate) fn caption(text: &str) -> String {
    format!("<figcaption>{text}</figcaption>")
}

fn language(path: &str) -> &'static str {
    let extension = Path::new(path).extension();
    match extension.and_then(|extension| extension.to_str()) {
        Some("rs") => "rust",
        Some("sh") => "bash",
        Some("toml") => "toml",
        Some("json") => "json",
        Some("patch") => "diff",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    const SNAP: &str = "---\nsource: x\n---\nresource  01\nuts  shared\n";

    #[test]
    fn an_item_is_shown_with_its_path_and_line() {
        let kit = kit(&[("a.rs", "\n/// A.\nfn a() {}\nfn b() {}")]);
        let shown = items(&kit, "a.rs a, b").unwrap();
        assert!(shown.contains("<figcaption>a.rs:2</figcaption>"), "{shown}");
        assert!(shown.contains("```rust\n/// A.\nfn a() {}\n\nfn b() {}\n```"));
        let error = items(&kit, "a.rs c").unwrap_err();
        assert_eq!(format!("{error:#}"), "a.rs: no item is called `c`");
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let kit = kit(&[("a.toml", "b = 1")]);
        assert!(file(&kit, "a.toml").unwrap().contains("```toml\nb = 1"));
        assert!(file(&kit, "b.toml").is_err());
        assert!(snapshot(&kit, "b.snap").is_err());
        assert!(recipe_diff(&kit, "00-a 01-b").is_err());
    }

    #[test]
    fn a_snapshot_loses_its_front_matter() {
        let kit = kit(&[("a.snap", SNAP), ("b.snap", "uts")]);
        let shown = snapshot(&kit, "a.snap").unwrap();
        assert!(shown.contains("```text\nresource  01\nuts  shared\n```"));
        assert!(snapshot(&kit, "b.snap").is_err());
    }

    #[test]
    fn rows_are_picked_and_the_head_kept() {
        let table = "---\n---\n| a | b |\n|---|---|\n| c | d |\n| e | f |\n";
        let table = table.replacen("---\n---", "---\nx\n---", 1);
        let kit = kit(&[("t.snap", &table)]);
        let shown = snapshot(&kit, "t.snap only=^. e").unwrap();
        assert!(shown.contains("| a | b |\n|---|---|\n| e | f |"), "{shown}");
        assert!(snapshot(&kit, "t.snap only=g").is_err());
    }

    #[test]
    fn a_recipe_is_compared_with_the_one_before() {
        let kit = kit(&[
            ("steps/00-a/src/main.rs", "same\nold\n"),
            ("steps/01-b/src/main.rs", "same\nnew\n"),
        ]);
        let shown = recipe_diff(&kit, "00-a 01-b").unwrap();
        assert!(shown.contains(" same\n-old\n+new\n"), "{shown}");
    }

    #[test]
    fn columns_can_be_picked() {
        let snap = "---\nsource: x\n---\n\
            ROW   00-a     01-b     02-c\n\
            uts   shared   .        private\n";
        let kit = kit(&[("t.snap", snap)]);
        let shown = snapshot(&kit, "t.snap columns=01-b,02-c").unwrap();
        let expected = "ROW   01-b     02-c\nuts   shared   private\n";
        assert!(shown.contains(expected), "{shown}");
        let both = snapshot(&kit, "t.snap columns=02-c only=^uts").unwrap();
        assert!(both.contains("ROW   02-c\nuts   private"), "{both}");
        assert!(snapshot(&kit, "t.snap columns=03-d").is_err());
    }
}
