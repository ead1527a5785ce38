//! What comes from the host: the root file system and the volumes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use process::{Error, Hint, Result};

use crate::api::Api;
use crate::options::MountOptions;
use crate::root::{Place, Source};

/// The root file system and the volumes, opened while their paths still lead
/// to them.
pub struct Sources {
    pub(crate) rootfs: Source,
    pub(crate) volumes: Vec<Source>,
}

impl Sources {
    /// Finds them by their paths. Later, a path of the host may lead into the
    /// container.
    pub fn open(rootfs: &Path, options: &MountOptions) -> Result<Self> {
        let rootfs = Place::on_host(rootfs).hint(
            Errno::ENOENT,
            "`cargo workshop setup` makes root file systems",
        )?;
        if !rootfs.is_directory()? {
            let call = format_args!("open({:?}, O_DIRECTORY)", rootfs.path);
            return Err(Error::of_call(call, Errno::ENOTDIR)
                .with_hint("the new root must be a directory"));
        }
        let volumes = options.volumes().map(|path| {
            Place::on_host(path).hint(
                Errno::ENOENT,
                "there is no such file on the host; a volume is not made",
            )
        });
        let volumes = volumes.map(|place| place.map(Source::Here));
        let volumes = volumes.collect::<Result<_>>()?;
        Ok(Self { rootfs: Source::Here(rootfs), volumes })
    }

    /// Copies each, with all that is mounted below, out of the mount table: a
    /// copy is a descriptor, and can be mounted by somebody else, in another
    /// mount namespace. It takes CAP_SYS_ADMIN.
    pub fn detach(self) -> Result<Self> {
        let detach = |source| match source {
            Source::Here(place) => {
                let fd = Api::detach(&place)?;
                Ok(Source::Detached(Place { fd, ..place }))
            }
            detached => Ok(detached),
        };
        let volumes = self.volumes.into_iter().map(detach);
        let volumes = volumes.collect::<Result<_>>()?;
        Ok(Self { rootfs: detach(self.rootfs)?, volumes })
    }

    /// The root file system.
    pub fn rootfs(&self) -> BorrowedFd<'_> {
        self.rootfs.place().as_fd()
    }

    /// Whether the root file system is in no mount table.
    pub fn is_detached(&self) -> bool {
        matches!(self.rootfs, Source::Detached(_))
    }

    /// The same with another root file system, which is in no mount table.
    pub fn with_rootfs(self, fd: OwnedFd) -> Self {
        let path = self.rootfs.place().path.clone();
        Self { rootfs: Source::Detached(Place { fd, path }), ..self }
    }

    /// The descriptors: that of the root file system, then those of the
    /// volumes as the options have them.
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        let all = [&self.rootfs].into_iter().chain(&self.volumes);
        all.map(|source| source.place().as_fd()).collect()
    }

    /// The copies as somebody has handed them over, in the order of
    /// [`fds`](Self::fds).
    pub fn received(
        fds: Vec<OwnedFd>,
        rootfs: &Path,
        options: &MountOptions,
    ) -> Result<Self> {
        let paths = [rootfs].into_iter().chain(options.volumes());
        let paths: Vec<_> = paths.map(Path::to_owned).collect();
        let (has, wants) = (fds.len(), paths.len());
        let places = fds.into_iter().zip(paths);
        let mut all =
            places.map(|(fd, path)| Source::Detached(Place { fd, path }));
        match all.next() {
            Some(rootfs) if has == wants => {
                Ok(Self { rootfs, volumes: all.collect() })
            }
            _ => Err(Error::new(format_args!(
                "{has} trees of mounts were handed over, not {wants}"
            ))),
        }
    }
}
