//! Paused, and let go on; and what `workshop top` shows.

use std::path::{Path, PathBuf};

use support::{InTime, eventually, program};

use super::scene::{Running, host_with_groups, run, text};

/// A group of version 1 that is frozen until the end of the test, also of one
/// that fails: nobody could kill what is in it, and the host would stay.
struct Frozen(PathBuf);

impl Frozen {
    fn new(group: &Path) -> Self {
        cgroups::freeze(group).expect("it is paused");
        Self(group.to_owned())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // If all is well, the group has gone.
        let _ = cgroups::thaw(&self.0);
    }
}

const COUNT: &str = "while :; do :; done";

#[test]
fn a_paused_container_stands_still_and_goes_on() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], COUNT);
    let found = running.found();
    let cpu = || found.usage().cpu.expect("its CPU time");
    found.freeze().expect("it is paused");
    assert!(found.is_frozen().expect("its state"));
    let before = cpu();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(cpu(), before, "it runs");
    found.thaw().expect("it goes on");
    eventually("it runs again", || cpu() > before);
    running.kill();
}

#[test]
fn a_paused_container_can_be_removed() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], COUNT);
    let group = running.group();
    // In version 1, if it is there: who is frozen by that can't be killed.
    let trees = cgroups::hierarchies().expect("hierarchies");
    let _thawed_at_last = if trees.iter().any(|tree| tree.has("freezer")) {
        let inside = running.inside("freezer", "freezer");
        Some(Frozen::new(inside.parent().expect("a group")))
    } else {
        running.found().freeze().expect("it is paused");
        None
    };
    running.kill();
    eventually("the group is gone", || {
        assert!(run(&host, &[], "true").status.success());
        !group.exists()
    });
}

#[test]
fn it_is_paused_by_its_name() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], COUNT);
    let found = running.found();
    let workshop = |word: &str, name: &str| {
        let mut workshop = host.command(program("workshop"));
        workshop.args([word, name]).in_time()
    };
    assert!(workshop("pause", &found.name).status.success());
    assert!(found.is_frozen().expect("its state"));
    // The digits will do.
    assert!(workshop("unpause", &found.name[9..]).status.success());
    assert!(!found.is_frozen().expect("its state"));
    let output = workshop("unpause", &found.name);
    assert!(text(&output.stderr).contains("it is not paused"), "{output:?}");
    running.kill();
    let output = workshop("pause", "no-such-name");
    assert!(text(&output.stderr).contains("no container is called"));
}

#[test]
fn top_shows_what_it_takes() {
    let host = host_with_groups!();
    let options = ["--cpus", "0.05", "--memory", "32m", "--pids-limit", "7"];
    let running = Running::start(&host, &options, COUNT);
    let name = running.found().name;
    let mut top = host.command(program("workshop"));
    top.args(["top", "--once", "--interval", "0.2"]);
    let output = top.in_time();
    let table = text(&output.stdout);
    let row = table.lines().find(|line| line.starts_with(&name));
    let row = row.unwrap_or_else(|| panic!("no {name} in {table}"));
    for cell in [" sh ", " running ", " of 32M ", " 1 of 7 "] {
        assert!(row.contains(cell), "no {cell:?} in {row}");
    }
    let output = top.args(["--format", "json"]).in_time();
    let line = text(&output.stdout);
    assert!(line.contains(&format!("\"name\":\"{name}\"")), "{line}");
    assert!(line.contains("\"limit\":33554432"), "{line}");
    running.kill();
}
