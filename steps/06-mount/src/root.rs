//! The new root directory, and the way to every place in it.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{chdir, fchdir, pivot_root};
use process::{Call, Error, Hint, Result};

use crate::api::{Api, Filesystem};

/// How often a path is tried again while somebody renames what it goes
/// through.
const TRIES: usize = 128;

/// A file or directory: open, by O_PATH, so that nobody can exchange it.
pub(crate) struct Place {
    pub(crate) fd: OwnedFd,
    /// For messages.
    pub(crate) path: PathBuf,
}

impl Place {
    /// A path of the host, which is trusted: links are followed.
    pub(crate) fn on_host(path: &Path) -> Result<Self> {
        let fd = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .call(format_args!("open({path:?}, O_PATH)"))?;
        Ok(Self { fd, path: path.into() })
    }

    pub(crate) fn status(&self) -> Result<FileStat> {
        fstat(self).call(format_args!("fstat({:?})", self.path))
    }

    fn is_read_only(&self) -> Result<bool> {
        let found =
            fstatvfs(self).call(format_args!("fstatvfs({:?})", self.path))?;
        Ok(found.flags().contains(FsFlags::ST_RDONLY))
    }

    pub(crate) fn is_directory(&self) -> Result<bool> {
        self.status().map(|found| kind(&found) == SFlag::S_IFDIR)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.place.as_fd()
    }
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What is to be mounted.
pub(crate) enum Source {
    /// Something that is in the mount table, and will be there twice.
    Here(Place),
    /// A copy that is in no table yet: open_tree(2).
    Detached(Place),
}

impl Source {
    pub(crate) fn place(&self) -> &Place {
        let (Self::Here(place) | Self::Detached(place)) = self;
        place
    }
}

/// The root of a mount, from which paths are resolved: none leads out of it.
/// It is the root file system, not yet the root directory, or a file system
/// that has been mounted there.
pub(crate) struct Root {
    place: Place,
    pub(crate) api: Api,
}

impl Root {
    /// Makes the directory the root of a mount, as the root directory of a
    /// mount namespace must be: by a mount on itself, or, if it comes without
    /// a path, on the old root directory.
    pub(crate) fn attach(rootfs: Source, read_only: bool) -> Result<Self> {
        let place = rootfs.place();
        let api = Api::detect();
        // Read-only with all that is mounted below. Mount points have to be
        // made in the root itself: it is writable again for as long as that
        // takes, unless it never was.
        let flags = match read_only {
            true => MsFlags::MS_RDONLY,
            false => MsFlags::empty(),
        };
        let was_writable = !place.is_read_only()?;
        let path = place.path.clone();
        let fd = match &rootfs {
            Source::Here(place) => api.bind(place, place, flags)?,
            Source::Detached(_) => {
                let old_root = Place::on_host(Path::new("/"))?;
                api.attach(&rootfs, &old_root, flags)?
            }
        };
        let root = Self { place: Place { fd, path }, api };
        if read_only && was_writable {
            api.set_read_only(&root.place, false)?;
        }
        Ok(root)
    }

    /// Mounts a new file system. What is done in it is done by its own root:
    /// a path that leads there might lead elsewhere a moment later.
    pub(crate) fn mount(
        &self,
        filesystem: &Filesystem,
        at: &Place,
    ) -> Result<Self> {
        let fd = self.api.mount(filesystem, at)?;
        let place = Place { fd, path: at.path.clone() };
        Ok(Self { place, api: self.api })
    }

    /// Mounts what the host has there, with all that is mounted below.
    pub(crate) fn bind(
        &self,
        from: &Place,
        at: &Place,
        flags: MsFlags,
    ) -> Result<Self> {
        let fd = self.api.bind(from, at, flags)?;
        let place = Place { fd, path: at.path.clone() };
        Ok(Self { place, api: self.api })
    }

    /// Makes the root directory read-only, and nothing below it.
    pub(crate) fn make_read_only(&self) -> Result<()> {
        self.api.set_read_only(&self.place, true)
    }

    /// Whether this is the place, by whatever path it was found.
    pub(crate) fn is(&self, place: &Place) -> Result<bool> {
        let (root, found) = (self.place.status()?, place.status()?);
        Ok((root.st_dev, root.st_ino) == (found.st_dev, found.st_ino))
    }

    /// Opens a path as a process inside would: `/`, `..` and symbolic links
    /// don't lead out. If there is nothing, the answer is ENOENT.
    pub(crate) fn open(&self, path: &Path) -> Result<Place> {
        self.open_with(path, OFlag::empty(), ResolveFlag::RESOLVE_NO_MAGICLINKS)
    }

    /// A directory of the top on which a file system is mounted that programs
    /// trust. It is made if it is missing. It may be no symbolic link, or
    /// what is read from there would be what the root file system likes.
    pub(crate) fn directory(&self, path: &str) -> Result<Place> {
        let path = Path::new(path);
        let strictly = |path| {
            let no_links = ResolveFlag::RESOLVE_NO_SYMLINKS;
            self.open_with(path, OFlag::O_DIRECTORY, no_links)
        };
        strictly(path)
            .or_else(|error| {
                self.make(path, true, error).and_then(|()| strictly(path))
            })
            .hint(
                Errno::ELOOP,
                "it is a symbolic link: a root file system in which this is \
                 no directory is not to be trusted",
            )
            .hint(Errno::ENOTDIR, "the root file system has a file there")
    }

    /// Where something is to be mounted: a directory, or a file. What is
    /// missing is made.
    pub(crate) fn mount_point(
        &self,
        path: &Path,
        is_directory: bool,
    ) -> Result<Place> {
        self.open(path).or_else(|error| {
            self.make(path, is_directory, error)?;
            self.open(path)
        })
    }

    /// Makes what was not found, with the directories that lead there.
    fn make(
        &self,
        path: &Path,
        is_directory: bool,
        error: Error,
    ) -> Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name())
        else {
            return Err(error);
        };
        if error.errno() != Some(Errno::ENOENT) {
            return Err(error);
        }
        // "pts" has the parent "", which to open(2) is nothing.
        let parent = self.mount_point(&Path::new(".").join(parent), true)?;
        match make_in(&parent, name, is_directory) {
            // Somebody was faster, or it is a link that leads nowhere: the
            // next look will tell.
            Ok(()) | Err(Errno::EEXIST) => Ok(()),
            result => {
                let call = if is_directory { "mkdirat" } else { "openat" };
                let root = &self.place.path;
                result.call(format_args!("{call}({root:?}, {path:?})")).hint(
                    Errno::EROFS,
                    "the file system there is read-only: make the mount point \
                     where it can be written",
                )
            }
        }
    }

    fn open_with(
        &self,
        path: &Path,
        flags: OFlag,
        resolve: ResolveFlag,
    ) -> Result<Place> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_PATH | OFlag::O_CLOEXEC)
            .resolve(resolve | ResolveFlag::RESOLVE_IN_ROOT);
        let mut answer = Err(Errno::EAGAIN);
        for _ in 0..TRIES {
            answer = openat2(&self.place, path, how);
            // Somebody renamed a directory while the kernel went up from it
            // by `..`, and it can't tell any more whether that led out.
            if !matches!(answer, Err(Errno::EAGAIN)) {
                break;
            }
        }
        let root = &self.place.path;
        let fd = answer
            .call(format_args!("openat2({root:?}, {path:?}, RESOLVE_IN_ROOT)"))
            .hint(Errno::ENOSYS, "it takes Linux 5.6")?;
        Ok(Place { fd, path: root.join(path) })
    }

    /// Makes this the root directory, and takes the old one out of the mount
    /// table: pivot_root(2), NOTES.
    pub(crate) fn pivot(self) -> Result<()> {
        fchdir(&self.place).call("fchdir(rootfs)")?;
        // "." twice: the old root is put on top of the new one, so that it
        // needs no directory in there.
        pivot_root(".", ".").call("pivot_root(\".\", \".\")").hint(
            Errno::EINVAL,
            "the mounts are shared, or the present root directory can't be \
             exchanged: it is the kernel's own initial file system, or the \
             root of no mount",
        )?;
        // Detached it is in no table, however many use it.
        umount2(".", MntFlags::MNT_DETACH)
            .call("umount2(\".\", MNT_DETACH)")?;
        chdir("/").call("chdir(\"/\")")
    }
}

/// Directory, character device, and so on: inode(7).
pub(crate) fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

fn make_in(
    parent: &Place,
    name: &OsStr,
    is_directory: bool,
) -> nix::Result<()> {
    if is_directory {
        return mkdirat(parent, name, Mode::from_bits_truncate(0o755));
    }
    let new = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    openat(parent, name, new, Mode::from_bits_truncate(0o644)).map(drop)
}
