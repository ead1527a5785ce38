//! The kit's own folder, and what is where in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::errno::Errno;
use process::{Call, Hint, Result};

/// The top of the repository: above this program, which cargo builds in
/// `target/`; or where it was compiled, if that was told to build elsewhere.
pub fn top() -> &'static Path {
    static TOP: OnceLock<PathBuf> = OnceLock::new();
    TOP.get_or_init(|| {
        let program = std::env::current_exe().unwrap_or_default();
        let is_top = |path: &&Path| path.join("rootfs-scripts").is_dir();
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let above = program.ancestors().find(is_top);
        above.or(compiled.ancestors().nth(2)).unwrap_or(compiled).to_path_buf()
    })
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
    lock_file(&top().join("target/workshop.lock"))
}

/// The same for whatever this file stands for, which is made if need be.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory).call(format_args!("mkdir({directory:?})"))?;
    let file = File::create(path).call(format_args!("open({path:?})")).hint(
        Errno::EACCES,
        "this copy of the kit is another user's: clone it",
    )?;
    file.lock().call(format_args!("flock({path:?}, LOCK_EX)"))?;
    Ok(file)
}
