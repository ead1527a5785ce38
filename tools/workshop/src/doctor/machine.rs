//! A machine as its files describe it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use crate::mountinfo::{self, Mount};
use crate::{linker, packages, repository};

/// A machine, seen by the process that asks: the files below `root`, and what
/// no file tells.
///
/// Paths are relative to the root, as in `proc/self/status`.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
    /// The processor, in the words of [`std::env::consts::ARCH`].
    pub architecture: String,
    /// Where programs are looked for.
    pub path: Vec<PathBuf>,
    /// Where the kit is.
    pub repository: PathBuf,
    /// Whether a program can be linked statically, or the linker's complaint.
    pub linker: Result<(), String>,
}

impl Machine {
    /// The one that this process runs on.
    pub fn here() -> Self {
        let path =
            std::env::var_os("PATH").unwrap_or(process::DEFAULT_PATH.into());
        Self {
            root: "/".into(),
            architecture: std::env::consts::ARCH.into(),
            path: std::env::split_paths(&path).collect(),
            repository: repository::top().into(),
            linker: linker::links_statically(),
        }
    }

    /// The one that the tree below `root` describes.
    pub fn described_by(root: &Path) -> Self {
        Self {
            root: root.into(),
            architecture: "x86_64".into(),
            path: vec!["/usr/sbin".into(), "/usr/bin".into()],
            repository: "/srv/workshop".into(),
            linker: Ok(()),
        }
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether there is anything of this name; it may be a link to nowhere,
    /// as those in `proc/self/ns` are.
    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.at(path).symlink_metadata().is_ok()
    }

    /// The text of a file, if it can be read.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = fs::read(self.at(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The number in a file, such as a sysctl(8).
    pub fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    /// Whose file it is.
    pub fn owner(&self, path: impl AsRef<Path>) -> Option<u32> {
        fs::metadata(self.at(path)).ok().map(|file| file.uid())
    }

    /// A field of `proc/self/status`: proc_pid_status(5).
    pub fn status(&self, field: &str) -> Option<String> {
        let status = self.text("proc/self/status")?;
        let mut fields = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(name, _)| *name == field)?;
        Some(value.trim().to_owned())
    }

    /// The effective user, or nobody if it can't be known.
    pub fn uid(&self) -> u32 {
        let effective =
            |ids: String| ids.split_whitespace().nth(1)?.parse().ok();
        self.status("Uid").and_then(effective).unwrap_or(65534)
    }

    /// Whether the user is root.
    pub fn is_root(&self) -> bool {
        self.uid() == 0
    }

    /// The kernel's release, as uname(1) tells it.
    pub fn release(&self) -> String {
        self.text("proc/sys/kernel/osrelease").unwrap_or_default()
    }

    /// The first two numbers of the kernel's release.
    pub fn kernel(&self) -> Option<(u32, u32)> {
        let release = self.release();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }

    /// The configuration that the kernel was compiled with, if it is told.
    pub fn kernel_config(&self) -> Option<String> {
        let release = self.release();
        self.unzipped("proc/config.gz")
            .or_else(|| self.text(format!("boot/config-{release}")))
            .or_else(|| self.text(format!("lib/modules/{release}/config")))
    }

    fn unzipped(&self, path: &str) -> Option<String> {
        let mut text = String::new();
        let file = File::open(self.at(path)).ok()?;
        GzDecoder::new(file).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The mounts of this process.
    pub fn mounts(&self) -> Vec<Mount> {
        let table = self.text("proc/self/mountinfo").unwrap_or_default();
        mountinfo::parse(&table)
    }

    /// Whether a program is in a directory of PATH.
    pub fn has(&self, program: &str) -> bool {
        let mut directories = self.path.iter();
        directories.any(|directory| {
            packages::is_executable(&self.at(directory.join(program)))
        })
    }
}
