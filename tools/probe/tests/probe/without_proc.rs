//! A root directory without /proc, or with a false one.

use std::fs;
use std::os::unix::fs::MetadataExt;

use probe::{Report, Verdict};

use crate::support::*;

#[test]
fn without_proc_the_kernel_is_asked() {
    let root = EmptyRoot::new();
    let Some(mut command) = unshare(&[]) else { return };
    command.arg("chroot").arg(root.path());
    let held = Held::start(command, "/probe");
    let (inside, outside, here) =
        (&held.inside, held.outside(), Report::of_self().unwrap());

    let directory = fs::metadata(root.path()).unwrap();
    let identity = format!("{}:{}", directory.dev(), directory.ino());
    assert_eq!(known(inside, "root").value, probe::Value::Text(identity));
    assert_eq!(verdict("root", inside, &here), Verdict::Private);
    assert_eq!(verdict("lsm", inside, &here), Verdict::Unknown);
    let me = std::process::id().to_string();
    assert!(set(inside, "processes").contains(&me));
    for name in ["root", "rlimits", "capabilities"] {
        assert_eq!(
            known(inside, name).value,
            known(&outside, name).value,
            "{name}"
        );
    }
    // Older kernels don't tell a process its own namespaces, but others.
    let told = match tells_namespaces() {
        true => inside.clone(),
        false => {
            assert_eq!(verdict("ns-uts", inside, &here), Verdict::Unknown);
            inside.clone().completed_by(&outside)
        }
    };
    for name in ["ns-mnt", "ns-user"] {
        assert_eq!(known(&told, name).value, known(&outside, name).value);
    }
    for name in ["ns-uts", "interfaces", "processes"] {
        assert_eq!(verdict(name, &told, &here), Verdict::Shared, "{name}");
    }
}

/// Whether this is Linux 6.11 or later: PIDFD_GET_UTS_NAMESPACE in
/// ioctl_nsfs(2).
fn tells_namespaces() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(['.', '-', '+']);
    let mut number = || numbers.next().unwrap().parse::<u32>().unwrap();
    (number(), number()) >= (6, 11)
}

#[test]
fn files_in_place_of_proc_and_dev_are_not_believed() {
    let root = EmptyRoot::new();
    let proc = root.path().join("proc");
    fs::create_dir_all(proc.join("self/ns")).unwrap();
    fs::create_dir_all(proc.join("sys/kernel")).unwrap();
    fs::create_dir(root.path().join("dev")).unwrap();
    fs::write(proc.join("self/status"), "Seccomp:\t2\nUmask:\t0123\n").unwrap();
    fs::write(proc.join("self/attr"), "strict\n").unwrap();
    fs::write(proc.join("sys/kernel/core_pattern"), "core\n").unwrap();
    fs::write(root.path().join("dev/null"), "").unwrap();
    let Some(mut command) = unshare(&[]) else { return };
    command.arg("chroot").arg(root.path());
    let held = Held::start(command, "/probe");
    assert_eq!(number(&held.inside, "seccomp", "mode"), Some(0));
    assert_ne!(
        known(&held.inside, "umask").value,
        probe::Value::Text("0123".into())
    );
    assert!(held.inside.get("mounts").unwrap().known().is_none());
    assert_eq!(*set(&held.inside, "devices"), names(&[]));
    assert_eq!(*set(&held.inside, "kernel-interfaces"), names(&[]));
}
