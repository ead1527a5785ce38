//! What must hold of the chapters and of the pages made of them.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use regex::Regex;
use walkdir::WalkDir;

use crate::chapter::Edition;
use crate::kit::Kit;
use crate::lines::{Place, lines};
use crate::parts;
use crate::render::{Chapter, build, chapters, page};

/// Builds both editions and checks them; prints all that is wrong.
pub(crate) fn check(kit: &Kit) -> Result<()> {
    let chapters = chapters(kit)?;
    let mut errors = incomplete(kit, &chapters);
    build(kit, Edition::Teacher)?;
    let dir = build(kit, Edition::Reader)?;
    let pages = Pages::read(&dir)?;
    errors.extend(pages.errors());
    errors.extend(foreign_styles(&dir)?);
    report_exceptions(&chapters);
    match errors.len() {
        0 => {
            println!("{} pages: all is well", pages.0.len());
            Ok(())
        }
        count => bail!("{}\n{count} errors", errors.join("\n")),
    }
}

fn incomplete(kit: &Kit, chapters: &[Chapter]) -> Vec<String> {
    let mut errors = Vec::new();
    for Chapter { path, text } in chapters {
        let Some(step) = kit.step_of(path) else { continue };
        let missing = parts::missing(kit, &step, text).into_iter();
        errors.extend(missing.map(|(line, error)| {
            format!("{}:{line}: {error:#}", path.display())
        }));
    }
    errors
}

/// What is marked as not run or not compiled is allowed, but counted.
fn report_exceptions(chapters: &[Chapter]) {
    for (mark, what) in
        [(",no-run=", "sessions not run"), (",inline=", "code not compiled")]
    {
        let mut found = Vec::new();
        for Chapter { path, text } in chapters {
            for (number, place, _) in lines(text) {
                let Place::Open(info) = place else { continue };
                let Some((_, reason)) = info.split_once(mark) else { continue };
                found.push(format!("  {}:{number}: {reason}", path.display()));
            }
        }
        println!("{what}: {}", found.len());
        found.iter().for_each(|line| println!("{line}"));
    }
}

#[expect(clippy::unwrap_used, reason = "constants, compiled by every test")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static TAG: LazyLock<Regex> = LazyLock::new(|| regex(r"<([a-z]\w*)\s([^>]*)>"));
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"([\w:-]+)="([^"]*)""#));
static STYLE_LOAD: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?:url\(|@import)\s*["']?(?:https?:)?//[^"')\s]+"#)
});

struct Page {
    path: PathBuf,
    text: String,
    /// Element, attribute and value.
    attributes: Vec<(String, String, String)>,
    ids: HashSet<String>,
}

impl Page {
    fn parse(path: PathBuf, text: String) -> Self {
        let mut attributes = Vec::new();
        for tag in TAG.captures_iter(&text) {
            for found in ATTRIBUTE.captures_iter(&tag[2]) {
                let value = found[2].replace("&amp;", "&");
                attributes.push((tag[1].into(), found[1].into(), value));
            }
        }
        let ids = attributes.iter().filter(|(_, name, _)| name == "id");
        let ids = ids.map(|(_, _, value)| value.clone()).collect();
        Self { path, text, attributes, ids }
    }

    /// What is wrong with this page by itself.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.text.contains("{{#") {
            faults.push("a directive was left over".to_owned());
        }
        let notes = ["class=\"teacher\"", "<!-- teach"];
        if notes.iter().any(|note| self.text.contains(note)) {
            faults.push("a teacher's note in the reader's book".to_owned());
        }
        if self.text.contains("class=\"playground\"") {
            faults.push("a playground, which is on a foreign host".to_owned());
        }
        let loads = self.attributes.iter().filter(|(tag, name, value)| {
            let link = tag == "link" && name == "href";
            (link || ["src", "srcset", "data"].contains(&name.as_str()))
                && is_foreign(value)
        });
        faults.extend(loads.map(|(_, _, url)| format!("it loads {url}")));
        faults
    }
}

fn is_foreign(url: &str) -> bool {
    url.starts_with("//") || (url.contains("://") && !url.starts_with("data:"))
}

struct Pages(Vec<Page>);

impl Pages {
    fn read(dir: &Path) -> Result<Self> {
        let mut pages = Vec::new();
        for entry in WalkDir::new(dir).sort_by_file_name() {
            let path = entry?.into_path();
            if path.extension().is_some_and(|extension| extension == "html") {
                let text = fs::read_to_string(&path)
                    .with_context(|| path.display().to_string())?;
                pages.push(Page::parse(path, text));
            }
        }
        Ok(Self(pages))
    }

    fn errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for each in &self.0 {
            let name = each.path.file_name().unwrap_or_default();
            let links = each.attributes.iter().filter(|(_, name, url)| {
                (name == "href" || name == "src") && !is_outside(url)
            });
            let dead = links.filter_map(|(_, _, url)| self.dead(each, url));
            let faults = each.faults().into_iter().chain(dead);
            errors.extend(faults.map(|f| format!("{}: {f}", name.display())));
        }
        errors
    }

    /// Why a link of `from` leads nowhere.
    fn dead(&self, from: &Page, url: &str) -> Option<String> {
        let (path, fragment) = url.split_once('#').unwrap_or((url, ""));
        let target = match path {
            "" => from.path.clone(),
            path => page(from.path.parent()?, path),
        };
        if !target.is_file() {
            return Some(format!("{url}: no such page"));
        }
        let to = self.0.iter().find(|page| page.path == target)?;
        let there = fragment.is_empty() || to.ids.contains(fragment);
        (!there).then(|| format!("{url}: no such place on that page"))
    }
}

fn is_outside(url: &str) -> bool {
    ["http:", "https:", "data:", "mailto:"].iter().any(|s| url.starts_with(s))
}

fn foreign_styles(dir: &Path) -> Result<Vec<String>> {
    let mut errors = Vec::new();
    for entry in WalkDir::new(dir) {
        let path = entry?.into_path();
        if path.extension().is_some_and(|extension| extension == "css") {
            let text = fs::read_to_string(&path)?;
            let loads = STYLE_LOAD.find_iter(&text);
            errors.extend(loads.map(|url| {
                format!("{}: it loads {}", path.display(), url.as_str())
            }));
        }
    }
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    fn errors(files: &[(&str, &str)]) -> String {
        let kit = kit(files);
        let mut errors = Pages::read(&kit.path("")).unwrap().errors();
        errors.extend(foreign_styles(&kit.path("")).unwrap());
        errors.join("\n")
    }

    #[test]
    fn a_sound_book_has_no_errors() {
        let a =
            "<a href=\"b.html#x\">b</a> <a href=\"https://man7.org/\">m</a>";
        let b = "<h2 id=\"x\">x</h2><a href=\"#x\">x</a><img src=\"c.svg\">";
        assert_eq!(errors(&[("a.html", a), ("b.html", b), ("c.svg", "")]), "");
    }

    #[test]
    fn dead_links_and_fragments_are_found() {
        let a = "<a href=\"b.html\">b</a> <a href=\"#y\">y</a>";
        let errors = errors(&[("a.html", a)]);
        assert!(errors.contains("a.html: b.html: no such page"), "{errors}");
        assert!(errors.contains("a.html: #y: no such place"), "{errors}");
    }

    #[test]
    fn foreign_loads_are_found() {
        let loads = [
            "<script src=\"https://x.org/a.js\"></script>",
            "<link rel=\"stylesheet\" href=\"//x.org/a.css\">",
        ];
        for page in loads {
            assert!(errors(&[("a.html", page)]).contains("it loads"), "{page}");
        }
        let style = "@import url('https://x.org/a.css');";
        assert!(errors(&[("a.css", style)]).contains("it loads"));
    }

    #[test]
    fn what_should_not_be_there_is_found() {
        for page in
            ["{{#file a}}", "<aside class=\"teacher\">", "a <!-- teacher: b"]
        {
            assert_ne!(errors(&[("a.html", page)]), "", "{page}");
        }
    }
}
