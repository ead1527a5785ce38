//! mdBook as a library, with our preprocessor.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mdbook_driver::MDBook;
use mdbook_driver::book::{Book, BookItem};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext, parse_input};

use crate::chapter::{self, Edition};
use crate::kit::Kit;

/// A chapter as it is written; its path within `book/src`.
pub(crate) struct Chapter {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// The chapters that SUMMARY.md names, in its order.
pub(crate) fn chapters(kit: &Kit) -> Result<Vec<Chapter>> {
    let book = MDBook::load(kit.path("book"))?;
    let chapters = book.iter().filter_map(|item| match item {
        BookItem::Chapter(chapter) => Some(Chapter {
            path: chapter.source_path.clone()?,
            text: chapter.content.clone(),
        }),
        _ => None,
    });
    Ok(chapters.collect())
}

/// Builds the book; returns where it is.
pub(crate) fn build(kit: &Kit, edition: Edition) -> Result<PathBuf> {
    let mut book = MDBook::load(kit.path("book"))?;
    if edition == Edition::Teacher {
        book.config.build.build_dir = "../target/book-teacher".into();
        let title = book.config.book.title.take().unwrap_or_default();
        book.config.book.title = Some(format!("{title}, for teachers"));
    }
    book.with_preprocessor(Workshop { kit: kit.clone(), edition });
    book.build()?;
    let dir = book.build_dir_for("html");
    dir.canonicalize().context("mdBook made no book")
}

/// Has the name of the section in book.toml, whose command it replaces.
struct Workshop {
    kit: Kit,
    edition: Edition,
}

impl Preprocessor for Workshop {
    fn name(&self) -> &str {
        "workshop"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let mut errors = Vec::new();
        book.for_each_chapter_mut(|chapter| {
            let Some(path) = &chapter.source_path else { return };
            let text = &chapter.content;
            match chapter::expand(&self.kit, path, text, self.edition) {
                Ok(text) => chapter.content = text,
                Err(more) => errors.extend(more),
            }
        });
        let errors: Vec<_> =
            errors.iter().map(|error| format!("{error:#}")).collect();
        match errors.as_slice() {
            [] => Ok(book),
            _ => bail!("{}", errors.join("\n")),
        }
    }
}

/// The same for an mdbook that is installed: it starts us with the book on
/// standard input, after it asked whether we support its renderer.
pub(crate) fn preprocess(kit: &Kit, question: &[String]) -> Result<()> {
    if question.first().is_some_and(|word| word == "supports") {
        return Ok(());
    }
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let (context, book) = parse_input(input.as_bytes())?;
    let workshop = Workshop { kit: kit.clone(), edition: Edition::Reader };
    let book = workshop.run(&context, book)?;
    Ok(serde_json::to_writer(io::stdout(), &book)?)
}

/// A page's name on disk, for what a browser asks for.
pub(crate) fn page(dir: &Path, url: &str) -> PathBuf {
    let path = url.split(['?', '#']).next().unwrap_or("");
    let parts =
        path.split('/').filter(|part| !part.is_empty() && *part != "..");
    let path = parts.fold(dir.to_owned(), |path, part| path.join(part));
    if path.is_dir() { path.join("index.html") } else { path }
}
