//! Where systemd runs: what it takes back, and from whom it does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{InTime, eventually};

use super::scene::{Running, host_with_groups};

/// A group of systemd's in which somebody else has made one, and limits it.
const MINE: &str = "
    systemctl start trap.slice
    cd /sys/fs/cgroup/trap.slice
    echo +pids >cgroup.subtree_control
    mkdir mine
    echo 3 >mine/pids.max";
const NOTHING: &str = "
    rmdir /sys/fs/cgroup/trap.slice/mine
    systemctl stop trap.slice";

fn shell(script: &str) {
    let output = Command::new("sh").args(["-euc", script]).in_time();
    assert!(output.status.success(), "{output:?}");
}

/// The limit vanishes with the file, and nothing fails; the group of a
/// container was delegated, and its limit holds.
#[test]
fn a_reload_takes_back_what_was_not_delegated() {
    let host = host_with_groups!();
    let is_here = Path::new("/run/systemd/system").exists();
    if !(is_here && support::machine_is_ours()) {
        let remedy = "cargo workshop test 10 --kernel 6.1-systemd";
        support::elsewhere!("it takes a systemd of our own", remedy);
    }
    let script = "read -r go
        (for i in 1 2 3 4 5 6 7 8; do sleep 100 & done) 2>&1";
    let running = Running::start(&host, &["--pids-limit", "5"], script);
    shell(MINE);
    let mine = Path::new("/sys/fs/cgroup/trap.slice/mine/pids.max");
    let limit = fs::read_to_string(mine).expect("a limit");
    shell("systemctl daemon-reload");
    eventually("systemd takes the controller back", || !mine.exists());
    let kept = running.limit_file("pids", "pids", "pids.max");
    let said = running.says_after("go\n");
    shell(NOTHING);
    assert_eq!(limit, "3\n");
    assert_eq!(kept, "5\n");
    assert!(said.contains("can't fork"), "{said}");
}
