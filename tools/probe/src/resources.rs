//! The table of contents: every resource that the kit's steps touch.

use process::Result;

use crate::compare::Rule;
use crate::report::Known;
use crate::subject::Subject;
use crate::{
    cgroup_limits, cgroups, descriptors, devices, files, ipc, landlock, limits,
    namespaces, network, privileges, processes, routes, sockets, surroundings,
    users,
};

/// Something that a process has, sees or may do.
#[derive(Debug)]
pub struct Resource {
    /// Short, stable, and the name of a row in the kit's isolation table.
    pub name: &'static str,
    /// What is read, in one line.
    pub meaning: &'static str,
    /// How two processes are compared.
    pub rule: Rule,
    /// The resource, a namespace, that is the scope of the value.
    pub within: Option<&'static str>,
    pub(crate) read: fn(&Subject) -> Result<Known>,
}

/// A row of the table.
const fn row(
    name: &'static str,
    meaning: &'static str,
    rule: Rule,
    read: fn(&Subject) -> Result<Known>,
) -> Resource {
    Resource { name, meaning, rule, within: None, read }
}

impl Resource {
    /// The namespace must stand further up in the table. A reader may name
    /// another scope.
    const fn within(self, namespace: &'static str) -> Self {
        Self { within: Some(namespace), ..self }
    }
}

/// All resources, in the order of the reports that people read.
#[rustfmt::skip]
pub const RESOURCES: &[Resource] = &[
    row("ns-cgroup", "cgroup namespace, device:inode",
        Rule::Identity, |s| namespaces::read(s, "cgroup")),
    row("ns-ipc", "IPC namespace",
        Rule::Identity, |s| namespaces::read(s, "ipc")),
    row("ns-mnt", "mount namespace",
        Rule::Identity, |s| namespaces::read(s, "mnt")),
    row("ns-net", "network namespace",
        Rule::Identity, |s| namespaces::read(s, "net")),
    row("ns-pid", "PID namespace",
        Rule::Identity, |s| namespaces::read(s, "pid")),
    row("ns-time", "time namespace",
        Rule::Identity, |s| namespaces::read(s, "time")),
    row("ns-user", "user namespace",
        Rule::Identity, |s| namespaces::read(s, "user")),
    row("ns-uts", "UTS namespace",
        Rule::Identity, |s| namespaces::read(s, "uts")),

    row("root", "root directory, device:inode",
        Rule::Identity, files::root),
    row("working-directory", "working directory, device:inode",
        Rule::Identity, files::working_directory),
    row("mounts", "mount table: id, mount point, type, source",
        Rule::Scope, files::mounts).within("ns-mnt"),
    row("mount-propagation", "peer groups that pass mounts on or receive them",
        Rule::Peers, files::propagation).within("ns-mnt"),
    row("files-open", "inherited files from descriptor 3 on",
        Rule::Collection, descriptors::files),
    row("streams", "standard input, output and error",
        Rule::Collection, descriptors::streams),
    row("devices", "devices that can be opened for reading",
        Rule::Collection, devices::devices),
    row("kernel-interfaces", "settings of the kernel that can be written",
        Rule::Collection, devices::kernel_interfaces),

    row("processes", "numbers of the visible processes",
        Rule::Crowd, processes::visible).within("ns-pid"),
    row("hostname", "host name and domain name",
        Rule::Scope, surroundings::hostname).within("ns-uts"),
    row("sysv-ipc", "System V shared memory, semaphores, message queues",
        Rule::Scope, ipc::system_v).within("ns-ipc"),
    row("mqueues", "POSIX message queues in /dev/mqueue",
        Rule::Mounted, ipc::message_queues).within("ns-ipc"),

    row("id-maps", "user and group id maps",
        Rule::Identity, users::id_maps),
    row("user", "real, effective and saved user and group",
        Rule::Identity, users::ids).within("ns-user"),
    row("groups", "supplementary groups",
        Rule::Untranslatable, users::groups).within("ns-user"),
    row("capabilities", "the five sets of capabilities",
        Rule::Collection, privileges::capabilities).within("ns-user"),
    row("no-new-privs", "whether execve(2) can't give rights",
        Rule::Restraints, privileges::no_new_privs),
    row("seccomp", "seccomp mode and number of filters",
        Rule::Restraints, privileges::seccomp),
    row("lsm", "label of the Linux security module",
        Rule::Label, privileges::lsm),
    row("landlock", "layers of Landlock rules in force",
        Rule::Restraints, landlock::layers),

    row("interfaces", "network interfaces",
        Rule::Scope, network::interfaces).within("ns-net"),
    row("addresses", "addresses of the interfaces",
        Rule::Scope, network::addresses).within("ns-net"),
    row("routes", "unicast routes",
        Rule::Scope, routes::unicast).within("ns-net"),
    row("listening-sockets", "TCP and UDP ports that are served",
        Rule::Scope, sockets::listening).within("ns-net"),
    row("abstract-sockets", "Unix sockets without a path",
        Rule::Scope, sockets::abstract_unix).within("ns-net"),

    row("cgroups", "control groups, by the inodes of their directories",
        Rule::Collection, cgroups::membership),
    row("cgroup-limits", "limits in force: bytes, CPU/1000, processes, CPUs",
        Rule::Limits, cgroup_limits::limits),
    row("rlimits", "soft and hard limits of getrlimit(2)",
        Rule::Limits, limits::rlimits),
    row("environment", "environment variables with their values",
        Rule::Collection, surroundings::environment),
    row("umask", "file mode creation mask",
        Rule::Identity, surroundings::umask),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_before_what_it_holds() {
        for (position, resource) in RESOURCES.iter().enumerate() {
            let Some(scope) = resource.within else { continue };
            let before = &RESOURCES[..position];
            assert!(
                before.iter().any(|other| other.name == scope),
                "{}: {scope}",
                resource.name
            );
        }
    }

    #[test]
    fn the_readme_has_the_table() {
        let readme = include_str!("../README.md");
        let rows: String = RESOURCES
            .iter()
            .map(|Resource { name, meaning, rule, .. }| {
                format!("| `{name}` | {meaning} | {rule:?} |\n")
            })
            .collect();
        assert!(readme.contains(&rows), "README.md must have:\n{rows}");
    }
}
