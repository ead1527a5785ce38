//! Ports of the host that lead into the container.

use support::refuses;

use super::scene::{HERE, HOST4, HOST6, OUTSIDE, Scene};

#[test]
fn a_published_port_is_reached_from_everywhere() {
    let scene = Scene::start();
    let _server = scene.serve(&["-p", "8080:80"], "tcp", 80);
    let ask = |at: &str, to: &str| scene.ask(at, "tcp", to);
    // From outside, and who asked is seen.
    assert_eq!(ask(OUTSIDE, &format!("{HOST4} 8080")), "192.0.2.2");
    assert_eq!(ask(OUTSIDE, &format!("{HOST6} 8080")), "2001:db8::2");
    // From the host itself.
    for to in [HOST4, HOST6, "127.0.0.1", "10.88.8.1", "fd88:8::1"] {
        assert_ne!(ask(HERE, &format!("{to} 8080")), "", "{to}");
    }
    // From another container, and from itself by way of the host.
    for to in [HOST4, HOST6] {
        let script = format!("/dev/peer ask tcp {to} 8080");
        assert_ne!(scene.inside(&[], &script), "");
        let itself = format!(
            "/dev/peer serve tcp 81 >/dev/null & sleep 0.2; \
             /dev/peer ask tcp {to} 8081"
        );
        assert_ne!(scene.inside(&["-p", "8081:81"], &itself), "");
    }
}

/// The kernel has no `route_localnet` for IPv6. A program that tries ::1 first
/// must not wait for an answer that never comes.
#[test]
fn what_asks_by_the_other_loopback_is_refused_at_once() {
    let scene = Scene::start();
    let _server = scene.serve(&["-p", "8080:80"], "tcp", 80);
    let ask = "timeout 5 $PEER ask tcp ::1 8080 2>&1 || echo status $?";
    let said = scene.on_host(ask);
    assert!(said.contains("refused"), "{said}");
    let mut tool = scene.tool(&["-p", "[::1]:8081:80"], &["true"]);
    let output = tool.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("publish at 127.0.0.1"), "{said}");
    assert_eq!(output.status.code(), Some(125));
}

#[test]
fn a_port_of_udp_is_reached_too() {
    let scene = Scene::start();
    let _server = scene.serve(&["-p", "5353:53/udp"], "udp", 53);
    let ask = |at: &str, to: &str| scene.ask(at, "udp", to);
    assert_eq!(ask(OUTSIDE, &format!("{HOST4} 5353")), "192.0.2.2");
    assert_eq!(ask(OUTSIDE, &format!("{HOST6} 5353")), "2001:db8::2");
    assert_ne!(ask(HERE, "127.0.0.1 5353"), "");
    // The same number of the other protocol is not.
    assert_eq!(scene.ask(OUTSIDE, "tcp", &format!("{HOST4} 5353")), "");
}

#[test]
fn a_port_that_is_not_published_is_out_of_reach() {
    let scene = Scene::start();
    let _server = scene.serve(&["-p", "8080:80"], "tcp", 81);
    // Even for somebody who knows the way.
    scene.on_host(
        "ip -n outside route add 10.88.8.0/24 via 192.0.2.1
        ip -n outside route add fd88:8::/64 via 2001:db8::1",
    );
    assert_ne!(scene.ask(HERE, "tcp", "10.88.8.2 81"), "");
    assert_eq!(scene.ask(OUTSIDE, "tcp", "10.88.8.2 81"), "");
    assert_eq!(scene.ask(OUTSIDE, "tcp", "fd88:8::2 81"), "");
    assert_eq!(scene.ask(OUTSIDE, "tcp", &format!("{HOST4} 8080")), "");
}

#[test]
fn a_port_of_one_address_is_no_port_of_another() {
    let scene = Scene::start();
    let options = ["-p", "127.0.0.1:8080:80", "-p", "[2001:db8::1]:8081:80"];
    let _server = scene.serve(&options, "tcp", 80);
    assert_ne!(scene.ask(HERE, "tcp", "127.0.0.1 8080"), "");
    assert_eq!(scene.ask(OUTSIDE, "tcp", &format!("{HOST4} 8080")), "");
    assert_eq!(scene.ask(OUTSIDE, "tcp", &format!("{HOST4} 8081")), "");
    assert_ne!(scene.ask(OUTSIDE, "tcp", &format!("{HOST6} 8081")), "");
}

#[test]
fn nobody_on_the_hosts_cable_gets_to_a_port_of_loopback() {
    let scene = Scene::start();
    let options = ["-p", "127.0.0.1:8080:80"];
    let _server = scene.serve(&options, "tcp", 80);
    // A neighbour of the host sends what no decent machine would.
    scene.on_host(
        "ip netns exec outside sysctl -qw net.ipv4.conf.all.route_localnet=1
        ip -n outside address del 127.0.0.1/8 dev lo
        ip -n outside route add 127.0.0.1 via 192.0.2.1",
    );
    assert_eq!(scene.ask(OUTSIDE, "tcp", "127.0.0.1 8080"), "");
}

#[test]
fn a_container_does_not_get_to_the_hosts_loopback() {
    let scene = Scene::start();
    let _secret = scene.serve_at(HERE, "tcp", 7002);
    let container = scene.serve(&[], "tcp", 80);
    let pid = scene.host.number_of(container.pid).expect("a process");
    let inside = format!("nsenter --target {pid} --net");
    scene.on_host(&format!(
        "{inside} sysctl -qw net.ipv4.conf.all.route_localnet=1
        {inside} ip address del 127.0.0.1/8 dev lo
        {inside} ip route add 127.0.0.1 via 10.88.8.1 src 10.88.8.2"
    ));
    assert_ne!(scene.ask(&inside, "tcp", "10.88.8.1 7002"), "");
    assert_eq!(scene.ask(&inside, "tcp", "127.0.0.1 7002"), "");
}

#[test]
fn a_port_is_published_once() {
    let scene = Scene::start();
    let _first = scene.serve(&["-p", "8080:80"], "tcp", 80);
    for port in ["8080:80", "127.0.0.1:8080:80", "192.0.2.1:8080:99"] {
        let second = scene.tool(&["-p", port], &["true"]);
        refuses(second, 125, "EADDRINUSE");
    }
    let _server = scene.serve_at(HERE, "tcp", 7003);
    let third = scene.tool(&["-p", "7003:80"], &["true"]);
    refuses(third, 125, "somebody has this port");
    // Of the other protocol it is another port.
    scene.inside(&["-p", "8080:80/udp"], "true");
}

#[test]
fn a_port_is_free_as_soon_as_the_tool_has_ended() {
    let scene = Scene::start();
    let again = "for i in 1 2 3 4 5; do $STEP -p 8080:80 $ROOTFS true; done";
    scene.on_host(again);
}

#[test]
fn an_address_that_the_host_does_not_have_is_refused() {
    let scene = Scene::start();
    let tool = scene.tool(&["-p", "198.51.100.1:8080:80"], &["true"]);
    refuses(tool, 125, "EADDRNOTAVAIL");
}
