//! The kit's own folder, and what is where in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use process::{Call, Hint, Result};

/// The top of the repository. Cargo builds this program anew when the
/// repository has moved.
pub fn top() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The link to the directory of the programs that cargo built.
pub fn bin() -> PathBuf {
    top().join("bin")
}

/// The directory of the programs that cargo built, this one among them.
pub fn programs() -> Result<PathBuf> {
    let this = std::env::current_exe().call("readlink(\"/proc/self/exe\")")?;
    let beside = this.parent().unwrap_or(&this);
    // A test lies one level deeper than the programs.
    Ok(match beside.ends_with("deps") {
        true => beside.parent().unwrap_or(beside).to_owned(),
        false => beside.to_owned(),
    })
}

/// The directory of root file systems.
pub fn rootfs() -> PathBuf {
    top().join("rootfs")
}

/// The scripts that make root file systems.
pub fn scripts() -> PathBuf {
    top().join("rootfs-scripts")
}

/// Waits until no other command of ours changes what is here; others wait as
/// long as the result lives.
pub fn lock() -> Result<File> {
    let directory = top().join("target");
    fs::create_dir_all(&directory)
        .call(format_args!("mkdir({directory:?})"))?;
    let path = directory.join("workshop.lock");
    let file = File::create(&path).call(format_args!("open({path:?})")).hint(
        Errno::EACCES,
        "this copy of the kit is another user's: clone it",
    )?;
    file.lock().call(format_args!("flock({path:?}, LOCK_EX)"))?;
    Ok(file)
}
