//! What the kernel was compiled with.

use super::{Machine, Verdict};

/// Something that a kernel may have or lack.
#[derive(Debug)]
pub(super) struct Feature {
    /// The name of its module, and of its file system if it is one.
    module: &'static str,
    /// The option with which it is compiled.
    option: &'static str,
    /// What does not work without it.
    used_by: &'static str,
}

pub(super) const OVERLAY: Feature = Feature {
    module: "overlay",
    option: "CONFIG_OVERLAY_FS",
    used_by: "layers of images",
};
pub(super) const VETH: Feature =
    Feature { module: "veth", option: "CONFIG_VETH", used_by: "networks" };
pub(super) const BRIDGE: Feature =
    Feature { module: "bridge", option: "CONFIG_BRIDGE", used_by: "networks" };
pub(super) const VXLAN: Feature =
    Feature { module: "vxlan", option: "CONFIG_VXLAN", used_by: "networks" };
pub(super) const NF_TABLES: Feature = Feature {
    module: "nf_tables",
    option: "CONFIG_NF_TABLES",
    used_by: "networks",
};
const SECCOMP: Feature = Feature {
    module: "seccomp",
    option: "CONFIG_SECCOMP_FILTER",
    used_by: "filters of system calls",
};
const LANDLOCK: Feature = Feature {
    module: "landlock",
    option: "CONFIG_SECURITY_LANDLOCK",
    used_by: "rules on files",
};

/// From the most certain source to the least: the kernel at work, what it was
/// compiled with, the modules on the disk.
pub(super) fn check(machine: &Machine, feature: &Feature) -> Verdict {
    if is_active(machine, feature.module) {
        return Verdict::ok("active");
    }
    match compiled(machine, feature.option).as_deref() {
        Some("y") => Verdict::ok("built into the kernel"),
        Some("m") if !is_on_disk(machine, feature.module) => Verdict::problem(
            format_args!(
                "a module that is not on the disk ({})",
                feature.used_by
            ),
            format_args!(
                "install the modules of kernel {}, or load `{}` where the \
                 kernel was started: a container can't",
                machine.release(),
                feature.module
            ),
        ),
        Some("m") => Verdict::ok("a module, loaded when needed"),
        Some(_) => lacking(feature),
        None if is_on_disk(machine, feature.module) => {
            Verdict::ok("a module, loaded when needed")
        }
        None => Verdict::warning(
            format_args!("unknown; needed for {}", feature.used_by),
            format_args!("`modprobe {}`, as root, tells", feature.module),
        ),
    }
}

fn lacking(feature: &Feature) -> Verdict {
    Verdict::problem(
        format_args!("not in this kernel; needed for {}", feature.used_by),
        format_args!("a kernel compiled with {}", feature.option),
    )
}

/// Whether it is a known file system, or a module that is loaded (or built in
/// and has parameters).
fn is_active(machine: &Machine, module: &str) -> bool {
    let file_systems = machine.text("proc/filesystems").unwrap_or_default();
    let loaded = machine.text("proc/modules").unwrap_or_default();
    file_systems.lines().any(|line| line.split('\t').nth(1) == Some(module))
        || loaded.lines().any(|line| line.split(' ').next() == Some(module))
        || machine.exists(format!("sys/module/{module}"))
}

/// The value of the option: `y`, `m`, or `n` if the configuration is known
/// and does not have it.
fn compiled(machine: &Machine, option: &str) -> Option<String> {
    let config = machine.kernel_config()?;
    let value = config.lines().find_map(|line| {
        line.split_once('=').filter(|(name, _)| *name == option)
    });
    Some(value.map_or("n", |(_, value)| value).to_owned())
}

/// Whether modprobe(8) would find it, or knows that it is built in.
fn is_on_disk(machine: &Machine, module: &str) -> bool {
    let release = machine.release();
    ["modules.dep", "modules.builtin"].iter().any(|list| {
        let list = machine.text(format!("lib/modules/{release}/{list}"));
        list.unwrap_or_default().lines().any(|line| {
            let path = line.split(':').next().unwrap_or_default();
            let file = path.rsplit('/').next().unwrap_or_default();
            file.strip_prefix(module).is_some_and(|end| end.starts_with(".ko"))
        })
    })
}

pub(super) fn seccomp(machine: &Machine) -> Verdict {
    match machine.text("proc/sys/kernel/seccomp/actions_avail") {
        Some(actions) => Verdict::ok(actions),
        None => check(machine, &SECCOMP),
    }
}

/// It may be compiled in and still not be switched on: landlock(7).
pub(super) fn landlock(machine: &Machine) -> Verdict {
    match machine.text("sys/kernel/security/lsm") {
        Some(list) if list.split(',').any(|one| one == "landlock") => {
            Verdict::ok("active")
        }
        Some(list) => Verdict::warning(
            format_args!(
                "not active; needed for rules on files (active: {list})"
            ),
            format_args!("boot the kernel with lsm=landlock,{list}"),
        ),
        None => check(machine, &LANDLOCK),
    }
}
