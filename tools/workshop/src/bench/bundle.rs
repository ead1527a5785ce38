//! What a runtime of the OCI specification is told, to make a container as
//! `16-container` makes one.

use std::fs;
use std::path::Path;

use process::{Call, Result};
use serde_json::{Value, json};

/// As an ordinary user's, the ids of the container are nobody's out here.
const FIRST_ID: u32 = 1_900_000_000;

/// Writes the bundle into `directory`.
pub(super) fn write(directory: &Path, rootfs: &Path) -> Result<()> {
    let path = directory.join("config.json");
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, config(rootfs).to_string()))
        .call(format_args!("write({path:?})"))
}

fn config(rootfs: &Path) -> Value {
    let capabilities: Vec<_> = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ]
    .map(|name| format!("CAP_{name}"))
    .into();
    let ids = json!([{"containerID": 0, "hostID": FIRST_ID, "size": 65536}]);
    let namespaces =
        ["pid", "network", "ipc", "uts", "mount", "cgroup", "user"]
            .map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.0",
        "process": {
            "terminal": false,
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/true"],
            "env": [format!("PATH={}", process::DEFAULT_PATH)],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities,
                "effective": capabilities,
                "permitted": capabilities,
            },
            "noNewPrivileges": true,
        },
        "root": {"path": rootfs, "readonly": true},
        "hostname": "bench",
        "mounts": mounts(),
        "linux": {
            "cgroupsPath": "/workshop-bench/oci",
            "namespaces": namespaces,
            "uidMappings": ids,
            "gidMappings": ids,
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/interrupts",
                "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/sched_debug", "/proc/scsi", "/proc/timer_list",
                "/proc/timer_stats", "/sys/devices/virtual/powercap",
                "/sys/firmware",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                "/proc/sysrq-trigger",
            ],
        },
    })
}

/// But for the writable layer, which the specification knows nothing of.
fn mounts() -> Value {
    let mount = |at: &str, kind: &str, options: &str| {
        let options: Vec<_> = options.split(',').collect();
        json!({
            "destination": at, "type": kind, "source": kind, "options": options,
        })
    };
    json!([
        mount("/proc", "proc", "nosuid,noexec,nodev"),
        mount("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
        mount("/dev", "tmpfs", "nosuid,noexec,mode=755,size=64k"),
        mount(
            "/dev/pts",
            "devpts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"
        ),
        mount("/dev/shm", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=64m"),
        mount("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        mount("/sys/fs/cgroup", "cgroup", "nosuid,noexec,nodev,ro"),
    ])
}
