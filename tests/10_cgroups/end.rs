//! What is left when it has ended, however it ended.

use std::fs;

use support::{InTime, ParentGroup, eventually, status_of};
use workshop::host::only_child;

use super::scene::{NAME, Running, host_with_groups, run};

#[test]
fn its_group_goes_with_it() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = running.group();
    assert!(group.exists());
    running.end();
    assert!(!group.exists(), "{group:?} is still there");
}

#[test]
fn what_a_killed_tool_has_left_the_next_one_removes() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = running.group();
    running.kill();
    eventually("the group is gone", || {
        assert!(run(&host, &[], "true").status.success());
        !group.exists()
    });
}

/// A mount on it keeps a group where it is, as a process that does not end.
#[test]
fn a_leftover_that_stays_keeps_nobody_from_starting() {
    let host = host_with_groups!();
    let parent = ParentGroup::make("stays");
    let name = format!("workshop-{:012x}", std::process::id());
    let leftover = parent.paths[0].join(name);
    fs::create_dir(&leftover).expect("mkdir");
    let path = leftover.display();
    let script = format!("mount -t tmpfs none {path}");
    let mount = host.command("sh").args(["-c", &script]).in_time();
    assert!(mount.status.success(), "{mount:?}");
    let options = ["--cgroup-parent", &parent.name];
    let output = run(&host, &options, "true");
    assert!(output.status.success(), "{output:?}");
    assert!(leftover.exists());
    drop(host); // and with it the mount
    eventually("it can be removed", || fs::remove_dir(&leftover).is_ok());
}

#[test]
fn a_group_in_use_is_not_swept_away() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = running.group();
    assert!(run(&host, &[], "true").status.success());
    assert!(!cgroups::leftovers().expect("groups").contains(&group));
    assert!(group.exists());
    running.end();
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace(NAME);
}

#[test]
fn groups_below_are_removed_with_it() {
    let host = host_with_groups!();
    let script = "cd /sys/fs/cgroup; [ -d pids ] && cd pids; mkdir -p a/b";
    let running = Running::start(&host, &["--writable-cgroups"], script);
    let inside = running.inside("pids", "pids");
    eventually("the container makes groups", || inside.join("a/b").exists());
    running.end();
    assert!(!inside.exists());
}

/// Not all that is in a group is in the container: its pid namespace does not
/// end with it.
#[test]
fn who_was_moved_into_the_group_ends_with_it() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let list = running.inside("memory", "memory").join("cgroup.procs");
    // On the same host: in another pid namespace they would have no number.
    let start = |_| host.command("sleep").arg("1000").spawn().expect("sleep");
    let mut guests: Vec<_> = (0..8).map(start).collect();
    for guest in &guests {
        let mut pid = Err(process::Error::new("none"));
        eventually("it has started", || {
            pid = only_child(guest.id());
            pid.is_ok()
        });
        let pid = pid.expect("its number").to_string();
        std::fs::write(&list, pid).expect("a move");
    }
    running.end();
    for guest in &mut guests {
        assert!(!status_of(guest).success());
    }
    assert!(!list.exists());
}
