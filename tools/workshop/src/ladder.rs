//! The ladder: which step builds on which, and what each one adds.
//!
//! This is the claim. The isolation table and the attack table are measured,
//! and the tests compare them with what stands here: a cell flips exactly
//! where a step says so, and nowhere else.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use process::{Error, Result};

use crate::host::{Host, Ids};

/// One step of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The name of folder, program and chapter.
    pub name: &'static str,
    /// The step from which this one differs by its own idea alone.
    pub builds_on: Option<&'static str>,
    /// Whether the program takes a root file system.
    pub takes_rootfs: bool,
    /// The rows of the isolation table that this step changes, and to what.
    pub isolates: &'static [(&'static str, &'static str)],
    /// The attacks that escape from the step before and not from this one.
    pub contains: &'static [&'static str],
}

/// Every step there is, in the order of the book.
pub const LADDER: &[Step] = &[
    Step {
        name: "00-process",
        builds_on: None,
        takes_rootfs: false,
        isolates: &[],
        contains: &[],
    },
    Step {
        name: "01-chroot",
        builds_on: Some("00-process"),
        takes_rootfs: true,
        isolates: &[
            ("root", "private"),
            ("working-directory", "private"),
            ("devices", "private"),
            ("kernel-interfaces", "private"),
            ("environment", "limited"),
        ],
        contains: &["read-host-file"],
    },
    Step {
        name: "02-jail",
        builds_on: Some("01-chroot"),
        takes_rootfs: true,
        isolates: &[
            ("user", "private"),
            ("groups", "private"),
            ("capabilities", "private"),
            ("no-new-privs", "limited"),
            ("files-open", "private"),
            ("rlimits", "limited"),
        ],
        contains: &[
            "chroot-breakout",
            "arp-spoof",
            "core-pattern",
            "forged-source",
            "host-uid",
            "inherited-fd",
            "kept-group",
            "kernel-memory",
            "leave-group",
            "leave-mount",
            "mknod-disk",
            "open-by-handle",
            "plant-set-uid",
            "proc-cwd",
            "proc-root",
            "release-agent",
            "rename-host",
            "set-uid",
            "sniff-traffic",
            "sysrq-trigger",
            "unmask",
            "write-volume",
        ],
    },
    Step {
        name: "03-pid",
        builds_on: Some("01-chroot"),
        takes_rootfs: true,
        isolates: &[
            ("ns-pid", "private"),
            ("processes", "private"),
            // The new /proc brings /proc/sys along.
            ("kernel-interfaces", "limited"),
        ],
        contains: &[
            "list-processes",
            "proc-cwd",
            "proc-root",
            "ptrace-process",
            "signal-process",
        ],
    },
    Step {
        name: "04-uts",
        builds_on: Some("03-pid"),
        takes_rootfs: true,
        isolates: &[("ns-uts", "private"), ("hostname", "private")],
        contains: &["rename-host"],
    },
    Step {
        name: "05-ipc",
        builds_on: Some("04-uts"),
        takes_rootfs: true,
        isolates: &[
            ("ns-ipc", "private"),
            ("sysv-ipc", "private"),
            ("mqueues", "private"),
        ],
        contains: &["shared-memory"],
    },
    Step {
        name: "06-mount",
        builds_on: Some("05-ipc"),
        takes_rootfs: true,
        isolates: &[
            ("ns-mnt", "private"),
            ("mounts", "private"),
            ("mount-propagation", "private"),
            ("files-open", "private"),
            ("devices", "limited"),
            ("kernel-interfaces", "private"),
        ],
        contains: &[
            "chroot-breakout",
            "core-pattern",
            "inherited-fd",
            "kernel-memory",
            "leave-mount",
            "sysrq-trigger",
        ],
    },
    Step {
        name: "07-user",
        builds_on: Some("06-mount"),
        takes_rootfs: true,
        isolates: &[
            ("ns-user", "private"),
            ("id-maps", "private"),
            ("user", "private"),
            ("groups", "private"),
            ("capabilities", "private"),
        ],
        contains: &[
            "arp-spoof",
            "forged-source",
            "host-uid",
            "kept-group",
            "leave-group",
            "mknod-disk",
            "open-by-handle",
            "plant-set-uid",
            "release-agent",
            "sniff-traffic",
            "take-descriptor",
            "unmask",
            "write-volume",
        ],
    },
    Step {
        name: "08-net",
        builds_on: Some("07-user"),
        takes_rootfs: true,
        isolates: &[
            ("ns-net", "private"),
            ("interfaces", "private"),
            ("addresses", "private"),
            ("routes", "private"),
            ("listening-sockets", "private"),
            ("abstract-sockets", "private"),
        ],
        contains: &["abstract-socket", "hijack-port", "host-loopback"],
    },
    Step {
        name: "09-vxlan",
        builds_on: Some("08-net"),
        takes_rootfs: true,
        isolates: &[],
        contains: &["other-tenant"],
    },
    Step {
        name: "10-cgroups",
        builds_on: Some("09-vxlan"),
        takes_rootfs: true,
        isolates: &[
            ("ns-cgroup", "private"),
            ("cgroups", "private"),
            ("cgroup-limits", "limited"),
        ],
        contains: &[
            "cpu-hog",
            "device-node",
            "disk-hog",
            "fork-bomb",
            "memory-hog",
        ],
    },
    Step {
        name: "16-container",
        builds_on: Some("10-cgroups"),
        takes_rootfs: true,
        isolates: &[("no-new-privs", "limited"), ("rlimits", "limited")],
        contains: &["set-uid"],
    },
];

/// The one step that does several things to a container, and is told which.
const RUN: &[&str] = &["run", "--rm", "--interactive"];

/// The share by which `10-cgroups` is judged: without being asked it limits
/// nothing but devices.
const LIMITS: &[&str] = &[
    "--memory=64m",
    "--memory-swap=64m",
    "--cpus=0.5",
    "--cpuset-cpus=0",
    "--pids-limit=64",
];
const NO_GROUP: &[&str] = &["--cgroups", "disabled"];

impl Step {
    /// The step of this name, or of this number: `02-jail`, `02`, `2`.
    pub fn find(name: &str) -> Option<&'static Step> {
        let number = |text: &str| text.parse::<u32>().ok();
        LADDER.iter().find(|step| {
            let first = step.name.split('-').next().and_then(number);
            step.name == name || (first.is_some() && first == number(name))
        })
    }

    /// The same, or an error that lists what there is.
    pub fn named(name: &str) -> Result<&'static Step> {
        Self::find(name).ok_or_else(|| {
            let names: Vec<_> = LADDER.iter().map(|step| step.name).collect();
            Error::new(format_args!("there is no step {name:?}"))
                .with_hint(format_args!("the steps are {}", names.join(", ")))
        })
    }

    /// The name of the step's package: its concept, since cargo allows none
    /// that begins with a digit.
    pub fn package(&self) -> &'static str {
        self.name.split_once('-').map_or(self.name, |(_, concept)| concept)
    }

    /// The step that this one builds on.
    pub fn base(&self) -> Option<&'static Step> {
        self.builds_on.and_then(Step::find)
    }

    /// This step and all that it builds on, the first one first.
    pub fn lineage(&self) -> Vec<&'static Step> {
        let mut line = self.base().map(Step::lineage).unwrap_or_default();
        line.extend(Step::find(self.name));
        line
    }

    /// What it can't do without, wherever it is.
    pub fn required_options(&self) -> Vec<&'static str> {
        self.has("09-vxlan").then_some("--vni=1").into_iter().collect()
    }

    /// The options that the step needs on this pretend host.
    pub fn options_on(&self, host: &Host) -> Vec<&'static str> {
        let mut options = vec![];
        if self.has("02-jail") && host.ids() == Ids::RootOnly {
            options.extend(["--user", "0"]);
        }
        options.extend(self.required_options());
        if self.has("10-cgroups") {
            options.extend(match host.ids() {
                Ids::All => LIMITS,
                // Groups are delegated by whoever owns them, not by a host
                // that only pretends.
                Ids::Range | Ids::RootOnly => NO_GROUP,
            });
        }
        options
    }

    /// And those that limit the disk of `attacks against`.
    pub fn disk_limits_on(&self, host: &Host) -> &'static [&'static str] {
        match self.has("10-cgroups") && host.ids() == Ids::All {
            true => &["--device={disk}:/dev/d", "--device-read-bps={disk}:64k"],
            false => &[],
        }
    }

    /// The option that makes the same container another tenant's.
    pub fn other_tenant(&self) -> Option<&'static str> {
        self.has("09-vxlan").then_some("--vni=2")
    }

    fn has(&self, name: &str) -> bool {
        self.lineage().iter().any(|step| step.name == name)
    }

    /// The arguments that run `command` in this step.
    pub fn arguments(
        &self,
        options: &[&str],
        rootfs: &Path,
        command: &[&str],
    ) -> Vec<OsString> {
        let (verb, before_rootfs) = match self.has("16-container") {
            true => (RUN, Some("--rootfs")),
            false => (&[][..], None),
        };
        let words = verb.iter().chain(options).chain(&before_rootfs);
        let mut arguments: Vec<OsString> = words.map(OsString::from).collect();
        arguments.extend(self.takes_rootfs.then(|| rootfs.into()));
        arguments.extend(command.iter().map(|word| OsStr::new(word).into()));
        arguments
    }
}
