//! How fast it may send and receive.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use support::{InTime, eventually, program, refuses, rootfs};
use workshop::host::Host;

use super::scene::{NAME, host_with_groups, tool};

/// Bytes: of what is allowed in a second, and of what is sent.
pub(crate) const RATE: u32 = 1 << 20;
pub(crate) const MUCH: &str = "2000000";

/// `peer take` waits: its line is read.
pub(crate) fn taker(mut tool: Command) -> Child {
    tool.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut taker = tool.spawn().expect("it starts");
    let mut line = [0; 6];
    let stdout = taker.stdout.as_mut().expect("its output");
    stdout.read_exact(&mut line).expect("a line");
    assert_eq!(&line, b"ready\n");
    taker
}

/// What it then says, in parts of what is allowed.
pub(crate) fn rate(mut taker: Child) -> f64 {
    let mut line = String::new();
    let stdout = taker.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    support::status_of(&mut taker);
    let rate: f64 = line.trim().parse().expect("a rate");
    rate / f64::from(RATE)
}

pub(crate) fn container(
    host: &Host,
    network: &str,
    options: &[&str],
    words: &[&str],
) -> Command {
    let volume = format!("{}:/dev/peer:ro", program("peer").display());
    let mut tool = host.command(program(NAME));
    tool.args(["--network", network, "-v", &volume]).args(options);
    tool.arg(rootfs()).arg("/dev/peer").args(words);
    tool.stderr(Stdio::null());
    tool
}

/// `peer take`, on the host.
pub(crate) fn host_takes(host: &Host) -> Command {
    let mut peer = host.command("timeout");
    peer.arg(support::nearly_patience()).arg(program("peer"));
    peer.args(["take", "9000"]);
    peer
}

fn sent(host: &Host, options: &[&str]) -> f64 {
    let taker = taker(host_takes(host));
    let words = ["give", "10.88.8.1", "9000", MUCH];
    let mut giver = container(host, "bridge", options, &words);
    assert!(giver.in_time().status.success());
    rate(taker)
}

fn received(host: &Host, options: &[&str]) -> f64 {
    let taker = taker(container(host, "bridge", options, &["take", "9000"]));
    let mut peer = host.command(program("peer"));
    peer.args(["give", "10.88.8.2", "9000", MUCH]);
    assert!(peer.in_time().status.success());
    rate(taker)
}

/// Slower is a busy machine's; faster than that, never.
#[test]
fn it_sends_and_receives_as_fast_as_it_may() {
    let host = host_with_groups!();
    let limit = ["--net-rate", "1m"];
    for measure in [sent, received] {
        let free = measure(&host, &[]);
        assert!(free > 2.0, "without a limit it is {free}");
        eventually("it is as fast as it may be", || {
            let limited = measure(&host, &limit);
            assert!(limited < 1.1, "{limited}, and without a limit {free}");
            limited > 0.9
        });
    }
}

#[test]
fn without_a_cable_there_is_no_rate() {
    let host = host_with_groups!();
    for network in ["none", "host"] {
        let options = ["--net-rate", "1m", "--network", network];
        refuses(tool(&host, &options, &["true"]), 125, "no cable leads");
    }
}
