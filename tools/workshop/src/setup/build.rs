//! The kit's own programs, and the link `bin` that leads to them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

use crate::ladder::LADDER;
use crate::repository;

/// Builds every program, so that a reader can call `bin/01-chroot`.
pub(super) fn ensure() -> Result<()> {
    let link_to = |directory: &Path| {
        link(&repository::bin(), &within(repository::top(), directory))
    };
    // A virtual machine without cargo, to which they were handed.
    if std::env::var_os("WORKSHOP_BUILT").is_some() {
        return link_to(&repository::programs()?);
    }
    // The first time it takes long enough to want to see how far it is.
    let is_first = !repository::bin().exists();
    let quiet = (!is_first).then(|| "--quiet".to_owned());
    link_to(&build(quiet)?)
}

/// Builds the steps with all optimizations and installs them; gives the
/// directory they are in.
///
/// A copy starts faster than what the linker wrote. A linker writes
/// here and there, and the kernel keeps such a file in memory page by page; one
/// that is written from its beginning to its end it keeps in larger pieces, and
/// a program that starts has fewer of them to fetch. That lasts until the kernel
/// needs the memory for something else, so the copy is made for each measurement.
pub(super) fn release() -> Result<PathBuf> {
    let packages = LADDER.iter().map(|s| format!("--package={}", s.package()));
    let built = build(packages.chain(["--release".to_owned()]))?;
    let installed = built.join("installed");
    fs::create_dir_all(&installed)
        .call(format_args!("mkdir({installed:?})"))?;
    for step in LADDER {
        install(&built.join(step.name), &installed.join(step.name))?;
    }
    Ok(installed)
}

/// Copies a program, also while the one that was there is running.
fn install(from: &Path, to: &Path) -> Result<()> {
    let new = to.with_extension(std::process::id().to_string());
    fs::copy(from, &new).call(format_args!("copy({from:?}, {new:?})"))?;
    fs::rename(&new, to).call(format_args!("rename({new:?}, {to:?})"))
}

fn build(arguments: impl IntoIterator<Item = String>) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--bins"])
        .args(arguments)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repository::top())
        .stderr(Stdio::inherit())
        .output()
        .call("execve(\"cargo\")")
        .hint(
            Errno::ENOENT,
            "cargo is not in PATH: sudo may have taken the directory out; \
             `sudo env PATH=\"$PATH\" …` keeps it",
        )?;
    if !output.status.success() {
        return Err(Error::new("cargo build failed")
            .with_hint("its own message stands above"));
    }
    directory_of_programs(&output.stdout)
        .ok_or_else(|| Error::new("cargo build made no program"))
}

/// Where cargo put what it built. It alone knows: CARGO_TARGET_DIR, its
/// settings and the kind of machine all have a say.
fn directory_of_programs(messages: &[u8]) -> Option<PathBuf> {
    let executable = String::from_utf8_lossy(messages)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find_map(|message: serde_json::Value| {
            message["executable"].as_str().map(PathBuf::from)
        })?;
    executable.parent().map(Path::to_path_buf)
}

/// Inside the repository, a link that stays right when the repository moves.
fn within(top: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(top).unwrap_or(path).to_path_buf()
}

fn link(from: &Path, to: &Path) -> Result<()> {
    if fs::read_link(from).is_ok_and(|present| present == to) {
        return Ok(());
    }
    // Only a link is ours to remove. For anything else readlink(2) fails
    // here, and symlink(2) below says EEXIST.
    if fs::read_link(from).is_ok() {
        fs::remove_file(from).call(format_args!("unlink({from:?})"))?;
    }
    std::os::unix::fs::symlink(to, from)
        .call(format_args!("symlink({to:?}, {from:?})"))
        .hint(Errno::EEXIST, "something that is no link has this name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_where_the_programs_are() {
        let messages = br#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/t/arch/debug/01-chroot"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(
            directory_of_programs(messages),
            Some(PathBuf::from("/t/arch/debug"))
        );
        assert_eq!(directory_of_programs(b""), None);
    }

    #[test]
    fn what_runs_can_be_installed_anew() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("01-sleep");
        install(Path::new("/bin/sleep"), &program).unwrap();
        let mut running = Command::new(&program).arg("60").spawn().unwrap();
        let again = install(Path::new("/bin/sleep"), &program);
        running.kill().unwrap();
        running.wait().unwrap();
        again.unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_link_is_made_and_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        for to in ["one", "two", "two"] {
            link(&bin, Path::new(to)).unwrap();
            assert_eq!(fs::read_link(&bin).unwrap(), Path::new(to));
        }
    }

    #[test]
    fn what_is_no_link_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let bin = directory.path().join("bin");
        fs::write(&bin, "mine").unwrap();
        assert_eq!(
            link(&bin, Path::new("one")).unwrap_err().errno(),
            Some(Errno::EEXIST)
        );
        assert_eq!(fs::read_to_string(&bin).unwrap(), "mine");
    }
}
