//! Attacks on the groups of cgroups(7) themselves: on who limits whom.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use cgroups::{Hierarchy, hierarchies};
use process::{Call, Error, Result};

use crate::mounts::Mounted;
use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// Opens `release_agent` for writing: cgroups(7), "Cgroups v1 release
/// notification".
///
/// It names a program that the kernel runs when a group of the tree becomes
/// empty, as root, in the first namespaces. Who may mount the tree, and is
/// user 0 of the machine, names his own (CVE-2022-0492). Nothing is written.
pub(crate) fn release_agent(canary: &Spec) -> Result<Finding> {
    let names: String = canary.get_if_planted("release-agent")?;
    let tree = mount(canary, &canary.inside()?, &names)?;
    open_release_agent(&tree)
}

/// Moves to a group of the host's: cgroups(7).
///
/// A limit holds for whoever is in the group. Who can write his number to
/// another group's list has left his limits behind.
pub(crate) fn leave_group(canary: &Spec) -> Result<Finding> {
    let group: String = canary.get_if_planted("group")?;
    let (names, path) = group.split_once(':').unwrap_or_default();
    let tree = mount(canary, &canary.inside()?, names)?;
    let list = tree.path().join(path.trim_start_matches('/')).join(LIST);
    fs::write(&list, "0").call(format_args!("write({list:?}, \"0\")"))?;
    let has = fs::read_to_string(&list).call(format_args!("read({list:?})"))?;
    let we = std::process::id().to_string();
    Ok(match has.lines().any(|line| line == we) {
        true => (Outcome::Escaped, format!("{list:?} has us")),
        false => (Outcome::Contained, format!("{list:?} has not us")),
    })
}

const LIST: &str = "cgroup.procs";

/// Mounts the tree of these controllers, or that of version 2.
fn mount(canary: &Spec, inside: &Path, names: &str) -> Result<Mounted> {
    let none = if names.starts_with("name=") { "none," } else { "" };
    match names {
        "" => Mounted::new(canary, inside, "cgroup2", ""),
        _ => Mounted::new(canary, inside, "cgroup", &format!("{none}{names}")),
    }
}

fn open_release_agent(tree: &Mounted) -> Result<Finding> {
    let path = tree.path().join("release_agent");
    let call = format!("open({path:?}, O_WRONLY)");
    File::options().write(true).open(&path).call(&call)?;
    Ok((Outcome::Escaped, format!("{call} was granted")))
}

/// A group of the host's, which nobody is in. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Planted(PathBuf);

/// Makes the group, and says what to call it in SPEC.
pub(crate) fn plant(canary: &Spec, inside: &Path) -> Result<(Planted, String)> {
    let id: String = canary.get("id")?;
    let mut why = Error::new("no hierarchy of groups is in reach");
    for (names, tree) in trees()? {
        let path = tree.own.join(format!("attacks-{id}"));
        match plant_in(canary, inside, &names, &tree, path) {
            Ok(planted) => return Ok(planted),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// What fails outside proves nothing inside.
fn plant_in(
    canary: &Spec,
    inside: &Path,
    names: &str,
    tree: &Hierarchy,
    path: PathBuf,
) -> Result<(Planted, String)> {
    fs::create_dir(&path).call(format_args!("mkdir({path:?})"))?;
    let below = path.strip_prefix(&tree.top).unwrap_or(&path).to_owned();
    let planted = Planted(path);
    let tree = mount(canary, inside, names)?;
    let list = tree.path().join(&below).join(LIST);
    File::options().write(true).open(&list).call(format_args!("{list:?}"))?;
    Ok((planted, format!("{names}:/{}", below.display())))
}

/// The trees whose names SPEC can hold: it has no commas.
fn trees() -> Result<Vec<(String, Hierarchy)>> {
    let all = hierarchies()?.into_iter().map(|tree| (tree.name(), tree));
    Ok(all.filter(|(names, _)| !names.contains(',')).collect())
}

/// The controllers of a tree whose `release_agent` the planter can open.
pub(crate) fn plant_release_agent(
    canary: &Spec,
    inside: &Path,
) -> Result<String> {
    let mut trees = trees()?.into_iter().map(|(names, _)| names);
    let Some(names) = trees.find(|names| !names.is_empty()) else {
        return Err(Error::new("no tree of version 1 is mounted"));
    };
    open_release_agent(&mount(canary, inside, &names)?)?;
    Ok(names)
}

impl Drop for Planted {
    fn drop(&mut self) {
        let Self(path) = self;
        if let Err(error) = fs::remove_dir(&path) {
            eprintln!("attacks: rmdir({path:?}): {error}");
        }
    }
}
