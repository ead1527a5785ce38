//! Memory: how much, and what happens then.

use std::fs;
use std::process::Command;

use cgroups::Version;
use support::{InTime, eventually, refuses};

use super::scene::version_of;
use super::scene::{Running, host_with_groups, number, run, text, tool};

/// Where the machine swaps, it may not swap this.
const LIMIT: [&str; 2] = ["--memory=32m", "--memory-swap=32m"];

#[test]
fn who_takes_too_much_memory_is_killed_and_it_is_said() {
    let host = host_with_groups!();
    let output = tool(&host, &LIMIT, &["tail", "/dev/zero"]).in_time();
    assert_eq!(output.status.code(), Some(137), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("out of memory: the kernel has killed 1"), "{said}");
    assert!(said.contains("\nhint: "), "{said}");
    let (limit, used) = match version_of("memory", "memory") {
        Version::V1 => ("memory.limit_in_bytes", "memory.max_usage_in_bytes"),
        Version::V2 => ("memory.max", "memory.peak"),
    };
    if said.contains("no memory.peak in this kernel") {
        return; // Linux 5.19 has it.
    }
    let figure = |file: &str| {
        let words = said.split([' ', ',', ';', '\n']).collect::<Vec<_>>();
        let at = words.iter().position(|word| *word == file).expect(file);
        words[at + 1].parse::<f64>().expect("a number")
    };
    let part = figure(used) / figure(limit);
    assert!((0.95..=1.0).contains(&part), "killed at {part} of the limit");
    assert_eq!(figure(limit), f64::from(32 << 20));
}

#[test]
fn the_largest_process_is_killed_and_the_others_go_on() {
    let host = host_with_groups!();
    let script = "tail /dev/zero; echo $?";
    let output = run(&host, &LIMIT, script);
    assert_eq!(text(&output.stdout), "137\n", "{output:?}");
    assert!(output.status.success());
}

#[test]
fn all_of_it_is_killed_if_that_is_asked_for() {
    let host = host_with_groups!();
    let options = [&LIMIT[..], &["--oom-group"]].concat();
    if version_of("memory", "memory") == Version::V1 {
        let message = "--oom-group: no group here can be limited so";
        return refuses(tool(&host, &options, &["true"]), 125, message);
    }
    let output = run(&host, &options, "sleep 1000 & tail /dev/zero; echo $?");
    assert_eq!(output.status.code(), Some(137), "{output:?}");
    assert_eq!(text(&output.stdout), "", "the shell has gone too");
}

#[test]
fn above_the_high_mark_it_is_slowed_down_and_not_killed() {
    let host = host_with_groups!();
    let options = ["--memory-high", "16m"];
    if version_of("memory", "memory") == Version::V1 {
        let message = "memory.high of the controller memory in version 2";
        return refuses(tool(&host, &options, &["true"]), 125, message);
    }
    let options = [&options[..], &["--tmpfs", "/tmp"]].concat();
    let fill = "head -c 24m /dev/zero >/tmp/fill; sleep 1000"; // to be read
    let running = Running::start(&host, &options, fill);
    let events = || running.limit_file("memory", "memory", "memory.events");
    eventually("it is slowed down", || number(&events(), "high") > 0);
    assert_eq!(number(&events(), "oom_kill"), 0);
    running.kill();
}

/// Version 1 asks first whether memory and swap together are too much. So on a
/// machine without swap it is seen, too, which limit was met: the other one has
/// refused nothing.
#[test]
fn memory_and_swap_together_are_limited() {
    let host = host_with_groups!();
    if version_of("memory", "memory") == Version::V2 {
        let why = "version 2 counts them apart: as_much_is_swapped_as_it_may";
        support::elsewhere!(why, "a machine with version 1");
    }
    for (options, is_met) in [
        (["--memory=32m", "--memory-swap=32m"], true),
        (["--memory=32m", "--memory-swap=-1"], false),
    ] {
        let running = Running::start(&host, &options, "tail /dev/zero");
        let inside = running.inside("memory", "memory");
        eventually("it is killed", || {
            let events = fs::read_to_string(inside.join("memory.oom_control"));
            number(&events.expect("events"), "oom_kill ") == 1
        });
        let refused = running.limit_file("memory", "", "memory.failcnt");
        assert_eq!(refused == "0\n", is_met, "{options:?}: {refused}");
        running.kill();
    }
}

/// Swap of the test's own, in memory: zram. The machine's memory is everybody's,
/// so it is for one that is ours.
struct Swap(String);

const SWAP: &str = "
    modprobe zram num_devices=0
    n=$(cat /sys/class/zram-control/hot_add)
    echo 128M >/sys/block/zram$n/disksize
    mkswap -q /dev/zram$n
    swapon /dev/zram$n
    echo $n";
const NO_SWAP: &str = "
    swapoff /dev/zram$0
    echo $0 >/sys/class/zram-control/hot_remove";

impl Swap {
    fn on() -> Self {
        let output = Command::new("sh").args(["-euc", SWAP]).in_time();
        assert!(output.status.success(), "{output:?}");
        Self(text(&output.stdout).trim().to_owned())
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        let words = ["-euc", NO_SWAP, &self.0];
        let output = Command::new("sh").args(words).in_time();
        assert!(output.status.success() || std::thread::panicking());
    }
}

/// 48 MB, of which 32 may be in memory.
#[test]
fn as_much_is_swapped_as_it_may() {
    let host = host_with_groups!();
    if !support::machine_is_ours() {
        let remedy = "cargo workshop test 10 --kernel 6.12";
        support::elsewhere!("swap would be the whole machine's", remedy);
    }
    let _swap = Swap::on();
    let take = |swap: &str| {
        let options = ["--memory=32m", swap, "--tmpfs", "/tmp"];
        let script = "exec head -c 48m /dev/zero >/tmp/fill";
        run(&host, &options, script).status.code()
    };
    assert_eq!(take("--memory-swap=-1"), Some(0), "all of it");
    assert_eq!(take("--memory-swap=64m"), Some(0), "as much again");
    assert_eq!(take("--memory-swap=40m"), Some(137), "8 MB and no more");
    assert_eq!(take("--memory-swap=32m"), Some(137), "nothing");
}
