//! What the host must be told, and by whom.

use super::scene::Scene;

const OFF: &str = "echo 0 >/proc/sys/net/ipv4/ip_forward
    echo 0 >/proc/sys/net/ipv6/conf/all/forwarding";
const SHOW: &str = "cat /proc/sys/net/ipv4/ip_forward \
    /proc/sys/net/ipv6/conf/all/forwarding";

#[test]
fn a_host_that_forwards_nothing_is_left_so_and_the_user_told() {
    let scene = Scene::start();
    scene.on_host(OFF);
    let output = scene.tool(&[], &["true"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("sysctl -w net.ipv4.ip_forward=1"), "{said}");
    assert_eq!(scene.on_host(SHOW), "0\n0\n");
}

#[test]
fn with_consent_it_forwards_until_it_is_put_back() {
    let scene = Scene::start();
    scene.on_host(OFF);
    // One interface is set otherwise, and takes routes from routers.
    scene.on_host(
        "echo 1 >/proc/sys/net/ipv4/conf/uplink/forwarding
        echo 1 >/proc/sys/net/ipv6/conf/uplink/accept_ra",
    );
    let before = scene.state();
    let output = scene.tool(&["--enable-forwarding"], &["true"]).output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(scene.on_host(SHOW), "1\n1\n");
    let routers = "cat /proc/sys/net/ipv6/conf/uplink/accept_ra";
    assert_eq!(scene.on_host(routers), "2\n");
    scene.on_host(&support::clean());
    super::scene::unchanged(&scene, &before, "workshop clean");
}
