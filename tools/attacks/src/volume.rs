//! Attacks through a directory that host and sandbox share: a volume, or, in a
//! step without volumes, a part of the root file system.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, getgroups, setgroups};
use process::{Call, Result};

use crate::directory::{Directory, set_mode};
use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// The directory, in the one that is planted in the sandbox.
pub(crate) const NAME: &str = "volume";
/// A file of root's, in there.
const FILE: &str = "roots";
/// What is in it.
const TEXT: &str = "untouched";
/// A program, which an attack leaves there.
const PROGRAM: &str = "program";
const SET_USER_ID: u32 = 0o4000;
/// A file for the members of a group alone.
const FOR_GROUP: &str = "for-group";
/// A group that no distribution gives to anybody.
const GROUP: u32 = 61_234;

/// Writes to a file of root's in a volume: open(2).
///
/// Root inside is root on the files as well, if user 0 inside is user 0
/// outside: a volume with `/etc` in it is the host's password.
pub(crate) fn write_volume(canary: &Spec) -> Result<Finding> {
    let path = inside(canary)?.join(FILE);
    let call = format!("open({path:?}, O_WRONLY)");
    let mut file = OpenOptions::new().append(true).open(&path).call(&call)?;
    let id: String = canary.get("id")?;
    file.write_all(id.as_bytes()).call(format_args!("write({path:?})"))?;
    Ok((Outcome::Attempted, format!("{call} was granted")))
}

/// Leaves a set-user-ID program in a volume, for a user of the host to start:
/// chmod(2).
///
/// The program runs as its owner. If root inside is root outside, an ordinary
/// user of the host, together with a container of his, becomes root.
pub(crate) fn plant_set_uid(canary: &Spec) -> Result<Finding> {
    let path = inside(canary)?.join(PROGRAM);
    File::create(&path).call(format_args!("open({path:?}, O_CREAT)"))?;
    set_mode(&path, SET_USER_ID | 0o755)?;
    Ok((Outcome::Attempted, format!("{path:?} was made")))
}

/// Reads a file that is closed to all but a group: setgroups(2).
///
/// Whoever starts a container is in groups, such as `disk` or `docker`. They
/// are numbers of the host's, whatever the map says, and stay until somebody
/// leaves them.
pub(crate) fn kept_group(canary: &Spec) -> Result<Finding> {
    let path: PathBuf = canary.get_if_planted("group-file")?;
    canary.inside()?; // Which it is in.
    let text = fs::read(&path).call(format_args!("open({path:?})"))?;
    canary.judge(&text, path.display())
}

/// The directory, as the sandbox has it.
pub(crate) fn inside(canary: &Spec) -> Result<PathBuf> {
    canary.inside().map(|inside| inside.join(NAME))
}

/// Plants the directory, in which everybody may make files.
pub(crate) fn plant(inside: &Path) -> Result<Directory> {
    let directory = Directory::make(inside.join(NAME))?;
    restore(&directory.path)?;
    set_mode(&directory.path.join(FILE), 0o600)?;
    set_mode(&directory.path, 0o1777)?;
    Ok(directory)
}

/// Plants the file for a group, and joins the group, as the caller of the
/// sandbox. Gives where it is in the directory that is planted in the sandbox.
pub(crate) fn plant_for_group(volume: &Path, secret: &str) -> Result<String> {
    let file = volume.join(FOR_GROUP);
    fs::write(&file, secret).call(format_args!("write({file:?})"))?;
    chown(&file, None, Some(GROUP))
        .call(format_args!("chown({file:?}, -1, {GROUP})"))?;
    set_mode(&file, 0o640)?;
    let mut groups = getgroups().call("getgroups()")?;
    groups.push(Gid::from_raw(GROUP));
    setgroups(&groups).call(format_args!("setgroups([…, {GROUP}])"))?;
    Ok(format!("{NAME}/{FOR_GROUP}"))
}

fn restore(volume: &Path) -> Result<()> {
    let file = volume.join(FILE);
    fs::write(&file, TEXT).call(format_args!("write({file:?})"))
}

/// Witness: whether somebody has written to the file.
pub(crate) fn was_written(volume: &Path) -> Result<Option<String>> {
    let file = volume.join(FILE);
    let text =
        fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
    if text == TEXT {
        return Ok(None);
    }
    restore(volume)?;
    Ok(Some(format!("{file:?}, a file of root's, became {text:?}")))
}

/// Witness: whether there is a program that runs as root. Removes it.
pub(crate) fn has_program(volume: &Path) -> Result<Option<String>> {
    let file = volume.join(PROGRAM);
    let Ok(found) = file.symlink_metadata() else { return Ok(None) };
    fs::remove_file(&file).call(format_args!("unlink({file:?})"))?;
    let mode = found.permissions().mode();
    let is_roots = found.uid() == 0 && mode & SET_USER_ID != 0;
    let seen = || format!("{file:?} belonged to user 0, with mode {mode:o}");
    Ok(is_roots.then(seen))
}
