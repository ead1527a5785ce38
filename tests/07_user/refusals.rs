//! Why there is no user namespace: each cause is named, with its remedy.

use std::path::Path;
use std::process::Command;

use support::missing::{refusing_calls, without_user_namespaces};
use support::{machine_is_ours, refuses};

use super::scene::Scene;

/// The step in a user namespace in which a test may change settings.
fn within(scene: &Scene, script: &str) -> Command {
    let user = "exec unshare --user --map-root-user sh -euc \"$1\"";
    let mut shell = scene.host_shell(user);
    shell.args(["sh", script]);
    shell
}

#[test]
fn none_is_allowed() {
    let scene = Scene::start();
    let script = "echo 0 >/proc/sys/user/max_user_namespaces
        exec $STEP /mnt/rootfs true";
    let message = "sysctl user.max_user_namespaces=10000";
    refuses(within(&scene, script), 125, message);
}

#[test]
fn too_deep() {
    let scene = Scene::start();
    scene.on_host(
        "echo 'case $1 in
            0) exec $STEP /mnt/rootfs true ;;
            *) exec unshare --user --map-root-user sh $0 $(($1 - 1)) ;;
        esac' >/mnt/deeper",
    );
    // The kernel counts to 33, from the namespace of the machine.
    let tool = scene.host_shell("exec sh /mnt/deeper 34");
    let output = { tool }.output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    // unshare(1) meets it first if this test is in some itself.
    assert!(
        said.contains("nest 32 deep")
            || said.contains("No space left on device"),
        "{said}"
    );
    assert!(!output.status.success());
}

#[test]
fn in_a_chroot() {
    let scene = Scene::start();
    let script = "cp $STEP /mnt/rootfs/step
        mount -n -t proc proc /mnt/rootfs/proc
        exec chroot /mnt/rootfs /step / true";
    refuses(scene.host_shell(script), 125, "moved by chroot(2)");
}

fn forbidden(mut shell: Command) -> Command {
    without_user_namespaces(&mut shell);
    shell
}

#[test]
fn in_a_container_with_a_seccomp_filter() {
    let scene = Scene::start();
    let tool = forbidden(scene.host_shell("exec $STEP /mnt/rootfs true"));
    refuses(tool, 125, "a seccomp filter is in force");
}

/// A setting that this kernel does not have: only the message can be shown
/// without one that has.
fn with_setting(name: &str, value: &str) -> Scene {
    let scene = Scene::start();
    scene.on_host(&format!(
        "mount -n -t tmpfs none /proc/sys/kernel
        echo {value} >/proc/sys/kernel/{name}"
    ));
    scene
}

const DEBIANS: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const REMEDY: &str = "sysctl kernel.unprivileged_userns_clone=1";

#[test]
fn by_debians_setting() {
    let scene = with_setting("unprivileged_userns_clone", "0");
    let tool = forbidden(scene.host_shell("exec $STEP /mnt/rootfs true"));
    refuses(tool, 125, REMEDY);
    drop(scene);
    if machine_is_ours() && Path::new(DEBIANS).exists() {
        by_debians_kernel();
    }
}

/// The kernel itself refuses, and for root it makes no difference.
fn by_debians_kernel() {
    let scene = Scene::with_users().expect("users");
    scene.alone(|scene| {
        scene.on_host(&format!("echo 0 >{DEBIANS}"));
        let run = |mut tool: Command| tool.output().expect("it starts");
        let user = run(scene.user_shell("", "$STEP /mnt/users/rootfs true"));
        let root = run(scene.tool(&[], &["true"]));
        scene.on_host(&format!("echo 1 >{DEBIANS}"));
        let said = String::from_utf8_lossy(&user.stderr);
        assert_eq!(user.status.code(), Some(125), "{said}");
        assert!(said.contains("EPERM") && said.contains(REMEDY), "{said}");
        assert!(root.status.success(), "{root:?}");
    });
}

/// Ubuntu's kernel alone has this setting: that of Debian 13, which has the
/// same AppArmor otherwise, asks the profile of a program, and no setting. So
/// the kernel's part is played.
#[test]
fn by_ubuntus_apparmor() {
    let name = "apparmor_restrict_unprivileged_userns";
    let scene = with_setting(name, "1");
    // It makes the namespace, and takes the power from its root.
    let mut tool = scene.host_shell("exec $STEP /mnt/rootfs true");
    let calls = [libc::SYS_setresgid as u32];
    refusing_calls(&mut tool, &calls, libc::EPERM);
    refuses(tool, 125, &format!("sysctl kernel.{name}=0"));
}

#[test]
fn maps_that_the_kernel_would_refuse() {
    let scene = Scene::start();
    for (map, message) in [
        (&["0:0"][..], "the form is INSIDE:OUTSIDE:COUNT"),
        (&["0:0:0"], "a range of none"),
        (&["0:4294967295:1"], "the highest number is 4294967294"),
    ] {
        let options = [&["--uid-map"], map].concat();
        let output = scene.tool(&options, &["true"]).output().expect("it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(message), "{said}");
        assert_eq!(output.status.code(), Some(125));
    }
    let two = ["--uid-map", "0:0:1", "--uid-map", "0:1:1"];
    refuses(scene.tool(&two, &["true"]), 125, "overlap inside");
    let two = ["--uid-map", "0:0:2", "--uid-map", "2:1:1"];
    refuses(scene.tool(&two, &["true"]), 125, "overlap outside");
    let none = ["--gid-map", "1:0:1"];
    refuses(scene.tool(&none, &["true"]), 125, "has a 0 inside");
    let far = ["--uid-map", "0:4294967294:1"];
    let output = scene.tool(&far, &["true"]).output().expect("it");
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(125) {
        assert!(said.contains("is not in \"/proc/self/uid_map\""), "{said}");
    }
}
