//! 08-net: a network of its own.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "08_net/publish.rs"]
mod publish;
#[path = "08_net/scene.rs"]
mod scene;
#[path = "08_net/switches.rs"]
mod switches;
#[path = "08_net/traces.rs"]
mod traces;

use scene::{HERE, OUTSIDE, Running, Scene};
use support::{different, isolates, refuses, same, still_shares};
use workshop::host::Ids;

// --- What is isolated -------------------------------------------------------

#[test]
fn the_network_is_its_own() {
    isolates("08-net", |sandbox| {
        let ours = sandbox.identity("ns/net");
        different(ours, sandbox.host_identity("ns/net"))
    });
}

#[test]
fn it_has_loopback_and_one_end_of_a_cable() {
    isolates("08-net", |sandbox| {
        same(sandbox.interfaces(), vec!["eth0".into(), "lo".into()])
    });
}

#[test]
fn a_server_on_the_hosts_loopback_is_out_of_reach() {
    let scene = Scene::start();
    let _server = scene.serve_at(HERE, "tcp", 7002);
    let ask = "/dev/peer ask tcp 127.0.0.1 7002 2>/dev/null || echo nobody";
    assert_eq!(scene.inside(&["--network", "host"], ask), "127.0.0.1\n");
    assert_eq!(scene.inside(&[], ask), "nobody\n");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn the_control_groups_are_still_the_hosts() {
    still_shares("08-net", |sandbox| {
        let link = "ns/cgroup";
        same(sandbox.identity(link), sandbox.host_identity(link))
    });
}

// --- What it reaches --------------------------------------------------------

#[test]
fn it_reaches_itself_the_host_and_the_outside_in_both_families() {
    let scene = Scene::start();
    let _outside = [
        scene.serve_at(OUTSIDE, "tcp", 7000),
        scene.serve_at(OUTSIDE, "udp", 7000),
    ];
    let _host = scene.serve_at(HERE, "tcp", 7001);
    let script = "ping -c 1 -W 2 127.0.0.1 >&2; ping -c 1 -W 2 ::1 >&2
        for protocol in tcp udp; do
            /dev/peer ask $protocol 192.0.2.2 7000
            /dev/peer ask $protocol 2001:db8::2 7000
        done
        /dev/peer ask tcp 10.88.8.1 7001; /dev/peer ask tcp fd88:8::1 7001";
    // The outside sees the host, the host sees the container.
    let both = "192.0.2.1\n2001:db8::1\n";
    assert_eq!(
        scene.inside(&[], script),
        format!("{both}{both}10.88.8.2\nfd88:8::2\n")
    );
}

#[test]
fn containers_reach_each_other_by_address_and_by_name() {
    let scene = Scene::start();
    let _web = scene.serve(&["--hostname", "web"], "tcp", 80);
    let script =
        "/dev/peer ask tcp 10.88.8.2 80; /dev/peer ask tcp fd88:8::2 80
        ping -c 1 -W 2 web >&2; ping -c 1 -W 2 client >&2
        grep -w web /etc/hosts";
    assert_eq!(
        scene.inside(&["--hostname", "client"], script),
        "10.88.8.3\nfd88:8::3\n10.88.8.2 web\nfd88:8::2 web\n"
    );
}

#[test]
fn who_was_there_first_learns_the_names_of_those_who_come_later() {
    let scene = Scene::start();
    let script = "echo ready; until grep -q later /etc/hosts; do
        sleep 0.1; done; ping -c 1 later >&2; echo found >/dev/result/found";
    scene.on_host("mkdir -m 777 /mnt/result"); // root inside is another
    let first =
        scene.tool(&["-v", "/mnt/result:/dev/result"], &["sh", "-euc", script]);
    let _first = Running::start(first);
    let _later = scene.serve(&["--hostname", "later"], "tcp", 80);
    support::eventually("the name is found", || {
        scene.path("/mnt/result/found").exists()
    });
}

#[test]
fn names_are_asked_of_servers_that_can_be_reached() {
    let scene = Scene::start();
    scene.on_host(
        "printf 'search example.org\\nnameserver 127.0.0.53\\n\
            nameserver 192.0.2.2\\n' >/mnt/resolv.conf
        mount -n --bind /mnt/resolv.conf /etc/resolv.conf",
    );
    let shown = scene.inside(&[], "cat /etc/resolv.conf");
    assert_eq!(shown, "search example.org\nnameserver 192.0.2.2\n");
}

#[test]
fn a_link_in_the_root_file_system_leads_the_names_nowhere_outside() {
    let scene = Scene::start();
    scene.on_host(
        "mkdir -p /mnt/rootfs/mnt/target /mnt/target
        tar -C $ROOTFS --exclude attacks --exclude probe -c . |
            tar -C /mnt/rootfs --no-same-owner -x
        mkdir -p /mnt/rootfs/etc; rm -f /mnt/rootfs/etc/hosts
        ln -s /mnt/target/hosts /mnt/rootfs/etc/hosts
        echo mine >/mnt/target/hosts; : >/mnt/rootfs/mnt/target/hosts",
    );
    // Before Linux 6.3 nobody maps the owners of files in a tmpfs.
    let script = "$STEP --foreign-rootfs /mnt/rootfs grep localhost \
            /mnt/target/hosts
        cat /mnt/target/hosts";
    let shown = scene.on_host(script);
    assert_eq!(shown, "127.0.0.1 localhost\n::1 localhost\nmine\n");
}

#[test]
fn a_neighbour_can_be_nobody_else() {
    let scene = Scene::start();
    let _server = scene.serve(&[], "tcp", 80);
    // With its own address it may; with another hardware or address not.
    let script = "/dev/peer ask tcp 10.88.8.2 80
        ip address add 10.88.8.77/24 dev eth0
        ip route replace 10.88.8.2 dev eth0 src 10.88.8.77
        ! /dev/peer ask tcp 10.88.8.2 80 2>/dev/null
        ip route del 10.88.8.2 dev eth0
        /dev/peer ask tcp 10.88.8.2 80
        ip link set eth0 address 02:42:00:00:00:01
        ! /dev/peer ask tcp 10.88.8.2 80 2>/dev/null";
    assert_eq!(scene.inside(&[], script), "10.88.8.3\n10.88.8.3\n");
}

// --- Other networks ---------------------------------------------------------

#[test]
fn without_a_network_there_is_loopback_alone() {
    let scene = Scene::start();
    let script = "ls /sys/class/net; ping -c 1 -W 2 127.0.0.1 >/dev/null";
    assert_eq!(scene.inside(&["--network", "none"], script), "lo\n");
}

#[test]
fn the_hosts_network_can_be_had() {
    let scene = Scene::start();
    let shown = scene.inside(&["--network", "host"], "cat /proc/net/dev");
    assert!(shown.contains("uplink:"), "{shown}");
}

#[test]
fn the_network_of_another_container_can_be_had() {
    let scene = Scene::start();
    let server = scene.serve(&[], "tcp", 80);
    let pid = scene.host.number_of(server.pid).expect("a process");
    let network = format!("container:{pid}");
    let script = "/dev/peer ask tcp 127.0.0.1 80; ip -o -4 address show eth0 |
        grep -o 10.88.8.2/24";
    let shown = scene.inside(&["--network", &network], script);
    assert_eq!(shown, "127.0.0.1\n10.88.8.2/24\n");

    let tool = scene.tool(&["--network", "container:99999999"], &["true"]);
    refuses(tool, 125, "ESRCH");
}

#[test]
fn an_ordinary_user_has_loopback_and_a_helper_if_there_is_one() {
    let scene = Scene::start();
    if scene.host.ids() != Ids::All {
        support::skip!("the pretend host can't make /dev/net/tun", "sudo");
    }
    let _outside = scene.serve_at(OUTSIDE, "tcp", 7000);
    scene.on_host(
        "mkdir /dev/net; mknod -m 666 /dev/net/tun c 10 200
        ip route add default via 192.0.2.2
        mkdir /mnt/own; cp $STEP $PEER /mnt; chmod 755 /mnt/08-net /mnt/peer
        tar -C $ROOTFS --exclude attacks --exclude probe -c . |
            tar -C /mnt/own --no-same-owner -x
        cp --remove-destination /mnt/peer /mnt/own/; chown -R 1000:1000 /mnt/own",
    );
    let user = "setpriv --reuid 1000 --regid 1000 --clear-groups /mnt/08-net";
    let run = |options: &str, command: &str| {
        let script = format!("{user} {options} /mnt/own {command}");
        scene.host_shell(&script).output().expect("a shell")
    };
    let alone = run("", "ls /sys/class/net");
    assert_eq!(String::from_utf8_lossy(&alone.stdout), "lo\n");
    let bridge = run("--network bridge", "true");
    let said = String::from_utf8_lossy(&bridge.stderr);
    assert!(said.contains("it takes"), "{said}");
    let ask = "/peer ask tcp 192.0.2.2 7000";
    for helper in ["slirp4netns", "pasta"] {
        if scene.on_host(&format!("command -v {helper} || true")).is_empty() {
            support::skip!(&format!("there is no {helper}"), "install it");
        }
        let helped = run(&format!("--network {helper}"), ask);
        let who = String::from_utf8_lossy(&helped.stdout);
        assert_eq!(who, "192.0.2.1\n", "{helper}: {helped:?}");
        support::eventually("the helper has ended", || {
            scene.on_host(&format!("pidof {helper} || true")).is_empty()
        });
    }
}

#[test]
fn addresses_are_those_of_the_subnet_until_there_are_none() {
    let scene = Scene::start();
    let subnet = ["--subnet", "10.9.9.0/29", "--subnet6", "fd09::/64"];
    let _five: Vec<_> =
        (0..5).map(|_| scene.serve(&subnet, "tcp", 80)).collect();
    refuses(
        scene.tool(&subnet, &["true"]),
        125,
        "every address of the subnet is taken",
    );
    assert_ne!(scene.ask(HERE, "tcp", "10.9.9.6 80"), "");
    assert_ne!(scene.ask(HERE, "tcp", "fd09::6 80"), "");
}

#[test]
fn no_other_program_is_on_the_way() {
    let scene = Scene::start();
    scene.on_host("PATH=/nowhere exec $STEP -p 8080:80 $ROOTFS /bin/true");
}

#[test]
fn those_at_one_bridge_agree_on_the_subnet() {
    let scene = Scene::start();
    let other = ["--subnet", "10.9.9.0/24"];
    let first = scene.serve(&[], "tcp", 80);
    refuses(
        scene.tool(&other, &["true"]),
        125,
        "workshop0 is there with 10.88.8.0/24 and fd88:8::/64, not 10.9.9.0/24",
    );
    // A bridge that nobody uses is made anew.
    first.kill();
    let show = "ip -o -4 address show dev eth0 | grep -o 10.9.9.2";
    support::eventually("the bridge is free", || {
        let command = ["sh", "-euc", show];
        let output = scene.tool(&other, &command).output().expect("it starts");
        output.stdout == b"10.9.9.2\n"
    });
}

#[test]
fn what_is_longer_than_the_mtu_is_sent_in_pieces() {
    let scene = Scene::start();
    let script = "cat /sys/class/net/eth0/mtu
        ping -c 1 -W 2 -s 1400 10.88.8.1 | grep -o '1 packets received'
        awk '/^Ip: [0-9]/ { print $20 }' /proc/net/snmp"; // FragCreates
    let mtu = |options: &[&str]| scene.inside(options, script);
    assert_eq!(mtu(&[]), "1500\n1 packets received\n0\n");
    assert_eq!(mtu(&["--mtu", "1300"]), "1300\n1 packets received\n2\n");
}

#[test]
fn what_cant_be_is_refused() {
    let scene = Scene::start();
    for options in [
        &["--network", "moon"][..],
        &["--subnet", "10.0.0.1/24"],
        &["--subnet", "10.0.0.0/8"],
        &["--subnet6", "fd00::1/64"],
        &["--mtu", "1000"],
        &["-p", "80"],
        &["-p", "0:80"],
        &["-p", "80:80/sctp"],
    ] {
        let output = scene.tool(options, &["true"]).output();
        let output = output.expect("it starts");
        assert_eq!(output.status.code(), Some(125), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("invalid value"), "{said}");
    }
    let host = ["--network", "host", "-p", "80:80"];
    refuses(scene.tool(&host, &["true"]), 125, "--network bridge");
}
