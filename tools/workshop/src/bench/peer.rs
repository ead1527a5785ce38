//! Programs of the machine that do what a step does.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use process::{DEFAULT_PATH, Error, Result};

use crate::ladder::Step;
use crate::packages;

/// What a step is compared with.
#[derive(Debug)]
pub(super) struct Peer {
    /// The name of the step.
    pub(super) step: &'static str,
    /// Words with a blank between them; ROOTFS is the root file system.
    pub(super) command: &'static str,
    /// How many times as long as the peer the step may take.
    pub(super) at_most: Option<f64>,
}

/// The one place to add a peer. A step without one is compared with its
/// program alone.
///
/// chroot(1) becomes the command, where a step starts it and waits: it has a
/// fork(2) less. unshare(1) with `--fork` starts it as a step does.
const PEERS: &[Peer] = &[
    Peer {
        step: "01-chroot",
        command: "chroot ROOTFS /bin/true",
        at_most: None,
    },
    Peer {
        step: "03-pid",
        command: "unshare --pid --fork --root ROOTFS /bin/true",
        at_most: None,
    },
    Peer {
        step: "04-uts",
        command: "unshare --pid --fork --uts --root ROOTFS /bin/true",
        at_most: None,
    },
    Peer {
        step: "05-ipc",
        command: "unshare --pid --fork --uts --ipc --root ROOTFS /bin/true",
        at_most: None,
    },
    Peer {
        step: "06-mount",
        command: "unshare --pid --fork --mount --uts --ipc --root ROOTFS \
                  /bin/true",
        at_most: Some(1.3),
    },
];

/// The Debian package of each program that is a peer.
const PACKAGES: [(&str, &str); 2] =
    [("chroot", "coreutils"), ("unshare", "util-linux")];

impl Peer {
    /// What this step is compared with.
    pub(super) fn of(step: &Step) -> Option<&'static Self> {
        PEERS.iter().find(|peer| peer.step == step.name)
    }

    pub(super) fn program(&self) -> &'static str {
        self.command.split(' ').next().unwrap_or_default()
    }

    pub(super) fn locate(&self) -> Result<PathBuf> {
        locate(self.program())
    }

    /// The command line of `program`, which [`Self::locate`] found.
    pub(super) fn words(&self, program: &Path, rootfs: &Path) -> Vec<OsString> {
        let arguments =
            self.command.split(' ').skip(1).map(|word| match word {
                "ROOTFS" => rootfs.into(),
                word => word.into(),
            });
        [program.into()].into_iter().chain(arguments).collect()
    }
}

/// The file of this program. What runs is named in full, so that no run has
/// to look through PATH for it.
pub(super) fn locate(program: &str) -> Result<PathBuf> {
    // Debian's users have no /usr/sbin in PATH, where its chroot is.
    let own = env::var_os("PATH").unwrap_or_default();
    packages::find(program, &own)
        .or_else(|| packages::find(program, DEFAULT_PATH.as_ref()))
        .ok_or_else(|| missing(program))
}

fn missing(program: &str) -> Error {
    let package = PACKAGES.iter().find(|(name, _)| *name == program);
    let package = package.map_or(program, |(_, package)| package);
    Error::new(format_args!("{program}: not found: a step is compared with it"))
        .with_hint(format_args!(
            "it comes in Debian's package {package}, as in most distributions"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_peer_comes_with_its_package() {
        let error = missing("unshare").to_string();
        assert!(error.contains("unshare: not found"), "{error}");
        assert!(error.contains("package util-linux"), "{error}");
        locate("no-such-program").unwrap_err();
    }

    #[test]
    fn every_peer_runs_true_in_the_root_file_system() {
        for peer in PEERS {
            let words = peer.words("/p".as_ref(), "/a root".as_ref());
            assert_eq!(words[0], "/p");
            assert_eq!(words[words.len() - 2..], ["/a root", "/bin/true"]);
            let known = PACKAGES.map(|(program, _)| program);
            assert!(known.contains(&peer.program()), "{peer:?}");
        }
    }
}
