//! What the kernel was compiled with.

use std::fs;
use std::io::Write;

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::machine;

const CONFIG: &str = "boot/config-6.1.0-30-amd64";
const MODULES: &str = "lib/modules/6.1.0-30-amd64/modules.dep";

/// Asserts what the check says of a feature that only the configuration and
/// the modules on the disk tell about.
#[track_caller]
fn feature(check: &str, option: &str, module: &str) {
    let of = |value: &str, modules: &str| {
        let config = format!("{option}{value}\n");
        let changes = [(CONFIG, config.as_str()), (MODULES, modules)];
        let bare = [("proc/filesystems", ""), ("proc/modules", ""), changes[0]];
        let fixture = machine(&bare);
        fixture.write(MODULES, modules.as_bytes());
        fixture
    };
    let on_disk = format!("kernel/some/{module}.ko.zst: other.ko\n");
    of("=y", "").expect(check, Fine, "built into");
    of("=m", &on_disk).expect(check, Fine, "module");
    of("=m", "").expect(check, Problem, "not on the disk");
    of(" is not set", "").expect(check, Problem, "not in this kernel");

    let untold = of("=y", "").without(&[CONFIG]);
    untold.expect(check, Warning, "unknown");
    untold.write(MODULES, on_disk.as_bytes());
    untold.expect(check, Fine, "module");
    untold.write(&format!("sys/module/{module}/refcnt"), b"1");
    untold.expect(check, Fine, "active");
}

#[test]
fn overlay_is_looked_for() {
    feature("overlay", "CONFIG_OVERLAY_FS", "overlay");
}

#[test]
fn veth_is_looked_for() {
    feature("veth", "CONFIG_VETH", "veth");
}

#[test]
fn bridge_is_looked_for() {
    feature("bridge", "CONFIG_BRIDGE", "bridge");
}

#[test]
fn vxlan_is_looked_for() {
    feature("vxlan", "CONFIG_VXLAN", "vxlan");
}

#[test]
fn nf_tables_is_looked_for() {
    feature("nf_tables", "CONFIG_NF_TABLES", "nf_tables");
}

#[test]
fn the_configuration_may_be_compressed() {
    let fixture = machine(&[]).without(&[CONFIG]);
    let file = fs::File::create(fixture.path("proc/config.gz")).unwrap();
    let mut gzip =
        flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(b"CONFIG_VXLAN=y\n").unwrap();
    gzip.finish().unwrap();
    fixture.expect("vxlan", Fine, "built into");
    fixture.expect("nf_tables", Problem, "not in this kernel");
}

#[test]
fn seccomp_is_looked_for() {
    let actions = "proc/sys/kernel/seccomp/actions_avail";
    machine(&[]).expect("seccomp", Fine, "kill_process");
    let none = machine(&[]).without(&[actions]);
    none.expect("seccomp", Problem, "needed for filters of system calls");
}

#[test]
fn landlock_must_be_switched_on() {
    let list = "sys/kernel/security/lsm";
    machine(&[(list, "lockdown,apparmor")]).expect(
        "landlock",
        Warning,
        "not active",
    );
    let untold = machine(&[(CONFIG, "CONFIG_SECURITY_LANDLOCK=y\n")]);
    untold.without(&[list]).expect("landlock", Fine, "built into");
}
