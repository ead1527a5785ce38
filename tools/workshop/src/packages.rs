//! Programs that the kit calls, and the packages they come in.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{AccessFlags, access, geteuid};
use process::{Call, Error, Result};

/// Something that the kit needs and does not bring along.
#[derive(Debug)]
pub struct Need {
    /// The programs, all of them.
    programs: &'static [&'static str],
    /// A program that will do instead.
    substitute: Option<&'static str>,
    /// What calls them.
    purpose: &'static str,
    /// The packages in each distribution, in the order of [`MANAGERS`].
    packages: [&'static str; MANAGERS.len()],
}

/// The program that installs packages, by which we know the distribution, and
/// its arguments.
const MANAGERS: [(&str, &str); 5] = [
    ("apt-get", "install -y --no-install-recommends"),
    ("dnf", "install -y"),
    ("pacman", "-S --needed"),
    ("apk", "add"),
    ("zypper", "install -y"),
];

const NEEDS: &[Need] = &[
    Need {
        programs: &["cc"],
        substitute: None,
        purpose: "rustc links with it",
        packages: [
            "gcc libc6-dev",
            "gcc glibc-static",
            "gcc",
            "gcc musl-dev",
            "gcc glibc-devel-static",
        ],
    },
    Need {
        programs: &["busybox"],
        substitute: Some("apt-get"), // with which the script fetches it
        purpose: "rootfs/busybox is made of it",
        packages: [
            "busybox-static",
            "busybox",
            "busybox",
            "busybox-static",
            "busybox-static",
        ],
    },
    Need {
        programs: &["unshare", "nsenter", "setpriv"],
        substitute: None,
        purpose: "tests and demonstrations make hosts of their own with it",
        packages: ["util-linux"; 5],
    },
    Need {
        programs: &["ip"],
        substitute: None,
        purpose: "tests and demonstrations look at networks with it",
        packages: ["iproute2", "iproute", "iproute2", "iproute2", "iproute2"],
    },
    Need {
        programs: &["nft"],
        substitute: None,
        purpose: "tests and the book look at the firewall with it",
        packages: ["nftables"; 5],
    },
    Need {
        programs: &["strace", "perl"],
        substitute: None,
        purpose: "the book watches system calls, and escapes, with it",
        packages: ["strace perl"; 5],
    },
    Need {
        programs: &["newuidmap", "newgidmap"],
        substitute: None,
        purpose: "an ordinary user has more than one user id by it",
        packages: [
            "uidmap",
            "shadow-utils",
            "shadow",
            "shadow-uidmap",
            "shadow",
        ],
    },
];

/// What a guest needs: see [`crate::vm`].
const GUEST_NEEDS: &[Need] = &[
    Need {
        programs: &["qemu-system-x86_64"],
        substitute: None,
        purpose: "guests run in it",
        packages: ["qemu-system-x86"; 5],
    },
    Need {
        programs: &["busybox"],
        substitute: None,
        purpose: "guests boot into it",
        packages: ["busybox-static"; 5],
    },
    Need {
        programs: &["cpio"],
        substitute: None,
        purpose: "it packs what guests boot into",
        packages: ["cpio"; 5],
    },
    Need {
        programs: &["depmod", "modprobe"],
        substitute: None,
        purpose: "guests load modules with it",
        packages: ["kmod"; 5],
    },
    Need {
        programs: &["mkfs.ext4"],
        substitute: None,
        purpose: "guests have root file systems on a disk of theirs",
        packages: ["e2fsprogs"; 5],
    },
    Need {
        programs: &["newuidmap", "newgidmap"],
        substitute: None,
        purpose: "tests there map ids as an ordinary user",
        packages: ["uidmap"; 5],
    },
    Need {
        programs: &["xz"],
        substitute: None,
        purpose: "modules are compressed with it",
        packages: ["xz-utils"; 5],
    },
];

/// In Debian 12 it comes along with QEMU, so that QEMU must be there before
/// anybody looks.
const SHARE_NEEDS: &[Need] = &[Need {
    programs: &["/usr/lib/qemu/virtiofsd"],
    substitute: Some("/usr/libexec/virtiofsd"),
    purpose: "guests see the machine's files by way of it",
    packages: ["virtiofsd"; 5],
}];

/// What the lane of Vagrant needs, beside what guests do.
const VAGRANT_NEEDS: &[Need] = &[
    Need {
        programs: &["vagrant", "libvirtd", "virsh", "dnsmasq"],
        substitute: None,
        purpose: "the Vagrantfile is tried with it",
        packages: ["vagrant vagrant-libvirt libvirt-daemon-system \
                    libvirt-clients dnsmasq-base iptables";
            5],
    },
    Need {
        programs: &["mmdebstrap", "extlinux", "sfdisk", "qemu-img"],
        substitute: None,
        purpose: "a box is made with it",
        packages: ["mmdebstrap extlinux syslinux-common fdisk qemu-utils"; 5],
    },
    Need {
        programs: &["ssh", "rsync", "strip"],
        substitute: None,
        purpose: "files go into virtual machines with it",
        packages: ["openssh-client rsync binutils"; 5],
    },
];

impl Need {
    fn is_met(&self, has: impl Fn(&str) -> bool) -> bool {
        self.programs.iter().all(|program| has(program))
            || self.substitute.is_some_and(&has)
    }

    /// The programs and what they are for.
    pub fn describe(&self) -> String {
        format!("{} ({})", self.programs.join(", "), self.purpose)
    }
}

/// What is not there, on a machine that `has` these programs.
pub fn missing(has: impl Fn(&str) -> bool) -> Vec<&'static Need> {
    missing_of(NEEDS, has)
}

fn missing_of(
    needs: &'static [Need],
    has: impl Fn(&str) -> bool,
) -> Vec<&'static Need> {
    needs.iter().filter(|need| !need.is_met(&has)).collect()
}

/// The one command, for root, that installs `needs`.
fn installer(needs: &[&Need], has: impl Fn(&str) -> bool) -> Option<String> {
    let index = MANAGERS.iter().position(|(manager, _)| has(manager))?;
    let (manager, arguments) = MANAGERS[index];
    let packages: Vec<&str> =
        needs.iter().map(|need| need.packages[index]).collect();
    Some(format!("{manager} {arguments} {}", packages.join(" ")))
}

/// What to do about `needs`, in words.
pub fn remedy(needs: &[&Need], has: impl Fn(&str) -> bool) -> String {
    match installer(needs, has) {
        Some(command) => format!("as root: {command}"),
        None => "your distribution has packages of these names, or nearly so"
            .to_owned(),
    }
}

/// Whether a directory of PATH has this program.
pub fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or(process::DEFAULT_PATH.into());
    find(program, &path).is_some()
}

/// The first file of this name in the directories of `path`.
pub fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|file| is_executable(file))
}

/// Whether this is a file that we may execute.
pub fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Fails if something that is needed is missing, and says how to install it.
pub fn check() -> Result<()> {
    check_for(NEEDS)
}

fn check_for(needs: &'static [Need]) -> Result<()> {
    let missing = missing_of(needs, has);
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> =
        missing.iter().map(|need| need.describe()).collect();
    Err(Error::new(format_args!("missing: {}", list.join("; ")))
        .with_hint(remedy(&missing, has)))
}

/// Installs what is missing, if we are root on a Debian or one of its
/// relatives; fails as [`check`] does if something is still missing.
pub fn ensure() -> Result<()> {
    ensure_for(NEEDS)
}

/// The same for what guests need, which take a Debian and its root.
pub fn ensure_for_guests() -> Result<()> {
    if !has("apt-get") || !geteuid().is_root() {
        return Err(Error::new("guests take root on a Debian").with_hint(
            "their kernels are Debian's, and root shares its files with them",
        ));
    }
    ensure_for(GUEST_NEEDS)?;
    ensure_for(SHARE_NEEDS)
}

/// The same for the virtual machines of the Vagrantfile.
pub fn ensure_for_vagrant() -> Result<()> {
    ensure_for_guests()?;
    ensure_for(VAGRANT_NEEDS)
}

fn ensure_for(needs: &'static [Need]) -> Result<()> {
    let missing = missing_of(needs, has);
    if !missing.is_empty()
        && geteuid().is_root()
        && has("apt-get")
        && let Some(command) = installer(&missing, has)
    {
        eprintln!("workshop: missing programs: {command}");
        // Not an error: some sources of packages may fail and others do. If
        // none does, the next command says so.
        let _ = run("apt-get -qq update")?;
        run(&command)?;
    }
    check_for(needs)
}

/// Runs a command of plain words; gives whether it succeeded.
fn run(command: &str) -> Result<bool> {
    let mut words = command.split(' ');
    let program = words.next().unwrap_or_default();
    let status = Command::new(program)
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .call(format_args!("execve({program:?})"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[&str] = &[
        "cc",
        "busybox",
        "unshare",
        "nsenter",
        "setpriv",
        "ip",
        "nft",
        "strace",
        "perl",
        "newuidmap",
        "newgidmap",
    ];

    fn with(more: &'static [&str]) -> impl Fn(&str) -> bool {
        move |program| ALL.contains(&program) || more.contains(&program)
    }

    #[test]
    fn apt_get_stands_in_for_busybox() {
        let without = |p: &str| p != "busybox" && with(&[])(p);
        assert_eq!(missing(without).len(), 1);
        let fetched = |p: &str| p != "busybox" && with(&["apt-get"])(p);
        assert!(missing(fetched).is_empty());
    }

    #[test]
    fn one_command_installs_all() {
        let bare = |program: &str| program == "dnf";
        assert_eq!(
            installer(&missing(bare), bare).unwrap(),
            "dnf install -y gcc glibc-static busybox util-linux iproute \
             nftables strace perl shadow-utils"
        );
        assert_eq!(installer(&missing(|_| false), |_| false), None);
    }
}
