//! What is written down of containers that nobody will ever end in order.

use std::path::{Path, PathBuf};

use process::Result;

use crate::life::Witness;
use crate::store::{Entry, Store, usual};

impl Store {
    /// The usual one, if there is one: who only looks makes none.
    pub fn usual() -> Option<Self> {
        let path = usual();
        path.is_dir().then_some(Self(path))
    }

    /// The directories of containers whose owner was killed, before it could
    /// write down how they have ended.
    pub fn leftovers(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in self.directories("")? {
            if is_lost(&path)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Forgets one of them, unless somebody has come to life there.
    pub fn remove_leftover(&self, path: &Path) -> Result<()> {
        if !is_lost(path)? {
            return Ok(());
        }
        // What can't be read is forgotten all the same, but for its name.
        let entry = Entry::read(path).ok().flatten();
        let name = entry.map(|entry| entry.record.name).unwrap_or_default();
        self.forget(path, &name)
    }
}

fn is_lost(path: &Path) -> Result<bool> {
    let Some(witness) = Witness::of(path)? else { return Ok(path.is_dir()) };
    let seen = witness.look()?;
    Ok(seen.owner.is_none() && seen.code().is_none())
}
