//! What the caller adds to the mount table.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use process::{Call, Error, Hint, Result};

use crate::api::{Filesystem, inert};
use crate::root::{Place, Root, Source};

/// What the container has beside its root file system.
#[derive(Clone, Debug, clap::Args)]
pub struct MountOptions {
    /// Mount a file or directory of the host, and all that is mounted below
    /// it; with `:ro`, all of it read-only
    #[arg(
        short = 'v',
        long = "volume",
        value_name = "HOST:INSIDE[:ro]",
        value_parser = OsStringValueParser::new().try_map(Volume::parse)
    )]
    volumes: Vec<Volume>,
    /// Mount a new file system in memory, with options such as
    /// `/run:size=1m,mode=700,exec`
    #[arg(
        long = "tmpfs",
        value_name = "INSIDE[:OPTIONS]",
        value_parser = OsStringValueParser::new().try_map(Tmpfs::parse)
    )]
    tmpfs: Vec<Tmpfs>,
    /// Make the root file system read-only; volumes are as they say
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Cover nothing in /proc and /sys, so that in a user namespace another
    /// container can be made inside
    #[arg(long)]
    pub(crate) unmasked: bool,
}

/// `HOST:INSIDE[:ro]`.
#[derive(Clone, Debug)]
struct Volume {
    host: PathBuf,
    inside: PathBuf,
    flags: MsFlags,
}

/// `INSIDE[:OPTIONS]`.
#[derive(Clone, Debug)]
struct Tmpfs {
    inside: PathBuf,
    flags: MsFlags,
    options: Vec<(String, String)>,
}

type Parsed<T> = std::result::Result<T, String>;

impl Volume {
    fn parse(text: OsString) -> Parsed<Self> {
        let parts: Vec<_> = text.as_bytes().split(|b| *b == b':').collect();
        let (host, inside, flags) = match parts.as_slice() {
            [host, inside] | [host, inside, b"rw"] => {
                (host, inside, MsFlags::empty())
            }
            [host, inside, b"ro"] => (host, inside, MsFlags::MS_RDONLY),
            _ => {
                return Err("the form is HOST:INSIDE, or HOST:INSIDE:ro".into());
            }
        };
        if host.is_empty() {
            return Err("the path on the host is missing".into());
        }
        let host = OsStr::from_bytes(host).into();
        Ok(Self { host, inside: parse_inside(inside)?, flags })
    }
}

impl Tmpfs {
    fn parse(text: OsString) -> Parsed<Self> {
        let mut parts = text.as_bytes().splitn(2, |byte| *byte == b':');
        let inside = parse_inside(parts.next().unwrap_or_default())?;
        let words = std::str::from_utf8(parts.next().unwrap_or_default());
        let words = words.map_err(|_| "options are text")?;
        let mut tmpfs = Self { inside, flags: inert(), options: Vec::new() };
        for word in words.split(',').filter(|word| !word.is_empty()) {
            tmpfs.add(word)?;
        }
        Ok(tmpfs)
    }

    fn add(&mut self, word: &str) -> Parsed<()> {
        match word.split_once('=') {
            // The kernel looks at the values: tmpfs(5).
            Some((key @ ("size" | "mode" | "nr_inodes"), value)) => {
                self.options.push((key.into(), value.into()));
            }
            Some((key, _)) => return Err(format!("no such option: {key}")),
            None => match word {
                "ro" => self.flags |= MsFlags::MS_RDONLY,
                "rw" => self.flags -= MsFlags::MS_RDONLY,
                "exec" => self.flags -= MsFlags::MS_NOEXEC,
                "noexec" => self.flags |= MsFlags::MS_NOEXEC,
                "suid" => self.flags -= MsFlags::MS_NOSUID,
                "nosuid" => self.flags |= MsFlags::MS_NOSUID,
                "dev" => self.flags -= MsFlags::MS_NODEV,
                "nodev" => self.flags |= MsFlags::MS_NODEV,
                _ => return Err(format!("no such option: {word}")),
            },
        }
        Ok(())
    }
}

/// A path that begins with `/`, and is neither `/` itself nor in `/proc`.
fn parse_inside(path: &[u8]) -> Parsed<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    let mut parts = path.components();
    if parts.next() != Some(Component::RootDir) {
        return Err("the path inside must begin with /".into());
    }
    let names: PathBuf = parts.collect();
    if names.components().any(|part| part == Component::ParentDir) {
        return Err("the path inside may not have .. in it".into());
    }
    if names.as_os_str().is_empty() || names.starts_with("proc") {
        return Err("nothing may be mounted on / or in /proc".into());
    }
    Ok(Path::new("/").join(names))
}

/// Something to be mounted, with what it takes from the host.
pub(crate) struct Addition<'a> {
    inside: &'a Path,
    what: What<'a>,
}

enum What<'a> {
    Volume(Source, MsFlags),
    Tmpfs(&'a Tmpfs),
}

impl MountOptions {
    /// These and a file of the host's, to be read only, unless the user has
    /// put another one there.
    pub fn with_file(mut self, host: &Path, inside: &Path) -> Self {
        let (host, inside) = (host.into(), inside.into());
        if self.volumes.iter().all(|volume| volume.inside != inside) {
            let flags = MsFlags::MS_RDONLY;
            self.volumes.push(Volume { host, inside, flags });
        }
        self
    }

    /// These, and the root file system read-only.
    pub fn with_read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Where the volumes are on the host.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &Path> {
        self.volumes.iter().map(|volume| volume.host.as_path())
    }

    /// Where the volumes are to be inside, in the same order.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        self.volumes.iter().map(|volume| volume.inside.as_path())
    }

    /// All that is to be mounted, the shallow before the deep, as docker(1)
    /// does: `/a` would hide a `/a/b` that was there first.
    pub(crate) fn additions(&self, sources: Vec<Source>) -> Vec<Addition<'_>> {
        let volumes = self.volumes.iter().zip(sources);
        let volumes = volumes.map(|(volume, source)| Addition {
            inside: &volume.inside,
            what: What::Volume(source, volume.flags),
        });
        let tmpfs = self.tmpfs.iter().map(|tmpfs| Addition {
            inside: &tmpfs.inside,
            what: What::Tmpfs(tmpfs),
        });
        let mut all: Vec<_> = tmpfs.chain(volumes).collect();
        all.sort_by_key(|addition| addition.inside.components().count());
        all
    }
}

impl Addition<'_> {
    pub(crate) fn mount(&self, root: &Root) -> Result<()> {
        match &self.what {
            What::Volume(source, flags) => {
                let at = self.at(root, source.place().is_directory()?)?;
                root.api.attach(source, &at, *flags).map(drop)
            }
            What::Tmpfs(Tmpfs { flags, options, .. }) => {
                let options: Vec<_> =
                    options.iter().map(|(k, v)| (&**k, &**v)).collect();
                let (kind, flags) = ("tmpfs", *flags);
                let tmpfs = Filesystem { kind, flags, options: &options };
                root.mount(&tmpfs, &self.at(root, true)?).map(drop)
            }
        }
    }

    /// The mount point. Wherever a link has led, it may not be the root
    /// itself, nor in `/proc`: later steps write there to confine the command,
    /// and must not write to a file that somebody has put in its place
    /// (CVE-2019-16884).
    fn at(&self, root: &Root, is_directory: bool) -> Result<Place> {
        let inside = self.inside;
        let at = root
            .mount_point(inside, is_directory)
            .hint(
                Errno::ENOENT,
                "a symbolic link on the way leads to nothing inside, or to \
                 where nothing can be made",
            )
            .hint(
                Errno::ELOOP,
                "links on the way lead in a circle, or out through one of \
                 those in /proc",
            )
            .hint(Errno::ENOTDIR, "a file is on the way")?;
        let found = fstatfs(&at).call(format_args!("fstatfs({inside:?})"))?;
        if found.filesystem_type() == PROC_SUPER_MAGIC || root.is(&at)? {
            return Err(Error::new(format_args!(
                "{inside:?} leads to / or into /proc, where nothing may be \
                 mounted"
            ))
            .with_hint("choose another place inside"));
        }
        match at.is_directory()? == is_directory {
            true => Ok(at),
            false => Err(Error::new(format_args!(
                "{inside:?} inside and what is to be mounted there are not \
                 both directories, or both files"
            ))
            .with_hint("choose another place inside")),
        }
    }
}
