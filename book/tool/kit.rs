//! Where things are in the repository.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

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

    /// The step that this one builds on: the last one that it depends on.
    pub(crate) fn before(&self, step: &str) -> Result<Option<String>> {
        let folder = format!("steps/{step}");
        ensure!(self.has(&folder), "there is no {folder}");
        let known = self.dependencies(step)?;
        let mut steps = self.steps()?;
        steps.retain(|each| known.contains(concept(each)));
        Ok(steps.pop())
    }

    /// The names under `[dependencies]` of a step.
    pub(crate) fn dependencies(&self, step: &str) -> Result<BTreeSet<String>> {
        let path = format!("steps/{step}/Cargo.toml");
        let manifest: toml::Table =
            self.read(&path)?.parse().with_context(|| path)?;
        let table = manifest.get("dependencies").and_then(|t| t.as_table());
        Ok(table.map(|t| t.keys().cloned().collect()).unwrap_or_default())
    }

    /// The step that a chapter is about, if it is about one.
    pub(crate) fn step_of(&self, chapter: &Path) -> Option<String> {
        let name = chapter.file_stem()?.to_str()?;
        self.has(format!("steps/{name}")).then(|| name.to_owned())
    }
}

/// `01-chroot` is about `chroot`, and that is its crate's name.
pub(crate) fn concept(step: &str) -> &str {
    step.split_once('-').map_or(step, |(_, concept)| concept)
}

#[cfg(test)]
mod tests {
    use crate::testing::kit;

    #[test]
    fn a_step_builds_on_the_last_one_that_it_depends_on() {
        let kit = kit(&[
            ("steps/00-a/Cargo.toml", ""),
            ("steps/01-b/Cargo.toml", "dependencies.a = '1'"),
            ("steps/02-c/Cargo.toml", "dependencies = {a='1',x='1'}"),
        ]);
        let before = |step| kit.before(step).unwrap();
        assert_eq!(before("00-a"), None);
        assert_eq!(before("01-b").as_deref(), Some("00-a"));
        assert_eq!(before("02-c").as_deref(), Some("00-a"));
    }
}
