//! Where things are in the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository; every path in the book begins at its top.
#[derive(Clone, Debug)]
pub(crate) struct Kit {
    top: PathBuf,
}

impl Kit {
    /// The repository that the working directory is in.
    pub(crate) fn find() -> Result<Self> {
        let here = env::current_dir()?;
        let top = here
            .ancestors()
            .find(|dir| dir.join("book/book.toml").is_file())
            .context("not in the workshop: no book/book.toml above here")?;
        Ok(Self::at(top))
    }

    pub(crate) fn at(top: impl Into<PathBuf>) -> Self {
        Self { top: top.into() }
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.top.join(path)
    }

    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Result<String> {
        let path = path.as_ref();
        let text = fs::read_to_string(self.path(path));
        text.with_context(|| format!("{} can't be read", path.display()))
    }

    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The names of the steps, in the order of the ladder.
    pub(crate) fn steps(&self) -> Result<Vec<String>> {
        let mut steps = Vec::new();
        for entry in fs::read_dir(self.path("steps"))? {
            steps.push(entry?.file_name().to_string_lossy().into_owned());
        }
        steps.sort();
        Ok(steps)
    }

    /// The step before this one.
    pub(crate) fn before(&self, step: &str) -> Result<Option<String>> {
        let steps = self.steps()?;
        let at = steps.iter().position(|each| each == step);
        let at = at.with_context(|| format!("there is no steps/{step}"))?;
        Ok(at.checked_sub(1).map(|before| steps[before].clone()))
    }

    /// The step that a chapter is about, if it is about one.
    pub(crate) fn step_of(&self, chapter: &Path) -> Option<String> {
        let name = chapter.file_stem()?.to_str()?;
        self.has(format!("steps/{name}")).then(|| name.to_owned())
    }
}
