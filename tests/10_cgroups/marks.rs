//! Whose a packet is: how that is told, and a queue that goes by it.
//!
//! On the host's loopback interface is a class of a megabyte a second. Without
//! a mark packets don't wait there.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use cgroups::Version;
use support::{InTime, ParentGroup, eventually};
use workshop::host::Host;

use super::network::{MUCH, RATE, container, host_takes, rate, taker};
use super::scene::{host_with_groups, run, text};

/// Where packets are sent: in the pretend host's network, or in the machine's.
struct Scene<'a> {
    host: &'a Host,
    is_machines: bool,
}

impl<'a> Scene<'a> {
    /// One with the class.
    fn new(host: &'a Host, is_machines: bool) -> Self {
        let scene = Self { host, is_machines };
        scene.shell(&format!(
            "ip link set lo up
            tc qdisc add dev lo root handle 1: htb
            tc class add dev lo parent 1: classid 1:10 htb rate {RATE}bps"
        ));
        scene
    }

    /// A command for the host, in this network.
    fn command(&self, command: &Command) -> Command {
        let mut here = Command::new(command.get_program());
        let stays_out = |word: &&OsStr| self.is_machines && *word == "--net";
        here.args(command.get_args().filter(|word| !stays_out(word)));
        here
    }

    fn shell(&self, script: &str) {
        let mut shell = self.host.command("sh");
        let mut shell = self.command(shell.args(["-euc", script]));
        let output = shell.in_time();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// Puts what `matches` tells into the class.
    fn sort(&self, matches: &str) {
        let chain = "type filter hook output priority 0";
        let rules = format!(
            "table inet t {{
                chain c {{
                    {chain}
                    {matches} meta priority set 1:10
                }}
            }}"
        );
        self.shell(&format!("echo '{rules}' | nft -f -"));
    }

    /// How fast a container in the host's network sends to the host.
    fn sent(&self, options: &[&str]) -> f64 {
        let taker = taker(self.command(&host_takes(self.host)));
        let words = ["give", "127.0.0.1", "9000", MUCH];
        let giver = container(self.host, "host", options, &words);
        let output = self.command(&giver).in_time();
        assert!(output.status.success(), "{}", text(&output.stderr));
        rate(taker)
    }

    /// Slower is a busy machine's; faster than that, never.
    fn is_slowed_down_alone(&self, options: &[&str]) {
        let other = self.sent(&[]);
        assert!(other > 2.0, "a container without {options:?} has {other}");
        eventually("it is as fast as its class", || {
            let slowed = self.sent(options);
            assert!(slowed < 1.1, "{options:?}: {slowed}, another has {other}");
            slowed > 0.9
        });
    }
}

fn has(controller: &str) -> bool {
    let trees = cgroups::hierarchies().expect("hierarchies");
    trees.iter().any(|tree| tree.has(controller))
}

/// Below `/sys/fs/cgroup`, where nft(8) looks.
fn top_of_version_2() -> Option<PathBuf> {
    let trees = cgroups::hierarchies().expect("hierarchies");
    let tree = trees.into_iter().find(|tree| tree.version == Version::V2)?;
    Some(tree.top.strip_prefix("/sys/fs/cgroup").ok()?.to_owned())
}

#[test]
fn a_program_gives_its_packets_their_priority() {
    let host = host_with_groups!();
    if has("net_prio") || top_of_version_2().is_none() {
        support::elsewhere!("net_prio does that here", "version 2 alone");
    }
    let scene = Scene::new(&host, false);
    scene.is_slowed_down_alone(&["--net-priority", "lo:0x10010"]);
    // On that interface, and on no other.
    scene.shell("ip link add other type veth");
    let other = scene.sent(&["--net-priority", "other:0x10010"]);
    assert!(other > 2.0, "by another interface: {other}");
}

#[test]
fn nftables_knows_its_group() {
    let host = host_with_groups!();
    let Some(top) = top_of_version_2() else {
        support::elsewhere!("there is no version 2", "a kernel with cgroup2");
    };
    let parent = ParentGroup::make("marks");
    let scene = Scene::new(&host, false);
    let group = top.join(&parent.name);
    scene.sort(&format!("socket cgroupv2 level 1 {group:?}"));
    scene.is_slowed_down_alone(&["--cgroup-parent", &parent.name]);
}

/// A tree of version 1 on the pretend host, if the controller is in none. All
/// of the machine is in its highest group meanwhile, where nothing is limited.
struct Tree<'a> {
    host: &'a Host,
    controller: &'static str,
}

impl<'a> Tree<'a> {
    fn mount(host: &'a Host, controller: &'static str) -> Option<Self> {
        let mut mount = host.command("mount");
        mount.args(["-n", "-t", "cgroup", "-o", controller, "t", "/mnt"]);
        let is_there = mount.in_time().status.success();
        is_there.then_some(Self { host, controller })
    }

    /// A group lives on for a moment after rmdir(2), and so would the tree.
    fn has_one_group(&self) -> bool {
        let list = std::fs::read_to_string("/proc/cgroups").expect("a list");
        let mut lines = list.lines().map(str::split_whitespace);
        lines.any(|mut words| {
            words.next() == Some(self.controller) && words.nth(1) == Some("1")
        })
    }
}

impl Drop for Tree<'_> {
    fn drop(&mut self) {
        for _ in 0..400 {
            if self.has_one_group() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let _ = self.host.command("umount").args(["-n", "/mnt"]).in_time();
    }
}

#[test]
fn version_1_marks_its_packets_with_a_class() {
    let host = host_with_groups!();
    if !has("net_cls") && !support::machine_is_ours() {
        let remedy = "cargo workshop test 10 --kernel 6.12";
        support::elsewhere!("its tree would be the machine's", remedy);
    }
    let tree = (!has("net_cls")).then(|| Tree::mount(&host, "net_cls"));
    if let Some(None) = tree {
        support::elsewhere!("this kernel has no net_cls", "another kernel");
    }
    let scene = Scene::new(&host, false);
    scene.sort("meta cgroup 0x100001");
    scene.is_slowed_down_alone(&["--net-class", "10:1"]);
    // On another host, where it is not mounted, nobody is moved in it.
    let other = Host::start().expect("another host");
    let output = run(&other, &[], "ls /sys/fs/cgroup");
    assert!(output.status.success(), "{output:?}");
    if tree.is_some() {
        let seen = text(&output.stdout);
        assert!(!seen.contains("net_cls"), "{seen}");
    }
}

/// It knows the interfaces of the first network namespace, and no other.
#[test]
fn version_1_has_priorities_for_the_machines_interfaces() {
    let host = host_with_groups!();
    if !support::machine_is_ours() {
        let remedy = "cargo workshop test 10 --kernel 6.12";
        support::elsewhere!("the interfaces would be the machine's", remedy);
    }
    let tree = (!has("net_prio")).then(|| Tree::mount(&host, "net_prio"));
    if let Some(None) = tree {
        support::elsewhere!("this kernel has no net_prio", "another kernel");
    }
    let scene = Scene::new(&host, true);
    scene.is_slowed_down_alone(&["--net-priority", "lo:0x10010"]);
    scene.shell("tc qdisc del dev lo root");
}
