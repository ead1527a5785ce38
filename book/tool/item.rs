//! Whole items of a Rust source, found by name.
//!
//! The sources carry no marks for the book: an item is looked up in the
//! parsed file, so it can't be cut in half, and a renamed one is missed.

use anyhow::{Context, Result, bail};
use syn::spanned::Spanned;
use syn::{ImplItem, Item, ItemImpl, TraitItem, Type};

/// An item's text as it stands in the source, and the line it begins on.
pub(crate) struct Found {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// Looks up `name`: `enter`, `Type`, `Type::method`, `module::function`,
/// `impl Type` or `impl Trait for Type`.
pub(crate) fn find(source: &str, name: &str) -> Result<Found> {
    let file = syn::parse_file(source).context("is not Rust")?;
    let mut all = Vec::new();
    collect(&file.items, "", &mut all);
    all.retain(|(each, _)| each == name);
    match all.as_slice() {
        [(_, (first, last))] => Ok(cut(source, *first, *last)),
        [] => bail!("no item is called `{name}`"),
        _ => bail!("{} items are called `{name}`", all.len()),
    }
}

/// First and last line, counted from 1.
type Lines = (usize, usize);

fn lines_of(item: &impl Spanned) -> Lines {
    let span = item.span();
    (span.start().line, span.end().line)
}

fn collect(items: &[Item], prefix: &str, all: &mut Vec<(String, Lines)>) {
    for item in items {
        let Some(name) = name_of(item) else { continue };
        let name = format!("{prefix}{name}");
        match item {
            Item::Impl(block) => methods(block, prefix, all),
            Item::Mod(module) => {
                let items = module.content.as_ref().map(|(_, items)| items);
                let items = items.map_or(&[][..], Vec::as_slice);
                collect(items, &format!("{name}::"), all);
            }
            Item::Trait(block) => {
                for item in &block.items {
                    let TraitItem::Fn(item) = item else { continue };
                    let method = format!("{name}::{}", item.sig.ident);
                    all.push((method, lines_of(item)));
                }
            }
            _ => {}
        }
        all.push((name, lines_of(item)));
    }
}

fn methods(block: &ItemImpl, prefix: &str, all: &mut Vec<(String, Lines)>) {
    let own = type_name(&block.self_ty);
    for item in &block.items {
        let name = match item {
            ImplItem::Fn(item) => &item.sig.ident,
            ImplItem::Const(item) => &item.ident,
            _ => continue,
        };
        all.push((format!("{prefix}{own}::{name}"), lines_of(item)));
    }
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Impl(block) => return Some(header(block)),
        _ => return None,
    };
    Some(ident.to_string())
}

/// `impl Trait for Type`, without generics.
fn header(block: &ItemImpl) -> String {
    let own = type_name(&block.self_ty);
    let path =
        block.trait_.as_ref().and_then(|(_, path, _)| path.segments.last());
    match path {
        Some(segment) => format!("impl {} for {own}", segment.ident),
        None => format!("impl {own}"),
    }
}

fn type_name(own: &Type) -> String {
    match own {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
    .map_or_else(|| "_".to_owned(), |segment| segment.ident.to_string())
}

/// The lines of an item, with the comment right above them, moved to the left
/// edge.
fn cut(source: &str, first: usize, last: usize) -> Found {
    let lines: Vec<_> = source.lines().collect();
    let comment = |line: &&&str| line.trim_start().starts_with("//");
    let above = lines[..first - 1].iter().rev().take_while(comment).count();
    let first = first - above;
    let lines = &lines[first - 1..last];
    Found { line: first, text: dedent(lines) }
}

fn dedent(lines: &[&str]) -> String {
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let indents = full.map(|line| line.len() - line.trim_start().len());
    let indent = indents.min().unwrap_or(0);
    let cut = |line: &&str| line.get(indent..).unwrap_or("").to_owned();
    lines.iter().map(cut).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! Module.

/// A jar.
#[derive(Debug)]
struct Jar(u8);

impl Jar {
    /// Opens it.
    fn open(&self) -> u8 {
        self.0
    }
}

impl fmt::Display for Jar<u8> {
    fn fmt(&self) {}
}

// A plain comment.
const LID: u8 = 1;

mod tests {
    fn open() {}
}
";

    fn text(name: &str) -> String {
        find(SOURCE, name).unwrap().text
    }

    #[test]
    fn an_item_has_its_comments_and_attributes() {
        assert_eq!(
            text("Jar"),
            "/// A jar.\n#[derive(Debug)]\nstruct Jar(u8);"
        );
        assert_eq!(text("LID"), "// A plain comment.\nconst LID: u8 = 1;");
        assert_eq!(find(SOURCE, "Jar").unwrap().line, 3);
    }

    #[test]
    fn a_method_starts_at_the_left_edge() {
        let open = "/// Opens it.\nfn open(&self) -> u8 {\n    self.0\n}";
        assert_eq!(text("Jar::open"), open);
        assert_eq!(text("tests::open"), "fn open() {}");
    }

    #[test]
    fn an_impl_is_named_by_its_header() {
        assert!(text("impl Jar").starts_with("impl Jar {"));
        assert!(text("impl Display for Jar").starts_with("impl fmt::"));
    }

    #[test]
    fn a_missing_item_is_an_error() {
        let error = find(SOURCE, "close").err().unwrap();
        assert_eq!(error.to_string(), "no item is called `close`");
    }
}
