//! What lies around the kit.

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::{MOUNTINFO, MOUNTS, OSRELEASE, STATUS, USER, machine};

#[test]
fn a_container_around_us_is_recognised() {
    let of = |path, text| machine(&[(path, text)]);
    of(".dockerenv", "").expect("container", Warning, "docker");
    of("run/.containerenv", "").expect("container", Warning, "podman");
    of("proc/1/environ", "PATH=/bin\0container=lxc\0").expect(
        "container",
        Warning,
        "lxc",
    );
    of("proc/1/cgroup", "0::/kubepods.slice/pod1\n").expect(
        "container",
        Warning,
        "kubepods",
    );
}

#[test]
fn wsl_2_is_a_linux_and_wsl_1_is_none() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.15.153.1-microsoft-standard-WSL2\n").expect("wsl", Fine, "WSL 2");
    of("4.4.0-19041-Microsoft\n").expect("wsl", Problem, "WSL 1");
}

#[test]
fn low_limits_are_named() {
    let low = "Max open files            256      4096     files\n";
    machine(&[("proc/self/limits", low)]).expect(
        "rlimits",
        Warning,
        "ulimit -n is 256",
    );
    let none = "Max processes             unlimited  unlimited  processes\n";
    machine(&[("proc/self/limits", none)]).expect("rlimits", Fine, "suffice");
}

#[test]
fn a_proc_that_hides_processes_is_named() {
    let mounts =
        MOUNTS.replace("proc proc rw", "proc proc rw,hidepid=invisible");
    let hides = (MOUNTINFO, mounts.as_str());
    machine(&[hides]).expect("proc", Fine, "does not bind root");
    machine(&[hides, (STATUS, USER)]).expect(
        "proc",
        Warning,
        "hidepid=invisible",
    );
    machine(&[(MOUNTINFO, "")]).expect("proc", Problem, "not mounted");
}

#[test]
fn the_repository_needs_a_file_system_without_restrictions() {
    let with = |options: &str| {
        let mount = format!("40 27 0:40 / /srv {options} - xfs /dev/vdb rw\n");
        machine(&[(MOUNTINFO, &format!("{MOUNTS}{mount}"))])
    };
    with("rw").expect("repository", Fine, "on xfs");
    with("rw,noexec").expect("repository", Problem, "noexec");
    with("rw,nosuid,nodev").expect("repository", Warning, "nosuid,nodev");
    with("ro").expect("repository", Problem, "ro");
    machine(&[(MOUNTINFO, "")]).expect("repository", Warning, "unknown");
}
