//! Why there is no user namespace, or one without power: the kernel has one
//! answer for many causes, and most of them can be looked up.

use std::fs;

use nix::errno::Errno;
use process::Error;

/// The failure to make the namespace, with its likely cause.
pub(crate) fn explain(error: Error) -> Error {
    let cause = match error.errno() {
        Some(Errno::EPERM | Errno::EACCES) => because_forbidden(),
        Some(Errno::ENOSPC | Errno::EUSERS) => because_too_many(),
        Some(Errno::EINVAL) => {
            "this kernel was made without user namespaces (CONFIG_USER_NS)"
                .into()
        }
        _ => return error,
    };
    error.with_hint(cause)
}

/// The failure of what root inside may do: a security module has let the
/// namespace be made, and gives its root no power.
pub(crate) fn explain_inside(error: Error) -> Error {
    match error.errno() {
        Some(Errno::EPERM | Errno::EACCES) if is_set(APPARMOR, "1") => {
            error.with_hint(BY_APPARMOR)
        }
        Some(Errno::EPERM | Errno::EACCES) => error.with_hint(
            "in its own user namespace root may do this: a security module or \
             a seccomp filter forbids it (AppArmor, SELinux, or that of an \
             outer container)",
        ),
        Some(Errno::EINVAL) => {
            error.with_hint("the maps have not been written")
        }
        _ => error,
    }
}

const APPARMOR: &str = "kernel/apparmor_restrict_unprivileged_userns";
const BY_APPARMOR: &str = "Ubuntu's AppArmor lets only programs with a \
     profile have user namespaces: write one with a line `userns,` to \
     /etc/apparmor.d/, or, for all programs, `sysctl \
     kernel.apparmor_restrict_unprivileged_userns=0`; or run it with sudo";

fn because_forbidden() -> String {
    if is_set("kernel/unprivileged_userns_clone", "0") {
        return "Debian's setting forbids them to ordinary users: as root, \
                `sysctl kernel.unprivileged_userns_clone=1`; or run it with \
                sudo"
            .into();
    }
    if is_set(APPARMOR, "1") {
        return BY_APPARMOR.into();
    }
    if is_chrooted() {
        return "the kernel makes none for a process whose root directory was \
                moved by chroot(2): enter the root file system by \
                pivot_root(2), as 06-mount does"
            .into();
    }
    if is_filtered() {
        return "a seccomp filter is in force, as in most containers: start \
                the outer container with one that allows clone(2) of user \
                namespaces, `docker run --security-opt seccomp=unconfined`"
            .into();
    }
    "the user or group of the caller is not in the map of its own user \
     namespace, or a security module forbids it"
        .into()
}

fn because_too_many() -> String {
    let path = "user/max_user_namespaces";
    if is_set(path, "0") {
        return format!(
            "/proc/sys/{path} is 0: as root, `sysctl \
             user.max_user_namespaces=10000`"
        );
    }
    format!(
        "user namespaces nest 32 deep, or there are as many as \
         /proc/sys/{path} allows to this user, or those of another kind as \
         /proc/sys/user/ says"
    )
}

fn is_set(setting: &str, value: &str) -> bool {
    let found = fs::read_to_string(format!("/proc/sys/{setting}"));
    found.is_ok_and(|found| found.trim() == value)
}

/// A root directory on which nothing is mounted was not mounted but chosen:
/// proc_pid_mountinfo(5).
fn is_chrooted() -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo");
    table.is_ok_and(|table| {
        !table.lines().any(|line| line.split(' ').nth(4) == Some("/"))
    })
}

fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status");
    status.is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}
