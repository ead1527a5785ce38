//! 09-vxlan: one network across hosts.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "09_vxlan/scene.rs"]
mod scene;
#[path = "09_vxlan/traces.rs"]
mod traces;

use scene::{PEERS, PEERS6, Scene};
use support::{eventually, isolates, refuses, same};

// --- What is isolated -------------------------------------------------------

#[test]
fn the_hosts_bridge_is_out_of_reach() {
    isolates("09-vxlan", |sandbox| {
        same(sandbox.interfaces(), vec!["lo".into(), "overlay0".into()])
    });
}

#[test]
fn two_tenants_on_one_wire_hear_nothing_of_each_other() {
    let scene = Scene::start();
    let _ours = scene.serve(1, PEERS, "tcp");
    let other = PEERS.replace("--vni 7", "--vni 8");
    let _theirs = scene.serve(3, &other, "tcp");
    // The same addresses, the same hosts, the same port.
    let ask = "for n in 1 3; do
            /dev/peer ask tcp 10.99.$n.2 80 2>/dev/null || echo nobody
            /dev/peer ask tcp fd99::$n:2 80 2>/dev/null || echo nobody
        done";
    let seen = scene.inside(2, PEERS, ask);
    assert_eq!(seen, "10.99.2.2\nfd99::2:2\nnobody\nnobody\n");
    let seen = scene.inside(2, &other, ask);
    assert_eq!(seen, "nobody\nnobody\n10.99.2.2\nfd99::2:2\n");
}

#[test]
fn the_host_is_no_member_of_the_network() {
    let scene = Scene::start();
    let _server = scene.serve(1, PEERS, "tcp");
    scene.shell(
        1,
        "! ip -o address | grep -e vxbr -e 10.99 -e fd99
        ! ip route | grep 10.99",
    );
    // Not even for one who knows the hardware's address of the bridge.
    let mac = scene.shell(1, "cat /sys/class/net/vxbr7/address");
    let script = format!(
        "ip route add 10.0.0.1 dev overlay0
        arp -i overlay0 -s 10.0.0.1 {}
        ping -c 2 -W 1 10.0.0.1 >/dev/null && echo reached || echo no",
        mac.trim()
    );
    for number in [1, 2] {
        assert_eq!(scene.inside(number, PEERS, &script), "no\n", "{number}");
    }
}

#[test]
fn a_liar_is_stopped_where_its_cable_ends() {
    let scene = Scene::start();
    let _server = scene.serve(1, PEERS, "tcp");
    // Another address than the lease, with and without the hardware's.
    let lie = "ip address add 10.99.2.77/16 dev overlay0
        ping -c 1 -W 1 -I 10.99.2.77 10.99.1.2 >/dev/null && echo believed
        ip link set overlay0 down
        ip link set overlay0 address 02:00:00:00:00:77
        ip link set overlay0 up
        ping -c 1 -W 1 10.99.1.2 >/dev/null && echo believed
        echo done";
    assert_eq!(scene.inside(2, PEERS, &format!("set +e; {lie}")), "done\n");
}

// --- What it reaches --------------------------------------------------------

/// Of who asked: both families, both protocols.
const ASK: &str = "
    for to in 10.99.1.2 fd99::1:2; do
        /dev/peer ask $PROTOCOL $to 80
        ping -c 1 -W 2 $to >/dev/null && echo pong
    done";

#[test]
fn containers_reach_each_other_across_hosts() {
    let scene = Scene::start();
    let group = "--vni 7 --local 10.0.0.@ --group 239.1.1.1".to_owned();
    let group6 = "--vni 7 --local fd00::@ --group ff05::7".to_owned();
    for options in [PEERS, PEERS6, &group, &group6] {
        for protocol in ["tcp", "udp"] {
            let _server = scene.serve(1, options, protocol);
            let script = ASK.replace("$PROTOCOL", protocol);
            let expected = "10.99.3.2\npong\nfd99::3:2\npong\n";
            let seen = scene.inside(3, options, &script);
            assert_eq!(seen, expected, "{options} {protocol}");
        }
        // The next one makes it anew.
        eventually("the last one out removes it", || {
            let table = scene.shell(1, "cat /proc/net/dev");
            !table.contains("vxlan7")
        });
    }
}

#[test]
fn several_on_one_host_share_bridge_and_tunnel() {
    let scene = Scene::start();
    let before = scene.states();
    let first = scene.serve(1, PEERS, "tcp");
    let second = scene.serve(1, PEERS, "udp");
    let seen = scene.inside(
        1,
        PEERS,
        "/dev/peer ask tcp 10.99.1.2 80; /dev/peer ask udp 10.99.1.3 80",
    );
    assert_eq!(seen, "10.99.1.4\n10.99.1.4\n");
    let count = "grep -c vxlan /proc/net/dev";
    assert_eq!(scene.shell(1, count), "1\n");
    first.kill();
    let ask = "/dev/peer ask udp 10.99.1.3 80";
    assert_eq!(scene.inside(2, PEERS, ask), "10.99.2.2\n");
    second.kill();
    scene.unchanged(&before, "the last one");
}

#[test]
fn a_peer_dies_and_comes_back() {
    let scene = Scene::start();
    let mut server = scene.serve(1, PEERS, "tcp");
    let ask = "/dev/peer ask tcp 10.99.1.2 80 2>/dev/null || echo nobody";
    for _ in 0..2 {
        assert_eq!(scene.inside(2, PEERS, ask), "10.99.2.2\n");
        server.kill();
        eventually("it is gone", || {
            !scene.shell(1, "cat /proc/net/dev").contains("vxlan7")
        });
        assert_eq!(scene.inside(2, PEERS, ask), "nobody\n");
        server = scene.serve(1, PEERS, "tcp");
    }
}

#[test]
fn a_peer_that_is_named_later_is_added() {
    let scene = Scene::start();
    let few = "--vni 7 --local 10.0.0.@ --peer 10.0.0.2";
    let _server = scene.serve(1, few, "tcp");
    let _first = scene.serve(3, "--vni 7 --local 10.0.0.@", "tcp");
    let more = "--vni 7 --local 10.0.0.@ --peer 10.0.0.1";
    let ask = "/dev/peer ask tcp 10.99.1.2 80";
    assert_eq!(scene.inside(3, more, ask), "10.99.3.3\n");
}

#[test]
fn with_the_hosts_bridge_it_has_both() {
    let scene = Scene::start();
    let _server = scene.serve(1, PEERS, "tcp");
    let options = format!("{PEERS} --network bridge");
    let script = "cut -d : -f 1 /proc/net/dev | grep 0 | sort
        /dev/peer ask tcp 10.99.1.2 80
        ping -c 1 -W 2 10.88.8.1 >/dev/null && echo the host";
    let seen = scene.inside(2, &options, script);
    assert_eq!(seen.replace(' ', ""), "eth0\noverlay0\n10.99.2.2\nthehost\n");
}

// --- MTU --------------------------------------------------------------------

#[test]
fn a_packet_of_full_size_passes_in_one_piece() {
    let scene = Scene::start();
    for (options, mtu) in [(PEERS, 1450), (PEERS6, 1430)] {
        let _server = scene.serve(1, options, "tcp");
        let fragments = || {
            [1, 2]
                .map(|n| scene.shell(n, "cat /proc/net/snmp /proc/net/snmp6"))
                .concat()
                .lines()
                .filter(|line| line.contains("FragCreates"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let before = fragments();
        // 28 bytes are the headers of IP and ICMP.
        let script = format!(
            "cat /sys/class/net/overlay0/mtu
            ping -c 3 -s {} -W 2 10.99.1.2 | grep -o '[0-9]* packets received'",
            mtu - 28
        );
        let seen = scene.inside(2, options, &script);
        assert_eq!(seen, format!("{mtu}\n3 packets received\n"));
        assert_eq!(fragments(), before);
        drop(_server);
        eventually("it is gone", || {
            !scene.shell(1, "cat /proc/net/dev").contains("vxlan7")
        });
    }
}

#[test]
fn a_smaller_underlay_makes_a_smaller_network() {
    let scene = Scene::start();
    scene.shell(1, "ip link set eth0 mtu 1400");
    let show = "cat /sys/class/net/overlay0/mtu";
    assert_eq!(scene.inside(1, PEERS, show), "1350\n");
    assert_eq!(scene.inside(1, "--vni 9", show), "1500\n");
}

// --- Bad input --------------------------------------------------------------

#[test]
fn what_can_not_be_is_refused() {
    let scene = Scene::start();
    let with = |options: &str| scene.tool(1, options, &["true"]);
    let foreign = "--vni 7 --local 10.9.9.9";
    refuses(with(foreign), 125, "this host has no address 10.9.9.9");
    let mixed = "--vni 7 --local 10.0.0.1 --peer fd00::2";
    refuses(with(mixed), 125, "are of two families");
    let single = "--vni 7 --local 10.0.0.1 --group 10.0.0.2";
    refuses(with(single), 125, "is one host's");
    let host = "--vni 7 --network host";
    refuses(with(host), 125, "takes one of its own");

    let _server = scene.serve(1, PEERS, "tcp");
    let other = "--vni 7 --local fd00::1";
    refuses(with(other), 125, "network 7 is there with local 10.0.0.1");
    for usage in ["--vni 0", "--vni 16777216", "--vni 7 --peer 10.0.0.2"] {
        let status = with(usage).stderr(std::process::Stdio::null()).status();
        assert_eq!(status.expect("it starts").code(), Some(125), "{usage}");
    }
}
