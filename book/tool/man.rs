//! `chroot(2)` in prose becomes a link to the manual.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use anyhow::{Error, anyhow};
use pulldown_cmark::{Event, Options, Parser, TagEnd};
use regex::{Captures, Regex};

/// The pages that exist, written by `book/man-pages.sh`.
pub(crate) const LIST: &str = "book/man-pages.txt";

/// The one place that knows where manual pages are on the web.
fn address(name: &str, section: &str) -> String {
    format!(
        "https://man7.org/linux/man-pages/man{section}/{name}.{section}.html"
    )
}

#[expect(clippy::unwrap_used, reason = "a constant, compiled by every test")]
static PAGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([A-Za-z_][\w.+-]*)\(([1-8])\)").unwrap());

/// Links every page that is named in the text, but not in headings, code,
/// links and directives. A page that is not on the list is an error; its line
/// goes with it.
pub(crate) fn link(text: &str, pages: &str) -> (String, Vec<(usize, Error)>) {
    let pages: HashSet<_> = pages.lines().collect();
    let mut errors = Vec::new();
    let mut out = text.to_owned();
    for range in plain(text).into_iter().rev() {
        let linked =
            PAGE.replace_all(&text[range.clone()], |found: &Captures| {
                let (page, name, section) = (&found[0], &found[1], &found[2]);
                if !pages.contains(format!("{name}.{section}").as_str()) {
                    let line = text[..range.start].matches('\n').count() + 1;
                    errors.push((line, anyhow!("{page}: {UNKNOWN}")));
                }
                format!("[{page}]({})", address(name, section))
            });
        out.replace_range(range, &linked);
    }
    errors.reverse();
    (out, errors)
}

const UNKNOWN: &str = "no such manual page in book/man-pages.txt; \
                       what is none stands in `code`";

/// The stretches of plain text. The parser cuts at every character that could
/// mean something, as the `_` in a name: what touches is put together again.
fn plain(text: &str) -> Vec<Range<usize>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut within = 0;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) if closed(tag.to_end()) => within += 1,
            Event::End(tag) if closed(tag) => within -= 1,
            Event::Text(_) if within == 0 && !directive(text, &range) => {
                match ranges.last_mut() {
                    Some(last) if last.end == range.start => {
                        last.end = range.end;
                    }
                    _ => ranges.push(range),
                }
            }
            _ => {}
        }
    }
    ranges
}

/// What holds text that can't hold a link.
fn closed(tag: TagEnd) -> bool {
    use TagEnd::{CodeBlock, Heading, HtmlBlock, Image, Link};
    matches!(tag, CodeBlock | Heading(_) | HtmlBlock | Image | Link)
}

fn directive(text: &str, range: &Range<usize>) -> bool {
    let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    text[start..].trim_start().starts_with("{{#")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: &str = "chroot.2\npivot_root.2\nproc.5";

    #[test]
    fn a_page_in_prose_is_linked() {
        let (text, errors) = link("See pivot_root(2), and `chroot(2)`.", PAGES);
        let page = "https://man7.org/linux/man-pages/man2/pivot_root.2.html";
        assert_eq!(
            text,
            format!("See [pivot_root(2)]({page}), and `chroot(2)`.")
        );
        assert!(errors.is_empty());
    }

    #[test]
    fn headings_links_code_and_directives_are_left_alone() {
        let text = "# chroot(2)\n[proc(5)](x)\n\n\
                    {{#figure a \"chroot(2)\"}}\n\n\
                    ```\nproc(5)\n```\n";
        assert_eq!(link(text, PAGES).0, text);
    }

    #[test]
    fn a_typo_is_an_error_on_its_line() {
        let (_, errors) = link("a\n\nproc(5)\nchrot(2)", PAGES);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].0, 4);
        assert!(errors[0].1.to_string().starts_with("chrot(2)"));
    }
}
