//! Who is not root, and where groups may be made.

use std::process::Command;

use cgroups::Version;
use support::{InTime, ParentGroup, program, rootfs};

use super::scene::{NAME, host_with_groups, text, tool};

/// Somebody else's place to try in: the program and a root file system where
/// an ordinary user finds them.
const PLACE: &str = r#"
    mkdir /run/box /run/box/bin
    cp "$ROOTFS/bin/busybox" /run/box/bin/sh
    cp "$STEP" /run/step
    chown -R 1234:1234 /run/box
    as_user() { exec setpriv --reuid 1234 --regid 1234 --clear-groups "$@"; }
"#;

fn as_user(script: &str, parent: &ParentGroup) -> std::process::Output {
    let host = super::scene::host().expect("root");
    let mut shell = host.command("sh");
    shell.args(["-euc", &format!("{PLACE}{script}")]);
    shell.env("STEP", program(NAME)).env("ROOTFS", rootfs());
    let paths = parent.paths.iter().map(|path| path.display().to_string());
    shell.env("PATHS", paths.collect::<Vec<_>>().join(" "));
    shell.env("PARENT", &parent.name);
    shell.in_time()
}

#[test]
fn who_may_make_no_group_is_told_of_delegation() {
    let _host = host_with_groups!();
    let parent = ParentGroup::make("none");
    let script = "as_user /run/step --cgroup-parent $PARENT /run/box sh";
    let output = as_user(script, &parent);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert!(said.contains("EACCES"), "{said}");
    assert!(said.contains("delegated"), "{said}");
    assert!(said.contains("--cgroups disabled"), "{said}");
}

/// What root has to give: the directory, the list of its processes, and in
/// version 2 the list of what its children get; cgroups(7), "Delegating a
/// hierarchy". There one who moves a process must be allowed to write to the
/// group above both places, so he begins in there. And nobody else may be in
/// there: to give the group another controller is to change its processes.
const DELEGATE: &str = r#"
    for group in $PATHS; do
        chown 1234 $group $group/cgroup.procs
        ! [ -e $group/cgroup.subtree_control ] || {
            chown 1234 $group/cgroup.subtree_control
            mkdir $group/first
            chown 1234 $group/first/cgroup.procs
        }
    done
    begin() {
        for group in $PATHS; do
            ! [ -d $group/first ] || echo 0 >$group/first/cgroup.procs
        done
    }
"#;

#[test]
fn a_delegated_group_is_enough() {
    let _host = host_with_groups!();
    let parent = ParentGroup::make("delegated");
    let many = "for i in 1 2 3 4 5 6 7 8; do (read x) & done; wait; echo all";
    let script = format!(
        "{DELEGATE}
        run() (
            begin
            as_user /run/step --cgroup-parent $PARENT --foreign-rootfs \
                \"$@\" /run/box sh -c '{many}'
        )
        run
        run --pids-limit 5"
    );
    let output = as_user(&script, &parent);
    let said = text(&output.stderr);
    assert_eq!(text(&output.stdout), "all\n", "{said}");
    assert!(said.contains("can't fork"), "{said}");
}

#[test]
fn a_group_with_processes_has_no_children_that_compete() {
    let host = host_with_groups!();
    let trees = cgroups::hierarchies().expect("hierarchies");
    let Some(tree) = trees.iter().find(|tree| tree.has("pids")) else {
        support::skip!("there is no pids", "another kernel");
    };
    if tree.version == Version::V1 {
        let remedy = "cargo workshop test 10 --kernel 6.12";
        support::elsewhere!("version 1 has no such rule", remedy);
    }
    let parent = ParentGroup::make("internal");
    let mut guest = Command::new("sleep").arg("1000").spawn().expect("sleep");
    let list = tree.top.join(&parent.name).join("cgroup.procs");
    std::fs::write(&list, guest.id().to_string()).expect("a move");
    let options = ["--cgroup-parent", &parent.name];
    let tool = tool(&host, &options, &["true"]).in_time();
    guest.kill().expect("a signal");
    guest.wait().expect("its end");
    let said = text(&tool.stderr);
    assert_eq!(tool.status.code(), Some(125), "{said}");
    assert!(said.contains("EBUSY"), "{said}");
    assert!(said.contains("no internal processes"), "{said}");
}
