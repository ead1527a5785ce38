//! The containers that run. No list has them: their groups do, by name.

use std::fs;
use std::path::{Path, PathBuf};

use process::{Call, Error, Result};

use crate::freezer::{can_freeze, freeze, is_frozen, thaw};
use crate::group::INSIDE;
use crate::hierarchy::{Hierarchy, Version, hierarchies};
use crate::sweep::{groups_in, is_in_use};

/// The group of a container, in each tree that has it.
#[derive(Debug)]
pub struct Running {
    /// `workshop-` and 12 hexadecimal digits.
    pub name: String,
    pub(crate) places: Vec<(Hierarchy, PathBuf)>,
}

/// All that this process can see.
pub fn running() -> Result<Vec<Running>> {
    let mut all: Vec<Running> = Vec::new();
    for tree in hierarchies()? {
        for path in groups_in(&tree.top) {
            if !is_in_use(&path)? {
                continue;
            }
            let name = path.file_name().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            let place = (tree.clone(), path);
            match all.iter_mut().find(|other| other.name == name) {
                Some(other) => other.places.push(place),
                None => all.push(Running { name, places: vec![place] }),
            }
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(all)
}

impl Running {
    /// The one of this name, of which the beginning will do, with or without
    /// `workshop-`.
    pub fn find(name: &str) -> Result<Self> {
        let is_it = |running: &Running| {
            let digits = running.name.split_once('-').unwrap_or_default().1;
            !name.is_empty()
                && (running.name.starts_with(name) || digits.starts_with(name))
        };
        let mut found: Vec<_> = running()?.into_iter().filter(is_it).collect();
        let hint = "`cargo workshop top --once` lists those that run";
        match (found.pop(), found.len()) {
            (Some(one), 0) => Ok(one),
            (Some(_), others) => Err(Error::new(format_args!(
                "{name:?} is the name of {} containers",
                others + 1
            ))
            .with_hint(hint)),
            (None, _) => {
                Err(Error::new(format_args!("no container is called {name:?}"))
                    .with_hint(hint))
            }
        }
    }

    /// Stops all its processes.
    pub fn freeze(&self) -> Result<()> {
        freeze(self.freezer()?)
    }

    /// Lets them go on.
    pub fn thaw(&self) -> Result<()> {
        thaw(self.freezer()?)
    }

    /// Whether they stand still.
    pub fn is_frozen(&self) -> Result<bool> {
        self.freezer().and_then(is_frozen)
    }

    /// That of version 2, if there is one: who is frozen by version 1 can't
    /// even be killed.
    fn freezer(&self) -> Result<&Path> {
        let v2 = |place: &&(Hierarchy, PathBuf)| place.0.version == Version::V2;
        let (first, others): (Vec<_>, Vec<_>) =
            self.places.iter().partition(v2);
        let mut paths = first.iter().chain(&others).map(|(_, path)| &**path);
        paths.find(|path| can_freeze(path)).ok_or_else(|| {
            Error::new("no group here can be frozen").with_hint(
                "it takes version 2 from Linux 5.2 on, or the tree of the \
                 controller `freezer`",
            )
        })
    }

    /// The numbers of its processes, as they are where this one is.
    pub fn processes(&self) -> Result<Vec<u32>> {
        let Some((_, path)) = self.places.first() else { return Ok(vec![]) };
        let file = path.join(INSIDE).join("cgroup.procs");
        let list =
            fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
        Ok(list.lines().filter_map(|line| line.parse().ok()).collect())
    }
}
